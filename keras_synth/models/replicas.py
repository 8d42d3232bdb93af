"""Gradient step: one optimizer update, the same on one replica and on several.

Keras sums gradients over replicas. A loss that is a mean over a replica's own
images is therefore weighted with the replica's share of the global batch, and
a loss that does not depend on the batch (a weight regularization) with one
over the number of replicas.
"""

import tensorflow as tf


def share_of_batch(images):
    """This replica's share of the global batch, and the number of replicas.

    Args:
        images: Images of this replica, (batch, ...).

    Returns:
        `(share, replicas)`: a scalar in (0, 1], and an int.
    """
    replicas = num_replicas()
    if replicas == 1:
        return 1.0, 1
    count = tf.cast(tf.shape(images)[0], "float32")
    context = tf.distribute.get_replica_context()
    return count / context.all_reduce(
        tf.distribute.ReduceOp.SUM, count
    ), replicas


def of_all_replicas(function, images):
    """Applies a function to the images of all replicas, in their order.

    Args:
        function: Function from images (batch, ...) to as many results. It
            gets the same images on every replica.
        images: Images of this replica, (batch, ...).

    Returns:
        The results for this replica's images.
    """
    if num_replicas() == 1:
        return function(images)
    context = tf.distribute.get_replica_context()
    counts = context.all_gather(tf.shape(images)[:1], axis=0)
    before = tf.reduce_sum(counts[: context.replica_id_in_sync_group])
    results = function(context.all_gather(images, axis=0))
    return results[before : before + tf.shape(images)[0]]


def gradient_step(tape, loss, regularization, optimizer, variables, images):
    """Updates variables along the gradient of `loss + regularization`.

    Args:
        tape: `tf.GradientTape` that recorded both.
        loss: Scalar, the mean over this replica's images.
        regularization: Scalar that does not depend on the images, or 0.
        optimizer: Optimizer of the variables. A `LossScaleOptimizer` scales
            the gradients of mixed precision.
        variables: List of variables to update.
        images: Images of this replica, (batch, ...).

    Returns:
        Norm of this replica's gradient, over all variables, without the loss
        scale. Not finite where mixed precision skips the step.
    """
    share, replicas = share_of_batch(images)
    scale = optimizer.scale_loss(tf.constant(1.0))
    targets, weights = [loss], [scale * share]
    if tf.is_tensor(regularization):
        targets.append(regularization)
        weights.append(scale / replicas)
    gradients = tape.gradient(targets, variables, output_gradients=weights)
    optimizer.apply(gradients, variables)
    return _norm(gradients) / (scale * share)


def _norm(gradients):
    """Norm over all tensors, as `tf.linalg.global_norm`.

    Adam needs the squares as well, so that TensorFlow computes them once.
    """
    values = [getattr(g, "values", g) for g in gradients if g is not None]
    return tf.sqrt(tf.reduce_sum([tf.reduce_sum(tf.square(v)) for v in values]))


def num_replicas():
    """Number of replicas of the strategy in whose scope this is called."""
    return tf.distribute.get_strategy().num_replicas_in_sync


def is_chief(strategy=None):
    """Whether this process is the chief: the worker that writes the files.

    Args:
        strategy: A `tf.distribute.Strategy`. None takes the one in whose
            scope this is called.

    Returns:
        A bool; True where there is one process.
    """
    strategy = strategy or tf.distribute.get_strategy()
    resolver = strategy.cluster_resolver
    if resolver is None or resolver.task_type is None:
        return True
    if "chief" in resolver.cluster_spec().jobs:
        return resolver.task_type == "chief"
    return resolver.task_id == 0
