"""StyleGAN2 on 300 faces: what augmentation is worth.

Thirty people of ORL teach, 64x64 and mirrored too. Ten others stand for faces
that were not seen: their kernel distance to the thirty is the floor, what a
generator that knows the thirty by heart would get.
"""

import keras
import numpy as np

from benchmarks.faces import SIZE, TEACH, faces, test_faces
from benchmarks.feature_networks import perceptual_metric, pooled_squeezenet
from benchmarks.rows import RUNS, write_row
from benchmarks.stylegan2 import train
from keras_synth import datasets, evaluation, metrics, training
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


def run(name):
    """Trains (resuming what was begun) and measures one row."""
    source = datasets.resize_source(faces(TEACH), SIZE)
    taught, _ = source.arrays()
    features = pooled_squeezenet()
    if name == FLOOR:
        figures = _distances(features, taught, taught)
        protocol = "the taught images themselves"
    else:
        folder = RUNS / name
        options = OPTIONS | {"augmentation": AUGMENTATIONS[name]}
        minutes, commit = train(
            training.train_stylegan2, options, folder, source
        )
        model = keras.saving.load_model(folder / "stylegan2.keras")
        samples = np.concatenate(
            [np.asarray(model.sample(100, seed=seed)) for seed in range(10)]
        )
        write_image(folder / "samples.png", image_grid(samples[:64]))
        typical = np.asarray(model.sample(36, truncation=0.7, seed=SEED))
        write_image(folder / "truncated.png", image_grid(typical, columns=12))
        grid, _, _ = evaluation.nearest_training_images(
            samples[:8], taught, features
        )
        write_image(folder / "nearest.png", grid)
        figures = _distances(features, samples, taught)
        memory = evaluation.memorization(
            samples, taught, test_faces(), features
        )
        figures["copies"] = f"{100 * memory['copies']:.1f} % (test 1 %)"
        metric = perceptual_metric(channels=1)
        for sampling in ("full", "end"):
            length = evaluation.perceptual_path_length(
                model, metric, num_samples=1000, sampling=sampling, seed=SEED
            )
            figures[f"perceptual path length, {sampling}"] = f"{length:.1f}"
        figures["training"] = minutes
        words = ", ".join(f"{key}={value}" for key, value in options.items())
        protocol = f"`training.train_stylegan2`, {words}, at commit {commit}"
        print(f"images: {folder}/*.png")
    write_row(
        name,
        "Generated faces at 64x64 (ORL, gray)",
        figures,
        data="1,000 images; ORL, people 1 to 30 taught (300 images), "
        "people 31 to 40 held out (100)",
        protocol=f"{protocol}; features of `{features.name}` "
        f"{features.weight_hash}",
        seed=SEED,
        bar=""
        if name == FLOOR
        else "with augmentation clearly below without; a person sees faces",
    )


def _distances(features, generated, taught):
    """Kernel distances of images to the held-out and to the taught."""

    def vectors(images):
        return features.predict(images, batch_size=50, verbose=0)

    figures = {}
    made = vectors(generated)
    for whom, images in (("held-out", test_faces()), ("taught", taught)):
        if images is generated:
            continue
        distance = metrics.KernelDistance(
            feature_dim=made.shape[1], subset_size=100
        )
        distance.update_state(vectors(images), made)
        figures[f"kernel distance to the {whom}"] = (
            f"{float(distance.result()):.2f} "
            f"± {float(distance.standard_error()):.2f}"
        )
    return figures
