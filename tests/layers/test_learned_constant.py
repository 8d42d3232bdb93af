"""Learned constant, repeated for each image."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_synth.layers import LearnedConstant
from tests.helpers import check_layer


def test_layer_contract():
    check_layer(LearnedConstant((4, 4, 2)), np.zeros((3, 5), "float32"))
    check_layer(LearnedConstant([2]), np.ones((1, 6, 5), "float32"))


def test_every_image_gets_the_same_constant_whatever_the_input():
    layer = LearnedConstant((4, 4, 2))
    rng = np.random.default_rng(0)
    made = np.asarray(layer(rng.normal(size=(3, 5))))
    for image in made:
        np.testing.assert_array_equal(image, layer.constant)
    np.testing.assert_array_equal(layer(np.full((3, 5), 1e6)), made)


def test_it_is_standard_normal_at_the_start():
    layer = LearnedConstant((16, 16, 64))
    values = np.asarray(layer(np.zeros((1, 2))))
    assert np.mean(values) == pytest.approx(0.0, abs=0.03)
    assert np.var(values) == pytest.approx(1.0, rel=0.03)


def test_gradients_of_all_images_are_added():
    layer = LearnedConstant((2, 3))
    weights = np.arange(24.0, dtype="float32").reshape(4, 2, 3)
    layer.build((4, 5))
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(weights * layer(np.zeros((4, 5))))
    gradient = tape.gradient(value, layer.constant.value)
    np.testing.assert_allclose(gradient, weights.sum(axis=0))


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_it_works_inside_a_network(policy):
    keras.config.set_dtype_policy(policy)
    inputs = keras.Input((3, 5))
    layer = LearnedConstant((4, 4, 2))
    network = keras.Model(inputs, layer(inputs))
    assert network.output_shape == (None, 4, 4, 2)
    assert network.output.dtype == layer.compute_dtype
    made = network.predict(np.zeros((6, 3, 5)), verbose=0)
    np.testing.assert_allclose(made, np.stack(6 * [layer.constant]), atol=2e-3)
