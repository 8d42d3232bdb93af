"""Residual structure: whether what a denoiser removed was noise."""

from keras import ops

_BLOCK = 9
_EMPTY = 1e-12


def residual_structure(images, restored):
    """Structure of what a denoiser removed: low for noise, high for texture.

    For the residual r of the brightness, the mean of the channels:

        `kurtosis(r) · (1 + ρ)`,   `kurtosis(r) = mean r⁴ / (mean r²)²`

    where ρ is the correlation, over blocks of 9 x 9 pixels, of the root mean
    square of r with the standard deviation of the restored brightness. Noise
    is Gaussian, of kurtosis 3, and stays most where there is least to see: ρ
    is below 0. A denoiser that takes fine texture for noise removes it where
    the texture is: much in some places, little elsewhere. The scale of the
    values does not matter. A measure of our own, without a paper; what it is
    good for is measured by `make benchmark NAME=restore_auto`.

    Args:
        images: (batch, height, width, channels), before the denoiser.
        restored: The images afterwards, of the same shape.

    Returns:
        float32 (batch,): 1 to 4 for noise, up to 40 for fine texture. 0 where
        nothing was removed.

    Example:

    >>> import numpy as np
    >>> noise = np.random.RandomState(0).normal(size=(1, 99, 99, 3))
    >>> 2.5 < float(residual_structure(noise, 0.0 * noise)[0]) < 3.5
    True
    """
    images, restored = (
        ops.mean(ops.cast(x, "float32"), axis=-1, keepdims=True)
        for x in (images, restored)
    )
    squares = ops.square(images - restored)
    size = ops.mean(squares, axis=(1, 2, 3))
    kurtosis = ops.mean(ops.square(squares), axis=(1, 2, 3)) / ops.maximum(
        ops.square(size), _EMPTY**2
    )
    residual = ops.sqrt(_block_means(squares))
    # Around the middle, so that fewer digits cancel.
    restored = restored - ops.mean(restored, axis=(1, 2, 3), keepdims=True)
    means = _block_means(restored)
    variance = _block_means(ops.square(restored)) - ops.square(means)
    activity = ops.sqrt(ops.maximum(variance, 0.0))
    return kurtosis * (1.0 + _correlation(residual, activity))


def _block_means(x):
    block = [min(_BLOCK, side) for side in x.shape[1:3]]
    return ops.average_pool(x, block, block, data_format="channels_last")


def _correlation(a, b):
    """Over all places of each image; 0 where one of both is constant."""
    a, b = (x - ops.mean(x, axis=(1, 2, 3), keepdims=True) for x in (a, b))
    both, *powers = (
        ops.mean(x, axis=(1, 2, 3))
        for x in (a * b, ops.square(a), ops.square(b))
    )
    return both / ops.sqrt(ops.maximum(powers[0] * powers[1], _EMPTY**2))
