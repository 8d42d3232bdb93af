"""Figures: a noisy photograph as several methods restore it; an old one."""

import keras
import numpy as np
import PIL.Image
from scipy import ndimage

from benchmarks.damage_detector import held_back
from benchmarks.rows import ROOT, RUNS
from keras_synth import datasets, degradations, evaluation, metrics, tasks
from keras_synth.io import read_image, write_image

PATH = ROOT / "notebooks" / "images" / "restoration.jpg"
BEFORE_AFTER = PATH.with_name("before_after.jpg")
OLD_PHOTO = PATH.with_name("old_photo.jpg")
LEVEL = 30 / 255
SEED = 0
SEED_OF_AGE = 10  # scratches, hairs, dust and a stain in one image


def run(name):
    """Draws the panel and writes it."""
    (element,) = datasets.load_source("photos", "test").dataset.skip(1).take(1)
    photo = element["image"].numpy() / np.float32(255.0)
    draw_before_after(photo[:, 30:430])
    draw_old_photo(photo[:, 30:430], RUNS / name)
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
    _write(PATH, small)


def draw_before_after(clean):
    """Writes the noisy photograph beside the restored one."""
    noisy = np.asarray(degradations.GaussianNoise(LEVEL)(clean, seed=SEED))
    restored = np.asarray(tasks.METHODS["unet"](LEVEL, False)(noisy[None]))[0]
    _write_both(BEFORE_AFTER, noisy, restored)


def draw_old_photo(clean, folder):
    """Writes a photograph made old beside the repaired one, of a given mask."""
    film = degradations.FilmDamage(
        held_back(),
        count=6,
        scale=(0.25, 0.6),
        opacity=1.0,
    )
    aged = degradations.Compose(
        [
            degradations.LowContrast(0.6, 0.05),
            degradations.ColorFading(0.5, 1.0),
            degradations.GaussianNoise(6 / 255),
        ]
    )
    aged = np.clip(aged(clean, seed=SEED_OF_AGE), 0.0, 1.0)
    old, record = film(aged, seed=SEED_OF_AGE, return_record=True)
    mask = np.asarray(record["mask"])[..., 0] > 0.5
    mask = ndimage.binary_dilation(mask, np.ones((3, 3)))  # soft edges, too
    paths = [folder / f"{name}.png" for name in ("old", "mask", "repaired")]
    write_image(paths[0], np.asarray(old))
    write_image(paths[1], mask.astype("float32"))
    tasks.restore(
        paths[0], paths[2], old_photo=True, mask=paths[1], overwrite=True
    )
    _write_both(OLD_PHOTO, read_image(paths[0]), read_image(paths[2]))


def _write_both(path, before, after):
    gap = np.ones((len(before), 8, 3), "float32")
    both = np.concatenate([before, gap, after], axis=1)
    _write(path, both)


def _write(path, image):
    """A JPEG file of quality 88: small, for pages."""
    bytes_of = np.uint8(np.round(255 * np.clip(image, 0.0, 1.0)))
    PIL.Image.fromarray(bytes_of).save(path, quality=88)
    print(f"written: {path}")
