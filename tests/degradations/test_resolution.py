"""Downsampling and JPEG against references."""

import io
import os
import pathlib

import numpy as np
import pytest
import skimage.data
import tensorflow as tf
from PIL import Image

from keras_synth.degradations import Downsample, JPEGCompression


def keys(x):
    """The cubic kernel with a = -1/2."""
    x = np.abs(x)
    near = 1.5 * x**3 - 2.5 * x**2 + 1.0
    far = -0.5 * x**3 + 2.5 * x**2 - 4.0 * x + 2.0
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))


def resizing_matrix(old, new):
    """(new, old): stretched kernels, mirrored at the edges."""
    center = (np.arange(new) + 0.5) * old / new - 0.5
    place = np.arange(-3 * old, 4 * old)
    stretch = max(old / new, 1.0)
    weights = keys((place - center[:, None]) / stretch)
    weights /= weights.sum(axis=1, keepdims=True)
    mirrored = np.pad(np.arange(old), 3 * old, "symmetric")
    return weights @ np.eye(old)[mirrored]


@pytest.mark.parametrize("size", [(24, 36), (26, 35), (7, 5)])
@pytest.mark.parametrize("factor", [2, 3, 4])
def test_downsample_is_the_stretched_cubic_kernel(factor, size):
    image = np.random.default_rng(0).random(size, "float32")
    rows, columns = (resizing_matrix(n, n // factor) for n in size)
    expected = np.clip(rows @ image @ columns.T, 0.0, 1.0)
    result = Downsample(factor)(image[None, ..., None], 0)
    np.testing.assert_allclose(result[0, ..., 0], expected, atol=1e-5)


def test_downsampling_keeps_constants_and_ramps():
    ramp = np.linspace(0.1, 0.9, 64, dtype="float32")
    images = np.stack([np.full((64, 64), 0.3), np.tile(ramp, (64, 1))])
    result = Downsample(4)(images[..., None], 0).numpy()[..., 0]
    np.testing.assert_allclose(result[0], 0.3, atol=1e-6)
    blocks = ramp.reshape((16, 4)).mean(axis=1)  # at the blocks' middles
    np.testing.assert_allclose(
        result[1, :, 2:-2], np.tile(blocks[2:-2], (16, 1)), atol=1e-5
    )


def test_sizes_are_rounded_down():
    images = np.zeros((1, 17, 23, 3), "float32")
    assert Downsample(4)(images, 0).shape == (1, 4, 5, 3)
    assert Downsample(4, keep_size=True)(images, 0).shape == images.shape


def test_keep_size_upscales_again():
    image = skimage.data.camera()[None, 100:196, 200:296, None] / 255.0
    small = Downsample(3)(image, 0)
    matrix = resizing_matrix(32, 96)
    expected = matrix @ small.numpy()[0, ..., 0] @ matrix.T
    result = Downsample(3, keep_size=True)(image, 0)[0, ..., 0]
    np.testing.assert_allclose(result, np.clip(expected, 0, 1), atol=1e-5)


def test_overshoot_is_clipped_unless_the_image_leaves_the_range_itself():
    edge = np.zeros((1, 8, 24, 1), "float32")
    edge[:, :, 12:] = 1.0
    wide = 1.5 * edge - 0.25
    sharp = Downsample(2)(edge, 0).numpy()
    assert sharp.min() == 0.0 and sharp.max() == 1.0
    assert Downsample(2)(wide, 0).numpy().max() == 1.25


def luma(image):
    """Y of BT.601, 16 to 235, of an 8-bit image."""
    return image @ np.array([65.481, 128.553, 24.966]) / 255.0 + 16.0


def test_bicubic_baseline_of_set5():
    folder = os.environ.get("KERAS_SYNTH_DATA")
    if not folder:
        pytest.skip("KERAS_SYNTH_DATA is not set")
    files = sorted(pathlib.Path(folder, "sr", "Set5").glob("*.bmp"))
    assert len(files) == 5
    figures = []
    for file in files:
        clean = np.asarray(Image.open(file).convert("RGB"))
        height, width = (4 * (n // 4) for n in clean.shape[:2])
        clean = clean[:height, :width]
        small = Downsample(4)(clean[None] / 255.0, 0)
        small = np.rint(255 * small.numpy()) / 255.0
        large = tf.image.resize(small, (height, width), "bicubic").numpy()[0]
        large = np.rint(255 * np.clip(large, 0.0, 1.0))
        error = (luma(large) - luma(clean))[4:-4, 4:-4]
        figures.append(10 * np.log10(255**2 / np.mean(error**2)))
    assert abs(np.mean(figures) - 28.42) < 0.05, figures  # Kim et al. 2016


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("quality", [5, 30, 90])
def test_jpeg_equals_pillow(channels, quality):
    clean = skimage.data.astronaut()[40:168, 150:278, :channels]
    buffer = io.BytesIO()
    Image.fromarray(clean.squeeze()).save(buffer, "JPEG", quality=quality)
    with Image.open(buffer) as saved:
        expected = np.asarray(saved).reshape(clean.shape) / 255.0
    result = JPEGCompression(quality)(clean / 255.0, 0).numpy()
    np.testing.assert_allclose(result, expected, atol=1e-6)


def test_jpeg_rounds_fractions_of_gray_levels():
    levels = np.float32([0.2, 0.9, 10.6, 50.8, 200.3])
    for level in levels:
        image = np.full((1, 16, 16, 1), level / 255, "float32")
        result = JPEGCompression(100)(image, 0).numpy()
        np.testing.assert_allclose(255 * result, np.rint(level), atol=1e-4)


@pytest.mark.parametrize("size", [(1, 1), (2, 9), (5, 5)])
def test_small_images_are_shifted_like_all_others(size):
    images = np.random.RandomState(0).rand(20, *size, 3).astype("float32")
    result = JPEGCompression(100, shifted=True)(images, 1)
    assert result.shape == images.shape
    assert np.abs(result - images).mean() < 0.2


def test_each_image_has_its_own_quality():
    images = np.repeat(skimage.data.camera()[None, :64, :64, None], 4, 0)
    images = (images / 255.0).astype("float32")
    result, record = JPEGCompression((1, 100))(images, 0, return_record=True)
    for index, quality in enumerate(record["parameters"]["quality"].numpy()):
        alone = JPEGCompression(quality.item())(images[0], 0)
        np.testing.assert_array_equal(result[index], alone)


def test_a_shifted_grid_begins_at_a_random_pixel():
    image = (skimage.data.camera()[100:124, 200:224, None] / 255.0).astype(
        "float32"
    )
    results = JPEGCompression(10, shifted=True)(np.stack([image] * 12), 0)
    grids = {}
    for shift in np.ndindex(8, 8):
        borders = [(side, 0) for side in (*shift, 0)]
        larger = np.pad(image, borders, "symmetric")
        compressed = JPEGCompression(10)(larger, 0).numpy()
        grids[shift] = compressed[shift[0] :, shift[1] :]
    found = [
        [shift for shift, grid in grids.items() if np.array_equal(grid, result)]
        for result in results.numpy()
    ]
    assert all(found)
    assert len({shifts[0] for shifts in found}) > 6


@pytest.mark.parametrize(
    "build, message",
    [
        (lambda: Downsample(0), "`factor` must be an int, at least 1"),
        (lambda: Downsample(2.0), "`factor` must be an int"),
        (lambda: JPEGCompression(0), "`quality` must be an int"),
        (lambda: JPEGCompression((50, 101)), "`quality` must be an int"),
        (lambda: JPEGCompression(50.5), "`quality` must be an int"),
        (
            lambda: JPEGCompression(50)(np.zeros((8, 8, 2), "float32"), 0),
            "JPEG stores images of 1 or 3 channels",
        ),
    ],
)
def test_bad_arguments_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()
