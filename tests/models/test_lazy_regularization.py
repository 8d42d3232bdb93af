"""Lazy regularization: when it is computed, and the optimizer for it."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_synth.models.lazy_regularization import (
    lazy_adam,
    lazy_regularization,
)


def test_it_is_computed_at_every_kth_step_and_zero_at_the_others():
    computed = []

    def function():
        computed.append(True)
        return tf.constant(7.0)

    for step in range(9):
        value, due = lazy_regularization(function, step, 4)
        expected = 1.0 if step in (0, 4, 8) else 0.0
        assert float(due) == expected and float(value) == 7.0 * expected
        assert value.dtype == due.dtype == "float32"
    assert len(computed) == 3


def test_interval_of_one_computes_at_every_step():
    for step in range(3):
        value, due = lazy_regularization(
            lambda: tf.constant([1.0, 2.0]), step, 1
        )
        np.testing.assert_array_equal(value, [1.0, 2.0])
        assert float(due) == 1.0


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_it_works_with_gradients_inside_a_tf_function(dtype, compiled):
    weight = tf.Variable([2.0, 3.0])

    @tf.function(input_signature=[tf.TensorSpec((), dtype)])
    def step_of(step):
        with tf.GradientTape() as tape:
            value, due = lazy_regularization(
                lambda: weight**2, step, 3, (2,), compiled
            )
            total = 3.0 * tf.reduce_sum(value)
        return value, due, tape.gradient(total, weight)

    for step in range(7):
        value, due, gradient = step_of(tf.cast(step, dtype))
        share = float(step % 3 == 0)
        assert float(due) == share
        np.testing.assert_allclose(value, share * np.array([4.0, 9.0]))
        np.testing.assert_allclose(gradient, share * np.array([12.0, 18.0]))


def test_step_can_be_an_optimizers_iterations():
    optimizer = keras.optimizers.SGD()
    optimizer.build([keras.Variable(0.0)])
    optimizer.iterations.assign(32)
    _, due = lazy_regularization(
        lambda: tf.constant(1.0), optimizer.iterations, 16
    )
    assert float(due) == 1.0


@pytest.mark.parametrize("interval", [2, 4, 16])
def test_lazy_adam_over_k_steps_equals_adam_over_k_plus_1(interval):
    """Over k steps it goes as far, and forgets as much, as Adam over k + 1."""
    adam = lazy_adam(interval, learning_rate=3e-3)
    assert type(adam) is keras.optimizers.Adam
    k, rate = interval, float(adam.learning_rate)
    assert (k + 1) * rate == pytest.approx(k * 3e-3, rel=1e-5)
    assert adam.beta_1 == 0.0
    assert adam.beta_2 ** (k + 1) == pytest.approx(0.99**k, rel=1e-12)
    assert adam.epsilon == 1e-8


def test_lazy_adam_has_the_constants_of_the_paper():
    """Appendix B: 2e-3 and 0.99, with c = 16 / 17 and c = 4 / 5."""
    for interval, rate, decay in [
        (16, 1.88235e-3, 0.990586),
        (4, 1.6e-3, 0.991992),
    ]:
        adam = lazy_adam(interval)
        assert float(adam.learning_rate) == pytest.approx(rate, rel=1e-5)
        assert adam.beta_2 == pytest.approx(decay, abs=1e-6)


@pytest.mark.parametrize("interval", [None, 1])
def test_lazy_adam_without_interval_is_adam(interval):
    adam = lazy_adam(interval)
    assert float(adam.learning_rate) == pytest.approx(2e-3)
    assert (adam.beta_1, adam.beta_2) == (0.0, 0.99)


def test_lazy_adam_decays_to_zero_along_a_cosine():
    adam = lazy_adam(4, learning_rate=1e-2, steps=100)
    rates = []
    for step in (0, 50, 100, 200):
        adam.iterations.assign(step)
        rates.append(float(adam.learning_rate))
    np.testing.assert_allclose(rates, [8e-3, 4e-3, 0.0, 0.0], atol=1e-8)
