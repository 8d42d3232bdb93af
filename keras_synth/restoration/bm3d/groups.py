"""Groups of similar blocks, and how their coefficients are shrunk."""

import numpy as np
import tensorflow as tf

from keras_synth.ops.transforms import haar_matrix


def haar_matrices(size):
    """Haar transforms of 1, 2, 4, ... and `size` members.

    Args:
        size: of the largest group, a power of two.

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
    """How many of the matches form a group: a power of two of them.

    Args:
        distances: (references, size), rising; the first is the reference's.
        threshold: the largest distance of similar blocks, a scalar.

    Returns:
        int32 (references,), exponents of that power.
    """
    size = distances.shape[1]
    # A group of 2^k is full of similar blocks if its last one is similar.
    last = 2 ** np.arange(1, size.bit_length()) - 1
    similar = tf.gather(distances, last, axis=1) <= threshold
    return tf.math.count_nonzero(similar, axis=1, dtype="int32")


def hard_threshold(groups, variances, threshold):
    """Zeroes the coefficients that may be noise.

    Args:
        groups: (references, members, coefficients).
        variances: of each coefficient under noise of variance 1, the same
            shape.
        threshold: for a coefficient of variance 1, a scalar.

    Returns:
        The groups, and weights (references,), one over the variance that
        remains in them.
    """
    kept = tf.square(groups) > tf.square(threshold) * variances
    kept = tf.cast(kept, groups.dtype)
    return groups * kept, _weights(kept * variances)


def wiener_shrink(groups, pilot, variances, noise):
    """Multiplies each coefficient by the signal's share of its energy.

    Args:
        groups: (references, members, coefficients), noisy.
        pilot: the same of the first estimate.
        variances: of each coefficient under noise of variance 1, the same
            shape.
        noise: variance of the noise, a scalar.

    Returns:
        The groups, and weights (references,), one over the variance that
        remains in them.
    """
    energy = tf.square(pilot)
    factors = tf.math.divide_no_nan(energy, energy + noise * variances)
    return groups * factors, _weights(tf.square(factors) * variances)


def _weights(remaining):
    # Where next to nothing remains, in a black area, still finite.
    return 1.0 / tf.maximum(tf.reduce_sum(remaining, axis=(1, 2)), 1.0)
