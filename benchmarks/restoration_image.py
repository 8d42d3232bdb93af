"""Figure: one noisy photograph as several methods restore it."""

import keras
import numpy as np

from benchmarks.rows import ROOT, RUNS
from keras_synth import datasets, degradations, evaluation, metrics, tasks
from keras_synth.io import read_image, write_image

PATH = ROOT / "notebooks" / "images" / "restoration.jpg"
LEVEL = 30 / 255
SEED = 0


def run(name):
    """Draws the panel and writes it."""
    (element,) = datasets.load_source("photos", "test").dataset.skip(1).take(1)
    clean = element["image"].numpy()[20:276, 60:316] / np.float32(255.0)
    methods = {
        words: tasks.METHODS[method](LEVEL, False)
        for words, method in (
            ("median", "median"),
            ("non-local means", "non_local_means"),
            ("BM3D", "bm3d"),
            ("pretrained U-Net", "unet"),
        )
    }
    comparison = evaluation.compare(
        methods,
        [clean],
        degradations.GaussianNoise(LEVEL),
        [metrics.PSNR(), metrics.SSIM()],
        seed=SEED,
    )
    print(comparison.to_markdown())
    panel = comparison.panel(RUNS / name / "panel.png", crop=(88, 20, 72, 72))
    panel = read_image(panel)
    size = [round(0.6 * side) for side in panel.shape[:2]]
    small = keras.ops.image.resize(panel, size, "bicubic", antialias=True)
    write_image(PATH, small)
    print(f"written: {PATH}")
