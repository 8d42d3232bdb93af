"""Warping along a flow against SciPy, TensorFlow and by hand."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from keras_synth.ops import sample, visible_pixels, warp, warping_error

RNG = np.random.default_rng(0)


def random_images(*shape):
    return RNG.uniform(size=shape).astype("float32")


def flow(*shape, scale=4.0):
    return (scale * RNG.normal(size=(*shape, 2))).astype("float32")


def test_bilinear_warping_equals_scipy():
    """Also far outside, where the edge pixels go on."""
    images, shift = random_images(2, 11, 17, 3), flow(2, 11, 17)
    result = warp(images, shift)
    rows, columns = np.mgrid[:11, :17]
    for index, image in enumerate(images):
        x, y = columns + shift[index, ..., 0], rows + shift[index, ..., 1]
        for channel in range(3):
            expected = ndimage.map_coordinates(
                image[..., channel], [y, x], order=1, mode="nearest"
            )
            np.testing.assert_allclose(
                result[index, ..., channel], expected, atol=2e-6
            )


def test_bicubic_warping_equals_keys_kernel():
    """Keys' kernel as the paper writes it, over edges repeated."""
    image, shift = random_images(1, 6, 7, 2), flow(1, 6, 7)
    result = np.asarray(warp(image, shift, "bicubic"))

    def kernel(s):
        s = abs(s)
        if s <= 1:
            return 1.5 * s**3 - 2.5 * s**2 + 1
        return -0.5 * s**3 + 2.5 * s**2 - 4 * s + 2 if s < 2 else 0.0

    for row in range(6):
        for column in range(7):
            x, y = (column, row) + shift[0, row, column]
            expected = 0.0
            for j in range(int(np.floor(y)) - 1, int(np.floor(y)) + 3):
                for i in range(int(np.floor(x)) - 1, int(np.floor(x)) + 3):
                    pixel = image[0, np.clip(j, 0, 5), np.clip(i, 0, 6)]
                    expected = expected + kernel(y - j) * kernel(x - i) * pixel
            np.testing.assert_allclose(
                result[0, row, column], expected, atol=2e-6
            )


def test_bicubic_warping_equals_resizing():
    """Away from the border, where TensorFlow weighs differently."""
    image = random_images(1, 9, 9, 1)
    places = (np.arange(27, dtype="float32") + 0.5) / 3 - 0.5
    places = np.stack(np.meshgrid(places, places), axis=-1)[None]
    # Without antialiasing it takes the kernel from a table.
    upscaled = tf.image.resize(image, (27, 27), "bicubic", antialias=True)
    np.testing.assert_allclose(
        sample(image, places, "bicubic")[:, 6:-6, 6:-6],
        upscaled[:, 6:-6, 6:-6],
        atol=2e-6,
    )


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_flows_of_whole_pixels_are_exact(interpolation):
    images = random_images(2, 8, 9, 3)
    shift = np.broadcast_to(np.float32([3.0, -2.0]), (2, 8, 9, 2))
    moved = np.asarray(warp(images, shift, interpolation))
    np.testing.assert_array_equal(moved[:, 2:, :-3], images[:, :-2, 3:])
    edge = np.broadcast_to(images[:, :-2, -1:], moved[:, 2:, -3:].shape)
    np.testing.assert_array_equal(moved[:, 2:, -3:], edge)
    still = warp(images, 0.0 * shift, interpolation)
    np.testing.assert_array_equal(still, images)


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_gradients_equal_finite_differences(interpolation):
    image = tf.constant(random_images(1, 5, 6, 1), "float32")
    shift = tf.constant(flow(1, 5, 6, scale=1.0))
    weights = random_images(1, 5, 6, 1)

    def total(image, shift):
        return tf.reduce_sum(weights * warp(image, shift, interpolation))

    with tf.GradientTape() as tape:
        tape.watch([image, shift])
        result = total(image, shift)
    by_image, by_shift = tape.gradient(result, [image, shift])
    assert np.isfinite(by_image).all()
    step = random_images(1, 5, 6, 1) - 0.5
    change = total(image + step, shift) - result  # linear in the image
    np.testing.assert_allclose(
        change, np.sum(by_image * step), rtol=1e-4, atol=1e-5
    )
    step = np.zeros((1, 5, 6, 2), "float32")
    step[0, 2, 3] = 1e-3, 5e-4
    change = total(image, shift + step) - total(image, shift - step)
    np.testing.assert_allclose(
        change / 2, np.sum(by_shift * step), rtol=2e-2, atol=1e-6
    )


def test_warping_error_counts_visible_pixels_only():
    """By hand; what leaves the image, or is hidden, does not count."""
    images, others = random_images(2, 5, 6, 3), random_images(2, 5, 6, 3)
    shift = np.zeros((2, 5, 6, 2), "float32")
    shift[0, ..., 0], shift[1, ..., 1] = 2.0, -1.0
    visible = (random_images(2, 5, 6, 1) > 0.3).astype("float32")
    error = warping_error(images, others, shift, visible)
    parts = [
        (images[0, :, :-2], others[0, :, 2:], visible[0, :, :-2]),
        (images[1, 1:], others[1, :-1], visible[1, 1:]),
    ]
    for mean, (image, other, shown) in zip(error, parts, strict=True):
        squared = ((image - other) ** 2).mean(-1)[shown[..., 0] == 1.0]
        np.testing.assert_allclose(mean, squared.mean(), rtol=1e-5)
    nothing = warping_error(images, others, shift, 0.0 * visible)
    np.testing.assert_array_equal(nothing, 0.0)
    assert float(warping_error(images, images, 0.0 * shift)[0]) == 0.0


def test_pixels_covered_by_a_moving_square_are_not_visible():
    """A square of 4 x 4 steps 3 to the right over what stands still."""
    forward = np.zeros((1, 10, 14, 2), "float32")
    forward[0, 3:7, 2:6, 0] = 3.0
    backward = np.zeros((1, 10, 14, 2), "float32")
    backward[0, 3:7, 5:9, 0] = -3.0
    expected = np.ones((1, 10, 14, 1), "float32")
    expected[0, 3:7, 6:9] = 0.0
    np.testing.assert_array_equal(visible_pixels(forward, backward), expected)


def test_bad_arguments_are_refused():
    images, shift = random_images(2, 5, 6, 1), flow(2, 5, 6)
    with pytest.raises(ValueError, match="`interpolation` must be one of"):
        warp(images, shift, "nearest")
    with pytest.raises(ValueError, match="`images` must be floats"):
        warp((255 * images).astype("uint8"), shift)
    with pytest.raises(ValueError, match="`flow` must be .*here"):
        warp(images, shift[:, :4])
    with pytest.raises(ValueError, match="`flow` must be"):
        warp(images, shift[..., :1])
    with pytest.raises(ValueError, match="`places` must be"):
        sample(images, shift[:1])
    with pytest.raises(ValueError, match="must have the same shape"):
        warping_error(images, images[:, :4], shift)
