"""Super-resolution x4: dB on the sets that every paper quotes.

The benchmarks' protocol: images cut to multiples of 4, made smaller by
bicubic interpolation with antialiasing and rounded to 8 bits; brightness is Y
of BT.601 (16 to 235), upscaled by the network, rounded, and compared without
a border of 4 pixels.
"""

import keras
import numpy as np

from benchmarks.rows import RUNS, data_folder, write_row
from benchmarks.trainings import card, store_in_half_precision, train, words_of
from keras_synth import inference, io, metrics, presets, restoration, training
from keras_synth.degradations import Downsample
from keras_synth.ops import studio_range_luma

SCALE = 4
SEED = 0
TABLE = "Super-resolution x4, PSNR in dB and SSIM on Y"
TRAINING = {
    "scale": SCALE,
    "epochs": 25,
    "patches_per_image": 20,
    "width": 64,
    "num_blocks": 12,
}


def run(name):
    """Trains (resuming what was begun) and measures one row."""
    folder = RUNS / name
    minutes, commit = train(training.train_upscaler, name, folder, TRAINING)
    keras.config.set_dtype_policy("float32")
    words = (
        f"`training.train_upscaler` on 380 of Train400, "
        f"{words_of(TRAINING)}, at commit {commit}"
    )
    pretrained = folder / "gray_upscaler.weights.h5"
    store_in_half_precision(folder / f"{name}.weights.h5", pretrained)
    network = presets.gray_upscaler(pretrained)
    methods = {
        "bicubic": restoration.bicubic(SCALE),
        "EDSR": network,
        "EDSR, x8": lambda small: inference.self_ensemble(network, small),
    }
    figures = {
        f"{test}, {label}": score(method, test)
        for test in ("Set5", "Set14")
        for label, method in methods.items()
    }
    notes = {"figures": f"PSNR and SSIM on Y of BT.601, border of {SCALE} cut"}
    (folder / "gray_upscaler.md").write_text(
        card("gray_upscaler", figures, words, notes, name)
    )
    write_row(
        name,
        TABLE,
        {**figures, "training": minutes},
        data="Set5 and Set14",
        protocol=(
            "multiples of 4, antialiased bicubic rounded to 8 bits, Y of "
            f"BT.601, border of 4; x8: mean over the symmetries; {words}"
        ),
        seed=SEED,
        bar="≥ 30.7 / 27.6 dB; goal: VDSR's 31.35 / 28.01",
    )
    print(f"weights and card: {folder}/gray_upscaler.*")


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
    """PSNR and SSIM over a test set, as words."""
    measures = [
        kind(border=SCALE, round_to_8_bits=True)
        for kind in (metrics.PSNR, metrics.SSIM)
    ]
    for small, large in test_images(test):
        result = np.asarray(method(small))
        for measure in measures:
            measure.update_state(large, result)
    psnr, ssim = (float(measure.result()) for measure in measures)
    return f"{psnr:.2f} dB / {ssim:.4f}"
