"""What need not be computed at every step."""

import keras
import tensorflow as tf


def lazily(function, step, interval, outputs=()):
    """Computes something at every so many-th step, and zeros at the others.

    Nothing inside may be assigned or drawn: under `MirroredStrategy` a step
    that only happens now and then can do neither.

    Args:
        function: of no arguments, gives a float32 tensor.
        step: int scalar, counted from 0.
        interval: positive int.
        outputs: the tensor's shape.

    Returns:
        `(value, due)`: what the function gave, or zeros; and 1.0 or 0.0.

    Reference: Karras et al., Analyzing and Improving the Image Quality of
    StyleGAN, 2020, section 3.1, "lazy regularization".
    """
    if interval == 1:
        return function(), tf.constant(1.0)
    due = tf.equal(tf.cast(step, "int64") % interval, 0)
    value = tf.cond(due, function, lambda: tf.zeros(outputs))
    return value, tf.cast(due, "float32")


def lazy_adam(interval=None, learning_rate=2e-3, steps=None):
    """Adam as if the steps of regularization were steps of their own.

    Args:
        interval: k, where regularization comes at every k-th step; None for
            none. The rate, and the exponent of the decay, are k / (k + 1)
            times what they are without.
        learning_rate: without it.
        steps: over which the rate falls to 0 along a cosine; None for a
            constant one.

    Returns:
        A `keras.optimizers.Adam`, β₁ = 0 and β₂ = 0.99.

    Reference: Karras et al. 2020, appendix B, "Lazy regularization".
    """
    share = interval / (interval + 1) if interval and interval > 1 else 1.0
    rate = learning_rate * share
    if steps is not None:
        rate = keras.optimizers.schedules.CosineDecay(rate, steps)
    return keras.optimizers.Adam(
        rate, beta_1=0.0, beta_2=0.99**share, epsilon=1e-8
    )
