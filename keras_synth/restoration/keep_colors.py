"""Keeping the colors of a small image in what a network makes of it."""

import numpy as np
from scipy import ndimage

from keras_synth.restoration.bicubic import upscaled

_WINDOW = 31  # pixels of the small image


def keep_colors(small, large):
    """The large image, with the local mean colors of the small one.

    A network that learned to undo noise and compression also learns what
    these do to colors on average, and moves those of every image a little.
    With the mean D over the pixels of the large image that belong to one of the
    small, the mean B over 31 x 31 of these, and bicubic upscaling U:

        `x̂ + U B(y - D x̂)`

    Detail stays as it is.

    Args:
        small: Small images y, (batch, height, width, channels), floats.
        large: Upscaled ones x̂, (batch, s · height, s · width, channels), with
            a whole number s.

    Returns:
        float32 images of the size of `large`, not clipped.

    Raises:
        ValueError: The sizes do not fit.

    Reference: Wang et al., Exploiting Diffusion Prior for Real-World Image
    Super-Resolution, 2024: color correction, there of wavelets.

    Example:

    >>> small, large = np.full((1, 8, 9, 3), 0.5), np.full((1, 16, 18, 3), 0.6)
    >>> bool(np.allclose(keep_colors(small, large), 0.5))
    True
    """
    small, large = (np.asarray(x, "float32") for x in (small, large))
    batch, height, width, channels = small.shape
    scale = large.shape[1] // height
    if large.shape != (batch, scale * height, scale * width, channels):
        raise ValueError(
            "`large` must be a whole number of times as high and as wide as "
            f"`small`. Received: {large.shape} and {small.shape}"
        )
    cells = (batch, height, scale, width, scale, channels)
    change = small - large.reshape(cells).mean(axis=(2, 4))
    change = ndimage.uniform_filter(change, (1, _WINDOW, _WINDOW, 1))
    return large + upscaled(change, scale)
