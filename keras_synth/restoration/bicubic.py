"""Bicubic upscaling, the baseline of super-resolution."""

import functools

import numpy as np
from keras import ops

from keras_synth.ops.numbers import is_int
from keras_synth.restoration.arguments import image_method


def bicubic(scale):
    """Bicubic upscaling by cubic convolution.

    It uses Keys' kernel with a = -1/2 and mirrored borders, as MATLAB's
    `imresize` does before it rounds to 8 bits.

    Args:
        scale: Factor of height and width, an int of at least 1.

    Returns:
        A function from images (batch, height, width, channels), or a dict
        with these as "image", to float32 images (batch, scale · height, scale
        · width, channels), not clipped.

    Raises:
        ValueError: `scale` is not an int of at least 1.

    Reference: Keys, Cubic Convolution Interpolation for Digital Image
    Processing, 1981, equation 15.

    Example:

    >>> bicubic(4)(np.zeros((1, 8, 12, 3))).shape
    (1, 32, 48, 3)
    """
    if not is_int(scale) or scale < 1:
        raise ValueError(
            f"`scale` must be an int, at least 1. Received: scale={scale!r}"
        )

    return image_method(functools.partial(upscaled, scale=scale))


def upscaled(values, scale):
    """Values of any range, upscaled: float32 (batch, height, width, channels).

    Args:
        values: Float (batch, height, width, channels).
        scale: Factor of height and width.
    """
    edge = 2  # pixels that the kernel reaches beyond the border
    margin = ((0, 0), (edge, edge), (edge, edge), (0, 0))
    padded = np.pad(values, margin, "symmetric")
    size = [scale * side for side in padded.shape[1:3]]
    # With antialiasing, which changes nothing when upscaling, TensorFlow
    # computes the weights and does not look them up in a coarse table.
    large = ops.convert_to_numpy(
        ops.image.resize(padded, size, "bicubic", antialias=True)
    )
    cut = slice(scale * edge, -scale * edge)
    return large[:, cut, cut]
