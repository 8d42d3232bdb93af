"""Seeds whose random numbers differ between replicas."""

import keras


@keras.saving.register_keras_serializable("keras_synth")
class ReplicaSeedGenerator(keras.random.SeedGenerator):
    """A `keras.random.SeedGenerator` with different draws on every replica.

    Under `tf.distribute.MirroredStrategy` all replicas read the same state,
    so a plain `SeedGenerator` gives every replica the same noise, and a batch
    split over n replicas contains each draw n times. Here the replica's
    number r is added to the key of the counter-based generator:
    `seed_r = [key + r * 0x9E3779B1, counter]`. On replica 0, and on every
    other backend, the seeds are those of `SeedGenerator`.

    Args:
        seed: Int, or None for a random one.

    Example:

    >>> seeds = ReplicaSeedGenerator(seed=7)
    >>> keras.random.normal((2, 3), seed=seeds).shape
    TensorShape([2, 3])
    """

    def next(self, ordered=True):
        seed = super().next(ordered)
        if keras.backend.backend() != "tensorflow":
            return seed
        import tensorflow as tf

        context = tf.distribute.get_replica_context()
        if context is None or context.num_replicas_in_sync == 1:
            return seed
        replica = tf.cast(context.replica_id_in_sync_group, seed.dtype)
        golden_ratio = tf.constant(0x9E3779B1, seed.dtype)
        return seed + tf.stack([replica * golden_ratio, tf.zeros_like(replica)])
