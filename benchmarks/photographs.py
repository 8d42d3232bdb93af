"""Color restorers on photographs: noise on CBSD68, and what files suffer.

No test image was trained on: CBSD68 is of another collection than the training
photographs, and photos/val is held out of it.
"""

import functools

import numpy as np

from benchmarks.denoiser import SIGMAS, denoised, psnr
from benchmarks.rows import data_folder, figure, write_row
from benchmarks.trainings import training_words
from keras_synth import inference, io, metrics, presets, restoration
from keras_synth.degradations import (
    CameraNoise,
    Compose,
    Downsample,
    GaussianBlur,
    JPEGCompression,
)
from keras_synth.ops import studio_range_luma

SEED = 0
# PSNR on CBSD68 as published: CBM3D, FFDNet and DRUNet.
PUBLISHED = {
    "CBM3D": (33.52, 30.71, 27.38),
    "FFDNet": (33.87, 31.21, 27.96),
    "DRUNet": (34.30, 31.69, 28.51),
}
#: `{what a photograph suffered: (degradation, least gain in dB)}`.
PHOTOGRAPHS = {
    "JPEG 10": (JPEGCompression(10), 1.6),
    "JPEG 20": (JPEGCompression(20), 1.5),
    "JPEG 40": (JPEGCompression(40), 1.2),
    "JPEG 20 twice, shifted": (
        Compose([JPEGCompression(40, shifted=True), JPEGCompression(20)]),
        None,
    ),
    "camera noise": (CameraNoise(15 / 255), None),
    "mixed": (
        Compose(
            [
                GaussianBlur((0.0, 0.8)),
                CameraNoise((5 / 255, 25 / 255)),
                JPEGCompression((20, 90)),
            ]
        ),
        3.0,
    ),
}


# Bars of x4 on Set5 and Set14, and SRResNet's figures.
UPSCALING = {4: {"Set5": (31.7, 32.05), "Set14": (28.3, 28.49)}}


def run(name):
    """Measures one row."""
    rows = {
        "color_denoiser": color_denoising,
        "photo_restorer": restoring,
        **{f"upscaler_x{scale}": upscaling for scale in (2, 3, 4)},
    }
    rows[name](name)


def color_denoising(name):
    """The pretrained color denoiser at three levels of noise."""
    write_row(
        name,
        "Color denoising, PSNR on CBSD68",
        color_figures(presets.color_denoiser()),
        data="CBSD68, σ = 15 / 25 / 50",
        protocol=(
            "whole images, all channels, noise of `numpy.random.default_rng(0)`"
            " not clipped, result clipped; x8: mean over the eight symmetries; "
            f"{training_words(name)}; bar: the better of CBM3D and FFDNet, "
            "goal: DRUNet - 0.3 dB, as published"
        ),
        seed=SEED,
    )


def color_figures(network):
    """Figures of a color denoiser, with and without self-ensemble."""
    figures = {
        f"{method}, published: σ = {sigma}": figure(
            value, "dB", better="higher"
        )
        for method, values in PUBLISHED.items()
        for sigma, value in zip(SIGMAS, values, strict=True)
    }
    for label, ensemble in (("U-Net", False), ("U-Net, x8", True)):
        for index, sigma in enumerate(SIGMAS):
            pairs = denoised(network, "CBSD68", sigma, ensemble, channels=3)
            bars = {name: values[index] for name, values in PUBLISHED.items()}
            figures[f"{label}: σ = {sigma}"] = figure(
                np.mean([psnr(*pair) for pair in pairs]),
                "dB",
                better="higher",
                bar=max(bars["CBM3D"], bars["FFDNet"]),
                goal=bars["DRUNet"] - 0.3,
            )
    return figures


def restoring(name):
    """The pretrained blind restorer on photographs."""
    write_row(
        name,
        "Restoring photographs, PSNR",
        photo_figures(presets.photo_restorer()),
        data="photos/val: 39 color photographs",
        protocol=(
            "whole images, RGB, degraded images in 8 bits, blind; mixed: blur "
            "of σ up to 0.8, camera noise of 5 to 25 gray levels, JPEG 20 to "
            f"90; {training_words(name)}"
        ),
        seed=SEED,
    )


def photo_figures(network):
    """Figures of a blind restorer: gains over the degraded photographs."""
    clean = [
        io.read_image(file, channels=3)
        for file in io.find_images(data_folder() / "photos" / "val")
    ]
    figures = {}
    for label, (degradation, bar) in PHOTOGRAPHS.items():
        before, after = [], []
        for index, image in enumerate(clean):
            degraded = np.asarray(degradation(image, (SEED, index)))
            degraded = np.rint(255.0 * np.clip(degraded, 0.0, 1.0)) / 255.0
            before.append(psnr(degraded, image))
            after.append(psnr(_restored(network, degraded), image))
        figures[f"{label}: PSNR"] = figure(
            np.mean(after),
            "dB",
            better="higher",
            baseline=np.mean(before),
            baseline_name="degraded",
        )
        figures[f"{label}: gain"] = figure(
            np.mean(after) - np.mean(before), "dB", better="higher", bar=bar
        )
    untouched = [psnr(_restored(network, image), image) for image in clean]
    figures["clean: PSNR"] = figure(
        np.mean(untouched), "dB", better="higher", bar=42
    )
    return figures


def _restored(network, image):
    image = image.astype("float32")[None]
    return np.clip(inference.restore_tiled(network, image)[0], 0.0, 1.0)


def upscaling(name):
    """A pretrained color upscaler on Set5 and Set14."""
    scale = int(name[-1])
    write_row(
        name,
        f"Super-resolution x{scale} of color images, PSNR and SSIM on Y",
        upscaling_figures(scale)(getattr(presets, name)()),
        data="Set5 and Set14",
        protocol=(
            f"multiples of {scale}, antialiased bicubic rounded to 8 bits, all "
            f"channels upscaled, Y of BT.601, border of {scale}; x8: mean over "
            f"the symmetries; {training_words(name)}; goal: SRResNet's"
        ),
        seed=SEED,
    )


def upscaling_figures(scale):
    """Function from an upscaler to its figures."""
    return functools.partial(_upscaling_figures, scale)


def _upscaling_figures(scale, network):
    methods = {
        "bicubic": restoration.bicubic(scale),
        "EDSR": network,
        "EDSR, x8": lambda small: inference.self_ensemble(network, small),
    }
    figures = {}
    for label, method in methods.items():
        for test in ("Set5", "Set14"):
            bar, goal = UPSCALING.get(scale, {}).get(test, (None, None))
            if label == "bicubic":
                bar = goal = None
            psnr_of_y, ssim = _score_on_luma(method, test, scale)
            figures[f"{label}: {test}, PSNR"] = figure(
                psnr_of_y, "dB", better="higher", bar=bar, goal=goal
            )
            figures[f"{label}: {test}, SSIM"] = figure(
                ssim, decimals=4, better="higher"
            )
    return figures


def _score_on_luma(method, test, scale):
    measures = [
        kind(border=scale, round_to_8_bits=True)
        for kind in (metrics.PSNR, metrics.SSIM)
    ]
    for file in io.find_images(data_folder() / "sr" / test):
        large = io.modulo_crop(io.read_image(file, channels=3)[None], scale)
        small = np.asarray(Downsample(scale)(large, seed=0))
        small = np.round(255 * np.clip(small, 0, 1)) / 255
        result = np.clip(method(small.astype("float32")), 0.0, 1.0)
        pair = [np.asarray(studio_range_luma(x)) for x in (large, result)]
        for measure in measures:
            measure.update_state(*pair)
    return tuple(float(measure.result()) for measure in measures)
