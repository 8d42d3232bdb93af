"""Sinusoidal embedding of times or noise levels."""

import math

import keras
from keras import ops

from keras_synth.ops.numbers import is_int


@keras.saving.register_keras_serializable("keras_synth")
class SinusoidalEmbedding(keras.layers.Layer):
    """Sinusoidal embedding: sines and cosines of a number, here a time.

    `[sin(f₁ t), ..., sin(fₙ t), cos(f₁ t), ..., cos(fₙ t)]` with n = dim / 2
    frequencies f from 1 to `largest`, in geometric progression. Computed in
    float32, whatever the precision policy.

    Args:
        dim: Dimension of the embedding, an even int of at least 4.
        largest: Largest frequency, in radians. 1000 suits times of about
            [-1, 1].

    Call arguments:
        inputs: float (batch,).

    Returns:
        float32 (batch, dim).

    Raises:
        ValueError: `dim` is odd or below 4.

    Reference: Vaswani et al., Attention Is All You Need, 2017, section 3.5.

    Example:

    >>> SinusoidalEmbedding(8)(ops.ones((3,))).shape
    TensorShape([3, 8])
    """

    def __init__(self, dim, largest=1000.0, **kwargs):
        kwargs["dtype"] = "float32"
        super().__init__(**kwargs)
        if not is_int(dim) or dim < 4 or dim % 2:
            raise ValueError(
                f"`dim` must be an even int of at least 4. Received: dim={dim}"
            )
        self.dim = dim
        self.largest = largest

    def call(self, inputs):
        exponents = ops.linspace(0.0, math.log(self.largest), self.dim // 2)
        angles = inputs[:, None] * ops.exp(exponents)
        return ops.concatenate([ops.sin(angles), ops.cos(angles)], axis=-1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.dim)

    def get_config(self):
        config = super().get_config()
        return {**config, "dim": self.dim, "largest": self.largest}
