"""Color super-resolution: the presets on Set5 and Set14.

The published protocol: images cut to multiples of the scale, made smaller by
bicubic interpolation with antialiasing and rounded to 8 bits; upscaled in
color by the network; then Y of BT.601 (16 to 235) is compared without a border
of the scale. No test image was trained on.
"""

import functools

import numpy as np

from benchmarks.rows import data_folder, figure, write_row
from benchmarks.trainings import training_words
from keras_synth import inference, io, metrics, presets, restoration
from keras_synth.degradations import Downsample
from keras_synth.ops import studio_range_luma

SEED = 0
#: PSNR in dB at x4: the bar, and SRResNet's as published.
BARS = {"Set5": (31.7, 32.05), "Set14": (28.3, 28.49)}


def run(name):
    """Measures one pretrained upscaler, `upscaler_x4` say."""
    scale = int(name.rpartition("_x")[2])
    write_row(
        name,
        f"Color super-resolution x{scale}, PSNR and SSIM on Y",
        upscaler_figures(presets.upscaler(scale), scale),
        data="Set5 and Set14",
        protocol=(
            f"multiples of {scale}, antialiased bicubic rounded to 8 bits, "
            f"upscaled in color, Y of BT.601, border of {scale}; x8: mean over "
            f"the symmetries; {training_words(name)}"
            + ("; goal: SRResNet's, as published" if scale == 4 else "")
        ),
        seed=SEED,
    )


def upscaler_figures(network, scale):
    """Figures of an upscaler, with and without self-ensemble."""
    methods = {
        "bicubic": restoration.bicubic(scale),
        "EDSR": network,
        "EDSR, x8": functools.partial(inference.self_ensemble, network),
    }
    figures = {}
    for label, method in methods.items():
        for test, (bar, goal) in BARS.items():
            bars = {"bar": bar, "goal": goal}
            if label == "bicubic" or scale != 4:
                bars = {}
            psnr, ssim = score(method, test, scale)
            figures[f"{test}, {label}: PSNR"] = figure(
                psnr, "dB", better="higher", **bars
            )
            figures[f"{test}, {label}: SSIM"] = figure(
                ssim, decimals=4, better="higher"
            )
    return figures


def score(method, test, scale):
    """`(PSNR, SSIM)` on Y, means over a test set."""
    measures = [
        kind(border=scale, round_to_8_bits=True)
        for kind in (metrics.PSNR, metrics.SSIM)
    ]
    for file in sorted((data_folder() / "sr" / test).iterdir()):
        # A gray image has three equal channels, and is compared as gray.
        gray = io.read_image(file).shape[-1] == 1
        large = io.modulo_crop(io.read_image(file, 3)[None], scale)
        small = np.asarray(Downsample(scale)(large, seed=0))
        small = np.round(255 * np.clip(small, 0, 1)) / np.float32(255)
        result = np.clip(np.asarray(method(small)), 0, 1)
        for measure in measures:
            if gray:
                pair = (large[..., :1], result.mean(-1, keepdims=True))
            else:
                pair = (studio_range_luma(large), studio_range_luma(result))
            measure.update_state(*map(np.asarray, pair))
    return tuple(float(measure.result()) for measure in measures)
