"""Figure: photographs as paintings, and paintings as photographs, to look at.

CycleGAN learns from photos/train and the paintings, which have nothing in
common but that both are images. The photographs that are shown were not in the
training; of paintings there are too few to set any aside.
"""

import keras
import numpy as np
import PIL.Image

from benchmarks.rows import ROOT, RUNS, data_folder
from benchmarks.translation import fit_translator
from keras_synth import io, training
from keras_synth.models.style_transfer.canvas import resized_to

PATH = ROOT / "notebooks" / "images" / "translated.jpg"
SEED, SIDE, SHOWN = 0, 240, 4
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
    rows = []
    for source, way in (
        (data / "photos" / "val", "a_to_b"),
        (paintings, "b_to_a"),
    ):
        files = io.find_images(source)
        files = files[3 :: len(files) // SHOWN][:SHOWN]
        images = np.stack([_square(file) for file in files])
        rows += [images, np.asarray(model.translator(way)(images))]
    grid = io.image_grid(np.concatenate(rows), columns=SHOWN)
    bytes_of = np.uint8(np.round(255 * np.clip(grid, 0.0, 1.0)))
    PIL.Image.fromarray(bytes_of).save(PATH, quality=88)
    print(f"written: {PATH}")


def _square(file):
    """The middle of an image, float32 (SIDE, SIDE, 3)."""
    image = io.read_image(file, channels=3)
    middle = io.center_crop(image, *[min(image.shape[:2])] * 2)
    return np.asarray(resized_to(middle[None], (SIDE, SIDE)))[0]
