"""Means that are 0 for an empty batch."""

from keras import ops


def mean_or_zero(values, axis=None):
    """Mean, or 0 for an empty batch, which a replica may receive.

    Args:
        values: Float tensor.
        axis: Axis of the mean, an int; None for all.

    Returns:
        The mean, of the dtype of `values`.

    Example:

    >>> float(mean_or_zero(ops.zeros((0, 3))))
    0.0
    """
    count = ops.size(values) if axis is None else ops.shape(values)[axis]
    count = ops.cast(ops.maximum(count, 1), values.dtype)
    return ops.sum(values, axis=axis) / count
