"""Noise estimation from wavelet coefficients of flat areas."""

import numpy as np
from keras import ops

from keras_synth.ops.transforms import opponent_matrix

_ROOT = np.sqrt(3.0)
# Daubechies' filters of four taps. The second is 0 on linear shading.
_LOW_PASS = np.array([1 + _ROOT, 3 + _ROOT, 3 - _ROOT, 1 - _ROOT])
_HIGH_PASS = np.array([1 - _ROOT, _ROOT - 3, 3 + _ROOT, -1 - _ROOT])
# Median of |x| for a standard normal x.
_NORMAL_MEDIAN = 0.6744897501960817
_EMPTY = 1e-6  # largest coefficient of an area without noise
_CLIPPED = 1e-4  # largest distance of a clipped pixel from 0 or 1
# Least variance that clipping leaves of noise of variance 1: six pixels in
# ten are clipped.
_LEAST_VARIANCE = 0.25
_FLAT_SHARE = 0.15  # of the coefficients; of small images more, up to all
_FLAT_COUNT = 250  # at the coarsest scale, doubled at each finer one
_SMALLEST_SIDE = 32
# Of larger images, blocks of so many pixels a side are left out.
_MOST_PIXELS, _BLOCK = 4_000_000, 256
# What photographs without noise have at the second scale.
_TEXTURE = 1.5 / 255


def estimate_noise_level(images, opponent=False):
    """Noise level estimation: standard deviation of Gaussian noise.

    At three scales, `σ = median |d| / 0.6745` over the diagonal coefficients d
    of a Daubechies wavelet, in the flattest areas:

    - The other coefficients at the same place tell how flat it is. Noise is
      independent in them, so that the choice does not change the estimate.
    - Where pixels are clipped at 0 or 1, d is divided by the deviation that
      clipping leaves. Where most are, d does not count. Neither do
      coefficients of areas without any noise, |d| < 1e-6, unless these are
      three quarters of an image: then it has no noise.
    - Of white noise, σ is the same at all scales, and that of the finest is
      returned. Noise that neighbors share (after demosaicing, resizing, JPEG)
      has `ρ = σ₂ / σ₁` above 1. A denoiser for white noise then restores best
      with about `σ₁ (ρ / 1.15)^1.4`, which is returned where it is more.
      Texture grows further from the second to the third scale than noise
      does: `ρ = (σ₂² / (σ₁ σ₃))²` where that is less.
    - Of images of more than four million pixels, every second block of 256 x
      256 (or every third, ...) in both directions is looked at.

    Args:
        images: float32 (batch, height, width, channels), at least 4x4, in
            [0, 1] where their noise is clipped.
        opponent: Whether to estimate the noise of the three opponent channels
            (`ops.transforms.opponent_matrix`) of color images, instead of
            that of their red, green and blue.

    Returns:
        float32 (batch, 1, 1, channels), in the units of the images, as
        noise-conditional networks take it.

    Raises:
        ValueError: Images of fewer than 4x4 pixels.

    Reference: Donoho and Johnstone, Ideal spatial adaptation by wavelet
    shrinkage, 1994, section 4, for the median.

    Example:

    >>> noise = 0.1 * np.random.RandomState(0).normal(size=(1, 99, 99, 1))
    >>> bool(abs(estimate_noise_level(noise)[0, 0, 0, 0] - 0.1) < 0.005)
    True
    """
    images = _floats(images)
    sides = images.shape[1:3]
    if len(images.shape) != 4 or any(s is not None and s < 4 for s in sides):
        raise ValueError(
            "Images must be (batch, height, width, channels) and at least "
            f"4x4. Received: shape {tuple(images.shape)}"
        )
    return _estimate(images, opponent)


