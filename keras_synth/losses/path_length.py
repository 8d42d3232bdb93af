"""Path-length regularization of StyleGAN2."""

import keras
from keras import ops

from keras_synth.losses.gradient_penalties import GradientPenalty
from keras_synth.ops import mean_or_zero, path_lengths


@keras.saving.register_keras_serializable("keras_synth")
class PathLength(GradientPenalty):
    """Path-length regularization: penalty on the variance of path lengths.

    `weight · E[(‖Jᵀ y‖ - a)²]`, with the lengths of `ops.path_lengths` and a
    their running mean, `a ← a + decay · (mean ‖Jᵀ y‖ - a)`, which the model
    keeps. A generator with it is smoother, and easier to invert.

    The first computation sets a and costs nothing. A mean that began at 0, as
    the authors' does, would first of all ask for images that do not change
    with their style.

    Args:
        weight: Weight of the penalty in the generator's loss.
        interval: Generator steps from one computation to the next, each that
            many times as heavy.
        decay: Decay of the running mean.

    Reference: Karras et al., Analyzing and Improving the Image Quality of
    StyleGAN, 2020, section 3.2, equation 4. There a is updated before it is
    compared with; here after, so that the parts of a batch on several
    replicas are compared with the same.

    Example:

    >>> bright = lambda w: 0.5 * ops.reshape(w[:, 0], (-1, 2, 2, 1))
    >>> styles, directions = ops.ones((1, 1, 4)), ops.ones((1, 2, 2, 1))
    >>> penalty, length = PathLength()(bright, styles, directions, mean=3.0)
    >>> round(float(penalty), 4), round(float(length), 4)  # 2 · (1 - 3)²
    (8.0, 1.0)
    """

    def __init__(self, weight=2.0, interval=4, decay=0.01):
        super().__init__(weight, interval)
        if not 0 < decay <= 1:
            raise ValueError(
                "`decay` must be above 0 and at most 1. "
                f"Received: decay={decay!r}"
            )
        self.decay = decay

    def __call__(self, synthesize, styles, directions, mean):
        """The penalty and the mean length, both means over the batch.

        Args:
            synthesize: See `ops.path_lengths`.
            styles: See `ops.path_lengths`.
            directions: See `ops.path_lengths`.
            mean: a, a scalar; 0 where there is none yet.
        """
        lengths = path_lengths(synthesize, styles, directions)
        penalty = self.weight * mean_or_zero(ops.square(lengths - mean))
        return ops.where(mean > 0, penalty, 0.0), mean_or_zero(lengths)

    def update_mean(self, mean, length):
        """a, after a batch of that mean length."""
        length = ops.stop_gradient(length)
        further = mean + self.decay * (length - mean)
        return ops.where(mean > 0, further, length)

    def get_config(self):
        return {**super().get_config(), "decay": self.decay}
