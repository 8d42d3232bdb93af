"""Nearest-neighbor upsampling: that of Keras, with a known channel count."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_synth.layers import NearestUpSampling2D
from tests.helpers import check_layer


@pytest.mark.parametrize("size", [2, (3, 1)])
def test_it_is_that_of_keras(size):
    images = np.random.default_rng(0).uniform(size=(2, 3, 5, 4))
    images = images.astype("float32")
    layer = NearestUpSampling2D(size)
    np.testing.assert_array_equal(
        layer(images), keras.layers.UpSampling2D(size)(images)
    )
    check_layer(layer, images)


def test_the_number_of_channels_stays_known():
    """LiteRT cannot convert the next convolution without it."""
    shape = tf.TensorSpec((None, None, None, 3))
    traced = tf.function(NearestUpSampling2D()).get_concrete_function(shape)
    assert traced.outputs[0].shape[-1] == 3
