"""JPEG: quality from tables and from pixels, and quantization noise."""

import io

import numpy as np
import pytest
from PIL import Image
from scipy import fft
from skimage import data

from keras_synth import ops
from keras_synth.ops.jpeg import luma_table

QUALITIES = (10, 25, 50, 75, 90)


def as_jpeg(image, quality):
    """An opened file of uint8 pixels."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return Image.open(file)


@pytest.mark.parametrize("quality", [1, 2, 24, 49, 50, 51, 77, 99, 100])
def test_the_tables_are_those_that_pillow_writes(quality):
    table = as_jpeg(np.zeros((8, 8), "uint8"), quality).quantization[0]
    np.testing.assert_array_equal(luma_table(quality), table)
    assert ops.jpeg_quality(table) == quality


def test_other_tables_have_the_quality_of_the_nearest():
    assert ops.jpeg_quality(luma_table(60) + 0.4) == 60
    assert ops.jpeg_quality(np.full(64, 255)) == 1


@pytest.fixture(scope="module")
def image():
    return data.astronaut()[:200, 150:400]


@pytest.mark.parametrize("quality", QUALITIES)
@pytest.mark.parametrize("cropped", [(0, 0), (3, 6)])
@pytest.mark.parametrize("gray", [False, True])
def test_the_quality_is_found_in_the_pixels(image, quality, cropped, gray):
    decoded = as_jpeg(image[..., 1] if gray else image, quality)
    pixels = np.asarray(decoded).reshape(*image.shape[:2], -1) / 255.0
    pixels = pixels[cropped[0] :, cropped[1] :]
    found = ops.estimate_jpeg_quality(np.float32(pixels)[None])
    # Neighboring qualities may have the same steps of low frequency.
    np.testing.assert_allclose(found, [quality], atol=2)


def test_the_last_compression_counts(image):
    once = np.asarray(as_jpeg(image, 30))
    twice = np.asarray(as_jpeg(np.roll(once, 3, 0), 60)) / 255.0
    found = ops.estimate_jpeg_quality(twice[None])
    np.testing.assert_allclose(found, [60], atol=2)


def test_nothing_is_found_where_nothing_was_compressed(image):
    rng = np.random.default_rng(0)
    clean = image / 255.0
    noisy = np.asarray(as_jpeg(image, 50)) / 255.0
    noisy = noisy + 3 / 255 * rng.normal(size=image.shape)
    flat = np.full(image.shape, 0.5)
    random = rng.uniform(size=image.shape)
    images = np.stack([clean, noisy, flat, random])
    np.testing.assert_array_equal(ops.estimate_jpeg_quality(images), 100)
    tiny = np.zeros((2, 9, 30, 1))
    np.testing.assert_array_equal(ops.estimate_jpeg_quality(tiny), [100, 100])


@pytest.mark.parametrize("cropped", [(0, 0), (3, 6)])
def test_the_noise_is_that_of_quantization(cropped):
    """Of coefficients with a Laplace density, whose scales are known."""
    scales = 40.0 / (1.0 + np.add.outer(np.arange(8), np.arange(8))) ** 1.5
    shape = (40, 40, 8, 8)
    blocks = np.random.default_rng(0).laplace(scale=scales, size=shape)
    pixels = fft.idctn(blocks, axes=(2, 3), norm="ortho") + 128.0
    pixels = np.clip(pixels.swapaxes(1, 2).reshape(320, 320), 0, 255)
    decoded = np.asarray(as_jpeg(np.uint8(np.rint(pixels)), 60), "float64")
    errors = (decoded - pixels).reshape(40, 8, 40, 8).swapaxes(1, 2)
    errors = fft.dctn(errors, axes=(2, 3), norm="ortho")
    decoded = decoded[cropped[0] :, cropped[1] :, None] / 255.0
    noise, lost = ops.jpeg_noise(decoded, luma_table(60))
    expected = np.mean(errors**2, axis=(0, 1)) / 255.0**2
    low = np.add.outer(np.arange(8), np.arange(8)) < 6
    np.testing.assert_allclose(noise[low], expected[low], rtol=0.3)
    np.testing.assert_allclose(
        noise[low].mean(), expected[low].mean(), rtol=0.1
    )
    assert lost[0, 1] < 0.05 and lost[7, 7] > 0.9
