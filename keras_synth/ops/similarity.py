"""Image similarity: PSNR, SSIM and multi-scale SSIM.

Each function returns one figure per image. SSIM compares two images x and y
under a Gaussian window of 11 x 11 pixels and standard deviation 1.5 that slides
over them, by weighted means m, variances s² and covariance s_xy:

    luminance            l  = (2 m_x m_y + c₁) / (m_x² + m_y² + c₁)
    contrast, structure  cs = (2 s_xy + c₂) / (s_x² + s_y² + c₂)

with `c₁ = (0.01 max_value)²`, `c₂ = (0.03 max_value)²`, where the window lies
inside the image. Both are quotients of polynomials whose denominator is
positive, so their gradients are finite everywhere.

(`keras.ops.image.ssim` gives the same SSIM. It does not return cs, which
several scales need; and the window here is applied to rows, then to columns, in
about a fifth of its time.)
"""

import keras
import numpy as np
from keras import ops

_WINDOW = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
_WINDOW = _WINDOW / _WINDOW.sum()

#: Exponents of the five scales, finest first (Wang et al. 2003, section 3.2).
POWER_FACTORS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


def peak_signal_to_noise_ratio(images, others, max_value=1.0):
    """PSNR of each image, in decibels.

    `10 log10(max_value² / mean (x - y)²)`, the mean over an image's pixels
    and channels. Equal images give infinity.

    Args:
        images: Float (batch, height, width, channels).
        others: The images compared with them, of the same shape.
        max_value: Largest value that a pixel can have.

    Returns:
        (batch,), float32; float64 where the images are.

    Raises:
        ValueError: The shapes differ, or do not have four axes.

    Example:

    >>> black, gray = ops.zeros((1, 4, 4, 1)), ops.full((1, 4, 4, 1), 0.1)
    >>> float(peak_signal_to_noise_ratio(black, gray)[0])
    20.0
    """
    images, others = _as_pair(images, others)
    relative = ops.square((images - others) / max_value)
    return -10.0 * ops.log10(ops.mean(relative, axis=(1, 2, 3)))


def structural_similarity(images, others, max_value=1.0):
    """SSIM of each image.

    The mean of `l · cs` over window positions and channels: 1 for equal
    images, about 0 for unrelated ones, negative for inverted ones.

    Equals scikit-image's `structural_similarity(gaussian_weights=True,
    sigma=1.5, use_sample_covariance=False)` and `tf.image.ssim`.

    Args:
        images: Float (batch, height, width, channels), at least 11 x 11.
        others: The images compared with them, of the same shape.
        max_value: Largest value that a pixel can have.

    Returns:
        (batch,), float32; float64 where the images are.

    Raises:
        ValueError: The shapes differ, or the images are too small.

    Reference: Wang et al., Image Quality Assessment: From Error Visibility to
    Structural Similarity, 2004, equation 13.

    Example:

    >>> black, white = ops.zeros((1, 16, 16, 1)), ops.ones((1, 16, 16, 1))
    >>> round(float(structural_similarity(black, white)[0]), 6)  # c₁ / (1 + c₁)
    0.0001
    """
    images, others = _as_pair(images, others, smallest=11)
    luminance, structure = _local_similarity(images, others, max_value)
    return ops.mean(luminance * structure, axis=(1, 2, 3))


def multi_scale_structural_similarity(
    images, others, max_value=1.0, power_factors=POWER_FACTORS
):
    """Multi-scale SSIM of each image, each scale half the size of the last.

    `MS-SSIM = SSIM_M^w_M · Π_{j < M} cs_j^w_j` in each channel, from means over
    the image; then the mean over channels. An image is halved by averaging
    2 x 2 pixels; the last row or column of an odd size counts twice.

    Where the mean of a scale is negative (structure inverted), it counts as 0:
    the product is 0 there, and so is its gradient.

    Equals `tf.image.ssim_multiscale`.

    Args:
        images: Float (batch, height, width, channels), at least
            `10 · 2^(M - 1) + 1` pixels a side: 161 for five scales.
        others: The images compared with them, of the same shape.
        max_value: Largest value that a pixel can have.
        power_factors: The exponents w, finest scale first, as many as there
            are scales. Small images need fewer: 41 pixels suffice for three.

    Returns:
        (batch,), float32; float64 where the images are.

    Raises:
        ValueError: The shapes differ, the images are too small, or an
            exponent is not above 0.

    Reference: Wang et al., Multi-scale Structural Similarity for Image Quality
    Assessment, 2003, equation 7.

    Example:

    >>> images = ops.reshape(ops.linspace(0.0, 1.0, 32 * 32), (1, 32, 32, 1))
    >>> score = multi_scale_structural_similarity
    >>> float(score(images, images, power_factors=(0.5, 0.5))[0])
    1.0
    """
    power_factors = check_power_factors(power_factors)
    smallest = 10 * 2 ** (len(power_factors) - 1) + 1
    images, others = _as_pair(images, others, smallest)
    product = 1.0
    for scale, power in enumerate(power_factors, start=1):
        if scale > 1:
            images, others = _half(images), _half(others)
        luminance, structure = _local_similarity(images, others, max_value)
        if scale == len(power_factors):
            structure = luminance * structure
        mean = ops.mean(structure, axis=(1, 2))  # (batch, channels)
        product = product * _positive_power(mean, power)
    return ops.mean(product, axis=1)


