"""Variance of the noise in each coefficient of a group of blocks."""

import numpy as np
import tensorflow as tf

from keras_synth.restoration.bm3d.groups import haar_matrices

# Smallest variance, for combinations of blocks that nearly cancel.
_LEAST = 0.02


def coefficient_variances(positions, columns, levels, size, rows):
    """Variance of a group's coefficients under white noise of variance 1.

    It is `1 + 2 Σ_{i<j} h_i h_j ρ_u(x_i - x_j)` with the Haar weights h and
    positions x of the members, and the autocorrelation ρ_u of the basis
    function u. It is 1 where no blocks overlap. Blocks along an edge do
    overlap, and the pixels that they share have the same noise.

    Args:
        positions: Flat positions of the members, int32 (references, size).
        columns: Number of columns of positions, by which they are flat.
        levels: k where a group has 2^k members, int32 (references,).
        size: Number of members of the largest group.
        rows: Basis functions along one axis, of unit norm, (b, b).

    Returns:
        float32 (references, size, b²).

    Reference: Mäkinen, Azzari and Foi, Collaborative filtering of correlated
    noise: exact transform-domain variance for improved shrinkage and patch
    matching, 2020, equation 9.
    """
    side = len(rows)
    first, second = np.triu_indices(size, 1)
    index = 0
    for coordinate in (positions // columns, positions % columns):
        shift = tf.gather(coordinate, second, axis=1) - tf.gather(
            coordinate, first, axis=1
        )
        shift = tf.clip_by_value(shift, -side, side) + side
        index = index * (2 * side + 1) + shift
    correlations = tf.gather(autocorrelations(rows), index)
    haar = haar_matrices(size)
    products = 2.0 * haar[:, :, first] * haar[:, :, second]
    covariances = tf.gather(products, levels) @ correlations
    return tf.maximum(1.0 + covariances, _LEAST)


def autocorrelations(rows):
    """Autocorrelations `ρ_u(d) = Σ_p u(p) u(p + d)` of the basis images.

    Args:
        rows: Basis functions along one axis, (b, b).

    Returns:
        float32 ((2 b + 1)², b²), for shifts from -b to b along both axes.
    """
    lines = np.stack([np.correlate(row, row, "full") for row in rows], axis=1)
    lines = np.pad(lines, ((1, 1), (0, 0)))  # (2 b + 1, b)
    pairs = np.einsum("yu,xv->yxuv", lines, lines)
    return pairs.reshape(len(lines) ** 2, -1).astype("float32")
