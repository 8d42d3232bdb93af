"""Means over a batch that is split over replicas."""

import tensorflow as tf


def share_of_batch(images):
    """This replica's part of the global batch, and how many replicas.

    Keras sums gradients over replicas, so a loss that is a mean over the
    replica's own images counts with its share; what does not depend on the
    batch (a weight regularization) with one over the number of replicas.

    Args:
        images: (batch, ...), this replica's images.

    Returns:
        `(share, replicas)`: a scalar in (0, 1], and an int.
    """
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    if replicas == 1:
        return 1.0, 1
    count = tf.cast(tf.shape(images)[0], "float32")
    context = tf.distribute.get_replica_context()
    return count / context.all_reduce(
        tf.distribute.ReduceOp.SUM, count
    ), replicas
