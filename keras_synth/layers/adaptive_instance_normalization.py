"""Adaptive instance normalization (AdaIN), by style maps or vectors."""

import keras
from keras import ops

from keras_synth.layers.equalized import EqualizedDense
from keras_synth.ops import adaptive_instance_normalization, channel_statistics


@keras.saving.register_keras_serializable("keras_synth")
class AdaptiveInstanceNormalization(keras.layers.Layer):
    """Adaptive instance normalization (AdaIN) with the statistics of maps.

    `σ(y) (x - μ(x)) / σ(x) + μ(y)`, mean and deviation over each channel of
    each image (`ops.adaptive_instance_normalization`). It has no weights.
    Statistics are computed in float32, whatever the policy.

    Args:
        epsilon: Constant added to the variances, above 0.

    Call arguments:
        inputs: `[x, y]`, content maps (batch, height, width, channels) and
            style maps (batch or 1, height', width', channels).

    Returns:
        Maps of the shape of `x`.

    Raises:
        ValueError: Called with maps whose channels differ.

    Reference: Huang and Belongie, Arbitrary Style Transfer in Real-Time with
    Adaptive Instance Normalization, 2017, equation 8.

    Example:

    >>> layer = AdaptiveInstanceNormalization()
    >>> layer([ops.ones((2, 8, 6, 4)), ops.ones((2, 5, 5, 4))]).shape
    TensorShape([2, 8, 6, 4])
    """

    def __init__(self, epsilon=1e-5, **kwargs):
        super().__init__(**kwargs)
        self.epsilon = _checked(epsilon)

    def call(self, inputs):
        content, style = inputs
        return adaptive_instance_normalization(content, style, self.epsilon)

    def compute_output_shape(self, input_shapes):
        return input_shapes[0]

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon}


@keras.saving.register_keras_serializable("keras_synth")
class StyledInstanceNormalization(keras.layers.Layer):
    """Adaptive instance normalization with statistics from a style vector.

    `(1 + s) (x - μ(x)) / σ(x) + b`, where `[s, b] = w A + a` is a learned
    affine map of the style w with equalized learning rate: the "AdaIN" of
    the first StyleGAN. s and b are random at the start.

    Args:
        epsilon: Constant added to the variances, above 0.

    Call arguments:
        inputs: `[x, w]`, maps (batch, height, width, channels) and styles
            (batch, style_dim).

    Returns:
        Maps of the shape of `x`.

    Reference: Karras et al., A Style-Based Generator Architecture for
    Generative Adversarial Networks, 2019, equation 1.

    Example:

    >>> layer = StyledInstanceNormalization()
    >>> layer([ops.ones((2, 8, 6, 4)), ops.ones((2, 7))]).shape
    TensorShape([2, 8, 6, 4])
    """

    def __init__(self, epsilon=1e-5, **kwargs):
        super().__init__(**kwargs)
        self.epsilon = _checked(epsilon)

    def build(self, input_shapes):
        maps, styles = input_shapes
        self.affine = EqualizedDense(
            2 * maps[-1], dtype=self.dtype_policy, name="affine"
        )
        self.affine.build(styles)

    def call(self, inputs):
        maps, styles = inputs
        mean, deviation = channel_statistics(maps, self.epsilon)
        scale, shift = ops.split(
            ops.cast(self.affine(styles), mean.dtype)[:, None, None], 2, axis=-1
        )
        normalized = (ops.cast(maps, mean.dtype) - mean) / deviation
        return ops.cast((1.0 + scale) * normalized + shift, maps.dtype)

    def compute_output_shape(self, input_shapes):
        return input_shapes[0]

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon}


def _checked(epsilon):
    if not epsilon > 0:
        raise ValueError(
            f"`epsilon` must be above 0. Received: epsilon={epsilon!r}"
        )
    return epsilon
