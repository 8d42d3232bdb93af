"""All layers of a model, nested ones included (a private way of Keras)."""

import keras

from keras_synth.layers import SpectralNormalization
from keras_synth.layers.nested import all_layers, freeze_again


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


def test_loaded_layers_are_frozen_as_they_were(tmp_path):
    inputs = keras.Input((4, 6))
    inner = keras.Sequential([keras.Input((4, 6)), keras.layers.Dense(6)])
    attention = keras.layers.MultiHeadAttention(2, 3)
    trained = keras.layers.MultiHeadAttention(2, 3)
    x = attention(inner(inputs), inputs)
    network = keras.Model(inputs, trained(x, inputs))
    attention.trainable = False
    inner.trainable = False
    inner.layers[0].trainable = True
    wanted = [v.trainable for v in network.weights]
    network.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras")
    assert [v.trainable for v in loaded.weights] != wanted
    freeze_again(loaded)
    assert [v.trainable for v in loaded.weights] == wanted
