"""Optimizers that several trainings share."""

import keras


def cosine_adam(learning_rate, steps, beta_1=0.5):
    """Adam for adversarial training, whose rate falls to 0 along a cosine.

    Args:
        learning_rate: Learning rate at the start.
        steps: Steps of the optimizer, over which the rate falls. None for a
            constant rate.
        beta_1: Decay of the mean of gradients.

    Returns:
        A `keras.optimizers.Adam`; the mean of squares decays by 0.99.
    """
    rate = learning_rate
    if steps is not None:
        rate = keras.optimizers.schedules.CosineDecay(rate, steps)
    return keras.optimizers.Adam(rate, beta_1=beta_1, beta_2=0.99)
