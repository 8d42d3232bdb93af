"""Noise estimation from the finest wavelet coefficients."""

import numpy as np
from keras import ops

_ROOT = np.sqrt(3.0)
# Daubechies' high-pass of four taps: 0 on constant and linear shading.
_HIGH_PASS = np.array([1 - _ROOT, _ROOT - 3, 3 + _ROOT, -1 - _ROOT]) / (
    4 * np.sqrt(2.0)
)
# Median of |x| for a standard normal x.
_NORMAL_MEDIAN = 0.6744897501960817


def estimate_noise_level(images):
    """Noise level estimation: standard deviation of Gaussian noise.

    `σ = median |d| / 0.6745` over the diagonal coefficients d of a
    Daubechies wavelet at the finest scale. Edges make few of them large and
    change the median little. Fine texture all over an image makes the
    estimate too high. Coefficients of exactly zero, from areas without
    noise, do not count.

    Args:
        images: float32 (batch, height, width, channels), at least 4x4.

    Returns:
        float32 (batch, 1, 1, channels), in the units of the images, as
        noise-conditional networks take it.

    Raises:
        ValueError: Images of fewer than 4x4 pixels.

    Reference: Donoho and Johnstone, Ideal spatial adaptation by wavelet
    shrinkage, 1994, section 4.

    Example:

    >>> noise = 0.1 * np.random.RandomState(0).normal(size=(1, 99, 99, 1))
    >>> bool(abs(estimate_noise_level(noise)[0, 0, 0, 0] - 0.1) < 0.005)
    True
    """
    images = ops.cast(ops.convert_to_tensor(images), "float32")
    sides = images.shape[1:3]
    if len(images.shape) != 4 or any(s is not None and s < 4 for s in sides):
        raise ValueError(
            "Images must be (batch, height, width, channels) and at least "
            f"4x4. Received: shape {tuple(images.shape)}"
        )
    wavelet = np.outer(_HIGH_PASS, _HIGH_PASS) / _NORMAL_MEDIAN
    kernel = wavelet.astype("float32")[:, :, None, None]
    levels = []
    for channel in range(images.shape[-1]):
        image = images[..., channel : channel + 1]
        details = ops.conv(
            image, kernel, strides=2, data_format="channels_last"
        )
        details = ops.reshape(ops.abs(details), (ops.shape(images)[0], -1))
        levels.append(_median_of_positive(details))
    return ops.stack(levels, axis=1)[:, None, None]


def _median_of_positive(values):
    """Median of the positive values of the last axis; 0 without any."""
    rising = ops.sort(values, axis=-1)
    zeros = ops.sum(ops.cast(rising == 0.0, "int32"), axis=-1, keepdims=True)
    last = ops.shape(values)[-1] - 1
    lower = zeros + (last - zeros) // 2
    upper = zeros + (last - zeros + 1) // 2
    middle = ops.concatenate([lower, upper], axis=-1)
    middle = ops.clip(middle, 0, last)
    return ops.mean(ops.take_along_axis(rising, middle, axis=-1), axis=-1)
