"""Restoring photographs: the blind preset on what files suffer.

photos/val is held out of the training photographs.
"""

import numpy as np

from benchmarks.denoiser import psnr
from benchmarks.rows import data_folder, figure, write_row
from benchmarks.trainings import training_words
from keras_synth import inference, io, presets
from keras_synth.degradations import (
    CameraNoise,
    Compose,
    GaussianBlur,
    JPEGCompression,
)

SEED = 0
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


def run(name):
    """Measures the pretrained blind restorer on photographs."""
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
