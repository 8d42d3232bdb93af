"""StyleGAN2 on 300 faces, with and without augmentation.

Thirty people of ORL are trained on, 64x64 and mirrored too. Ten others stand
for unseen faces: their kernel distance to the thirty is the floor, what a
generator that memorized the thirty would get.
"""

import keras
import numpy as np

from benchmarks.faces import SIZE, TRAIN, faces, test_faces
from benchmarks.feature_networks import kernel_distance, pooled_squeezenet
from benchmarks.rows import RUNS, figure, stored_value, write_row
from benchmarks.stylegan2 import path_lengths, train
from benchmarks.trainings import words_of
from keras_synth import datasets, evaluation, training
from keras_synth.io import image_grid, write_image

SEED = 0
NUM_SAMPLES = 1000
OPTIONS = {
    "epochs": 300,
    "batch_size": 16,
    "channel_multiplier": 1 / 32,
    "channel_max": 64,
    "r1_weight": 0.5,
    "flip": True,
}
# row: how the discriminator's images are augmented
AUGMENTATIONS = {
    "stylegan2_faces": "none",
    "stylegan2_faces_diff": "diff",
    "stylegan2_faces_adaptive": "upright",
}
FLOOR = "stylegan2_faces_floor"
KERNEL = "kernel distance"


def run(name):
    """Trains (resuming what was begun) and measures one row."""
    source = datasets.resize_source(faces(TRAIN), SIZE)
    known, _ = source.arrays()
    features = pooled_squeezenet()
    if name == FLOOR:
        figures = _distances(features, known, known)
        protocol = "the training images themselves"
    else:
        folder = RUNS / name
        options = OPTIONS | {"augmentation": AUGMENTATIONS[name]}
        trained = train(training.train_stylegan2, options, folder, source)
        model = keras.saving.load_model(folder / "stylegan2.keras")
        samples = np.concatenate(
            [np.asarray(model.sample(100, seed=seed)) for seed in range(10)]
        )
        write_image(folder / "samples.png", image_grid(samples[:64]))
        typical = np.asarray(model.sample(36, truncation=0.7, seed=SEED))
        write_image(folder / "truncated.png", image_grid(typical, columns=12))
        grid, _, _ = evaluation.nearest_training_images(
            samples[:8], known, features
        )
        write_image(folder / "nearest.png", grid)
        figures = _distances(features, samples, known)
        memory = evaluation.memorization(samples, known, test_faces(), features)
        figures["copies"] = figure(
            100 * memory["copies"], "%", 1, better="lower"
        )
        figures |= path_lengths(model, num_samples=1000)
        figures |= trained.figures()
        protocol = (
            f"`training.train_stylegan2`, {words_of(options)}, "
            f"{trained.words()}"
        )
        bar = stored_value("stylegan2_faces", f"{KERNEL}, held-out people")
        if name != "stylegan2_faces" and bar is not None:
            held_out = figures[f"{KERNEL}, held-out people"]
            held_out["bar"] = bar
            protocol += "; bar: without augmentation"
        print(f"images: {folder}/*.png")
    write_row(
        name,
        "Generated faces at 64x64 (ORL, gray)",
        figures,
        data="1,000 images; ORL, people 1 to 30 for training (300 images), "
        "people 31 to 40 held out (100); copies: nearer to a training image "
        "than all but 1 % of the test images are",
        protocol=f"{protocol}; features of `{features.name}` "
        f"{features.weight_hash}",
        seed=SEED,
    )


def _distances(features, generated, known):
    """Kernel distances to the held-out and the training images."""
    return {
        f"{KERNEL}, {whom} people": kernel_distance(features, generated, images)
        for whom, images in (("held-out", test_faces()), ("training", known))
        if images is not generated
    }
