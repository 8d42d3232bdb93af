"""Blur kernels: Gaussian, and straight lines of motion."""

import math

from keras import ops


def gaussian_kernels(sigma, largest, even=False):
    """Gaussian kernels of one dimension, weights `exp(-d² / 2σ²)`.

    They are cut off at 4 σ, as in `scipy.ndimage.gaussian_filter`.

    Args:
        sigma: Standard deviations σ in pixels, float32 (batch,).
        largest: The greatest of them, a number, which sets the size.
        even: Whether the size is even: the middle lies between two pixels.

    Returns:
        float32 (batch, size), each of sum 1.

    Example:

    >>> kernel = gaussian_kernels(ops.array([0.5]), 0.5)[0]
    >>> [round(float(weight), 2) for weight in kernel]
    [0.0, 0.11, 0.79, 0.11, 0.0]
    """
    radius = int(4.0 * largest + 0.5) + 0.5 * even
    distance = ops.arange(-radius, radius + 1, dtype="float32")
    width = ops.maximum(sigma, 1e-3)[:, None]
    # No more than 80, so that a very narrow kernel keeps its two halves.
    weights = ops.exp(-ops.minimum(0.5 * ops.square(distance / width), 80.0))
    inside = ops.floor(4.0 * sigma + 0.5)[:, None] + 0.5 * even
    weights = ops.where(ops.abs(distance) <= inside, weights, 0.0)
    return weights / ops.sum(weights, axis=1, keepdims=True)


def line_kernels(length, angle, largest):
    """Kernels of linear motion: the mean along a straight line.

    Up to four points a pixel are spaced evenly over the length, each of them
    bilinear between its four pixels.

    Args:
        length: Lengths of the lines in pixels, float32 (batch,).
        angle: Angles in degrees, counterclockwise from the horizontal, float32
            (batch,).
        largest: The greatest length, a number, which sets the size.

    Returns:
        float32 (batch, size, size), each of sum 1.

    Example:

    >>> length, angle = ops.array([3.0]), ops.array([0.0])
    >>> kernel = line_kernels(length, angle, 3.0)[0]
    >>> [round(float(weight), 2) for weight in kernel[2]]
    [0.04, 0.29, 0.34, 0.29, 0.04]
    """
    radius = math.ceil(0.5 * largest)
    count = 4 * math.ceil(largest) + 1  # points at most 1/4 pixel apart
    step = (ops.arange(count, dtype="float32") + 0.5) / count - 0.5
    along = length[:, None] * step  # (batch, count)
    radians = (angle * (math.pi / 180.0))[:, None]
    across = ops.cos(radians) * along
    up = ops.sin(radians) * along
    pixels = ops.arange(-radius, radius + 1, dtype="float32")

    def bilinear(position):  # (batch, count, size)
        return ops.maximum(1.0 - ops.abs(pixels - position[..., None]), 0.0)

    # Rows count downwards.
    return ops.einsum("bny,bnx->byx", bilinear(-up), bilinear(across)) / count
