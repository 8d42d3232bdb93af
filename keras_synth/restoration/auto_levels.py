"""Automatic levels: faded contrast and color casts."""

import numpy as np

from keras_synth.ops.numbers import is_number
from keras_synth.restoration.arguments import image_method

_LEAST_SPAN = 1 / 8  # of a channel that is stretched


def auto_levels(share=0.002):
    """Automatic levels: the range of each color channel becomes [0, 1].

    `y = (x - low) / (high - low)`, where the given share of the pixels of the
    channel lies below `low`, and as many above `high`. So black and white lose
    a cast, such as that of sepia, and faded images get their contrast back. An
    image with a channel that spans less than an eighth is returned as it is:
    it has no black and white.

    Args:
        share: Share of the pixels that become black, and of those that become
            white, from 0 to less than one half.

    Returns:
        A function from images (batch, height, width, channels), or a dict
        with these as "image", to float32 images of the same shape.

    Raises:
        ValueError: `share` is out of range.

    Reference: Limare et al., Simplest Color Balance, 2011.

    Example:

    >>> ramp = np.linspace(0.0, 1.0, 11)[None, None, :, None]
    >>> restored = auto_levels(share=0.0)(0.3 + 0.5 * ramp)
    >>> bool(np.abs(restored - ramp).max() < 1e-6)
    True
    """
    if not (is_number(share) and 0 <= share < 0.5):
        raise ValueError(
            f"`share` must be from 0 to less than 0.5. Received: {share!r}"
        )

    def restore(images):
        low, high = np.quantile(
            images, (share, 1.0 - share), axis=(1, 2), keepdims=True
        )
        span = high - low
        stretched = (images - low) / np.maximum(span, _LEAST_SPAN)
        enough = np.min(span, axis=-1, keepdims=True) >= _LEAST_SPAN
        return np.where(enough, np.clip(stretched, 0.0, 1.0), images)

    return image_method(restore)
