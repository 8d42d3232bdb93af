"""Gradient steps: the norm, of dense and of sparse gradients."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_synth.models.replicas import gradient_step


def test_the_norm_is_that_of_all_gradients():
    embedding = keras.layers.Embedding(5, 3)
    dense = keras.layers.Dense(4)
    unused = keras.Variable(np.ones(2, "float32"))
    labels = np.array([0, 2, 2])
    dense(embedding(labels))
    variables = [*embedding.weights, *dense.weights, unused]
    optimizer = keras.optimizers.SGD(0.1)
    optimizer.build(variables)
    with tf.GradientTape(persistent=True) as tape:
        loss = tf.reduce_sum(dense(embedding(labels)) ** 2)
    gradients = tape.gradient(loss, variables)
    assert isinstance(gradients[0], tf.IndexedSlices) and gradients[-1] is None
    expected = float(tf.linalg.global_norm(gradients))
    with pytest.warns(UserWarning, match="Gradients do not exist"):
        norm = gradient_step(tape, loss, 0, optimizer, variables, labels)
    assert float(norm) == pytest.approx(expected, rel=1e-6) and expected > 0
