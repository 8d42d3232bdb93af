"""Filtered resampling (upfirdn): against SciPy, loops, and its laws."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import signal

from keras_synth.ops import upfirdn
from keras_synth.ops.filtering import check_taps

TAPS = {
    "binomial": (1.0, 3.0, 3.0, 1.0),
    "lopsided": (0.5, 1.0, -2.0, 4.0, 3.0),
    "pair": (1.0, -2.0),
}


def random_images(batch=2, height=7, width=6, channels=3):
    rng = np.random.default_rng(0)
    return rng.normal(size=(batch, height, width, channels)).astype("float32")


def twin(images, taps, up=1, down=1, padding=(0, 0)):
    """The four steps, one value at a time."""
    batch, height, width, channels = images.shape
    wide = np.zeros((batch, up * height, up * width, channels))
    for row, column in np.ndindex(height, width):
        wide[:, up * row, up * column] = images[:, row, column]
    wide = np.pad(wide, [(0, 0), padding, padding, (0, 0)])
    last = len(taps) - 1
    sides = [(side - last - 1) // down + 1 for side in wide.shape[1:3]]
    out = np.zeros((batch, *sides, channels))
    for row, column in np.ndindex(*sides):
        for k, kth in enumerate(taps):
            for m, mth in enumerate(taps):
                out[:, row, column] += (
                    kth
                    * mth
                    * wide[:, down * row + last - k, down * column + last - m]
                )
    return out


@pytest.mark.parametrize("taps", TAPS.values(), ids=TAPS)
@pytest.mark.parametrize("up, down", [(1, 1), (2, 1), (1, 2), (2, 3)])
def test_it_equals_scipy_along_each_side(taps, up, down):
    """SciPy's borders: all zeros that the filter reaches from a value."""
    images = random_images()
    expected = images
    for axis in (1, 2):
        expected = signal.upfirdn(taps, expected, up, down, axis)
    padding = (len(taps) - 1, len(taps) - up)
    found = upfirdn(images, taps, up, down, padding)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "up, down, padding",
    [
        (1, 1, (0, 0)),
        (1, 1, (2, 1)),
        (2, 1, (2, 1)),
        (1, 2, (1, 1)),
        (3, 2, (4, 0)),
        (2, 3, (0, 3)),
    ],
)
@pytest.mark.parametrize("taps", TAPS.values(), ids=TAPS)
def test_it_equals_its_four_steps(taps, up, down, padding):
    images = random_images()
    found = upfirdn(images, taps, up, down, padding)
    expected = twin(images, taps, up, down, padding)
    # as the docstring has it
    for side, size in zip(found.shape[1:3], images.shape[1:3], strict=True):
        extra = sum(padding) - len(taps)
        assert side == (up * size + extra) // down + 1
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_the_gain_is_a_factor_of_the_result():
    images, taps = random_images(), TAPS["lopsided"]
    plain = upfirdn(images, taps, up=2, padding=(2, 2))
    np.testing.assert_allclose(
        upfirdn(images, taps, up=2, padding=(2, 2), gain=4.0),
        4.0 * plain,
        rtol=1e-6,
    )


def test_channels_and_images_do_not_mix():
    images = random_images()
    whole = upfirdn(images, TAPS["lopsided"], 2, 1, (3, 2))
    for image, channel in np.ndindex(2, 3):
        part = images[image : image + 1, :, :, channel : channel + 1]
        np.testing.assert_allclose(
            upfirdn(part, TAPS["lopsided"], 2, 1, (3, 2))[0, :, :, 0],
            whole[image, :, :, channel],
            rtol=1e-5,
            atol=1e-6,
        )


def test_halving_is_the_adjoint_of_doubling():
    """`<up(x), y> = <x, down(y)>`, the taps turned round."""
    taps = TAPS["lopsided"]
    x, y = random_images(1, 4, 4), random_images(1, 8, 8)
    above = upfirdn(x, taps, up=2, padding=(3, 1))
    below = upfirdn(y, taps[::-1], down=2, padding=(1, 3))
    assert above.shape == y.shape and below.shape == x.shape
    products = [np.sum(above * y), np.sum(x * below)]
    assert products[0] == pytest.approx(products[1], rel=1e-4)
    assert abs(products[0]) > 1.0


@pytest.mark.parametrize(
    "dtype, tolerance", [("float16", 1e-2), ("float64", 1e-6)]
)
def test_it_keeps_the_dtype(dtype, tolerance):
    images = random_images()
    found = upfirdn(images.astype(dtype), TAPS["binomial"], 2, 1, (2, 1))
    assert found.dtype == dtype
    expected = twin(images, TAPS["binomial"], 2, 1, (2, 1))
    np.testing.assert_allclose(
        found, expected, rtol=tolerance, atol=10 * tolerance
    )


def test_a_batch_of_unknown_size_is_taken():
    @tf.function(input_signature=[tf.TensorSpec((None, 7, 6, 3))])
    def doubled(images):
        return upfirdn(images, TAPS["binomial"], 2, 1, (2, 1))

    for count in (1, 3):
        images = random_images(count)
        np.testing.assert_allclose(
            doubled(images),
            twin(images, TAPS["binomial"], 2, 1, (2, 1)),
            rtol=1e-4,
            atol=1e-5,
        )


def test_taps_are_scaled_to_a_sum_of_one_and_then_stay():
    assert check_taps([1, 3, 3, 1]) == (0.125, 0.375, 0.375, 0.125)
    lopsided = check_taps((1, 2, 3, 4, 7))
    np.testing.assert_allclose(lopsided, np.array([1, 2, 3, 4, 7]) / 17)
    rng = np.random.default_rng(0)
    for _ in range(20):
        once = check_taps(rng.uniform(size=7))
        assert check_taps(once) == once


@pytest.mark.parametrize(
    "taps",
    [(), (1.0,), 3.0, None, (1.0, -1.0), (0, 0), [[1, 1], [1, 1]], (1, np.nan)],
)
def test_bad_taps_are_refused(taps):
    with pytest.raises(ValueError, match="`taps` must be at least two numbers"):
        check_taps(taps)
