"""StyleGAN2 on 300 faces: what augmentation is worth.

Thirty people of ORL teach, 64x64 and mirrored too. Ten others stand for faces
that were not seen: their kernel distance to the thirty is the floor, what a
generator that knows the thirty by heart would get.
"""

import keras
import numpy as np

from benchmarks.faces import SIZE, TEACH, faces, test_faces
from benchmarks.judges import perceptual_metric, pooled_squeezenet
from benchmarks.rows import RUNS, write_row
from benchmarks.stylegan2 import train
from keras_synth import datasets, evaluation, metrics, recipes
from keras_synth.pictures import picture_grid, write_picture

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
# row: how the discriminator's pictures are augmented
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
        protocol = "the taught pictures themselves"
    else:
        folder = RUNS / name
        options = OPTIONS | {"augmentation": AUGMENTATIONS[name]}
        minutes, commit = train(
            recipes.train_stylegan2, options, folder, source
        )
        model = keras.saving.load_model(folder / "stylegan2.keras")
        samples = np.concatenate(
            [np.asarray(model.sample(100, seed=seed)) for seed in range(10)]
        )
        write_picture(folder / "samples.png", picture_grid(samples[:64]))
        typical = np.asarray(model.sample(36, truncation=0.7, seed=SEED))
        write_picture(
            folder / "truncated.png", picture_grid(typical, columns=12)
        )
        grid, _, _ = evaluation.nearest_training_pictures(
            samples[:8], taught, features
        )
        write_picture(folder / "nearest.png", grid)
        figures = _distances(features, samples, taught)
        memory = evaluation.memorisation(
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
        protocol = f"`recipes.train_stylegan2`, {words}, at commit {commit}"
        print(f"pictures: {folder}/*.png")
    write_row(
        name,
        "Generated faces at 64x64 (ORL, grey)",
        figures,
        data="1,000 pictures; ORL, people 1 to 30 taught (300 pictures), "
        "people 31 to 40 held out (100)",
        protocol=f"{protocol}; features of `{features.name}` "
        f"{features.weight_hash}",
        seed=SEED,
        bar=""
        if name == FLOOR
        else "with augmentation clearly below without; a person sees faces",
    )


def _distances(features, pictures, taught):
    """Kernel distances of pictures to the held-out and to the taught."""

    def vectors(images):
        return features.predict(images, batch_size=50, verbose=0)

    figures = {}
    made = vectors(pictures)
    for whom, images in (("held-out", test_faces()), ("taught", taught)):
        if images is pictures:
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
