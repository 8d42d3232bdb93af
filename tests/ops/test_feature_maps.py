"""Gram matrices, and what counts as a network of feature maps."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_synth.ops import gram_matrix
from keras_synth.ops.feature_maps import check_feature_network, feature_maps

MAPS = np.random.default_rng(0).normal(size=(2, 5, 7, 4)).astype("float32")


def twin(maps):
    batch, height, width, channels = maps.shape
    result = np.zeros((batch, channels, channels))
    for picture in range(batch):
        for c in range(channels):
            for d in range(channels):
                products = maps[picture, ..., c] * maps[picture, ..., d]
                result[picture, c, d] = products.sum()
    return result / (height * width * channels)


def test_gram_matrix_is_its_formula():
    np.testing.assert_allclose(gram_matrix(MAPS), twin(MAPS), atol=1e-6)


def test_gram_matrix_keeps_energy_and_forgets_places():
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


def test_networks_give_maps_by_name():
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