def opponent_noise_levels(images, noise_level=None):
    """Noise levels of the opponent channels of images.

    Independent noise of red, green and blue has `σ / √3` in each. In a gray
    image that is stored as color all noise is in the brightness.

    Args:
        images: float32 (batch, height, width, 1 or 3), in [0, 1] where their
            noise is clipped.
        noise_level: Standard deviation σ of the noise of red, green and blue,
            which is taken as independent, unless in both differences of
            colors less than half the noise of the brightness is found. Then
            `noise_level` is divided as the estimates are. None estimates the
            noise.

    Returns:
        float32 (batch, 1, 1, channels): of brightness and two differences of
        colors, or of gray images. The norm over the channels is σ.

    Raises:
        ValueError: Images of fewer than 4x4 pixels whose noise is estimated.
    """
    color = images.shape[-1] == 3
    if noise_level is None:
        return estimate_noise_level(images, opponent=color)
    images = _floats(images)
    if not color:
        return noise_level * ops.ones((ops.shape(images)[0], 1, 1, 1))
    found = _estimate(images, opponent=True)
    differences = ops.max(found[..., 1:], axis=-1, keepdims=True)
    common = differences < 0.5 * found[..., :1]
    norm = ops.sqrt(ops.sum(ops.square(found), axis=-1, keepdims=True))
    shares = found / ops.maximum(norm, _EMPTY)
    return noise_level * ops.where(common, shares, 3.0**-0.5)


def _estimate(images, opponent):
    """As `estimate_noise_level`, for images of any size."""
    images = _extended(images)
    mixing = opponent_matrix() if opponent else np.eye(images.shape[-1])
    powers = mixing**2 / np.sum(mixing**2, axis=1, keepdims=True)
    mixing, powers = (x.T.astype("float32") for x in (mixing, powers))
    low = ops.matmul(images, mixing)
    black = ops.cast(ops.abs(images) < _CLIPPED, "float32")
    white = ops.cast(ops.abs(images - 1.0) < _CLIPPED, "float32")
    scales = []  # from fine to coarse
    for _ in range(3):
        low, *sides, diagonal = _wavelet(low)
        black, white = (
            ops.average_pool(x, 4, 2, data_format="channels_last")
            for x in (black, white)
        )
        left = _clipped_variance(_smoothed(black), _smoothed(white))
        energy = _smoothed(sum(ops.square(side) for side in sides))
        scales.append((diagonal, energy, ops.matmul(left, powers)))
    levels, total, count = [], None, _FLAT_COUNT
    for diagonal, energy, variance in reversed(scales):
        if levels:
            energy = energy + _doubled(total, energy)
        total = energy  # of this scale and all coarser ones
        levels.append(_flat_deviation(diagonal, total, variance, count))
        count *= 2
    third, second, first = (ops.maximum(x, _EMPTY) for x in levels)
    growth = ops.square(ops.square(second) / (first * third))
    second = ops.sqrt(ops.maximum(ops.square(second) - _TEXTURE**2, 0.0))
    growth = ops.minimum(second / first, growth)
    correlated = ops.clip(growth / 1.15, 1.0, 8.0) ** 1.4
    return (levels[-1] * correlated)[:, None, None]


def _flat_deviation(details, energy, variance, count):
    """Standard deviation of the noise in flat areas, (batch, channels).

    Args:
        details: Coefficients, (batch, rows, columns, channels).
        energy: Of the other coefficients around each.
        variance: That clipping leaves of noise of variance 1.
        count: Least number of coefficients to take the median of.
    """
    details, energy, variance = (
        ops.reshape(
            ops.transpose(x, (0, 3, 1, 2)),
            (ops.shape(x)[0], x.shape[-1], -1),
        )
        for x in (details, energy, variance)
    )
    details = ops.abs(details)
    exposed = variance > _LEAST_VARIANCE
    counts = exposed & (details > _EMPTY)
    exposed, number = (
        ops.sum(ops.cast(x, "float32"), axis=-1, keepdims=True)
        for x in (exposed, counts)
    )
    share = count / ops.maximum(number, 1.0)
    share = ops.clip(share, _FLAT_SHARE, 1.0)
    variance = ops.maximum(variance, _LEAST_VARIANCE)
    energy = energy / ops.square(variance)  # rather where little is clipped
    flat = counts & (energy <= _quantile(energy, counts, share))
    median = _quantile(details / ops.sqrt(variance), flat, 0.5)
    median = ops.where(number < 0.25 * exposed, 0.0, median)
    return median[..., 0] / _NORMAL_MEDIAN


