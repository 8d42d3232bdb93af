"""Five kinds of degradation, one network, and nobody tells it which.

Digits of 28x28 and faces of 64x64, of people who taught nothing. Classical
methods are told the kind of degradation, and the best of them is the baseline.
What biharmonic inpainting reaches, which is told where the degradation is,
stands beside.
"""

import json
import time

import keras
import numpy as np

from benchmarks.faces import SIZE, TEACH, test_faces, varied_faces
from benchmarks.rows import RUNS, current_commit, data_folder, write_row
from keras_synth import (
    datasets,
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
# Black would not show on the digits' background.
GRAY = {"occlusion": degradations.Occlusion(2, (0.2, 0.4), fill=0.5)}
# How often each kind teaches, where not once: what needs fine detail, more.
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
TOLD = "biharmonic, told where"
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
            methods[TOLD] = restoration.biharmonic()
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
        figures[kind] = (
            f"{found['network']:.2f} (+{gain:.2f}; {best} {found[best]:.2f}"
        )
        if np.isfinite(found.get(TOLD, np.inf)):
            figures[kind] += f"; {TOLD} {found[TOLD]:.2f}"
        figures[kind] += ")"
        print(kind, {key: round(value, 2) for key, value in found.items()})
    write_row(
        name,
        "Blind repair, PSNR in dB",
        figures,
        data=(
            "every 50th test digit of MNIST (200)"
            if name == "blind_digits"
            else "ORL faces of people 31 to 40 (100), 64x64, taught by "
            f"{VIEWS} views of the 300 of people 1 to 30"
        ),
        protocol=(
            "one U-Net for all kinds, its gain over the degraded images, "
            f"best classical method; {words}"
        ),
        seed=SEED,
        bar="≥ 6 dB above the degraded, and above the best classical method",
    )
    print(f"images: {folder}/*.png")


def train(name, folder):
    """The whole training, unless it is done; gives words about it."""
    done = folder / "trained.json"
    if done.exists():
        return json.loads(done.read_text())
    begun = time.perf_counter(), time.process_time()
    # Half precision is faster, and blurs what is fine.
    keras.config.set_dtype_policy("float32")
    keras.utils.set_random_seed(SEED)
    options = TRAININGS[name]
    training.fit_restorer(
        networks.unet(),
        _lessons(name),
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
    wall = (time.perf_counter() - begun[0]) / 60
    cpu = (time.process_time() - begun[1]) / 60
    done.write_text(
        json.dumps(
            f"{options['epochs']} epochs in float32, {wall:.0f} min "
            f"({cpu:.0f} CPU min), at commit {current_commit()}"
        )
    )
    return json.loads(done.read_text())


def _lessons(name):
    if name == "blind_faces":
        return varied_faces(TEACH, VIEWS, SEED)
    return datasets.load_source(
        "mnist", "train", manual_dir=data_folder() / "mnist"
    )


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
    source = datasets.load_source(
        "mnist", "test", manual_dir=data_folder() / "mnist"
    )
    return np.asarray(source.arrays()[0][::50])
