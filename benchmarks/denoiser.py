"""Denoising: PSNR on Set12 and BSD68, the sets that papers quote.

The preset was trained on other photographs. Training images of the network for
salt-and-pepper noise are the 400 of BSD that DnCNN was trained on, minus every
twentieth, which is held out to choose between networks. Test images are Set12
and BSD68, whole; the noise is not clipped, the result is.
"""

import numpy as np

from benchmarks.rows import RUNS, data_folder, figure, write_row
from benchmarks.trainings import (
    train_on_photographs,
    training_words,
    words_of,
)
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
# PSNR as published, of BM3D and of FFDNet.
PUBLISHED = {
    "BM3D": {"Set12": (32.37, 29.97, 26.72), "BSD68": (31.07, 28.57, 25.62)},
    "FFDNet": {"Set12": (32.75, 30.43, 27.32), "BSD68": (31.63, 29.19, 26.29)},
}
_SHAPE = {"widths": (32, 64, 128), "num_blocks": 1}
TRAININGS = {
    "salt_and_pepper": {
        "degradation": "salt_and_pepper",
        "epochs": 20,
        "learning_rate": 2e-3,
        **_SHAPE,
    },
}


def run(name):
    """Measures one row."""
    {
        "denoiser": score_denoiser,
        "salt_and_pepper": score_salt_and_pepper,
        "color_denoising": score_color,
    }[name]()


def score_denoiser():
    """The pretrained network at three levels of noise."""
    write_row(
        "denoiser",
        "Gray denoising, PSNR",
        psnr_figures(presets.gray_denoiser()),
        data="Set12 and BSD68, σ = 15 / 25 / 50",
        protocol=(
            "whole images, noise of `numpy.random.default_rng(0)` not "
            "clipped, result clipped; x8: mean over the eight symmetries; "
            f"{training_words('gray_denoiser')}; bars: FFDNet as published"
        ),
        seed=SEED,
    )


def trained(name):
    """Trains a denoiser unless that is done; says how it was trained."""
    options = TRAININGS[name]
    training_ = train_on_photographs(
        training.train_denoiser, name, RUNS / name, options
    )
    return (
        "`training.train_denoiser` on 380 of Train400, "
        f"{words_of(options)}, {training_.times()}, {training_.words()}"
    )


def psnr_figures(network):
    """Figures of a denoiser, with and without self-ensemble."""
    figures = {
        f"{method}, published: {test}, σ = {sigma}": figure(
            value, "dB", better="higher"
        )
        for method, tests in PUBLISHED.items()
        for test, values in tests.items()
        for sigma, value in zip(SIGMAS, values, strict=True)
    }
    for label, ensemble in (("U-Net", False), ("U-Net, x8", True)):
        for test, published in PUBLISHED["FFDNet"].items():
            for sigma, bar in zip(SIGMAS, published, strict=True):
                values = [
                    psnr(*pair)
                    for pair in denoised(network, test, sigma, ensemble)
                ]
                figures[f"{label}: {test}, σ = {sigma}"] = figure(
                    np.mean(values), "dB", better="higher", bar=bar
                )
    return figures


def score_salt_and_pepper():
    """A network against medians, three pixels in ten black or white."""
    name = "salt_and_pepper"
    folder = RUNS / name
    words = trained(name)
    shape = {key: TRAININGS[name][key] for key in _SHAPE}
    network = training.build_denoiser("unet", 1, False, **shape)
    network.load_weights(folder / f"{name}.weights.h5")
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
    best = max(value for key, value in found.items() if "median" in key)
    figures = {}
    for method, value in found.items():
        figures[f"{method}: PSNR"] = figure(value, "dB", better="higher")
        if method.startswith("U-Net"):
            figures[f"{method}: above the best median"] = figure(
                value - best, "dB", better="higher", bar=4
            )
    write_row(
        name,
        "Salt-and-pepper noise, PSNR",
        figures,
        data="Set12, 30 % of the pixels",
        protocol=f"`evaluation.compare`, whole images; {words}",
        seed=SEED,
    )
    print(f"image: {folder}/panel.png")


def score_color():
    """`keras-synth restore` on color images, network against BM3D."""
    files = sorted((data_folder() / "denoise" / "CBSD68").iterdir())[::4]
    clean = [io.read_image(file, channels=3) for file in files]
    labels = {"degraded": "noisy", "bm3d": "BM3D", "unet": "U-Net"}
    figures = {}
    for sigma in SIGMAS:
        level = sigma / 255
        comparison = evaluation.compare(
            {key: tasks.METHODS[key](level, False) for key in ("unet", "bm3d")},
            clean,
            degradations.GaussianNoise(level),
            metrics.PSNR(),
            seed=SEED,
        )
        found = {row["method"]: row["psnr"] for row in comparison.rows}
        for key, label in labels.items():
            figures[f"{label}: σ = {sigma}"] = figure(
                found[key], "dB", better="higher"
            )
    write_row(
        "color_denoising",
        "Color denoising, PSNR",
        figures,
        data="every fourth image of CBSD68 (17), σ = 15 / 25 / 50",
        protocol=(
            "whole images, all channels; the methods of "
            "`keras-synth restore`: the presets `color_denoiser` and "
            "`gray_denoiser` (`--method unet`), and BM3D"
        ),
        seed=SEED,
    )


def noisy_images(test, sigma, channels=1):
    """`(noisy, clean)` of each image, float32 (height, width, channels)."""
    generator = np.random.default_rng(SEED)
    for file in sorted((data_folder() / "denoise" / test).iterdir()):
        clean = io.read_image(file, channels)
        noise = generator.standard_normal(clean.shape).astype("float32")
        yield clean + sigma / 255 * noise, clean


def denoised(network, test, sigma, ensemble=False, channels=1):
    """`(denoised, clean)` of each image of a test set."""
    level = np.full((1, 1, 1, 1), sigma / 255, "float32")
    for noisy, clean in noisy_images(test, sigma, channels):
        inputs = {"image": noisy[None], "noise_level": level}
        if ensemble:
            result = inference.self_ensemble(network, inputs)
        else:
            result = network(inputs)
        yield np.clip(np.asarray(result)[0], 0.0, 1.0), clean


def psnr(result, clean):
    """Peak signal-to-noise ratio in dB, the peak being 1."""
    return -10.0 * np.log10(np.mean((result - clean) ** 2, dtype="float64"))
