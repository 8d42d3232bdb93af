"""Luma of colors against scikit-image and its formula."""

import numpy as np
import pytest
from skimage.color import rgb2ycbcr

from keras_synth.ops import full_range_luma, studio_range_luma


def colors(max_value=1.0):
    rng = np.random.default_rng(0)
    return (max_value * rng.uniform(size=(2, 5, 4, 3))).astype("float32")


@pytest.mark.parametrize("max_value", [1.0, 255.0])
def test_studio_range_luma_equals_scikit_image(max_value):
    expected = rgb2ycbcr(colors(), channel_axis=-1)[..., :1]  # 16 to 235
    luma = studio_range_luma(colors(max_value), max_value)
    np.testing.assert_allclose(
        255 / max_value * np.asarray(luma), expected, atol=1e-3
    )


def test_full_range_is_the_weighted_sum_and_spans_black_to_white():
    images = colors()
    expected = images @ np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(
        full_range_luma(images)[..., 0], expected, atol=1e-6
    )
    np.testing.assert_allclose(full_range_luma(np.ones((1, 3))), [[1.0]])


def test_float64_stays_float64():
    assert studio_range_luma(colors().astype("float64")).dtype == "float64"


@pytest.mark.parametrize("shape", [(4, 4, 1), (4, 4, 4), ()])
@pytest.mark.parametrize("luma", [full_range_luma, studio_range_luma])
def test_other_numbers_of_channels_are_refused(luma, shape):
    with pytest.raises(ValueError, match="3 channels"):
        luma(np.zeros(shape))
