"""Figure: one photograph made small, and upscaled again."""

import keras
import numpy as np

from benchmarks.rows import ROOT, RUNS
from keras_synth import (
    datasets,
    degradations,
    evaluation,
    metrics,
    presets,
    restoration,
)
from keras_synth.io import read_image, write_image

PATH = ROOT / "notebooks" / "images" / "upscaled.jpg"
SCALE = 4
SEED = 0


def run(name):
    """Draws the panel and writes it."""
    (element,) = datasets.load_source("photos", "test").dataset.skip(1).take(1)
    photo = element["image"].numpy()[20:276, 60:316] / np.float32(255.0)
    comparison = evaluation.compare(
        {
            "bicubic": restoration.bicubic(SCALE),
            "pretrained EDSR": presets.upscaler(),
        },
        [photo],
        degradations.Downsample(SCALE),
        [metrics.PSNR(border=SCALE), metrics.SSIM(border=SCALE)],
        seed=SEED,
    )
    print(comparison.to_markdown())
    panel = comparison.panel(RUNS / name / "panel.png", crop=(55, 75, 72, 72))
    panel = read_image(panel)
    size = [round(0.6 * side) for side in panel.shape[:2]]
    small = keras.ops.image.resize(panel, size, "bicubic", antialias=True)
    write_image(PATH, small)
    print(f"written: {PATH}")
