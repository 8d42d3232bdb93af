"""The reparameterization: z = m + s ε, and gradients through it."""

import numpy as np
import pytest
import tensorflow as tf

from keras_synth.layers import GaussianSampling
from tests.helpers import check_layer


def moments(rows=3):
    rng = np.random.default_rng(0)
    return rng.normal(size=(2, rows, 4)).astype("float32")


def test_layer_contract():
    mean, log_variance = moments()
    noise = np.ones_like(mean)
    check_layer(GaussianSampling(seed=1), mean, log_variance, noise=noise)
    noise = np.ones((5, *mean.shape), "float32")
    check_layer(
        GaussianSampling(num_samples=5), mean, log_variance, noise=noise
    )


def test_samples_equal_the_formula_for_given_noise():
    mean, log_variance = moments()
    noise = np.random.default_rng(1).normal(size=mean.shape)
    z = GaussianSampling()([mean, log_variance], noise=noise.astype("float32"))
    np.testing.assert_allclose(
        z, mean + np.exp(0.5 * log_variance) * noise, rtol=1e-5
    )


def test_samples_have_the_mean_and_variance():
    mean, log_variance = moments()
    z = GaussianSampling(20_000, seed=0)([mean, log_variance])
    deviation = np.exp(0.5 * log_variance)
    np.testing.assert_allclose(
        np.mean(z, axis=0), mean, atol=4 * deviation.max() / np.sqrt(20_000)
    )
    np.testing.assert_allclose(np.std(z, axis=0), deviation, rtol=0.03)


def test_each_call_draws_new_noise():
    layer = GaussianSampling(seed=0)
    first, second = (np.asarray(layer(list(moments()))) for _ in range(2))
    assert np.abs(first - second).min() > 0


def test_gradients_equal_the_formula():
    mean, log_variance = (tf.Variable(value) for value in moments())
    noise = tf.random.normal(mean.shape)
    with tf.GradientTape() as tape:
        z = GaussianSampling()([mean, log_variance], noise=noise)
    to_mean, to_log_variance = tape.gradient(z, [mean, log_variance])
    np.testing.assert_array_equal(to_mean, np.ones(mean.shape))
    np.testing.assert_allclose(
        to_log_variance,
        0.5 * np.exp(0.5 * log_variance.numpy()) * noise,
        rtol=1e-5,
    )


def test_number_of_samples_is_checked():
    with pytest.raises(ValueError, match="num_samples=0"):
        GaussianSampling(num_samples=0)
