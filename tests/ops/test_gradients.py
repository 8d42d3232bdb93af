"""Slopes of judges whose slopes are known."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_synth.ops import squared_gradient_norms

SHAPE = (3, 4, 2, 1)


def pictures(seed=0, shape=SHAPE):
    rng = np.random.default_rng(seed)
    return rng.uniform(size=shape).astype("float32")


def weights(seed=1):
    rng = np.random.default_rng(seed)
    return rng.normal(size=SHAPE[1:]).astype("float32")


def total(values):
    return keras.ops.sum(values, axis=(1, 2, 3))


def test_a_linear_judge_has_the_slope_of_its_weights():
    a = weights()
    norms = squared_gradient_norms(lambda x: total(a * (2 * x - 1)), pictures())
    np.testing.assert_allclose(norms, 3 * [np.sum(a**2)], rtol=1e-5)


def test_each_picture_has_its_own_slope():
    a, images = weights(), pictures()
    norms = squared_gradient_norms(
        lambda x: total(0.5 * a * (2 * x - 1) ** 2), images
    )
    expected = np.sum((a * (2 * images - 1)) ** 2, axis=(1, 2, 3))
    assert expected.std() > 0.1
    np.testing.assert_allclose(norms, expected, rtol=1e-5)


def test_the_verdicts_of_a_picture_are_added_up():
    a, images = weights(), pictures()
    by_patch = squared_gradient_norms(lambda x: a * (2 * x - 1) ** 2, images)
    by_picture = squared_gradient_norms(
        lambda x: total(a * (2 * x - 1) ** 2), images
    )
    np.testing.assert_allclose(by_patch, by_picture, rtol=1e-6)


def test_a_networks_slope_is_its_finite_differences():
    network = keras.Sequential(
        [
            keras.layers.Flatten(),
            keras.layers.Dense(8, activation="tanh"),
            keras.layers.Dense(1),
        ]
    )
    images, step = pictures(), 1e-2
    slopes = []
    for pixel in np.eye(8, dtype="float32").reshape(8, *SHAPE[1:]):
        # a pixel of [-1, 1] moves by `step` where one of [0, 1] does by half
        above = network(images + 0.5 * step * pixel)
        below = network(images - 0.5 * step * pixel)
        slopes.append((above - below) / (2 * step))
    expected = np.sum(np.square(slopes), axis=(0, 2))
    np.testing.assert_allclose(
        squared_gradient_norms(network, images), expected, rtol=1e-3
    )


def test_norms_can_be_differentiated_again():
    a, images = weights(), tf.Variable(pictures())
    with tf.GradientTape() as tape:
        norms = squared_gradient_norms(
            lambda x: total(0.5 * a * (2 * x - 1) ** 2), images
        )
    # ‖a y‖² with y = 2x - 1
    np.testing.assert_allclose(
        tape.gradient(norms, images), 4 * a**2 * (2 * images - 1), rtol=1e-4
    )


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_norms_are_float32_for_pictures_and_judges_of_any_precision(dtype):
    a, images = weights(), pictures()
    norms = squared_gradient_norms(
        lambda x: total(tf.cast(a, dtype) * tf.cast(2 * x - 1, dtype)),
        images.astype(dtype),
    )
    assert norms.dtype == "float32"
    np.testing.assert_allclose(norms, 3 * [np.sum(a**2)], rtol=5e-3)


def test_a_batch_of_unknown_size_is_taken():
    a = weights()

    @tf.function(input_signature=[tf.TensorSpec((None, *SHAPE[1:]))])
    def norms(images):
        return squared_gradient_norms(
            lambda x: total(a * (2 * x - 1) ** 2), images
        )

    images = pictures()
    expected = np.sum((2 * a * (2 * images - 1)) ** 2, axis=(1, 2, 3))
    np.testing.assert_allclose(norms(images), expected, rtol=1e-5)
    np.testing.assert_allclose(norms(images[:1]), expected[:1], rtol=1e-5)
