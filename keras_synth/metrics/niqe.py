"""NIQE: image quality without a reference, by statistics of natural images.

The brightness of a natural image, normalized by mean and deviation around each
pixel (MSCN coefficients), is distributed alike in all sharp and clean images:
close to a generalized Gaussian. Blur, noise and compression bend the
distribution. NIQE measures how far.
"""

import functools
import pathlib

import keras
import numpy as np
from scipy import ndimage, special

from keras_synth.metrics.restoration import ImageMetric

#: Side of the blocks, in pixels at full size.
BLOCK = 96
# Mean (36,) and covariance (36, 36) of the features of the 125 pristine images
# of the authors' release; see the notice in `niqe_pristine.txt`.
_PRISTINE = pathlib.Path(__file__).with_name("niqe_pristine.npz")
_SHAPES = np.arange(0.2, 10.0005, 0.001)  # of a generalized Gaussian
_NEIGHBORS = ((0, 1), (1, 0), (1, 1), (1, -1))


@keras.saving.register_keras_serializable("keras_synth")
class NIQE(ImageMetric):
    """Natural image quality evaluator (NIQE), which needs no clean image.

    Of each block of 96 x 96 pixels, at full and at half size, 18 features are
    taken: shape and width of the distribution of the normalized brightness,
    and of its products with the neighbors in four directions. With m and S,
    mean and covariance of the 36 features over the blocks, and m₀ and S₀, those
    of clean photographs,

        NIQE = √((m - m₀)ᵀ ((S + S₀) / 2)⁻¹ (m - m₀))

    Lower is better: 2 to 4 for good photographs, more for small or strongly
    textured images. It was made for photographs: for drawings, digits and
    night skies it means little, and a method can please it with false detail.

    The first argument of `update_state`, the clean image, is not looked at.
    Computed with NumPy, so that in `fit` it needs `run_eagerly=True`.

    Args:
        max_value: Value of white in the images.
        border: Pixels cropped at each side before measuring.
        name: Name in the logs, "niqe" by default.
        dtype: Dtype of the figures and their mean.

    Raises:
        ValueError: Arguments are out of range; from `update_state`, images
            that are smaller than two blocks, or of one value all over.

    Reference: Mittal, Soundararajan and Bovik, Making a "Completely Blind"
    Image Quality Analyzer, 2013. The parameters are those of the authors'
    release. Of color images it measures the luma, `luma="studio"` of `PSNR`,
    rounded to 8 bits, as in the tables of super-resolution.

    Example:

    >>> metric = NIQE()
    >>> noise = np.random.default_rng(0).uniform(size=(1, 192, 192, 1))
    >>> metric.update_state(noise, noise)
    >>> bool(metric.result() > 10)
    True
    """

    default_name = "niqe"

    def __init__(self, max_value=1.0, border=0, name=None, dtype=None):
        super().__init__(max_value, "studio", border, False, name, dtype)
        self._direction = "down"

    def compare(self, clean, restored):
        """NIQE of each restored image."""
        if not hasattr(restored, "numpy"):
            raise ValueError(
                "NIQE is computed with NumPy: compile with run_eagerly=True, "
                "or use it outside of `fit` and `evaluate`."
            )
        luma = np.asarray(restored, "float64")[..., 0]
        luma = np.rint(255.0 / self.max_value * luma)
        scores = [_distance(image) for image in luma]
        return keras.ops.convert_to_tensor(scores, self.dtype)

    def get_config(self):
        config = super().get_config()
        del config["luma"], config["round_to_8_bits"]
        return config


