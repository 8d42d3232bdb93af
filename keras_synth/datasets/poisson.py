"""Poisson sampling: batches for training with differential privacy."""

import numpy as np
import tensorflow as tf

from keras_synth.datasets.epochs import by_epoch, epoch_key, poisson_orders


def poisson_batches(arrays, batch_size, seed=0):
    """Batches of Poisson sampling from arrays in memory.

    Each element is in each batch with probability `batch_size` / n,
    independently of all others: batches differ in size. An epoch has
    n // `batch_size` batches. For images of a `Source` see
    `synthesis_pipeline(..., poisson=True)`.

    Args:
        arrays: An array (n, ...), or a structure of them, such as
            `(inputs, targets)`.
        batch_size: Expected number of elements in a batch, at most n.
        seed: Seed of the draws, an int. They follow from it and the number of
            the epoch. To protect more than an experiment, nobody may know it.

    Returns:
        A `tf.data.Dataset` of such structures, (batch, ...), with
        `sampling_rate` and `set_epoch`, see `synthesis_pipeline`.

    Raises:
        ValueError: Arrays of unequal lengths, or a batch size that is not
            from 1 to n.

    Example:

    >>> batches = poisson_batches(np.arange(1000), batch_size=100)
    >>> len(batches), batches.sampling_rate
    (10, 0.1)
    """
    arrays = tf.nest.map_structure(np.asarray, arrays)
    lengths = {len(array) for array in tf.nest.flatten(arrays)}
    if len(lengths) != 1 or not 1 <= batch_size <= min(lengths):
        raise ValueError(
            "`arrays` must have the same length, and `batch_size` must be "
            f"from 1 to that length. Received: lengths {sorted(lengths)}, "
            f"batch_size={batch_size!r}"
        )
    (count,) = lengths
    stored = tf.nest.map_structure(tf.convert_to_tensor, arrays)

    def one_epoch(epoch):
        return poisson_orders(count, batch_size, epoch_key(seed, epoch)).map(
            lambda order: tf.nest.map_structure(
                lambda array: tf.gather(array, order), stored
            )
        )

    dataset = by_epoch(one_epoch, count // batch_size)
    dataset.sampling_rate = batch_size / count
    return dataset
