"""Noise injection with a learned strength."""

import keras
import numpy as np
import tensorflow as tf

from keras_synth.layers import NoiseInjection
from tests.helpers import check_layer

RNG = np.random.default_rng(0)
X = RNG.standard_normal((2, 3, 4, 5)).astype("float32")
NOISE = RNG.standard_normal((2, 3, 4, 1)).astype("float32")


def built(strength):
    layer = NoiseInjection()
    layer.build([X.shape, NOISE.shape])
    layer.strength.assign(strength)
    return layer


def test_layer_contract():
    check_layer(built(0.5), X, NOISE)


def test_no_noise_is_added_at_the_start():
    layer = NoiseInjection()
    np.testing.assert_array_equal(layer([X, NOISE]), X)
    assert layer.count_params() == 1


def test_every_channel_gets_the_same_noise():
    added = np.asarray(built(-0.5)([X, NOISE])) - X
    for channel in range(5):
        np.testing.assert_allclose(
            added[..., channel], -0.5 * NOISE[..., 0], atol=1e-6
        )


def test_the_strength_has_a_gradient_at_the_start():
    layer = built(0.0)
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(layer([X, NOISE]))
    gradient = tape.gradient(value, layer.strength.value)
    np.testing.assert_allclose(gradient, 5 * np.sum(NOISE), rtol=1e-4)


def test_half_precision():
    keras.config.set_dtype_policy("mixed_float16")
    layer = built(0.5)
    found = layer([X, NOISE])
    assert found.dtype == "float16" and layer.strength.dtype == "float32"
    np.testing.assert_allclose(found, X + 0.5 * NOISE, atol=5e-3)