def _distance(luma):
    """NIQE of one image, float64 (height, width) in [0, 255]."""
    height, width = (side // BLOCK * BLOCK for side in luma.shape)
    if height * width < 2 * BLOCK**2:
        raise ValueError(
            f"NIQE needs two blocks of {BLOCK}x{BLOCK} pixels. Received: an "
            f"image of {luma.shape[1]}x{luma.shape[0]}"
        )
    features = []
    image = luma[:height, :width]
    for side in (BLOCK, BLOCK // 2):
        blocks = _normalized(image).reshape(
            image.shape[0] // side, side, image.shape[1] // side, side
        )
        blocks = blocks.swapaxes(1, 2).reshape(-1, side, side)
        features.append([_features(block) for block in blocks])
        image = _half_size(image)
    features = np.concatenate(features, axis=1)
    # A block of one value has no distribution.
    features = features[np.isfinite(features).all(axis=1)]
    if len(features) < 2:
        raise ValueError(
            "NIQE needs two blocks that are not of one value all over. "
            f"Received: an image with {len(features)}"
        )
    mean, covariance = _pristine()
    difference = mean - features.mean(axis=0)
    pooled = (covariance + np.cov(features, rowvar=False)) / 2.0
    return np.sqrt(difference @ np.linalg.pinv(pooled) @ difference)


@functools.cache
def _pristine():
    with np.load(_PRISTINE) as file:
        return file["mean"], file["covariance"]


def _normalized(image):
    """Mean-subtracted, contrast-normalized (MSCN) coefficients."""
    window = np.exp(-(np.arange(-3, 4) ** 2) / (2.0 * (7.0 / 6.0) ** 2))
    window /= window.sum()

    def blur(values):
        for axis in (0, 1):
            values = ndimage.correlate1d(values, window, axis, mode="nearest")
        return values

    mean = blur(image)
    variance = np.abs(blur(image**2) - mean**2)
    return (image - mean) / (np.sqrt(variance) + 1.0)


def _features(block):
    """The 18 features of a block of normalized brightness."""
    shape, left, right = _asymmetric_gaussian(block)
    features = [shape, (left + right) / 2.0]
    for shift in _NEIGHBORS:
        products = block * np.roll(block, shift, axis=(0, 1))
        shape, left, right = _asymmetric_gaussian(products)
        ratio = special.gamma(2.0 / shape) / special.gamma(1.0 / shape)
        features += [shape, (right - left) * ratio, left, right]
    return features


def _asymmetric_gaussian(values):
    """Fits an asymmetric generalized Gaussian by its moments.

    Returns:
        `(shape, left, right)`, the exponent and the scales of both sides; NaN
        for values that are all 0.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        left, right = (
            np.sqrt(np.sum(values[side] ** 2) / np.sum(side))
            for side in (values < 0, values > 0)
        )
        ratio = left / right
        moments = np.mean(np.abs(values)) ** 2 / np.mean(values**2)
        moments *= (ratio**3 + 1.0) * (ratio + 1.0) / (ratio**2 + 1.0) ** 2
    if not np.isfinite(moments):
        return np.nan, np.nan, np.nan
    shape = _SHAPES[np.argmin((_moments_of_shapes() - moments) ** 2)]
    scale = np.sqrt(special.gamma(1.0 / shape) / special.gamma(3.0 / shape))
    return shape, scale * left, scale * right


@functools.cache
def _moments_of_shapes():
    """(E|x|)² / E x² of a generalized Gaussian, for each of `_SHAPES`."""
    one, two, three = (special.gamma(k / _SHAPES) for k in (1.0, 2.0, 3.0))
    return two**2 / (one * three)


def _half_size(image):
    """Half the size, bicubic with antialiasing (`degradations.Downsample`)."""
    distance = np.abs(np.arange(-3.5, 4.0)) / 2.0
    near = 1.5 * distance**3 - 2.5 * distance**2 + 1.0
    far = -0.5 * distance**3 + 2.5 * distance**2 - 4.0 * distance + 2.0
    weights = np.where(distance <= 1.0, near, far)
    weights /= weights.sum()
    for _ in range(2):
        padded = np.pad(image, ((3, 3), (0, 0)), "symmetric")
        taps = np.lib.stride_tricks.sliding_window_view(padded, 8, axis=0)
        image = (taps[::2] @ weights).T
    return image
