"""Pairwise Euclidean distances between vectors."""

from keras import ops


def pairwise_distances(a, b):
    """Pairwise Euclidean distances of two sets of vectors.

    `d_ij = sqrt(|a_i|² + |b_j|² - 2 a_i · b_j)`

    Computed by one matrix product instead of n * m differences. The mean of
    `b` is subtracted from both sets first, which changes no distance and
    keeps the precision of vectors far from the origin. Between equal vectors
    the result is about `sqrt(epsilon)` of the data's spread instead of 0:
    1e-8 of it in float64, 3e-4 in float32.

    Args:
        a: Float tensor (n, d).
        b: Float tensor (m, d), of the same dtype.

    Returns:
        (n, m), of that dtype.

    Raises:
        ValueError: An argument is not a matrix, or they differ in d.

    Example:

    >>> pairwise_distances([[0.0, 0.0]], [[3.0, 4.0]]).numpy().tolist()
    [[5.0]]
    """
    a, b = ops.convert_to_tensor(a), ops.convert_to_tensor(b)
    if len(a.shape) != 2 or len(b.shape) != 2 or a.shape[1] != b.shape[1]:
        raise ValueError(
            "Distances need two sets of vectors, (n, d) and (m, d). "
            f"Received: shapes {tuple(a.shape)} and {tuple(b.shape)}"
        )
    center = ops.mean(b, axis=0)
    a, b = a - center, b - center
    squared = (
        ops.sum(ops.square(a), axis=1)[:, None]
        + ops.sum(ops.square(b), axis=1)
        - 2.0 * ops.matmul(a, ops.transpose(b))
    )
    return ops.sqrt(ops.maximum(squared, 0.0))
