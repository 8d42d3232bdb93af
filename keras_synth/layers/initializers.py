"""Kernel initializers: ICNR for sub-pixel convolution."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("keras_synth")
class ICNR(keras.initializers.Initializer):
    """ICNR initializer: pixel shuffle without a checkerboard pattern.

    All `scale²` values of a square of pixels start with the same kernel, so
    that the pixel shuffle starts as nearest-neighbor upscaling.

    Args:
        scale: Factor of the pixel shuffle, an int.
        initializer: Initializer of the distinct kernels, name or
            `keras.initializers.Initializer`.

    Example:

    >>> kernel = ICNR(2, keras.initializers.RandomNormal(seed=0))((3, 3, 1, 8))
    >>> bool(ops.all(kernel[..., :2] == kernel[..., 6:]))
    True

    Reference: Aitken et al., Checkerboard Artifact Free Sub-Pixel Convolution,
    2017, section 4.
    """

    def __init__(self, scale, initializer="glorot_uniform"):
        self.scale = scale
        self.initializer = keras.initializers.get(initializer)

    def __call__(self, shape, dtype=None):
        squares, rest = divmod(shape[-1], self.scale**2)
        if rest:
            raise ValueError(
                "`shape` must end in a multiple of scale² = "
                f"{self.scale**2}. Received: shape={tuple(shape)}"
            )
        kernel = self.initializer((*shape[:-1], squares), dtype=dtype)
        # depth_to_space takes the channels as (row, column, channel).
        return ops.tile(kernel, (1,) * (len(shape) - 1) + (self.scale**2,))

    def get_config(self):
        return {
            "scale": self.scale,
            "initializer": keras.initializers.serialize(self.initializer),
        }
