"""Path-length regularization (StyleGAN2)."""

import keras
from keras import ops

from keras_synth.losses.gradient_penalties import GradientPenalty
from keras_synth.ops import mean_or_zero, path_lengths
from keras_synth.ops.numbers import is_number


@keras.saving.register_keras_serializable("keras_synth")
class PathLength(GradientPenalty):
    """Path-length regularization: penalty on the variance of path lengths.

    `weight · E[(‖Jᵀ y‖ - a)²]`, with the lengths of `ops.path_lengths` and a
    their running mean, `a ← a + decay · (mean ‖Jᵀ y‖ - a)`, which the model
    keeps. It makes the generator smoother and easier to invert.

    The first computation sets a, with a penalty of 0. (The authors start from
    a = 0, so that the first penalties favor images that do not depend on the
    style.)

    Args:
        weight: Weight of the penalty in the generator's loss.
        interval: Number of generator steps from one computation to the next.
            The penalty is multiplied by it.
        decay: Share of a new batch in the running mean, in (0, 1].

    Reference: Karras et al., Analyzing and Improving the Image Quality of
    StyleGAN, 2020, section 3.2, equation 4. There a is updated before the
    comparison; here after it, so that all replicas compare with the same a.

    Example:

    >>> bright = lambda w: 0.5 * ops.reshape(w[:, 0], (-1, 2, 2, 1))
    >>> styles, directions = ops.ones((1, 1, 4)), ops.ones((1, 2, 2, 1))
    >>> penalty, length = PathLength()(bright, styles, directions, mean=3.0)
    >>> round(float(penalty), 4), round(float(length), 4)  # 2 · (1 - 3)²
    (8.0, 1.0)
    """

    def __init__(self, weight=2.0, interval=4, decay=0.01):
        super().__init__(weight, interval)
        if not (is_number(decay) and 0 < decay <= 1):
            raise ValueError(
                "`decay` must be above 0 and at most 1. "
                f"Received: decay={decay!r}"
            )
        self.decay = decay

    def __call__(self, synthesize, styles, directions, mean):
        """The penalty and the mean length, both means over the batch.

        Args:
            synthesize: Function from styles to images in [0, 1].
            styles: Float (batch, layers, style_dim).
            directions: Standard normal noise of the images' shape.
            mean: The running mean a, a scalar; 0 before the first batch.
        """
        lengths = path_lengths(synthesize, styles, directions)
        penalty = self.weight * mean_or_zero(ops.square(lengths - mean))
        return ops.where(mean > 0, penalty, 0.0), mean_or_zero(lengths)

    def update_mean(self, mean, length):
        """The running mean a after a batch of the given mean length."""
        length = ops.stop_gradient(length)
        further = mean + self.decay * (length - mean)
        return ops.where(mean > 0, further, length)

    def get_config(self):
        return {**super().get_config(), "decay": self.decay}
