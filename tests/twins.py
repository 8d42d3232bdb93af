"""StyleGAN2's parts in slow, obvious NumPy, one image at a time.

Images are (height, width, channels) here, kernels (size, size, in, out).
"""

import math

import numpy as np
from scipy import signal


def scaled_leaky_relu(x):
    return math.sqrt(2.0) * np.where(x > 0, x, 0.2 * x)


def correlated(image, kernel, mode="same"):
    """What neural networks call a convolution: the kernel is not turned."""
    return _filtered(signal.correlate2d, image, kernel, mode)


def convolved(image, kernel, mode="full"):
    """What everybody else does: the kernel is turned by 180 degrees."""
    return _filtered(signal.convolve2d, image, kernel, mode)


def _filtered(operation, image, kernel, mode):
    planes = [
        sum(
            operation(image[..., i], kernel[:, :, i, o], mode)
            for i in range(kernel.shape[2])
        )
        for o in range(kernel.shape[3])
    ]
    return np.stack(planes, axis=-1)


def low_pass(image, taps, mode="full"):
    """Each channel convolved with the taps, whose sum becomes 1."""
    taps = np.asarray(taps, "float64") / np.sum(taps)
    kernel = np.outer(taps, taps)[:, :, None, None]
    return np.concatenate(
        [
            convolved(plane, kernel, mode)
            for plane in np.split(image, image.shape[-1], axis=-1)
        ],
        axis=-1,
    )


def with_zeros_between(image):
    height, width, channels = image.shape
    wide = np.zeros((2 * height, 2 * width, channels))
    wide[::2, ::2] = image
    return wide


def doubled(image, taps, kernel=None):
    """Zeros in between, the kernel (if any), the low-pass filter.

    Pixels are squares: the one at i becomes those at 2i and 2i + 1, around
    2i + 1/2. So from the full result as much is cut off as brings the middle
    of kernel and filter there; to 2i + 1, where their length is odd.
    """
    height, width, _ = image.shape
    wide = with_zeros_between(image)
    length = len(taps)
    if kernel is not None:
        wide = convolved(wide, kernel)
        length += len(kernel) - 1
    wide = 4 * low_pass(wide, taps)
    start = math.floor((length - 1) / 2 - 1 / 2)
    return wide[start : start + 2 * height, start : start + 2 * width]


def halved(image, taps, kernel=None):
    """The low-pass filter, the kernel (if any), every second value.

    Placed as by `doubled`: the new pixel at i lies around 2i + 1/2; at 2i,
    where the length is odd.
    """
    height, width, _ = image.shape
    length = len(taps) + (0 if kernel is None else len(kernel) - 1)
    border = math.ceil((length - 1) / 2 - 1 / 2)
    wide = np.pad(image, [(border, border), (border, border), (0, 0)])
    wide = low_pass(wide, taps, "valid")
    if kernel is not None:
        wide = correlated(wide, kernel, "valid")
    return wide[::2, ::2][: height // 2, : width // 2]


def modulated(image, scales, kernel, demodulate=True, taps=None):
    """An image's own kernel, as Karras et al. 2020 have it, and its use.

    Args:
        image: (height, width, in).
        scales: (in,).
        kernel: (size, size, in, out).
        demodulate: whether each output's kernel becomes of length 1.
        taps: of the filter, where the sides are doubled.
    """
    own = scales[:, None] * kernel  # equation 1
    if demodulate:  # equation 3
        own = own / np.sqrt(np.sum(own**2, axis=(0, 1, 2)) + 1e-8)
    if taps is None:
        return correlated(image, own)
    return doubled(image, taps, own)
