"""Interpolation between pixels against loops, laws and SciPy."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from keras_synth.ops import resample

RNG = np.random.default_rng(0)


def random_images(shape=(2, 9, 12, 3)):
    return RNG.uniform(size=shape).astype("float32")


def grid(rows, columns, batch):
    rows, columns = np.meshgrid(rows, columns, indexing="ij")
    shape = (batch, *rows.shape)
    return (
        np.broadcast_to(each, shape).astype("float32")
        for each in (rows, columns)
    )


def test_whole_pixels_keep_their_values_and_borders_are_mirrored():
    images = random_images()
    rows, columns = grid(np.arange(-20, 30), np.arange(-31, 40), 2)
    expected = np.pad(images, ((0, 0), (20, 21), (31, 28), (0, 0)), "reflect")
    np.testing.assert_array_equal(resample(images, rows, columns), expected)


def upscaled(line):
    """Values and, between them, Lanczos' interpolation; twice as many."""
    out = []
    for i, value in enumerate(line):
        total = weights = 0.0
        for k in range(i - 2, i + 4):
            distance = i + 0.5 - k
            weight = np.sinc(distance) * np.sinc(distance / 3)
            k = abs(k)  # mirrored on the left, then on the right
            k = min(k, 2 * (len(line) - 1) - k)
            total, weights = total + weight * line[k], weights + weight
        out += [value, total / weights]
    return np.array(out)


def test_between_pixels_it_is_bilinear_at_twice_the_size():
    images = random_images()
    count = 200
    rows = RNG.uniform(0, 8, (2, 1, count)).astype("float32")
    columns = RNG.uniform(0, 11, (2, 1, count)).astype("float32")
    read = np.asarray(resample(images, rows, columns))
    assert read.shape == (2, 1, count, 3)
    for i in range(2):
        for channel in range(3):
            fine = images[i, :, :, channel].astype("float64")
            for axis in (0, 1):
                fine = np.apply_along_axis(upscaled, axis, fine)
            expected = ndimage.map_coordinates(
                fine, (2.0 * rows[i, 0], 2.0 * columns[i, 0]), order=1
            )
            np.testing.assert_allclose(
                read[i, 0, :, channel], expected, atol=1e-5
            )


def test_waves_are_interpolated_better_than_bilinearly():
    def wave(rows, columns):
        return np.cos(0.9 * rows + 0.4) * np.sin(1.1 * columns)

    pixels = np.arange(24.0)
    image = wave(pixels[:, None], pixels).astype("float32")
    rows, columns = grid(np.arange(4, 20, 0.7), np.arange(4, 20, 0.7), 1)
    truth = wave(rows[0], columns[0])
    read = resample(image[None, :, :, None], rows, columns)[0, :, :, 0]
    bilinear = ndimage.map_coordinates(image, (rows[0], columns[0]), order=1)
    errors = [np.std(each - truth) for each in (read, bilinear)]
    assert errors[0] < 0.4 * errors[1], errors


def test_the_gradient_is_the_adjoint():
    images, values = tf.Variable(random_images()), random_images((2, 5, 7, 3))
    rows = RNG.uniform(-9, 17, (2, 5, 7)).astype("float32")
    columns = RNG.uniform(-12, 24, (2, 5, 7)).astype("float32")
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(values * resample(images, rows, columns))
    gradient = np.asarray(tape.gradient(value, images), "float64")
    others = random_images()
    assert np.sum(gradient * others) == pytest.approx(
        np.sum(values * resample(others, rows, columns)), rel=1e-5
    )


def test_the_smallest_image_and_a_batch_of_unknown_size():
    @tf.function(input_signature=[tf.TensorSpec((None, 2, 2, 1))])
    def middle(images):
        half = 0.5 * tf.ones((tf.shape(images)[0], 1, 1))
        return resample(images, half, half)

    for count in (1, 3):
        images = random_images((count, 2, 2, 1))
        np.testing.assert_allclose(
            middle(images)[:, 0, 0, 0], images.mean(axis=(1, 2, 3)), atol=1e-6
        )
