"""All layers of a model, nested ones included (a private way of Keras)."""

import keras

from keras_synth.layers import SpectralNormalization
from keras_synth.layers.nested import all_layers


class Block(keras.layers.Layer):
    """A layer that holds another one."""

    def __init__(self):
        super().__init__()
        self.inner = keras.layers.BatchNormalization()

    def call(self, x):
        return self.inner(x)


def test_layers_of_models_wrappers_and_blocks_are_found():
    inputs = keras.Input((4,))
    x = SpectralNormalization(keras.layers.Dense(3))(inputs)
    nested = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    network = keras.Model(inputs, Block()(nested(x)))
    found = [type(layer) for layer in all_layers(network)]
    assert found.count(keras.layers.Dense) == 2
    assert found.count(SpectralNormalization) == 1
    assert found.count(keras.layers.BatchNormalization) == 1
    assert keras.Sequential in found and found[0] is type(network)
