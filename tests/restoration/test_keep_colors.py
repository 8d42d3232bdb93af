"""`keep_colors`: the small image's colors, the large one's detail."""

import numpy as np
import pytest

from keras_synth.restoration import bicubic, keep_colors

RNG = np.random.default_rng(0)


def cell_means(large, scale):
    batch, height, width, channels = large.shape
    cells = (batch, height // scale, scale, width // scale, scale, channels)
    return large.reshape(cells).mean(axis=(2, 4))


def test_what_has_the_right_colors_stays():
    large = RNG.uniform(size=(2, 24, 32, 3)).astype("float32")
    kept = keep_colors(cell_means(large, 4), large)
    np.testing.assert_allclose(kept, large, atol=1e-6)


def test_a_constant_shift_is_taken_back_and_detail_stays():
    large = RNG.uniform(size=(1, 80, 120, 3)).astype("float32")
    shift = np.float32([0.1, -0.2, 0.05])
    kept = keep_colors(cell_means(large, 2), large + shift)
    np.testing.assert_allclose(kept, large, atol=1e-5)


def test_differences_may_be_as_large_as_colors():
    small, large = np.zeros((1, 9, 8, 3)), np.ones((1, 18, 16, 3))
    np.testing.assert_allclose(keep_colors(small, large), 0.0, atol=1e-6)


def test_only_means_over_31_pixels_count():
    """One pixel's change c is spread: c / 31^2 on each of 31 x 31."""
    small = np.zeros((1, 61, 61, 1), "float32")
    small[0, 30, 30] = 1.0
    kept = keep_colors(small, np.zeros((1, 122, 122, 1)))
    spread = np.zeros_like(small)
    spread[0, 15:46, 15:46] = 1 / 31**2
    np.testing.assert_allclose(kept, bicubic(2)(spread), atol=1e-6)


def test_sizes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="a whole number of times"):
        keep_colors(np.zeros((1, 8, 8, 3)), np.zeros((1, 16, 20, 3)))