def check_power_factors(power_factors):
    """Refuses invalid exponents of the scales of MS-SSIM.

    Args:
        power_factors: Exponents of the scales, an iterable of numbers.

    Returns:
        A tuple of floats.

    Raises:
        ValueError: There is none, or one is not a number above 0.
    """
    try:
        factors = tuple(float(factor) for factor in power_factors)
    except (TypeError, ValueError):
        factors = ()
    if not factors or not all(factor > 0 for factor in factors):
        raise ValueError(
            "`power_factors` must be numbers above 0, one a scale. "
            f"Received: power_factors={power_factors!r}"
        )
    return factors


def check_max_value(max_value):
    """Refuses an invalid value of white.

    Args:
        max_value: Value of white in the images.

    Raises:
        ValueError: It is not a number above 0.
    """
    number = isinstance(max_value, int | float) and max_value is not True
    if not number or not max_value > 0:
        raise ValueError(
            "`max_value` must be a number above 0. "
            f"Received: max_value={max_value!r}"
        )


def check_same_shape(images, others):
    """Refuses images of different shapes, which arithmetic would broadcast.

    Args:
        images: Tensor of images.
        others: Tensor of images. Sizes of None match any.

    Raises:
        ValueError: They differ.
    """
    one, other = tuple(images.shape), tuple(others.shape)
    if len(one) != len(other) or any(
        None not in (a, b) and a != b for a, b in zip(one, other, strict=True)
    ):
        raise ValueError(
            "The two sets of images must have the same shape. "
            f"Received: shapes {one} and {other}"
        )


def _as_pair(images, others, smallest=1):
    """Both as floats of at least 32 bits, their shapes checked."""
    images, others = (
        ops.convert_to_tensor(images),
        ops.convert_to_tensor(others),
    )
    check_same_shape(images, others)
    shape = tuple(images.shape)
    if len(shape) != 4 or shape[-1] is None:
        raise ValueError(
            "Images must be (batch, height, width, channels), the number of "
            f"channels known. Received: shape {shape}"
        )
    if any(size is not None and size < smallest for size in shape[1:3]):
        raise ValueError(
            f"Images must have at least {smallest} x {smallest} pixels "
            f"(after any crop). Received: {shape[1]} x {shape[2]}"
        )
    dtype = keras.backend.result_type(images.dtype, others.dtype, "float32")
    return ops.cast(images, dtype), ops.cast(others, dtype)


def _local_similarity(images, others, max_value):
    """l and cs, (batch, height - 10, width - 10, channels) each."""
    channels = images.shape[-1]
    maps = [
        images,
        others,
        ops.square(images) + ops.square(others),
        images * others,
    ]
    mean_1, mean_2, squares, products = ops.split(
        _blur(ops.concatenate(maps, axis=-1), 4 * channels), 4, axis=-1
    )
    mean_products = mean_1 * mean_2
    mean_squares = ops.square(mean_1) + ops.square(mean_2)
    c_1, c_2 = (0.01 * max_value) ** 2, (0.03 * max_value) ** 2
    luminance = (2.0 * mean_products + c_1) / (mean_squares + c_1)
    structure = (2.0 * (products - mean_products) + c_2) / (
        squares - mean_squares + c_2
    )
    return luminance, structure


def _blur(maps, channels):
    """The window's weighted mean, along columns, then along rows."""
    kernel = np.repeat(_WINDOW[:, None, None, None], channels, axis=2)
    kernel = ops.cast(kernel, maps.dtype)  # (11, 1, channels, 1)
    maps = ops.depthwise_conv(maps, kernel, data_format="channels_last")
    kernel = ops.transpose(kernel, (1, 0, 2, 3))
    return ops.depthwise_conv(maps, kernel, data_format="channels_last")


def _half(images):
    return ops.average_pool(
        images, 2, strides=2, padding="same", data_format="channels_last"
    )


def _positive_power(values, power):
    """`max(values, 0)^power` with gradient 0, not infinite, where that is 0."""
    zero = values <= 0.0  # not where NaN, which must remain
    return ops.where(zero, 0.0, ops.power(ops.where(zero, 1.0, values), power))
