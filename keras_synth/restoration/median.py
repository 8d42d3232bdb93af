"""Median filter and adaptive median filter against salt-and-pepper noise."""

import numpy as np
from scipy import ndimage

from keras_synth.restoration.arguments import check_odd, image_method


def median(size=3):
    """Median filter against salt-and-pepper noise.

    Each value becomes the median of its square neighborhood in the same
    channel. Fine detail is lost. Beyond the border, the nearest pixel is
    repeated.

    Args:
        size: Side of the neighborhood in pixels, an odd int of at least 3.

    Returns:
        A function from images (batch, height, width, channels), or a dict
        with these as "image", to float32 images of the same shape.

    Raises:
        ValueError: `size` is not an odd int of at least 3.

    Example:

    >>> images = np.zeros((1, 5, 5, 1))
    >>> images[0, 2, 2] = 1.0
    >>> float(median(3)(images).max())
    0.0
    """
    check_odd("size", size)

    def restore(images):
        return _rank(ndimage.median_filter, images, size)

    return image_method(restore)


def adaptive_median(largest=7):
    """Adaptive median filter, which changes only impulses.

    Neighborhoods of 3, 5, ... `largest` pixels a side are tried in turn. Let
    z_min, z_med and z_max be the least value, the median and the greatest
    value of a neighborhood. If z_min < z_med < z_max, the pixel z is kept
    where z_min < z < z_max, and becomes z_med otherwise. If not, the next size
    is tried; after the last size the pixel becomes z_med.

    It keeps more detail than `median` and removes denser salt-and-pepper
    noise.

    Args:
        largest: Side of the largest neighborhood in pixels, an odd int of at
            least 3.

    Returns:
        A function from images (batch, height, width, channels), or a dict
        with these as "image", to float32 images of the same shape.

    Raises:
        ValueError: `largest` is not an odd int of at least 3.

    Reference: Gonzalez & Woods, Digital Image Processing, 4th edition, 2018,
    section 5.3, adaptive median filter.

    Example:

    >>> images = np.linspace(0.1, 0.9, 25).reshape(1, 5, 5, 1)
    >>> images[0, 2, 2] = 1.0
    >>> changed = adaptive_median()(images) != images.astype("float32")
    >>> np.argwhere(changed[0, 1:-1, 1:-1, 0]).tolist()
    [[1, 1]]
    """
    check_odd("largest", largest)

    def restore(images):
        restored = np.empty_like(images)
        undecided = np.ones(images.shape, bool)
        for size in range(3, largest + 1, 2):
            smallest, middle, greatest = (
                _rank(rank, images, size)
                for rank in (
                    ndimage.minimum_filter,
                    ndimage.median_filter,
                    ndimage.maximum_filter,
                )
            )
            good_median = (smallest < middle) & (middle < greatest)
            good_pixel = (smallest < images) & (images < greatest)
            decided = undecided & (good_median | (size == largest))
            chosen = np.where(good_median & good_pixel, images, middle)
            restored[decided] = chosen[decided]
            undecided &= ~decided
        return restored

    return image_method(restore)


def _rank(rank_filter, images, size):
    """Runs a rank filter of SciPy over squares; borders are repeated."""
    return rank_filter(images, size=(1, size, size, 1), mode="nearest")
