"""Denoisers: how many dB on the sets that every paper quotes.

Training images are the 400 of BSD that DnCNN and FFDNet learn from, minus
every twentieth, which is held out to choose between networks. Test images
are Set12 and BSD68, whole; the noise is not clipped, the result is (what
cannot be brighter than white is no error of measurement).
"""

import keras
import numpy as np

from benchmarks.rows import RUNS, data_folder, write_row
from benchmarks.trainings import card, store_in_half_precision, train, words_of
from keras_synth import (
    degradations,
    evaluation,
    inference,
    io,
    metrics,
    presets,
    restoration,
    tasks,
    training,
)

SEED = 0
SIGMAS = (15, 25, 50)
TABLE = "Gray denoising, PSNR in dB"
_SHAPE = {"widths": (32, 64, 128), "num_blocks": 2}
TRAININGS = {
    "denoiser": {
        "degradation": "noise",
        "epochs": 45,
        **_SHAPE,
    },
    "salt_and_pepper": {
        "degradation": "salt_and_pepper",
        "epochs": 20,
        "learning_rate": 2e-3,
        "widths": (32, 64, 128),
        "num_blocks": 1,
    },
}


def run(name):
    """Trains (resuming what was begun) and measures one row."""
    if name == "color_denoising":
        score_color()
        return
    folder = RUNS / name
    minutes, commit = train(
        training.train_denoiser, name, folder, TRAININGS[name]
    )
    keras.config.set_dtype_policy("float32")
    words = (
        f"`training.train_denoiser` on 380 of Train400, "
        f"{words_of(TRAININGS[name])}, at commit {commit}"
    )
    if name == "denoiser":
        score_denoiser(folder, minutes, words)
    else:
        score_salt_and_pepper(folder, minutes, words)


def score_denoiser(folder, minutes, words):
    """The network that ships, at three levels of noise."""
    pretrained = folder / "gray_denoiser.weights.h5"
    store_in_half_precision(folder / "denoiser.weights.h5", pretrained)
    network = presets.gray_denoiser(pretrained)
    figures = {}
    for test in ("Set12", "BSD68"):
        for label, ensemble in (("", False), (", x8", True)):
            values = [
                np.mean(
                    [
                        psnr(*pair)
                        for pair in denoised(network, test, sigma, ensemble)
                    ]
                )
                for sigma in SIGMAS
            ]
            figures[test + label] = " / ".join(f"{v:.2f}" for v in values)
    notes = {
        "noise": "Gaussian, σ from 0 to 75 gray levels; figures for "
        "15 / 25 / 50"
    }
    figures_in_db = {f"PSNR, {k}": f"{v} dB" for k, v in figures.items()}
    (folder / "gray_denoiser.md").write_text(
        card("gray_denoiser", figures_in_db, words, notes, "denoiser")
    )
    write_row(
        "denoiser",
        TABLE,
        {**figures, "training": minutes},
        data="Set12 and BSD68, σ = 15 / 25 / 50",
        protocol=(
            "whole images, noise of `numpy.random.default_rng(0)` not "
            "clipped, result clipped; x8: mean over the eight symmetries; "
            f"{words}"
        ),
        seed=SEED,
        bar="goal: BM3D's 32.37 / 29.97 / 26.72 and 31.07 / 28.57 / 25.62",
    )
    print(f"weights and card: {folder}/gray_denoiser.*")


def score_salt_and_pepper(folder, minutes, words):
    """A network against medians, three pixels in ten black or white."""
    shape = {key: TRAININGS["salt_and_pepper"][key] for key in _SHAPE}
    network = training.build_denoiser("unet", noise_conditional=False, **shape)
    network.load_weights(folder / "salt_and_pepper.weights.h5")
    methods = {f"median {n}": restoration.median(n) for n in (3, 5, 7)}
    methods["adaptive median"] = restoration.adaptive_median()
    methods["U-Net"] = network

    def keep_sound(images):
        """Pixels that are neither black nor white were not struck."""
        struck = (images <= 0.0) | (images >= 1.0)
        restored = inference.self_ensemble(network, images)
        return np.where(struck, restored, images)

    methods["U-Net, x8, sound pixels kept"] = keep_sound
    comparison = evaluation.compare(
        methods,
        [clean for _, clean in noisy_images("Set12", 0)],
        degradations.SaltAndPepper(0.3),
        metrics.PSNR(),
        seed=SEED,
    )
    comparison.panel(folder / "panel.png", image=0)
    found = {row["method"]: row["psnr"] for row in comparison.rows}
    medians = [v for name, v in found.items() if "median" in name]
    write_row(
        "salt_and_pepper",
        "Salt and pepper, PSNR in dB",
        {
            **{name: f"{value:.2f}" for name, value in found.items()},
            "above the best median": " and ".join(
                f"{value - max(medians):.2f}"
                for name, value in found.items()
                if name.startswith("U-Net")
            ),
            "training": minutes,
        },
        data="Set12, 30 % of the pixels",
        protocol=f"`evaluation.compare`, whole images; {words}",
        seed=SEED,
        bar="≥ 4 dB above the best median",
    )
    print(f"image: {folder}/panel.png")


def score_color():
    """What `restore` does to color images, network against BM3D."""
    files = sorted((data_folder() / "denoise" / "CBSD68").iterdir())[::4]
    clean = [io.read_image(file, channels=3) for file in files]
    figures = {"noisy": [], "unet": [], "bm3d": []}
    for sigma in SIGMAS:
        level = sigma / 255
        comparison = evaluation.compare(
            {
                name: tasks.METHODS[name](level, False)
                for name in ("unet", "bm3d")
            },
            clean,
            degradations.GaussianNoise(level),
            metrics.PSNR(),
            seed=SEED,
        )
        found = {row["method"]: row["psnr"] for row in comparison.rows}
        found["noisy"] = found["degraded"]
        for name, values in figures.items():
            values.append(f"{found[name]:.2f}")
    write_row(
        "color_denoising",
        "Color denoising, PSNR in dB",
        {name: " / ".join(values) for name, values in figures.items()},
        data="every fourth image of CBSD68 (17), σ = 15 / 25 / 50",
        protocol=(
            "whole images, all channels; the methods of "
            "`keras-synth restore`: the pretrained gray network on brightness "
            "and two differences of colors, and BM3D"
        ),
        seed=SEED,
    )


def noisy_images(test, sigma):
    """`(noisy, clean)` of each image, float32 (height, width, 1)."""
    generator = np.random.default_rng(SEED)
    for file in sorted((data_folder() / "denoise" / test).iterdir()):
        clean = io.read_image(file, channels=1)
        noise = generator.standard_normal(clean.shape).astype("float32")
        yield clean + sigma / 255 * noise, clean


def denoised(network, test, sigma, ensemble=False):
    """`(denoised, clean)` of each image of a test set."""
    level = np.full((1, 1, 1, 1), sigma / 255, "float32")
    for noisy, clean in noisy_images(test, sigma):
        inputs = {"image": noisy[None], "noise_level": level}
        if ensemble:
            result = inference.self_ensemble(network, inputs)
        else:
            result = network(inputs)
        yield np.clip(np.asarray(result)[0], 0.0, 1.0), clean


def psnr(result, clean):
    """Peak signal-to-noise ratio in dB, the peak being 1."""
    return -10.0 * np.log10(np.mean((result - clean) ** 2, dtype="float64"))
