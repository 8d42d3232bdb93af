"""Luma of color images (ITU-R BT.601)."""

from keras import ops

#: Luma weights of red, green and blue (ITU-R BT.601-7, section 2.5.1).
LUMA_WEIGHTS = (0.299, 0.587, 0.114)


def full_range_luma(images):
    """Luma Y in full range: black is 0 and white the largest value.

    `Y = 0.299 R + 0.587 G + 0.114 B`

    Args:
        images: Float (..., 3), red, green, blue, in any unit.

    Returns:
        (..., 1), in that unit.

    Raises:
        ValueError: There are not three channels.

    Reference: ITU-R BT.601-7, section 2.5.1.

    Example:

    >>> full_range_luma([[1.0, 1.0, 1.0], [0.0, 1.0, 0.0]]).numpy()
    array([[1.   ],
           [0.587]], dtype=float32)
    """
    images = ops.convert_to_tensor(images)
    if len(images.shape) < 1 or images.shape[-1] != 3:
        raise ValueError(
            "Luma needs color images with 3 channels in the last axis. "
            f"Received: shape {tuple(images.shape)}"
        )
    channels = ops.split(images, 3, axis=-1)
    red, green, blue = (
        weight * channel
        for weight, channel in zip(LUMA_WEIGHTS, channels, strict=True)
    )
    return red + green + blue


def studio_range_luma(images, max_value=1.0):
    """Luma Y in studio range: black is 16/255 and white 235/255.

    `Y = (16 + 65.481 R + 128.553 G + 24.966 B) / 255`, R, G, B in [0, 1],
    which is `(16 + 219 Y_full) / 255`: the Y of MATLAB's `rgb2ycbcr`, on which
    tables of super-resolution are computed.

    A trap: this Y spans 219 of 255 levels, yet PSNR is reckoned against the
    full 255. The same error therefore scores `20 log10(255 / 219)` = 1.32 dB
    more than on `full_range_luma`. Compare figures of the same luma only.

    Args:
        images: Float (..., 3), red, green, blue, in [0, max_value].
        max_value: Value of white in `images`.

    Returns:
        (..., 1), in [16/255, 235/255] times `max_value`.

    Raises:
        ValueError: There are not three channels.

    Reference: ITU-R BT.601-7, sections 2.5.1 and 2.5.3.

    Example:

    >>> (255 * studio_range_luma([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])).numpy()
    array([[ 16.],
           [235.]], dtype=float32)
    """
    return (16.0 * max_value + 219.0 * full_range_luma(images)) / 255.0
