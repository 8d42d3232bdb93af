"""Blind estimation of blur: widths, lines, and what shows too little."""

import io

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from keras_synth import datasets, degradations, ops
from keras_synth.restoration import estimate_blur


@pytest.fixture(scope="module")
def photo():
    """(1, 256, 256, 3) out of a photograph."""
    element = next(iter(datasets.load_source("photos", "test").dataset))
    image = element["image"].numpy()[None] / np.float32(255.0)
    return np.asarray(image[:, :256, :256])


def noisy(images, level=0.004):
    noise = np.random.default_rng(0).normal(size=images.shape)
    return (np.asarray(images) + level * noise).astype("float32")


def compressed(images, quality):
    """As they come out of a JPEG file."""
    file = io.BytesIO()
    pixels = np.uint8(np.rint(255 * np.clip(images[0], 0, 1)))
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file), "float32")[None] / 255


slow = pytest.mark.slow


@pytest.mark.parametrize(
    "sigma", [1.6, pytest.param(1.0, marks=slow), pytest.param(2.5, marks=slow)]
)
def test_the_width_of_a_gaussian_is_found(photo, sigma):
    blurred = degradations.GaussianBlur(sigma)(photo, seed=0)[:, :192, :192]
    found = estimate_blur(noisy(blurred))
    assert abs(found.sigma / sigma - 1) < 0.15
    assert found.length is None and found.evidence > 0.02
    assert str(found).startswith("Gaussian blur of σ = ")
    np.testing.assert_allclose(found.kernel.sum(), 1.0, rtol=1e-5)


@pytest.mark.parametrize(
    "sigma, quality", [(1.6, 75), pytest.param(2.2, 50, marks=slow)]
)
def test_the_width_is_found_behind_jpeg_compression(photo, sigma, quality):
    blurred = degradations.GaussianBlur(sigma)(photo, seed=0)
    images = compressed(np.asarray(blurred), quality)
    found = estimate_blur(images, luma_table=ops.luma_table(quality))
    assert abs(found.sigma / sigma - 1) < 0.15


def test_a_sharp_jpeg_image_is_refused(photo):
    images = compressed(photo, 75)[:, :192, :192]
    with pytest.raises(ValueError, match="does not show clearly how"):
        estimate_blur(images, luma_table=ops.luma_table(75))
    plain = compressed(np.full((1, 128, 128, 3), 0.4), 75)
    with pytest.raises(ValueError, match="too little of the image"):
        estimate_blur(plain, luma_table=ops.luma_table(75))


def test_a_motion_that_is_too_short_to_show_is_refused(photo):
    """JPEG compression leaves no frequency at which its spectrum is 0."""
    streaks = ndimage.gaussian_filter1d(photo[:, :192, :192], 2.0, axis=2)
    with pytest.raises(ValueError, match="does not show clearly how"):
        estimate_blur(compressed(streaks, 60), luma_table=ops.luma_table(60))


@pytest.mark.parametrize(
    "length, angle",
    [(9.0, 20.0), pytest.param(15.0, 110.0, marks=slow)],
)
def test_the_line_of_a_motion_is_found(photo, length, angle):
    moved = noisy(degradations.MotionBlur(length, angle)(photo, seed=0))
    if length < 10:  # is seen in small blocks, too
        moved = moved[:, :192, :192]
    found = estimate_blur(moved, noise_level=0.004)
    assert abs(found.length / length - 1) < 0.15
    assert abs((found.angle - angle + 90) % 180 - 90) < 6
    assert found.sigma is None
    assert str(found).startswith("motion of ")


def test_lines_of_a_scene_are_no_motion(photo):
    """Stripes of all widths in one direction: long, but without zeros."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:256, :256]
    across = x * np.sin(0.3) + y * np.cos(0.3)
    edges = np.sort(rng.uniform(across.min(), across.max(), 30))
    stripes = rng.uniform(0.2, 0.8, 31)[np.searchsorted(edges, across)]
    scene = 0.15 * photo + 0.85 * stripes[None, ..., None]
    blurred = degradations.GaussianBlur(0.8)(scene.astype("float32"), seed=0)
    with pytest.raises(ValueError, match="does not show clearly"):
        estimate_blur(noisy(blurred))


def test_what_shows_too_little_is_refused(photo):
    with pytest.raises(ValueError, match="does not show clearly how"):
        estimate_blur(noisy(np.full((1, 128, 128, 1), 0.5), 0.05))
    with pytest.raises(ValueError, match="at least 64x64"):
        estimate_blur(photo[:, :40])
