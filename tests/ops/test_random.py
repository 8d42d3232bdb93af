"""Seeds that differ between replicas."""

import keras
import numpy as np
import tensorflow as tf

from keras_synth.ops import ReplicaSeedGenerator


def test_outside_a_strategy_it_equals_seed_generator():
    ours, theirs = ReplicaSeedGenerator(7), keras.random.SeedGenerator(7)
    for _ in range(3):
        np.testing.assert_array_equal(ours.next(), theirs.next())


def test_replicas_draw_different_noise(two_replicas):
    with two_replicas.scope():
        seeds = ReplicaSeedGenerator(7)
        plain = keras.random.SeedGenerator(7)

    @tf.function
    def draw(generator):
        return two_replicas.experimental_local_results(
            two_replicas.run(
                lambda: keras.random.normal((1000,), seed=generator)
            )
        )

    same = draw(plain)
    np.testing.assert_array_equal(same[0], same[1])  # why ours exists
    first, second = draw(seeds)
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.1
    np.testing.assert_array_equal(
        first, keras.random.normal((1000,), seed=keras.random.SeedGenerator(7))
    )
