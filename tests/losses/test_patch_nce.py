"""PatchNCE: its formula, its laws, and keys that get no gradient."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_synth.losses import PatchNCE

RNG = np.random.default_rng(0)


def unit_vectors(*shape):
    vectors = RNG.normal(size=shape)
    vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors.astype("float32")


def twin(keys, queries, temperature):
    """Cross-entropy of one's own place, place by place."""
    losses = np.zeros(len(keys))
    for image, (k, q) in enumerate(zip(keys, queries, strict=True)):
        for place, query in enumerate(q.astype("float64")):
            scores = np.exp([query @ key / temperature for key in k])
            losses[image] -= np.log(scores[place] / scores.sum()) / len(q)
    return losses


@pytest.mark.parametrize("temperature", [0.07, 1.0])
def test_it_equals_its_formula_and_weighs_images(temperature):
    keys, queries = unit_vectors(2, 3, 7, 5)
    expected = twin(keys, queries, temperature)
    assert np.ptp(expected) > 0.01
    loss = PatchNCE(temperature)
    np.testing.assert_allclose(
        loss.call(tf.constant(keys), tf.constant(queries)), expected, rtol=1e-5
    )
    assert float(loss(keys, queries)) == pytest.approx(expected.mean(), 1e-5)
    weights = np.array([1.0, 0.0, 3.0])
    weighted = float(loss(keys, queries, sample_weight=weights))
    assert weighted == pytest.approx((weights * expected).mean(), 1e-5)


def test_equal_features_give_the_smallest_loss():
    """Of keys as far apart as can be, the corners of a simplex.

    The exponential is convex, so that the sum over other places is least
    where they are equally far, and then where q = k.
    """
    keys = np.eye(6, 8, dtype="float32")[None]
    keys[..., :6] -= 1 / 6
    keys /= np.linalg.norm(keys, axis=-1, keepdims=True)
    loss = PatchNCE(0.5)
    smallest = float(loss(keys, keys))
    assert smallest == pytest.approx(np.log(1 + 5 * np.exp(-1.2 / 0.5)), 1e-5)
    others = unit_vectors(50, 6, 8)
    near = keys + 0.1 * others
    near /= np.linalg.norm(near, axis=-1, keepdims=True)
    for queries in (others, near):
        each = loss.call(tf.repeat(keys, 50, axis=0), tf.constant(queries))
        assert float(tf.reduce_min(each)) > smallest


def test_features_of_other_places_give_a_larger_loss():
    keys = unit_vectors(1, 9, 4)
    smallest = float(PatchNCE()(keys, keys))
    for _ in range(10):
        moved = keys[:, RNG.permutation(9)]
        assert float(PatchNCE()(keys, moved)) > smallest
    both = RNG.permutation(9)
    moved = float(PatchNCE()(keys[:, both], keys[:, both]))
    assert moved == pytest.approx(smallest, 1e-4)


def test_keys_that_are_all_alike_cannot_be_told_apart():
    keys = np.repeat(unit_vectors(1, 1, 4), 16, axis=1)
    loss = float(PatchNCE()(keys, unit_vectors(1, 16, 4)))
    assert loss == pytest.approx(np.log(16), 1e-5)


def test_keys_get_no_gradient():
    keys, queries = map(tf.Variable, unit_vectors(2, 1, 5, 4))
    with tf.GradientTape() as tape:
        loss = PatchNCE()(keys, queries)
    of_keys, of_queries = tape.gradient(loss, [keys, queries])
    assert of_keys is None and np.abs(of_queries).min() > 0


def test_half_precision_is_computed_in_float32():
    keys = unit_vectors(1, 64, 4)
    half = tf.cast(keys, "float16")
    loss = PatchNCE().call(half, half)
    assert loss.dtype == "float32"
    assert float(loss[0]) == pytest.approx(float(PatchNCE()(keys, keys)), 0.01)


def test_it_is_rebuilt_from_its_configuration():
    config = keras.saving.serialize_keras_object(PatchNCE(0.2, name="nce"))
    again = keras.saving.deserialize_keras_object(config)
    assert (again.temperature, again.name) == (0.2, "nce")
    assert keras.saving.serialize_keras_object(again) == config


def test_bad_arguments_are_refused():
    for temperature in (0.0, -1.0, float("nan"), "warm"):
        with pytest.raises(ValueError, match="`temperature` must be"):
            PatchNCE(temperature)
    with pytest.raises(ValueError, match="must have the same shape"):
        PatchNCE().call(tf.zeros((1, 4, 2)), tf.zeros((1, 5, 2)))
