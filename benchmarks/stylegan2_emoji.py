"""StyleGAN2 on emoji, class-conditional, 64x64 in color.

Twemoji's images, less those of the codes that `benchmarks.emoji` holds out.
The classes are the groups of emoji: faces, people, flags and so on. The kernel
distance of the training images to those held out is the floor.
"""

import json

import keras
import numpy as np

from benchmarks.emoji import split
from benchmarks.feature_networks import kernel_distance, pooled_squeezenet
from benchmarks.rows import RUNS, data_folder, figure, write_row
from benchmarks.stylegan2 import train
from benchmarks.trainings import words_of
from benchmarks.translation import emoji_images
from keras_synth import datasets, evaluation, training
from keras_synth.io import image_grid, write_image

SEED = 0
NUM_SAMPLES = 1000
OPTIONS = {
    "epochs": 180,
    "batch_size": 32,
    "channel_multiplier": 1 / 32,
    "channel_max": 64,
    "r1_weight": 0.1,
    "conditional": True,
    "augmentation": "upright",
}
GROUPS = (
    "faces",
    "people",
    "animals",
    "food",
    "travel",
    "activities",
    "objects",
    "symbols",
    "flags",
)
KERNEL = "kernel distance to held-out emoji"


def run(name):
    """Trains (resuming what was begun) and measures the row."""
    names = json.loads((data_folder() / "emoji" / "names.json").read_text())
    held_out, codes = split(names)
    known, unseen = (
        emoji_images("twemoji", part) for part in (codes, held_out)
    )
    labels = np.array([group_of(names[code]) for code in codes])
    source = datasets.source_from_arrays(
        "twemoji",
        "train",
        np.uint8(np.round(255 * known)),
        labels,
        GROUPS,
    )
    folder = RUNS / name
    trained = train(training.train_stylegan2, OPTIONS, folder, source)
    model = keras.saving.load_model(folder / "stylegan2.keras")
    drawn = np.random.default_rng(SEED).choice(labels, NUM_SAMPLES)
    samples = np.concatenate(
        [
            model.sample(100, labels=drawn[start : start + 100], seed=start)
            for start in range(0, NUM_SAMPLES, 100)
        ]
    )
    features = pooled_squeezenet(3)
    _draw(model, samples, known, features, folder)
    floor = kernel_distance(features, known, unseen)
    memory = evaluation.memorization(samples, known, unseen, features)
    figures = {
        KERNEL: {
            **kernel_distance(features, samples, unseen),
            "bar": 2 * max(floor["value"], floor["error"]),
            "baseline": floor["value"],
            "baseline_name": "of the training emoji",
        },
        "kernel distance to training emoji": kernel_distance(
            features, samples, known
        ),
        "copies": figure(100 * memory["copies"], "%", 1, better="lower"),
    }
    words = (
        f"`training.train_stylegan2`, {words_of(OPTIONS)}, {trained.words()}"
    )
    write_row(
        name,
        "Generated emoji at 64x64 (Twemoji, color)",
        figures | trained.figures(),
        data=f"{NUM_SAMPLES:,} images; {len(known):,} emoji of Twemoji for "
        f"training, {len(unseen)} held out; copies: nearer to a training "
        "image than all but 1 % of the held-out ones are",
        protocol=f"{words}; features of `{features.name}` "
        f"{features.weight_hash}; bar: twice the floor, "
        "or twice its standard error, which is larger where images were drawn "
        "from one set",
        seed=SEED,
    )
    print(f"images: {folder}/*.png")


def group_of(entry):
    """Index in `GROUPS` of an entry of names.json.

    The second of Unicode's ten groups but one, components such as hair, counts
    as people.
    """
    group = entry["group"]
    return 1 if group == 2 else group - (group > 2)


def _draw(model, samples, known, features, folder):
    """Writes the images of a row to look at."""
    count = len(GROUPS)
    write_image(folder / "samples.png", image_grid(samples[:100]))
    typical = model.sample(
        12 * count,
        labels=np.repeat(np.arange(count), 12),
        truncation=0.7,
        seed=SEED,
    )
    write_image(
        folder / "groups.png", image_grid(np.asarray(typical), columns=12)
    )
    nearest, _, _ = evaluation.nearest_training_images(
        samples[:12], known, features
    )
    write_image(folder / "nearest.png", nearest)
