"""Padding to a multiple and cropping back."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_synth.layers import CropLike, PadToMultiple
from tests.helpers import check_layer

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("size", [(5, 8), (8, 8), (1, 3), (13, 2)])
def test_padding_equals_numpys_symmetric_mode(size):
    images = RNG.uniform(size=(2, *size, 3)).astype("float32")
    height, width = (-side % 4 for side in size)
    expected = np.pad(
        images, ((0, 0), (0, height), (0, width), (0, 0)), "symmetric"
    )
    np.testing.assert_array_equal(PadToMultiple(4)(images), expected)


def test_layer_contract():
    images = RNG.uniform(size=(2, 5, 7, 3)).astype("float32")
    check_layer(PadToMultiple(4), images)
    check_layer(CropLike(), images, images[:, :3, :6, :1])


def test_unknown_sizes_are_taken():
    layer = PadToMultiple(8)
    padded = tf.function(
        layer.call, input_signature=[tf.TensorSpec((None, None, None, 1))]
    )
    images = RNG.uniform(size=(1, 9, 16, 1)).astype("float32")
    np.testing.assert_array_equal(padded(images), layer(images))


def test_cropping_inverts_padding():
    image = keras.Input((None, None, 1))
    there_and_back = CropLike()([PadToMultiple(16)(image), image])
    images = RNG.uniform(size=(2, 11, 3, 1)).astype("float32")
    model = keras.Model(image, there_and_back)
    np.testing.assert_array_equal(model(images), images)


@pytest.mark.parametrize("multiple", [0, -2, 1.5])
def test_invalid_multiples_are_refused(multiple):
    with pytest.raises(ValueError, match="`multiple` must be a positive int"):
        PadToMultiple(multiple)
