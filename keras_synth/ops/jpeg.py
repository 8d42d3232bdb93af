"""JPEG quality estimation from tables or pixels; quantization noise."""

import numpy as np
from scipy import fft

from keras_synth.ops.color import LUMA_WEIGHTS

# Annex K, table K.1, of the JPEG standard: for luma, in natural order.
_STANDARD = np.array(
    """16 11 10 16 24 40 51 61 12 12 14 19 26 58 60 55 14 13 16 24 40 57 69 56
    14 17 22 29 51 87 80 62 18 22 37 56 68 109 103 77 24 35 55 64 81 104 113 92
    49 64 78 87 103 121 120 101 72 92 95 98 112 100 103 99""".split(),
    "float64",
)
# Rounding to 8 bits in gray levels, and the share of coefficients that were
# changed otherwise: clipped, above all.
_ROUNDING, _OUTLIERS = 0.3, 0.2
_LARGEST_SIDE = 1024  # of the part of an image that is looked at
_GRID_BLOCKS = 300  # that are enough to find the grid
_LEAST_EVIDENCE = 0.2  # in nats for each coefficient that is not 0
_LEAST_COUNT = 20  # of such coefficients
_LEAST_SHARE = 1e-3  # of coefficients that are not 0, as far as can be known


def luma_table(quality):
    """Quantization table of luma at a JPEG quality, as libjpeg scales it.

    Args:
        quality: From 1 (worst) to 100 (best).

    Returns:
        float64 (64,), rows of 8, from 1 to 255.
    """
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    return np.clip((_STANDARD * scale + 50) // 100, 1, 255)


def jpeg_quality(table):
    """JPEG quality of a quantization table: that of the nearest of libjpeg's.

    Args:
        table: The 64 steps of luma, in natural order.

    Returns:
        An int from 1 to 100.

    Example:

    >>> jpeg_quality(luma_table(80))
    80
    """
    table = np.asarray(table, "float64").ravel()
    distances = [
        np.abs(luma_table(quality) - table).sum() for quality in range(1, 101)
    ]
    return 1 + int(np.argmin(distances))


def estimate_jpeg_quality(images):
    """JPEG quality estimation, from the pixels of images stored otherwise.

    The grid of blocks is where most DCT coefficients are 0. There those of an
    image that was a JPEG file, c, lie near multiples of the quantization steps
    q. Of all qualities that with the greatest likelihood

        `Σ log(0.8 q N(c - q [c / q]; 0, 0.3²) + 0.2)`

    is chosen, over the coefficients of low frequency that are not quantized
    to 0. Images that were resized, or made noisy, after they were a JPEG file
    show no such steps.

    Args:
        images: Array (batch, height, width, 1 or 3) in [0, 1].

    Returns:
        int (batch,), from 1 to 95; 100 where no compression is found.

    Reference: Fan and de Queiroz, Identification of Bitmap Compression History:
    JPEG Detection and Quantizer Estimation, 2003, section IV.

    Example:

    >>> estimate_jpeg_quality(np.zeros((1, 64, 64, 3)))
    array([100])
    """
    return np.array([_estimate(np.asarray(image)) for image in images])


def jpeg_noise(image, table):
    """Quantization noise of a JPEG image, for each coefficient of the DCT.

    Quantization to multiples of a step q adds noise of variance `q² / 12`. A
    coefficient that it makes 0 is lost, and its variance is unknown: the
    coefficients of an image have a Laplace density, whose scale

        b = -q / (2 log p)

    follows from the share p of those that are not 0.

    Args:
        image: Array (height, width, 1 or 3) in [0, 1], at least 24x24.
        table: The 64 steps of luma, in natural order.

    Returns:
        `(noise, lost)`: float64 (8, 8), rows by columns: the variance of the
        noise in units of [0, 1], whose mean is that of a pixel of luma; and
        the share of the power of the image that was made 0.

    Reference: Lam and Goodman, A Mathematical Analysis of the DCT Coefficient
    Distributions for Images, 2000, for the density.

    Example:

    >>> noise, lost = jpeg_noise(np.full((64, 64, 1), 0.5), luma_table(50))
    >>> bool(noise[0, 0] < noise[7, 7])
    True
    """
    steps = np.asarray(table, "float64").ravel()
    luma = _luma(image)
    blocks = _coefficients(luma, _grid(luma))
    kept = np.rint(blocks / steps) != 0
    share = np.clip(kept.mean(axis=0), _LEAST_SHARE, 1.0 - 1e-9)
    scale = -steps / (2.0 * np.log(share))
    half = 0.5 * steps
    # Of an exponential density, cut at half a step.
    tail = half * (half + 2.0 * scale) * share / (1.0 - share)
    inside = (1.0 - share) * np.maximum(2.0 * scale**2 - tail, 0.0)
    power = np.mean(blocks**2 * kept, axis=0) + inside
    noise = share * steps**2 / 12.0 + inside
    return noise.reshape(8, 8) / 255.0**2, (inside / power).reshape(8, 8)


def _luma(image):
    """Luma in gray levels around 0, of the middle of an image."""
    rows, columns = (max(0, n - _LARGEST_SIDE) // 2 for n in image.shape[:2])
    image = image[rows:, columns:][:_LARGEST_SIDE, :_LARGEST_SIDE]
    weights = LUMA_WEIGHTS if image.shape[-1] == 3 else (1.0,)
    return 255.0 * (image @ np.array(weights)) - 128.0


def _grid(luma):
    """The pixel where the blocks start."""
    return max(np.ndindex(8, 8), key=lambda start: _zeros(luma, start))


def _estimate(image):
    luma = _luma(image)
    if min(luma.shape) < 24:
        return 100
    blocks = _coefficients(luma, _grid(luma))
    low = [8 * v + u for v in range(5) for u in range(5) if 0 < u + v < 5]
    best, quality = 0.0, 100
    for candidate in range(1, 96):
        evidence = _evidence(blocks[:, low], luma_table(candidate)[low])
        if evidence > best:
            best, quality = evidence, candidate
    return quality


def _coefficients(luma, start, spacing=1):
    """DCT coefficients (blocks, 64) of a grid that starts at a pixel."""
    luma = luma[start[0] :, start[1] :]
    height, width = (n // 8 * 8 for n in luma.shape)
    blocks = luma[:height, :width].reshape(height // 8, 8, width // 8, 8)
    blocks = np.moveaxis(blocks, 2, 1).reshape(-1, 8, 8)[::spacing]
    return fft.dctn(blocks, axes=(1, 2), norm="ortho").reshape(-1, 64)


def _zeros(luma, start):
    """Share of the coefficients that quantization may have made 0."""
    spacing = max(1, luma.size // 64 // _GRID_BLOCKS)
    return np.mean(np.abs(_coefficients(luma, start, spacing)) < 1.0)


def _evidence(coefficients, steps):
    """Log-likelihood of quantization steps, against none."""
    multiples = np.rint(coefficients / steps)
    rest = (coefficients - multiples * steps) / _ROUNDING
    density = np.exp(-0.5 * rest**2) / (np.sqrt(2.0 * np.pi) * _ROUNDING)
    likelihood = (1.0 - _OUTLIERS) * steps * density + _OUTLIERS
    gains = np.log(likelihood)[multiples != 0]
    enough = gains.size >= _LEAST_COUNT
    enough = enough and gains.mean() > _LEAST_EVIDENCE
    return gains.sum() if enough else 0.0
