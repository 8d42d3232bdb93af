"""`benchmarks.gpu_training` trains without TensorFlow, on another backend."""

import importlib.util
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import skimage.data

from benchmarks import gpu_training
from keras_synth import degradations, ops

SCRIPT = """
import sys
sys.modules["tensorflow"] = None  # as where it is not installed
import keras, numpy as np
from benchmarks.gpu_training import train
backend, folder = sys.argv[1:]
assert keras.backend.backend() == backend
crops = np.random.default_rng(0).integers(256, size=(3, 160, 160, 3))
options = {"minutes": 10, "batch": 1, "savings": 1}
crops = crops.astype("uint8")
train("photo_restorer", crops, folder, steps=10, **options)
for name in ("gray_denoiser", "color_denoiser", "upscaler_x2"):
    train(name, crops, folder, steps=1, **options)
masks = np.zeros((2, 200, 200), "uint8")
masks[:, 80:120] = 255
for name in ("inpainter", "damage_detector"):
    train(name, crops, folder, steps=1, masks=masks, **options)
"""


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_ten_steps_on_another_backend_are_weights_for_this_one(
    backend, tmp_path
):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    subprocess.run(
        [sys.executable, "-c", SCRIPT, backend, str(tmp_path)],
        check=True,
        env=os.environ | {"KERAS_BACKEND": backend},
    )
    for name in (
        "photo_restorer",
        "gray_denoiser",
        "color_denoiser",
        "upscaler_x2",
        "inpainter",
        "damage_detector",
    ):
        network = gpu_training.TASKS[name][0]()
        before = network.get_weights()
        network.load_weights(tmp_path / f"{name}.weights.h5")
        after = network.get_weights()
        assert all(np.isfinite(one).all() for one in after)
        assert any(np.any(a != b) for a, b in zip(after, before, strict=True))


def test_film_damage_is_where_its_mask_says():
    image = 0.2 + 0.4 * skimage.data.astronaut()[:96, 160:256] / 255
    images = np.float32(image)[None].repeat(8, 0)
    bar = np.zeros((1, 160, 160), "uint8")
    bar[:, 60:100, 20:140] = 255
    random = gpu_training.Random(8, keras.random.SeedGenerator(1), bar)
    masks = np.asarray(random.mask(96))
    assert masks.shape == (8, 96, 96, 1)
    assert masks.min() == 0.0 and masks.max() == 1.0
    assert masks.std(axis=0).max() > 0.3  # each at a place of its own
    one = gpu_training.Random(1, keras.random.SeedGenerator(1), bar)
    pairs = [gpu_training.old_photograph(images[:1], one) for _ in range(8)]
    old, mask = (np.concatenate(both) for both in zip(*pairs, strict=True))
    assert set(np.unique(mask)) == {0.0, 1.0}
    # What it covers is nearly white or nearly black.
    far = np.abs(old - images.mean()).mean(-1, keepdims=True)
    assert far[mask == 1].mean() > 1.5 * far[mask == 0].mean()
    given = gpu_training.holes(images, random)
    hole = np.asarray(given["mask"])
    assert set(np.unique(hole)) == {0.0, 1.0}
    np.testing.assert_array_equal(given["image"], images * (1 - hole))


def test_its_jpeg_is_the_jpeg_of_files():
    image = 0.2 + 0.6 * skimage.data.astronaut()[:64, 160:256] / 255
    images = np.float32(image)[None]
    random = gpu_training.Random(1, keras.random.SeedGenerator(0))
    ours = gpu_training.jpeg(images, random, 30.0, 30.0)
    files = degradations.JPEGCompression(30)(images, seed=0)
    # Decoders differ in how they upscale the colors.
    lumas = [ops.full_range_luma(x) for x in (ours, files, images)]
    ours, files, clean = (np.asarray(x) for x in lumas)
    assert np.abs(ours - files).mean() < 0.3 * np.abs(files - clean).mean()
