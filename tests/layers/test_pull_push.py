"""Pull-push interpolation: known pixels, constants, and a NumPy twin."""

import numpy as np
import pytest

from keras_synth.layers import PullPush
from tests.helpers import check_layer

RNG = np.random.default_rng(0)


def holes(shape=(2, 16, 24, 1), share=0.5):
    return (RNG.uniform(size=shape) < share).astype("float32")


def doubled(image):
    """Bilinear interpolation of (height, width, channels), by its formula."""
    for axis in (0, 1):
        image = np.repeat(image, 2, axis)
        edges = [(1, 1) if a == axis else (0, 0) for a in range(3)]
        padded = np.pad(image, edges, "edge")
        before, after = (
            np.take(padded, np.arange(start, start + image.shape[axis]), axis)
            for start in (0, 2)
        )
        image = image / 2 + (before + after) / 4
    return image


def pull_push(image, mask, levels):
    """Twin, level by level, of one image (height, width, channels)."""
    weight = 1.0 - mask
    known = weight > 0
    mean = image[known[..., 0]].mean(0) if known.any() else np.zeros(3)

    def fill(level):
        side = 2**level
        shape = (image.shape[0] // side, side, image.shape[1] // side, side, -1)
        share = weight.reshape(shape).mean((1, 3))
        average = (weight * image).reshape(shape).mean((1, 3))
        average = average / np.maximum(share, 1e-6)
        below = np.ones_like(average) * mean
        if level < levels:
            below = doubled(fill(level + 1))
        trust = np.minimum(1.0, 4.0 * share)
        return trust * average + (1.0 - trust) * below

    return fill(0)


@pytest.mark.parametrize("levels", [1, 3])
@pytest.mark.parametrize("share", [0.5, 0.95])
def test_it_is_its_twin(levels, share):
    images = RNG.uniform(size=(2, 16, 24, 3)).astype("float32")
    mask = holes(share=share)
    expected = [
        pull_push(*pair, levels) for pair in zip(images, mask, strict=True)
    ]
    filled = PullPush(levels)([images, mask])
    np.testing.assert_allclose(filled, expected, atol=1e-5)


def test_known_pixels_stay_and_missing_ones_are_not_read():
    images = RNG.uniform(size=(2, 16, 24, 3)).astype("float32")
    mask = holes()
    filled = np.asarray(PullPush(3)([images, mask]))
    np.testing.assert_array_equal(
        np.where(mask > 0, 0, filled), np.where(mask > 0, 0, images)
    )
    torn = np.where(mask > 0, np.nan, images).astype("float32")
    np.testing.assert_array_equal(PullPush(3)([torn, mask]), filled)


def test_a_constant_goes_on_into_the_largest_hole():
    images = np.full((1, 32, 32, 3), 0.25, "float32")
    mask = np.ones((1, 32, 32, 1), "float32")
    mask[0, 3, 5] = 0.0
    filled = PullPush(2)([images, mask])
    np.testing.assert_allclose(filled, images, atol=1e-6)


def test_nothing_known_is_black():
    filled = PullPush(2)([np.ones((1, 8, 8, 3)), np.ones((1, 8, 8, 1))])
    np.testing.assert_array_equal(filled, 0.0)


def test_layer_contract():
    images = RNG.uniform(size=(2, 8, 12, 3)).astype("float32")
    check_layer(PullPush(2), images, holes((2, 8, 12, 1)))
    with pytest.raises(ValueError, match="`levels` must be a positive int"):
        PullPush(0)
