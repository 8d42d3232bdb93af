"""Figure: one noisy photograph as several methods restore it."""

import keras
import numpy as np

from benchmarks.rows import ROOT, RUNS
from keras_synth import datasets, degradations, evaluation, metrics, tasks
from keras_synth.io import read_image, write_image

PATH = ROOT / "notebooks" / "images" / "restoration.jpg"
BEFORE_AFTER = PATH.with_name("before_after.jpg")
LEVEL = 30 / 255
SEED = 0


def run(name):
    """Draws the panel and writes it."""
    (element,) = datasets.load_source("photos", "test").dataset.skip(1).take(1)
    photo = element["image"].numpy() / np.float32(255.0)
    draw_before_after(photo[:, 30:430])
    clean = photo[20:276, 60:316]
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


def draw_before_after(clean):
    """Writes the noisy photograph beside the restored one."""
    noisy = np.asarray(degradations.GaussianNoise(LEVEL)(clean, seed=SEED))
    restored = np.asarray(tasks.METHODS["unet"](LEVEL, False)(noisy[None]))[0]
    gap = np.ones((len(clean), 8, 3), "float32")
    both = np.concatenate([noisy, gap, restored], axis=1)
    write_image(BEFORE_AFTER, np.clip(both, 0.0, 1.0))
    print(f"written: {BEFORE_AFTER}")
