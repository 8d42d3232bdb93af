"""EpochOrder: a plain `keras.Model` gets the same data after a stop."""

import keras
import numpy as np
import pytest

from keras_synth import callbacks, datasets, degradations


def _pairs():
    images = np.random.default_rng(0).integers(0, 256, (12, 8, 8, 1), "uint8")
    source = datasets.source_from_arrays("x", "all", images, np.zeros(12, int))
    return datasets.restoration_pipeline(
        source, degradations.GaussianNoise(0.1), 4, batch_size=4
    )


def _network():
    keras.utils.set_random_seed(0)
    network = keras.Sequential([keras.layers.Conv2D(1, 3, padding="same")])
    network.compile(keras.optimizers.Adam(0.01), "mae")
    network.build((None, None, None, 1))
    return network


def _fit(network, **options):
    pairs = _pairs()
    network.fit(
        pairs,
        shuffle=False,
        verbose=0,
        callbacks=[callbacks.EpochOrder(pairs)],
        **options,
    )


@pytest.mark.slow
def test_resumed_training_equals_training_without_a_stop():
    straight, stopped, other = _network(), _network(), _network()
    _fit(straight, epochs=3)
    _fit(stopped, epochs=1)
    _fit(stopped, epochs=3, initial_epoch=1)
    for ours, theirs in zip(stopped.weights, straight.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    _fit(other, epochs=1)
    _fit(other, epochs=2)  # the order of epochs 0, 0, 1 differs from 0, 1, 2
    assert np.abs(other.weights[0] - straight.weights[0]).max() > 0


def test_other_datasets_are_refused():
    with pytest.raises(ValueError, match="keras_synth.datasets"):
        callbacks.EpochOrder([1, 2])
