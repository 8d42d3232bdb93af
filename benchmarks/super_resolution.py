"""Super-resolution x4: PSNR and SSIM on Set5 and Set14.

The published protocol: images cut to multiples of 4, made smaller by
bicubic interpolation with antialiasing and rounded to 8 bits; brightness is Y
of BT.601 (16 to 235), upscaled by the network, rounded, and compared without
a border of 4 pixels.
"""

import numpy as np

from benchmarks.rows import RUNS, data_folder, figure, write_row
from benchmarks.trainings import train_on_photographs, words_of
from keras_synth import inference, io, metrics, networks, restoration, training
from keras_synth.degradations import Downsample
from keras_synth.ops import studio_range_luma

SCALE = 4
SEED = 0
# PSNR in dB: the bar, and VDSR's as published.
BARS = {"Set5": (30.7, 31.35), "Set14": (27.6, 28.01)}
TRAINING = {
    "scale": SCALE,
    "epochs": 25,
    "patches_per_image": 20,
    "width": 64,
    "num_blocks": 12,
}


def run(name):
    """Measures the row, of the network of `trained_network`."""
    network, words = trained_network()
    write_row(
        name,
        "Super-resolution x4, PSNR and SSIM on Y",
        figures_of(network),
        data="Set5 and Set14",
        protocol=(
            "multiples of 4, antialiased bicubic rounded to 8 bits, Y of "
            "BT.601, border of 4; x8: mean over the symmetries; "
            f"{words}; goal: VDSR's"
        ),
        seed=SEED,
    )


def trained_network():
    """`(gray EDSR, words)`, trained on Train400 unless that is done."""
    name = "super_resolution"
    folder = RUNS / name
    trained = train_on_photographs(
        training.train_upscaler, name, folder, TRAINING
    )
    network = new_network()
    network.load_weights(folder / f"{name}.weights.h5")
    return network, (
        "`training.train_upscaler` on 380 of Train400, "
        f"{words_of(TRAINING)}, {trained.times()}, {trained.words()}"
    )


def new_network():
    """The gray EDSR, of random weights."""
    return networks.edsr(SCALE, channels=1, num_blocks=TRAINING["num_blocks"])


def figures_of(network):
    """Figures of an upscaler, with and without self-ensemble."""
    methods = {
        "bicubic": restoration.bicubic(SCALE),
        "EDSR": network,
        "EDSR, x8": lambda small: inference.self_ensemble(network, small),
    }
    figures = {
        f"VDSR, published: {test}, PSNR": figure(goal, "dB", better="higher")
        for test, (_, goal) in BARS.items()
    }
    for label, method in methods.items():
        for test, (bar, goal) in BARS.items():
            bars = {} if label == "bicubic" else {"bar": bar, "goal": goal}
            psnr, ssim = score(method, test)
            figures[f"{label}: {test}, PSNR"] = figure(
                psnr, "dB", better="higher", **bars
            )
            figures[f"{label}: {test}, SSIM"] = figure(
                ssim, decimals=4, better="higher"
            )
    return figures


def test_images(test):
    """`(small, large)` brightness of each, float32 (1, height, width, 1)."""
    for file in sorted((data_folder() / "sr" / test).iterdir()):
        large = io.modulo_crop(io.read_image(file)[None], SCALE)
        small = np.asarray(Downsample(SCALE)(large, seed=0))
        small = np.round(255 * np.clip(small, 0, 1)) / 255
        pair = small.astype("float32"), large.astype("float32")
        if large.shape[-1] == 3:  # Gray images are compared as they are.
            pair = tuple(np.asarray(studio_range_luma(x)) for x in pair)
        yield pair


def score(method, test):
    """`(PSNR, SSIM)`, means over a test set."""
    measures = [
        kind(border=SCALE, round_to_8_bits=True)
        for kind in (metrics.PSNR, metrics.SSIM)
    ]
    for small, large in test_images(test):
        result = np.asarray(method(small))
        for measure in measures:
            measure.update_state(large, result)
    return tuple(float(measure.result()) for measure in measures)
