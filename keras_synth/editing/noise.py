"""Noise maps of a StyleGAN2, and their regularization in projection."""

import numpy as np
from keras import ops

from keras_synth.layers import NoiseInjection


def noise_sides(model):
    """Sides of the noise maps of a StyleGAN2, in the order of its values."""
    return sorted(
        layer.input[1].shape[1]
        for layer in model.synthesis.layers
        if isinstance(layer, NoiseInjection)
    )


def noise_maps(noise, sides):
    """The noise values of each layer as maps.

    Args:
        noise: (batch, noise_size).
        sides: Sides of the maps, see `noise_sides`.

    Returns:
        List of tensors (batch, side, side, 1).
    """
    ends = np.cumsum([side**2 for side in sides])[:-1]
    parts = ops.split(noise, [int(end) for end in ends], axis=1)
    return [
        ops.reshape(part, (-1, side, side, 1))
        for part, side in zip(parts, sides, strict=True)
    ]


def noise_correlations(noise):
    """Squared correlations of a noise map with itself, one pixel apart.

    `Σ_s mean(n_ij n_i,j-1)² + mean(n_ij n_i-1,j)²`, over the map and its
    halves down to 8 pixels a side.

    Args:
        noise: (batch, side, side, 1).

    Returns:
        (batch,).

    Reference: Karras et al. 2020, appendix D.
    """
    total = 0.0
    while True:
        for axis in (1, 2):
            product = noise * ops.roll(noise, 1, axis=axis)
            total += ops.square(ops.mean(product, axis=(1, 2, 3)))
        if noise.shape[1] <= 8:
            return total
        noise = 2.0 * ops.average_pool(noise, 2, data_format="channels_last")


def normalized_noise(noise, sides):
    """Noise whose maps have mean 0 and standard deviation 1, (batch, ...)."""
    parts = []
    for each in noise_maps(noise, sides):
        each = each - ops.mean(each, axis=(1, 2, 3), keepdims=True)
        power = ops.mean(ops.square(each), axis=(1, 2, 3), keepdims=True)
        parts.append(ops.reshape(each * ops.rsqrt(power), (len(each), -1)))
    return ops.concatenate(parts, axis=1)
