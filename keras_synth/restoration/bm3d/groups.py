"""Groups of similar blocks: Haar transform, thresholding, Wiener shrinkage."""

import numpy as np
import tensorflow as tf

from keras_synth.ops.transforms import haar_matrix


def haar_matrices(size):
    """Haar transforms of groups with 1, 2, 4, ... and `size` members.

    Args:
        size: Number of members of the largest group, a power of two.

    Returns:
        float32 (log2(size) + 1, size, size). The matrix at index k transforms
        the first 2^k members and ignores the others.
    """
    levels = size.bit_length()
    matrices = np.zeros((levels, size, size), "float32")
    for level in range(levels):
        members = 2**level
        matrices[level, :members, :members] = haar_matrix(members)
    return matrices


def group_levels(distances, threshold):
    """Sizes of the groups, as exponents of powers of two.

    Args:
        distances: Distances of the matches in ascending order, (references,
            size). The first is that of the reference to itself.
        threshold: Largest distance of similar blocks, a scalar.

    Returns:
        int32 (references,), k where the group has 2^k members.
    """
    size = distances.shape[1]
    # All 2^k blocks are similar if the last one is.
    last = 2 ** np.arange(1, size.bit_length()) - 1
    similar = tf.gather(distances, last, axis=1) <= threshold
    return tf.math.count_nonzero(similar, axis=1, dtype="int32")


def hard_threshold(groups, variances, threshold):
    """Hard thresholding: sets small coefficients to zero, never the mean.

    Args:
        groups: Coefficients, (references, members, coefficients).
        variances: Variance of each coefficient under noise of variance 1, of
            the same shape.
        threshold: Threshold of a coefficient of variance 1, a scalar.

    Returns:
        `(groups, weights)`: the thresholded coefficients, and (references,)
        one over the variance that remains in each group.
    """
    kept = tf.square(groups) > tf.square(threshold) * variances
    kept = _with_mean(tf.cast(kept, groups.dtype))
    return groups * kept, _weights(kept * variances)


def wiener_shrink(groups, pilot, variances, noise):
    """Wiener shrinkage: scales coefficients by the signal's share of energy.

    The mean of a group stays as it is: faint colors and dark areas have little
    energy to tell them from noise, and the mean of many pixels little noise.

    Args:
        groups: Noisy coefficients, (references, members, coefficients).
        pilot: Coefficients of the first estimate, of the same shape.
        variances: Variance of each coefficient under noise of variance 1, of
            the same shape.
        noise: Variance of the noise, a scalar.

    Returns:
        `(groups, weights)`: the shrunk coefficients, and (references,) one
        over the variance that remains in each group.
    """
    energy = tf.square(pilot)
    factors = tf.math.divide_no_nan(energy, energy + noise * variances)
    factors = _with_mean(factors)
    return groups * factors, _weights(tf.square(factors) * variances)


def _with_mean(factors):
    """Factors with 1 for the first coefficient of the first member."""
    first = np.zeros(factors.shape[1:], "float32")
    first[0, 0] = 1.0
    return tf.maximum(factors, first)


def _weights(remaining):
    # Finite also where almost nothing remains, in a black area.
    return 1.0 / tf.maximum(tf.reduce_sum(remaining, axis=(1, 2)), 1.0)
