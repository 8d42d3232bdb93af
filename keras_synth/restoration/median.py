"""Median filters: for salt-and-pepper noise."""

import numpy as np
from scipy import ndimage

from keras_synth.restoration.arguments import check_odd, image_method


def median(size=3):
    """The median of each pixel's neighborhood, channel by channel.

    Against salt-and-pepper noise, at the price of fine detail. Borders are
    repeated outwards.

    Args:
        size: side of the neighborhood in pixels, odd.

    Returns:
        A method, images → images.

    Raises:
        ValueError: `size` is even or below 3.

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
    """The median, only where a pixel is an impulse, as small as will do.

    For neighborhoods of 3, 5, ... `largest` pixels a side, with least value
    z_min, median z_med and greatest value z_max: where z_min < z_med < z_max
    the median is no impulse, so the pixel z stays if z_min < z < z_max and
    becomes z_med otherwise; where it is one, the next size decides. What the
    last size does not decide becomes its z_med.

    Keeps more detail than `median` and stands heavier salt-and-pepper noise.

    Args:
        largest: side of the largest neighborhood in pixels, odd.

    Returns:
        A method, images → images.

    Raises:
        ValueError: `largest` is even or below 3.

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
    """SciPy's filter over squares, borders repeated."""
    return rank_filter(images, size=(1, size, size, 1), mode="nearest")
