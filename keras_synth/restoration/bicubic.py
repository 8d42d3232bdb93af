"""Bicubic upscaling, the baseline of super-resolution."""

import numpy as np
from keras import ops

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
    if type(scale) is not int or scale < 1:
        raise ValueError(
            f"`scale` must be an int, at least 1. Received: scale={scale!r}"
        )

    def restore(images):
        edge = 2  # pixels that the kernel reaches beyond the border
        margin = ((0, 0), (edge, edge), (edge, edge), (0, 0))
        padded = np.pad(images, margin, "symmetric")
        size = [scale * side for side in padded.shape[1:3]]
        # With antialiasing, which changes nothing when upscaling, TensorFlow
        # computes the weights and does not look them up in a coarse table.
        upscaled = ops.convert_to_numpy(
            ops.image.resize(padded, size, "bicubic", antialias=True)
        )
        cut = slice(scale * edge, -scale * edge)
        return upscaled[:, cut, cut]

    return image_method(restore)