def _quantile(values, chosen, share):
    """Quantile of the chosen values of the last axis, kept; 0 without any."""
    rising = ops.sort(ops.where(chosen, values, np.inf), axis=-1)
    number = ops.sum(ops.cast(chosen, "int32"), axis=-1, keepdims=True)
    last = ops.cast(ops.maximum(number - 1, 0), "float32")
    place = share * last
    lower, upper = (
        ops.take_along_axis(rising, ops.cast(f(place), "int32"), axis=-1)
        for f in (ops.floor, ops.ceil)
    )
    return ops.where(number > 0, 0.5 * (lower + upper), 0.0)


def _clipped_variance(black, white):
    """Variance of standard normal noise that is clipped on both sides.

    Args:
        black: Share of the values that are clipped below, in [0, 1].
        white: Share of the values that are clipped above.
    """
    tiny = 1e-6
    black, white = (ops.clip(x, tiny, 1.0 - tiny) for x in (black, white))
    low, high = _normal_quantile(black), -_normal_quantile(white)
    low_density, high_density = (
        ops.exp(-0.5 * ops.square(x)) / np.sqrt(2.0 * np.pi)
        for x in (low, high)
    )
    inside = ops.maximum(1.0 - black - white, 0.0)
    mean = black * low + white * high + low_density - high_density
    square = black * ops.square(low) + white * ops.square(high) + inside
    square = square + low * low_density - high * high_density
    return square - ops.square(mean)


def _normal_quantile(share):
    return np.sqrt(2.0) * ops.erfinv(2.0 * share - 1.0)


def _wavelet(x):
    """One scale: low pass, two mixed bands, diagonal, each half as large."""
    filters = [f / (4.0 * np.sqrt(2.0)) for f in (_LOW_PASS, _HIGH_PASS)]
    kernels = [
        np.outer(rows, columns) for rows in filters for columns in filters
    ]
    kernel = np.stack(kernels, axis=-1).astype("float32")  # (4, 4, 4)
    channels = x.shape[-1]
    kernel = np.repeat(kernel[:, :, None], channels, axis=2)
    bands = ops.depthwise_conv(
        x, kernel, strides=2, data_format="channels_last"
    )
    shape = ops.shape(bands)
    bands = ops.reshape(bands, (*shape[:3], channels, 4))
    return ops.unstack(bands, num=4, axis=-1)


def _smoothed(x):
    return ops.average_pool(x, 5, 1, "same", data_format="channels_last")


def _doubled(x, like):
    """A coarser scale at the positions of the next finer one."""
    # Coefficient i of the coarser scale comes from 2 i to 2 i + 3 of the finer.
    for axis in (1, 2):
        before, after = (ops.take(x, [i], axis=axis) for i in (0, -1))
        x = ops.repeat(x, 2, axis=axis)
        x = ops.concatenate([before, x, after, after], axis=axis)
    return x[:, : ops.shape(like)[1], : ops.shape(like)[2]]


def _extended(images):
    """Small images are continued as their mirror images."""
    for axis in (1, 2):
        side = ops.shape(images)[axis]
        if isinstance(side, int) and side >= _SMALLEST_SIDE:
            continue
        place = ops.arange(ops.maximum(side, _SMALLEST_SIDE)) % (2 * side)
        place = ops.minimum(place, 2 * side - 1 - place)
        images = ops.take(images, place, axis=axis)
    return images


def _floats(images):
    """A float32 tensor; of large images, every so many blocks.

    An array is thinned before it is copied into a tensor, which would take
    as much memory again.
    """
    if not isinstance(images, np.ndarray):
        images = ops.convert_to_tensor(images)
    sides = images.shape[1:3]
    if len(images.shape) == 4 and None not in sides:
        step = int(np.ceil(np.sqrt(np.prod(sides) / _MOST_PIXELS)))
        take = np.take if isinstance(images, np.ndarray) else ops.take
        for axis, side in zip((1, 2), sides, strict=True):
            if step > 1:
                places = np.arange(side)
                places = places[places // _BLOCK % step == 0]
                images = take(images, places, axis=axis)
    return ops.cast(ops.convert_to_tensor(images), "float32")
