"""Statistics of feature maps, and checks of feature networks."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_synth.ops import (
    adaptive_instance_normalization,
    channel_statistics,
    gram_matrix,
    relative_squared_error,
)
from keras_synth.ops.feature_maps import check_feature_network, feature_maps

MAPS = np.random.default_rng(0).normal(size=(2, 5, 7, 4)).astype("float32")


def twin(maps):
    batch, height, width, channels = maps.shape
    result = np.zeros((batch, channels, channels))
    for image in range(batch):
        for c in range(channels):
            for d in range(channels):
                products = maps[image, ..., c] * maps[image, ..., d]
                result[image, c, d] = products.sum()
    return result / (height * width * channels)


def test_gram_matrix_equals_its_formula():
    np.testing.assert_allclose(gram_matrix(MAPS), twin(MAPS), atol=1e-6)


def test_gram_matrix_keeps_energy_and_ignores_positions():
    grams = np.asarray(gram_matrix(MAPS))
    energy = np.mean(MAPS**2, axis=(1, 2, 3))
    np.testing.assert_allclose(np.trace(grams, axis1=1, axis2=2), energy, 1e-5)
    mirrored = gram_matrix(MAPS[:, ::-1, ::-1])
    np.testing.assert_allclose(mirrored, grams, atol=1e-6)
    tiled = gram_matrix(np.tile(MAPS, (1, 2, 3, 1)))
    np.testing.assert_allclose(tiled, grams, atol=1e-6)


def test_gram_matrix_takes_maps_of_unknown_size():
    signature = tf.TensorSpec((None, None, None, 4))
    traced = tf.function(gram_matrix, input_signature=[signature])
    np.testing.assert_allclose(traced(MAPS), twin(MAPS), atol=1e-6)


def test_other_numbers_of_axes_are_refused():
    with pytest.raises(ValueError, match=r"`maps` must be .* \(5, 7, 4\)"):
        gram_matrix(MAPS[0])


def test_channel_statistics_equal_numpy():
    mean, deviation = channel_statistics(MAPS, epsilon=0.25)
    axes = {"axis": (1, 2), "keepdims": True}
    np.testing.assert_allclose(mean, MAPS.mean(**axes), atol=1e-6)
    expected = np.sqrt(MAPS.var(**axes) + 0.25)
    np.testing.assert_allclose(deviation, expected, rtol=1e-5)


def test_the_gradient_of_a_deviation_of_zero_is_finite():
    maps = tf.ones((1, 4, 4, 2))
    with tf.GradientTape() as tape:
        tape.watch(maps)
        _, deviation = channel_statistics(maps)
    assert not np.any(tape.gradient(deviation, maps))


def test_adaptive_instance_normalization_equals_its_formula():
    style = 3.0 * MAPS[:, ::-1, :4] + 7.0
    result = adaptive_instance_normalization(MAPS, style, epsilon=0.01)
    for image in range(2):
        for channel in range(4):
            x, y = MAPS[image, ..., channel], style[image, ..., channel]
            scale = np.sqrt((y.var() + 0.01) / (x.var() + 0.01))
            expected = scale * (x - x.mean()) + y.mean()
            ours = result[image, ..., channel]
            np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-5)
    half = adaptive_instance_normalization(
        MAPS.astype("float16"), style.astype("float16"), epsilon=0.01
    )
    assert half.dtype == "float16"
    np.testing.assert_allclose(half, result, rtol=1e-2, atol=0.05)


def test_the_relative_error_does_not_depend_on_scale():
    values = 2.0 * MAPS[::-1] + 1.0
    error = relative_squared_error(MAPS, values)
    axes = (1, 2, 3)
    expected = ((values - MAPS) ** 2).sum(axes) / (MAPS**2).sum(axes)
    np.testing.assert_allclose(error, expected, rtol=1e-5)
    scaled = relative_squared_error(1e3 * MAPS, 1e3 * values)
    np.testing.assert_allclose(scaled, error, rtol=1e-5)
    assert not np.any(relative_squared_error(MAPS, MAPS))
    np.testing.assert_allclose(relative_squared_error(MAPS, 0 * MAPS), 1.0)
    assert np.isfinite(relative_squared_error(0 * MAPS, MAPS)).all()


def test_feature_maps_are_returned_by_layer_name():
    inputs = keras.Input((4, 4, 3))
    network = keras.Model(inputs, {"b": inputs * 2.0, "a": inputs})
    assert check_feature_network(network) == ["b", "a"]
    images = MAPS[:, :4, :4, :3]
    np.testing.assert_array_equal(
        feature_maps(network, images)["b"], 2 * images
    )
    with pytest.raises(ValueError, match="3 channels. Build .* channels=4"):
        feature_maps(network, MAPS[:, :4, :4])
    vectors = {"vector": keras.layers.Flatten()(inputs)}
    for bad in (
        None,
        keras.Model(inputs, inputs * 2.0),
        keras.Model(inputs, vectors),
    ):
        with pytest.raises(ValueError, match="`features` must be a network"):
            check_feature_network(bad)
