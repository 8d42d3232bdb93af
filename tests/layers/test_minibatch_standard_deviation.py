"""Minibatch deviation against loops over groups, features, positions."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_synth.layers import MinibatchStandardDeviation
from tests.helpers import check_layer


def features(count, seed=0):
    rng = np.random.default_rng(seed)
    # images as different as can be, so that groups differ as well
    scale = rng.uniform(0.1, 5.0, size=(count, 1, 1, 1))
    return (scale * rng.normal(size=(count, 3, 2, 4))).astype("float32")


def twin(x, group_size):
    """The last channel, as the docstring has it."""
    count, height, width, channels = x.shape
    size = group_size if count % group_size == 0 else count
    groups = count // size
    plane = np.zeros((count, height, width, 1))
    for image in range(count):
        members = [i for i in range(count) if i % groups == image % groups]
        assert len(members) == size
        deviations = [
            np.sqrt(np.var([x[i, row, column, channel] for i in members]))
            for row in range(height)
            for column in range(width)
            for channel in range(channels)
        ]
        plane[image] = np.mean(deviations)
    return plane


def test_layer_contract():
    check_layer(MinibatchStandardDeviation(2), features(6))


@pytest.mark.parametrize("group_size", [2, 3, 4])
@pytest.mark.parametrize("count", [4, 5, 8, 12, 2])
def test_it_appends_the_deviation_of_each_group(group_size, count):
    x = features(count)
    out = MinibatchStandardDeviation(group_size)(x)
    np.testing.assert_array_equal(out[..., :-1], x)
    np.testing.assert_allclose(out[..., -1:], twin(x, group_size), rtol=1e-4)


def test_groups_have_different_deviations():
    x = features(8)
    out = np.asarray(MinibatchStandardDeviation(4)(x))[:, 0, 0, -1]
    assert len(np.unique(out)) == 2
    np.testing.assert_array_equal(out[0::2], 4 * [out[0]])
    np.testing.assert_array_equal(out[1::2], 4 * [out[1]])


def test_a_batch_whose_size_is_known_only_at_run_time():
    layer = MinibatchStandardDeviation(4)
    function = tf.function(
        layer, input_signature=[tf.TensorSpec((None, 3, 2, 4))]
    )
    for count in (8, 6, 4, 1):
        x = features(count)
        expected = layer(x)
        np.testing.assert_allclose(function(x), expected, rtol=1e-6)
        np.testing.assert_allclose(
            expected[..., -1:], twin(x, 4), rtol=1e-4, atol=2e-4
        )


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_identical_images_have_no_deviation_and_a_finite_gradient(policy):
    keras.config.set_dtype_policy(policy)
    x = tf.Variable(np.repeat(features(1), 4, axis=0))
    with tf.GradientTape() as tape:
        out = MinibatchStandardDeviation()(x)[..., -1]
        value = tf.reduce_sum(out)
    assert np.max(out) < 1e-3
    assert np.isfinite(tape.gradient(value, x)).all()


def test_the_gradient_spreads_the_images_of_a_group():
    x = tf.Variable(features(4))
    with tf.GradientTape() as tape:
        value = tf.reduce_mean(MinibatchStandardDeviation()(x)[..., -1])
    gradient = np.asarray(tape.gradient(value, x))
    mean = np.mean(x, axis=0)
    deviation = np.std(x, axis=0)
    # ∂ std / ∂ x_i = (x_i - mean) / (n std), averaged over 24 features
    np.testing.assert_allclose(
        gradient, (x - mean) / (4 * deviation) / 24, rtol=1e-3, atol=1e-6
    )


def test_half_precision_keeps_its_type():
    keras.config.set_dtype_policy("mixed_float16")
    x = (features(4) + 200).astype("float16")
    out = MinibatchStandardDeviation()(x)
    assert out.dtype == "float16"
    np.testing.assert_array_equal(out[..., :-1], x)
    np.testing.assert_allclose(
        out[..., -1:], twin(x.astype("float32"), 4), rtol=1e-3
    )


def test_it_works_inside_a_network():
    inputs = keras.Input((3, 2, 4))
    outputs = MinibatchStandardDeviation(2)(inputs)
    assert outputs.shape == (None, 3, 2, 5)
    x = features(6)
    np.testing.assert_allclose(
        keras.Model(inputs, outputs).predict(x, verbose=0)[..., -1:],
        twin(x, 2),
        rtol=1e-4,
    )


@pytest.mark.parametrize("group_size", [1, 0, 2.5])
def test_group_size_is_checked(group_size):
    with pytest.raises(ValueError, match=f"group_size={group_size}"):
        MinibatchStandardDeviation(group_size)
