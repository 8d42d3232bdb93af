"""Figure: photographs as paintings, to look at.

CycleGAN learns from photos/train and the paintings, which have nothing in
common but that both are images. The photographs that are shown are embedded
ones, and were not in the training. The way back is seen in the images of the
training: of paintings there are too few to set any aside.
"""

import keras
import numpy as np
import PIL.Image

from benchmarks.rows import ROOT, RUNS, data_folder
from benchmarks.translation import fit_translator
from keras_synth import datasets, io, training
from keras_synth.models.style_transfer.canvas import resized_to

PATH = ROOT / "notebooks" / "images" / "translated.jpg"
SEED, SIDE = 0, 240
OPTIONS = {
    "image_size": 128,
    "jitter": 2.0,
    "width": 24,
    "num_blocks": 6,
    "residual": True,
    "normalization": "none",
    "epochs": 40,
    "batch_size": 4,
    "learning_rate": 4e-4,
    "cycle_weight": 1.0,
    "identity_weight": 0.1,
}


def run(name):
    """Trains (resuming what was begun), and writes the figure."""
    folder, data = RUNS / name, data_folder()
    photos, paintings = data / "photos" / "train", data / "paintings"
    fit_translator(
        training.train_cyclegan, folder, photos, paintings, **OPTIONS
    )
    model = keras.saving.load_model(folder / "cyclegan.keras")
    shown = datasets.load_source("photos", "test").dataset
    images = np.stack([_square(element["image"]) for element in shown])
    rows = [images, np.asarray(model.translator("a_to_b")(images))]
    grid = io.image_grid(np.concatenate(rows), columns=len(images))
    bytes_of = np.uint8(np.round(255 * np.clip(grid, 0.0, 1.0)))
    PIL.Image.fromarray(bytes_of).save(PATH, quality=88)
    print(f"written: {PATH}; both ways: {folder}/images/*.png")


def _square(image):
    """The middle of an image of 8 bits, float32 (SIDE, SIDE, 3)."""
    image = np.float32(image) / 255.0
    middle = io.center_crop(image, *[min(image.shape[:2])] * 2)
    return np.asarray(resized_to(middle[None], (SIDE, SIDE)))[0]
