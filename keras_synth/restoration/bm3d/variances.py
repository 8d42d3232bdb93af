"""How strong noise is in each coefficient of a group."""

import numpy as np
import tensorflow as tf

from keras_synth.restoration.bm3d.groups import haar_matrices

# Combinations of blocks that nearly cancel keep this variance.
_LEAST = 0.02


def coefficient_variances(positions, columns, levels, size, rows):
    """Variance of a group's coefficients under white noise of variance 1.

    With Haar weights h over the members and a basis function u it is
    `1 + 2 Σ_{i<j} h_i h_j ρ_u(x_i - x_j)`, ρ_u being the autocorrelation of u
    and x the members' positions. It is 1 where no blocks overlap; but blocks
    along an edge do, and the pixels they share carry the same noise.

    Args:
        positions: int32 (references, size), flat, of the members.
        columns: of positions, which they are flat by.
        levels: int32 (references,), exponents of the numbers of members.
        size: of the largest group.
        rows: (b, b), basis functions along one axis, of unit norm.

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
    """`ρ_u(d) = Σ_p u(p) u(p + d)` of the basis images.

    Args:
        rows: (b, b), basis functions along one axis.

    Returns:
        float32 ((2 b + 1)², b²), for shifts from -b to b along both axes.
    """
    lines = np.stack([np.correlate(row, row, "full") for row in rows], axis=1)
    lines = np.pad(lines, ((1, 1), (0, 0)))  # (2 b + 1, b)
    pairs = np.einsum("yu,xv->yxuv", lines, lines)
    return pairs.reshape(len(lines) ** 2, -1).astype("float32")
