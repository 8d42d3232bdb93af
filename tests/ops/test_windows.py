"""Random windows around masked pixels."""

import numpy as np
import pytest
import tensorflow as tf

from keras_synth.ops import random_windows


def test_each_window_has_a_masked_pixel_in_its_middle():
    """Of an image that numbers its pixels, so that places can be read."""
    height, width, size = 9, 12, (3, 5)
    numbered = np.arange(height * width, dtype="float32")
    image = np.tile(numbered.reshape(1, height, width, 1), (40, 1, 1, 1))
    mask = np.zeros_like(image)
    mask[:, 2:7, 3:9] = 1.0
    first, second = random_windows([image, 2 * image], mask, size, seed=3)
    np.testing.assert_array_equal(2 * first, second)
    assert first.shape == (40, *size, 1)
    middles = np.asarray(first)[:, 1, 2, 0].astype(int)
    rows, columns = np.divmod(middles, width)
    assert mask[0, rows, columns, 0].all()
    assert len(set(middles)) > 15
    for window, row, column in zip(first, rows, columns, strict=True):
        expected = image[0, row - 1 : row + 2, column - 2 : column + 3]
        np.testing.assert_array_equal(window, expected)


def test_windows_stay_inside_the_image():
    image = np.random.default_rng(0).uniform(size=(4, 6, 6, 1))
    mask = np.zeros_like(image)
    mask[0, 0, 0] = mask[1, 5, 5] = mask[2, 0, 5] = 1.0  # and one without
    (windows,) = random_windows([image], mask, (4, 4), seed=0)
    for index, (row, column) in enumerate([(0, 0), (2, 2), (0, 2), (0, 0)]):
        np.testing.assert_allclose(
            windows[index], image[index, row : row + 4, column : column + 4]
        )
    (same,) = random_windows([image], mask, (6, 6), seed=0)
    np.testing.assert_allclose(same, image)
    with pytest.raises(ValueError, match="`size` must be at most"):
        random_windows([image], mask, (7, 4), seed=0)


def test_gradients_return_to_the_cropped_positions():
    image = tf.Variable(np.random.default_rng(0).uniform(size=(2, 6, 6, 1)))
    mask = np.zeros((2, 6, 6, 1), "float32")
    mask[:, 3, 3] = 1.0
    with tf.GradientTape() as tape:
        (window,) = random_windows([1.0 * image], mask, (2, 2), seed=0)
        total = tf.reduce_sum(window)
    gradient = np.asarray(tape.gradient(total, image))
    expected = np.zeros((2, 6, 6, 1))
    expected[:, 2:4, 2:4] = 1.0
    np.testing.assert_array_equal(gradient, expected)
