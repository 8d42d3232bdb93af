"""Denoisers: how many dB on the sets that every paper quotes.

Training pictures are the 400 of BSD that DnCNN and FFDNet learn from, minus
every twentieth, which is held out to choose between networks. Test pictures
are Set12 and BSD68, whole; the noise is not clipped, the result is (what
cannot be brighter than white is no error of measurement).
"""

import json
import shutil
import time

import keras
import numpy as np

from benchmarks.rows import RUNS, current_commit, data_folder, write_row
from keras_synth import pictures, recipes

SEED = 0
SIGMAS = (15, 25, 50)
TABLE = "Grey denoising, PSNR in dB"
HELD_OUT = 20  # every twentieth picture of Train400
TRAININGS = {
    "denoiser": {
        "damage": "noise",
        "epochs": 60,
        "widths": (32, 64, 128),
        "blocks": 2,
        "learning_rate": 2e-3,
    },
}


def run(name):
    """Trains (resuming what was begun) and measures one row."""
    options = TRAININGS[name]
    folder = RUNS / name
    minutes, commit = train(name, folder, options)
    keras.config.set_dtype_policy("float32")
    network = recipes.build_denoiser(**_shape(options))
    network.load_weights(folder / f"{name}.weights.h5")
    figures = {}
    for test in ("Set12", "BSD68"):
        values = [
            np.mean([psnr(*pair) for pair in denoised(network, test, sigma)])
            for sigma in SIGMAS
        ]
        figures[test] = " / ".join(f"{value:.2f}" for value in values)
    write_row(
        name,
        TABLE,
        {**figures, "training": minutes},
        data="Set12 and BSD68, σ = 15 / 25 / 50",
        protocol=(
            "whole pictures, noise of `numpy.random.default_rng(0)` not "
            f"clipped, result clipped; `recipes.train_denoiser` on 380 of "
            f"Train400, {_words(options)}, at commit {commit}"
        ),
        seed=SEED,
        bar="goal: BM3D's 32.37 / 29.97 / 26.72 and 31.07 / 28.57 / 25.62",
    )


def train(name, folder, options):
    """Trains unless that is done; gives `(minutes, commit)`."""
    trained = folder / "trained.json"
    if not trained.exists():
        resumed = (folder / "backup").exists()
        start = time.perf_counter(), time.process_time()
        # Half the time where the processor has the instructions.
        keras.config.set_dtype_policy("mixed_bfloat16")
        network = recipes.train_denoiser(
            training_folder(folder),
            folder,
            resume=True,
            seed=SEED,
            verbose=2,
            **options,
        )
        network.save_weights(folder / f"{name}.weights.h5")
        wall = (time.perf_counter() - start[0]) / 60
        cpu = (time.process_time() - start[1]) / 60
        minutes = f"{wall:.0f} min ({cpu:.0f} CPU min)"
        if resumed:
            minutes = f"resumed, then {minutes}"
        trained.write_text(
            json.dumps([_words(options), current_commit(), minutes])
        )
    stored, commit, minutes = json.loads(trained.read_text())
    if stored != _words(options):
        raise SystemExit(f"{folder} holds another training: remove it first.")
    return minutes, commit


def training_folder(folder):
    """Train400 without what is held out, as a folder of its own."""
    target = folder / "Train400"
    files = sorted((data_folder() / "denoise" / "Train400").iterdir())
    target.mkdir(parents=True, exist_ok=True)
    for index, file in enumerate(files):
        if index % HELD_OUT and not (target / file.name).exists():
            shutil.copy(file, target / file.name)
    return target


def noisy_pictures(test, sigma):
    """`(noisy, clean)` of each picture, float32 (height, width, 1)."""
    generator = np.random.default_rng(SEED)
    for file in sorted((data_folder() / "denoise" / test).iterdir()):
        clean = pictures.read_picture(file, channels=1)
        noise = generator.standard_normal(clean.shape).astype("float32")
        yield clean + sigma / 255 * noise, clean


def denoised(network, test, sigma):
    """`(denoised, clean)` of each picture of a test set."""
    level = np.full((1, 1, 1, 1), sigma / 255, "float32")
    for noisy, clean in noisy_pictures(test, sigma):
        result = network({"image": noisy[None], "noise_level": level})
        yield np.clip(np.asarray(result)[0], 0.0, 1.0), clean


def psnr(result, clean):
    """Peak signal-to-noise ratio in dB, the peak being 1."""
    return -10.0 * np.log10(np.mean((result - clean) ** 2, dtype="float64"))


def _shape(options):
    names = ("architecture", "widths", "blocks", "depth", "width")
    return {name: options[name] for name in names if name in options}


def _words(options):
    return ", ".join(f"{key}={value}" for key, value in options.items())
