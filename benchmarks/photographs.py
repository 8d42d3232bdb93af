"""Color denoising of photographs: the preset on CBSD68.

No test image was trained on: CBSD68 is of another collection than the training
photographs.
"""

import numpy as np

from benchmarks.denoiser import SIGMAS, denoised, psnr
from benchmarks.rows import figure, write_row
from benchmarks.trainings import training_words
from keras_synth import presets

SEED = 0
# PSNR on CBSD68 as published: CBM3D, FFDNet and DRUNet.
PUBLISHED = {
    "CBM3D": (33.52, 30.71, 27.38),
    "FFDNet": (33.87, 31.21, 27.96),
    "DRUNet": (34.30, 31.69, 28.51),
}


def run(name):
    """Measures the pretrained color denoiser at three levels of noise."""
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


def published():
    """`{method: PSNR at the levels of noise, in words}`."""
    return {
        method: " / ".join(f"{value:.2f}" for value in values) + " dB"
        for method, values in PUBLISHED.items()
    }


def color_figures(network):
    """Figures of a color denoiser, with and without self-ensemble."""
    figures = {}
    for label, ensemble in (
        ("PSNR, CBSD68", False),
        ("PSNR, CBSD68, x8", True),
    ):
        for index, sigma in enumerate(SIGMAS):
            pairs = denoised(network, "CBSD68", sigma, ensemble, channels=3)
            bars = {name: values[index] for name, values in PUBLISHED.items()}
            figures[f"{label}, σ = {sigma}"] = figure(
                np.mean([psnr(*pair) for pair in pairs]),
                "dB",
                better="higher",
                bar=max(bars["CBM3D"], bars["FFDNet"]),
                goal=bars["DRUNet"] - 0.3,
            )
    return figures
