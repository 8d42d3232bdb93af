"""Stateless random draws from a seed and the number of the epoch."""

import tensorflow as tf


def fold(key, index):
    """A new key, int64 (2,), from a key and the index of a draw."""
    return tf.random.experimental.stateless_fold_in(key, index)


def epoch_key(seed, epoch):
    """The key of an epoch, int64 (2,)."""
    return fold(tf.constant([seed, 0], "int64"), epoch)


def by_epoch(one_epoch, num_batches):
    """A dataset that gives the next epoch's elements on each pass.

    Args:
        one_epoch: Function from the number of an epoch to a
            `tf.data.Dataset`.
        num_batches: Number of elements of each epoch.

    Returns:
        A `tf.data.Dataset` with a method `set_epoch(epoch)`, which sets the
        epoch of the next pass.
    """
    clock = _EpochClock()
    epochs = tf.data.Dataset.from_generator(
        clock, output_signature=tf.TensorSpec((), "int64")
    )
    dataset = epochs.flat_map(one_epoch)
    dataset = dataset.apply(
        tf.data.experimental.assert_cardinality(num_batches)
    ).prefetch(tf.data.AUTOTUNE)
    dataset.set_epoch = clock.set
    return dataset


class _EpochClock:
    """Number of the epoch of the next pass over a pipeline."""

    def __init__(self):
        self.epoch = 0

    def set(self, epoch):
        self.epoch = epoch

    def __call__(self):
        epoch, self.epoch = self.epoch, self.epoch + 1
        yield epoch


def shuffled_order(count, key):
    """The numbers below `count`, shuffled by a key."""
    return tf.random.experimental.stateless_shuffle(tf.range(count), key)


def poisson_orders(count, batch_size, key):
    """Batches of Poisson sampling, as the numbers of their elements.

    Args:
        count: Number of elements.
        batch_size: Expected number of elements in a batch.
        key: The key of the epoch.

    Returns:
        A `tf.data.Dataset` of int32 (batch,), numbers below `count`, each of
        which is in each batch with probability batch_size / count.
    """

    def drawn(index):
        uniform = tf.random.stateless_uniform((count,), fold(key, index))
        return tf.cast(tf.where(uniform < batch_size / count)[:, 0], "int32")

    return tf.data.Dataset.range(count // batch_size).map(drawn)


def shuffle_by_key(elements, buffer, key):
    """Shuffles the elements of a dataset by a key, through a buffer."""
    # Sets the seed of this function's graph alone, so that the order does not
    # depend on the global seed.
    tf.random.set_seed(1)
    return elements.shuffle(
        buffer,
        # The first half of a key is the same in every epoch.
        seed=tf.random.stateless_uniform((), key, 0, 2**62, "int64"),
        reshuffle_each_iteration=False,
    )
