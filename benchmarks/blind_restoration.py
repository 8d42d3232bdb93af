"""Blind restoration: five kinds of degradation, one network, no kind given.

Digits of 28x28 and faces of 64x64, of people that were not trained on. The
classical methods are chosen for the kind of degradation, and the best of them
is the baseline. Biharmonic inpainting, which is given the mask, stands beside.
"""

import keras
import numpy as np

from benchmarks.faces import SIZE, TRAIN, test_faces, varied_faces
from benchmarks.gan import load
from benchmarks.rows import RUNS, figure, write_row
from benchmarks.trainings import train_once
from keras_synth import (
    degradations,
    evaluation,
    metrics,
    networks,
    restoration,
    training,
)

SEED = 0
VIEWS = 64
KINDS = {
    "scratches": degradations.Scratches.severity(3),
    "stains": degradations.Stains.severity(3),
    "occlusion": degradations.Occlusion.severity(3),
    "noise": degradations.GaussianNoise(50 / 255),
    # As much noise as rounding to 8 bits leaves.
    "blur": degradations.Compose(
        [
            degradations.GaussianBlur((0.8, 1.6)),
            degradations.GaussianNoise(0.3 / 255),
        ]
    ),
}
# Black could not be seen on the digits' background.
GRAY = {"occlusion": degradations.Occlusion(2, (0.2, 0.4), fill=0.5)}
# How often each kind is trained on, where not once: fine detail more often.
OFTEN = {"blind_faces": {"stains": 2, "blur": 5}, "blind_digits": {}}
MEDIANS = {f"median {size}": restoration.median(size) for size in (3, 5, 7)}
CLASSICAL = {
    "scratches": MEDIANS,
    "stains": MEDIANS,
    "occlusion": MEDIANS,
    "noise": {
        "non-local means": restoration.non_local_means(50 / 255),
        "total variation": restoration.total_variation(50 / 255),
    },
    "blur": {
        f"Wiener {sigma}": restoration.wiener(sigma, 1e-3)
        for sigma in (0.8, 1.2, 1.6)
    },
}
MASKED = "biharmonic, given the mask"
TRAININGS = {
    "blind_faces": {
        "image_size": SIZE,
        "epochs": 22,
        "batch_size": 16,
        "symmetry": "mirror",
    },
    "blind_digits": {
        "image_size": 28,
        "epochs": 3,
        "batch_size": 32,
        "symmetry": "none",
    },
}


def run(name):
    """Trains (resuming what was begun) and measures one row."""
    folder = RUNS / name
    words = train(name, folder)
    network = keras.saving.load_model(folder / "restorer.keras", compile=False)
    figures = {}
    for kind, degradation in _kinds(name).items():
        methods = {"network": network, **CLASSICAL[kind]}
        if CLASSICAL[kind] is MEDIANS:
            methods[MASKED] = restoration.biharmonic()
        comparison = evaluation.compare(
            methods,
            _test(name),
            degradation,
            metrics.PSNR(),
            seed=SEED,
            verbose=0,
        )
        comparison.panel(folder / f"{kind}.png", image=0)
        found = {row["method"]: row["psnr"] for row in comparison.rows}
        gain = found["network"] - found["degraded"]
        best = max(CLASSICAL[kind], key=found.get)
        bar = round(found[best], 2)
        figures[f"{kind}: U-Net"] = figure(
            found["network"],
            "dB",
            better="higher",
            bar=bar,
            baseline=bar,
            baseline_name=best,
        )
        figures[f"{kind}: gain over the degraded"] = figure(
            gain, "dB", better="higher", bar=6
        )
        if np.isfinite(found.get(MASKED, np.inf)):
            figures[f"{kind}: {MASKED}"] = figure(
                found[MASKED], "dB", better="higher"
            )
        print(kind, {key: round(value, 2) for key, value in found.items()})
    write_row(
        name,
        f"Blind restoration of {name.removeprefix('blind_')}, PSNR",
        figures,
        data=(
            "every 50th test digit of MNIST (200)"
            if name == "blind_digits"
            else "ORL faces of people 31 to 40 (100), 64x64; trained on "
            f"{VIEWS} views of the 300 of people 1 to 30"
        ),
        protocol=(
            "one U-Net for all kinds, which is not given the kind; bars: the "
            "best of the classical methods, which are, and a gain of 6 dB; "
            f"{words}"
        ),
        seed=SEED,
    )
    print(f"images: {folder}/*.png")


def train(name, folder):
    """Trains unless that is done; says how it was trained."""
    options = TRAININGS[name]

    def fit():
        # Half precision is faster, and blurs fine detail.
        keras.config.set_dtype_policy("float32")
        keras.utils.set_random_seed(SEED)
        training.fit_restorer(
            networks.unet(channels=1),
            _training_images(name),
            _degradation(name),
            folder,
            "restorer",
            patches_per_image=1,
            learning_rate=1e-3,
            seed=SEED,
            resume=True,
            verbose=2,
            **options,
        )

    trained = train_once(folder, options, fit)
    return (
        f"{options['epochs']} epochs in float32, {trained.times()}, "
        f"{trained.words()}"
    )


def _training_images(name):
    if name == "blind_faces":
        return varied_faces(TRAIN, VIEWS, SEED)
    return load("mnist", "train")


def _kinds(name):
    return KINDS | GRAY if name == "blind_digits" else KINDS


def _degradation(name):
    kinds = _kinds(name)
    often = OFTEN[name]
    return degradations.OneOf(
        [kinds[kind] for kind in kinds for _ in range(often.get(kind, 1))]
    )


def _test(name):
    if name == "blind_faces":
        return test_faces()
    return np.asarray(load("mnist", "test").arrays()[0][::50])
