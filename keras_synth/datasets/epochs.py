"""Randomness that depends on a seed and the number of the epoch alone."""

import tensorflow as tf


def fold(key, index):
    """A new key for the `index`-th thing drawn under a key, int64 (2,)."""
    return tf.random.experimental.stateless_fold_in(key, index)


def epoch_key(seed, epoch):
    """The key of an epoch, int64 (2,); its first half is always the seed."""
    return fold(tf.constant([seed, 0], "int64"), epoch)


def by_epoch(one_epoch, num_batches):
    """A dataset whose every pass is the next epoch's.

    Args:
        one_epoch: function from the epoch's number to a `tf.data.Dataset`.
        num_batches: how many elements each of them has.

    Returns:
        A `tf.data.Dataset` with a method `set_epoch(epoch)`, which says what
        the next pass is.
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
    """The number of the epoch that the next pass over a pipeline is."""

    def __init__(self):
        self.epoch = 0

    def set(self, epoch):
        self.epoch = epoch

    def __call__(self):
        epoch, self.epoch = self.epoch, self.epoch + 1
        yield epoch


def shuffled_order(count, key):
    """The numbers below `count` in an order drawn by the key."""
    return tf.random.experimental.stateless_shuffle(tf.range(count), key)


def shuffle_by_key(elements, buffer, key):
    """Shuffles elements that are not held as one tensor, by the whole key."""
    # Of this function's graph alone: the order shall not depend on the
    # global seed.
    tf.random.set_seed(1)
    return elements.shuffle(
        buffer,
        # The first half of a key is the same in every epoch.
        seed=tf.random.stateless_uniform((), key, 0, 2**62, "int64"),
        reshuffle_each_iteration=False,
    )
