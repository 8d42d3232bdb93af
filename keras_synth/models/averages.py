"""Moving averages of the weights of networks."""

import keras
from keras import ops

from keras_synth.ops.numbers import is_number


def frozen_copy(network):
    """A copy of a network with the same weights, not trainable."""
    copied = keras.models.clone_model(network)
    copied.trainable = False
    copied.set_weights(network.get_weights())
    return copied


def move_averages(averages, decay, steps):
    """Moves averages towards their networks, in place.

    Args:
        averages: List of `(average, network)`.
        decay: Decay of the average, in [0, 1). 0 makes it equal to the
            network. In step t the decay is at most (1 + t) / (10 + t), or
            the average would keep much of the random initialization.
        steps: t, a scalar.
    """
    pairs = [
        pair
        for average, network in averages
        for pair in zip(average.weights, network.weights, strict=True)
    ]
    if decay == 0:
        for average, weight in pairs:
            average.assign(weight)
        return
    decay = ops.minimum(decay, (1.0 + steps) / (10.0 + steps))
    for average, weight in pairs:
        average.assign_sub((1.0 - decay) * (average - weight))


def check_decay(decay):
    """Refuses decays of an average out of range."""
    if not (is_number(decay) and 0 <= decay < 1):
        raise ValueError(
            "`average_decay` must be at least 0 and below 1. "
            f"Received: average_decay={decay!r}"
        )
