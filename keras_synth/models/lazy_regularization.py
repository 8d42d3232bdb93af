"""Lazy regularization: a regularization term computed at every k-th step."""

import keras
import tensorflow as tf


def lazy_regularization(function, step, interval, shape=(), compiled=False):
    """Computes a term at every `interval`-th step, and zeros at the others.

    The function must not assign variables or draw random numbers: TensorFlow
    allows neither inside a condition under `MirroredStrategy`.

    Args:
        function: Function without arguments that gives a float32 tensor.
        step: Number of the step, an int scalar that starts at 0.
        interval: Number of steps from one computation to the next.
        shape: Shape of the tensor.
        compiled: Whether XLA compiles the step (`jit_compile=True`). It cannot
            differentiate through the condition where the size of a batch is
            unknown, so the term is computed at every step then.

    Returns:
        `(value, due)`: the tensor, or zeros of its shape; and 1.0 at a step
        that computed it, 0.0 at the others.

    Reference: Karras et al., Analyzing and Improving the Image Quality of
    StyleGAN, 2020, section 3.1, "lazy regularization".
    """
    if interval == 1:
        return function(), tf.constant(1.0)
    due = tf.equal(tf.cast(step, "int64") % interval, 0)
    if compiled:
        value = tf.where(due, function(), 0.0)
    else:
        value = tf.cond(due, function, lambda: tf.zeros(shape))
    return value, tf.cast(due, "float32")


def lazy_adam(interval=None, learning_rate=2e-3, steps=None):
    """Adam with the constants that lazy regularization asks for.

    With k = `interval`, the learning rate and the exponent of β₂ are
    multiplied by k / (k + 1), as if each regularization were a step of its
    own, which it is in the paper. Here it shares a step with the main loss, so
    that the multiplication only makes the learning rate smaller, by a fifth
    for k = 4 and 6 % for k = 16. On noisy quadratic losses, training without it
    keeps closer to training with the term in every step. The constants stay
    those of the paper, with which the preset and the rows of the benchmarks
    were trained; `interval=None` leaves them out.

    Args:
        interval: k, the number of steps from one regularization to the next.
            None and 1 leave the constants as they are.
        learning_rate: Learning rate before the multiplication.
        steps: Number of steps in which the learning rate falls to 0 along a
            cosine. None keeps it constant.

    Returns:
        A `keras.optimizers.Adam` with β₁ = 0 and β₂ = 0.99^(k / (k + 1)).

    Reference: Karras et al. 2020, appendix B, "Lazy regularization".
    """
    share = interval / (interval + 1) if interval and interval > 1 else 1.0
    rate = learning_rate * share
    if steps is not None:
        rate = keras.optimizers.schedules.CosineDecay(rate, steps)
    return keras.optimizers.Adam(
        rate, beta_1=0.0, beta_2=0.99**share, epsilon=1e-8
    )
