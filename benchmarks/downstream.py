"""Downstream accuracy: a classifier on restored digits and clothes.

The classifiers of the presets were trained on clean images. One U-Net restores
all kinds of degradation, and is not given the kind. The classical methods are
chosen for the kind, and know its strength or the mask; the best is the bar.
"""

import keras
import numpy as np

from benchmarks.gan import load
from benchmarks.rows import RUNS, figure, write_row
from benchmarks.trainings import train_once
from keras_synth import (
    datasets,
    degradations,
    evaluation,
    networks,
    presets,
    restoration,
    training,
)

SEED = 0
EVERY = 5  # of the 10,000 test images
TRAINING = 4  # every fourth of the 60,000 training images
NOISE = 0.5
# row: (data, classifier, words, symmetry and epochs of the training)
DATA = {
    "downstream_digits": (
        "mnist",
        presets.mnist_classifier,
        "digits (MNIST)",
        "none",
        4,
    ),
    "downstream_clothes": (
        "fashion_mnist",
        presets.fashion_mnist_classifier,
        "clothes (Fashion-MNIST)",
        "mirror",
        12,
    ),
}
KINDS = {
    "noise": degradations.GaussianNoise(NOISE),
    # Without noise a Wiener filter gives the clean image back.
    "blur": degradations.Compose(
        [
            degradations.GaussianBlur((1.6, 2.4)),
            degradations.GaussianNoise(8 / 255),
        ]
    ),
    # Black holes could not be seen on the background.
    "holes": degradations.Occlusion(2, (0.3, 0.5), fill=0.5),
    "scratches": degradations.Scratches.severity(5),
}
MEDIANS = {f"median {size}": restoration.median(size) for size in (3, 5, 7)}
MASKED = {"biharmonic, given the mask": restoration.biharmonic(), **MEDIANS}
CLASSICAL = {
    "noise": {
        "non-local means": restoration.non_local_means(NOISE),
        "total variation": restoration.total_variation(NOISE),
        "median 5": restoration.median(5),
    },
    "blur": {
        f"Wiener {sigma}, {balance}": restoration.wiener(sigma, balance)
        for sigma in (1.6, 2.0, 2.4)
        for balance in (1e-3, 1e-2, 1e-1)
    },
    "holes": MASKED,
    "scratches": MASKED,
}
OURS = "U-Net"
OPTIONS = {"image_size": 28, "batch_size": 32}


def run(name):
    """Trains (resuming what was begun) and measures one row."""
    data, build_classifier, words, symmetry, epochs = DATA[name]
    folder = RUNS / name
    trained = train(folder, data, symmetry, epochs)
    network = keras.saving.load_model(folder / "restorer.keras", compile=False)
    images, labels = (x[::EVERY] for x in load(data, "test").arrays())
    figures, tables = {}, []
    for kind, degradation in KINDS.items():
        found = evaluation.downstream(
            build_classifier(),
            {OURS: network, **CLASSICAL[kind]},
            images,
            labels,
            {kind: degradation},
            seed=SEED,
            verbose=0,
        )
        tables.append(found.to_markdown())
        print(tables[-1], flush=True)
        figures |= _figures(kind, {row["method"]: row for row in found.rows})
    (folder / "accuracies.md").write_text("\n\n".join(tables) + "\n")
    write_row(
        name,
        f"Accuracy of a classifier on restored {words}",
        figures,
        data=(
            f"every {EVERY}th test image ({len(images):,}); the U-Net learns "
            f"from every {TRAINING}th training image"
        ),
        protocol=(
            "`evaluation.downstream` with the preset classifier, which was "
            f"trained on clean images; noise of σ = {NOISE}, blur of 1.6 to "
            "2.4 pixels and σ = 8/255, two holes of 0.3 to 0.5 of the sides, "
            "scratches of severity 5; one U-Net for all kinds, which is not "
            "given the kind; bars: the best of the classical methods, which "
            "are; "
            f"{epochs} epochs, {trained.times()}, {trained.words()}"
        ),
        seed=SEED,
    )


def train(folder, data, symmetry, epochs):
    """The `Training` of the U-Net, which leaves `restorer.keras`."""

    def fit():
        keras.utils.set_random_seed(SEED)
        training.fit_restorer(
            networks.unet(channels=1),
            training_images(data),
            degradations.OneOf(list(KINDS.values())),
            folder,
            "restorer",
            symmetry=symmetry,
            epochs=epochs,
            seed=SEED,
            resume=True,
            verbose=2,
            **OPTIONS,
        )

    options = OPTIONS | {"symmetry": symmetry, "epochs": epochs}
    return train_once(folder, options, fit)


def training_images(data):
    """Source of the images that the U-Net learns from."""
    images, labels = (x[::TRAINING] for x in load(data, "train").arrays())
    images = np.round(255 * images).astype("uint8")
    return datasets.source_from_arrays(data, "train", images, labels)


def _figures(kind, rows):
    best = max(CLASSICAL[kind], key=lambda method: rows[method]["accuracy"])

    def accuracy(method, **options):
        row = rows[method]
        share, count = row["accuracy"], row["num_images"]
        return figure(
            100 * share,
            "%",
            2,
            better="higher",
            error=100 * (share * (1 - share) / count) ** 0.5,
            **options,
        )

    bar = round(100 * rows[best]["accuracy"], 2)
    return {
        f"{kind}: clean": accuracy("clean"),
        f"{kind}: degraded": accuracy("degraded"),
        f"{kind}: classical": accuracy(best),
        f"{kind}: {OURS}": accuracy(
            OURS, bar=bar, baseline=bar, baseline_name=best
        ),
    }
