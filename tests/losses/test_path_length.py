"""Path-length regularization of synthesizers whose lengths are known."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_synth.losses import PathLength

LAYERS, STYLE_DIM = 2, 3
SHAPE = (4, 2, 1)


def draws(count=5, seed=0):
    """Styles and directions."""
    rng = np.random.default_rng(seed)
    return (
        rng.normal(size=(count, LAYERS, STYLE_DIM)).astype("float32"),
        rng.normal(size=(count, *SHAPE)).astype("float32"),
    )


def linear(matrix):
    """`x = ½ + ½ A w`: in [-1, 1] the Jacobian is A."""
    return lambda w: 0.5 + 0.5 * tf.einsum("hwcld,bld->bhwc", matrix, w)


def matrix(seed=1):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(*SHAPE, LAYERS, STYLE_DIM)).astype("float32")


def lengths_by_hand(a, directions):
    lengths = []
    for y in directions:
        of_layers = []
        for layer in range(LAYERS):
            jacobian = a[:, :, :, layer].reshape(8, STYLE_DIM)
            of_layers.append(
                np.sum((jacobian.T @ (y.reshape(8) / np.sqrt(8))) ** 2)
            )
        lengths.append(np.sqrt(np.mean(of_layers)))
    return np.array(lengths)


def test_the_penalty_of_a_linear_synthesizer():
    a, (styles, directions) = matrix(), draws()
    lengths = lengths_by_hand(a, directions)
    assert lengths.std() > 0.1
    for weight, mean in [(2.0, 0.1), (3.0, 1.5)]:
        penalty, length = PathLength(weight)(
            linear(a), styles, directions, mean
        )
        assert penalty.dtype == length.dtype == "float32"
        assert penalty.shape == length.shape == ()
        expected = weight * np.mean((lengths - mean) ** 2)
        assert float(penalty) == pytest.approx(expected, rel=1e-4)
        assert float(length) == pytest.approx(np.mean(lengths), rel=1e-4)


def test_the_first_lengths_have_no_penalty_and_become_the_mean():
    a, (styles, directions) = matrix(), draws()
    loss = PathLength(decay=0.25)
    size = tf.Variable(1.0)
    with tf.GradientTape() as tape:
        penalty, length = loss(
            lambda w: size * linear(a)(w), styles, directions, mean=0.0
        )
    assert float(penalty) == float(tape.gradient(penalty, size)) == 0.0
    expected = np.mean(lengths_by_hand(a, directions))
    assert float(length) == pytest.approx(expected, rel=1e-4)
    assert float(loss.update_mean(0.0, length)) == float(length)


def test_the_mean_follows_the_lengths():
    """A quarter of the way each time."""
    loss, mean = PathLength(decay=0.25), tf.constant(2.0)
    for expected in (3.0, 3.75, 4.3125):
        mean = loss.update_mean(mean, tf.constant(6.0))
        assert float(mean) == expected
    with tf.GradientTape() as tape:
        length = tf.Variable(6.0)
        mean = loss.update_mean(tf.constant(2.0), length)
    assert tape.gradient(mean, length) is None


def test_lengths_equal_to_the_mean_have_no_penalty():
    """An image that is one style, turned: `‖Jᵀ y‖ = ‖y‖ / √pixels`."""
    rng = np.random.default_rng(2)
    rotation, _ = np.linalg.qr(rng.normal(size=(4, 4)))

    def turn(w):
        flat = w[:, 0] @ rotation.astype("float32")
        return 0.5 * tf.reshape(flat, (-1, 2, 2, 1))

    styles, directions = (
        rng.normal(size=shape).astype("float32")
        for shape in [(6, 1, 4), (6, 2, 2, 1)]
    )
    directions /= np.sqrt(np.sum(directions**2, axis=(1, 2, 3), keepdims=True))
    penalty, length = PathLength()(turn, styles, 2 * directions, mean=1.0)
    assert float(length) == pytest.approx(1.0, rel=1e-5)
    assert float(penalty) == pytest.approx(0.0, abs=1e-8)


def test_gradient_for_the_synthesizer_equals_finite_differences():
    rng = np.random.default_rng(3)
    first = tf.Variable(rng.normal(size=(6, 7)), dtype="float32")
    second = tf.constant(rng.normal(size=(7, 8)), dtype="float32")
    styles, directions = draws()

    def synthesize(w):
        hidden = tf.tanh(tf.reshape(w, (-1, 6)) @ first)
        return tf.reshape(hidden @ second, (-1, *SHAPE))

    def value():
        return PathLength()(synthesize, styles, directions, mean=1.0)[0]

    with tf.GradientTape() as tape:
        penalty = value()
    gradient = tape.gradient(penalty, first).numpy()
    start, step = first.numpy(), 3e-3
    for _ in range(3):
        direction = rng.normal(size=start.shape).astype("float32")
        first.assign(start + step * direction)
        above = float(value())
        first.assign(start - step * direction)
        below = float(value())
        first.assign(start)
        difference = (above - below) / (2 * step)
        assert np.sum(gradient * direction) == pytest.approx(
            difference, rel=5e-3
        )


def test_a_synthesizer_that_ignores_its_style_has_a_finite_gradient():
    size = tf.Variable(0.0)
    styles, directions = draws()
    with tf.GradientTape() as tape:
        penalty, _ = PathLength()(
            lambda w: size * linear(matrix())(w), styles, directions, 1.0
        )
    assert float(penalty) == pytest.approx(2.0, rel=1e-4)  # 2 (0 - 1)²
    assert np.isfinite(tape.gradient(penalty, size))


def test_a_replica_without_images_adds_nothing():
    styles, directions = draws()
    penalty, length = PathLength()(
        linear(matrix()), styles[:0], directions[:0], mean=1.0
    )
    assert float(penalty) == float(length) == 0.0


def test_configuration_round_trip():
    loss = PathLength(weight=3.0, interval=8, decay=0.5)
    config = keras.saving.serialize_keras_object(loss)
    again = keras.saving.deserialize_keras_object(config)
    assert type(again) is PathLength
    assert again.get_config() == {"weight": 3.0, "interval": 8, "decay": 0.5}
    assert (again.weight, again.interval, again.decay) == (3.0, 8, 0.5)


def test_defaults_are_those_of_the_authors():
    config = PathLength().get_config()
    assert config == {"weight": 2.0, "interval": 4, "decay": 0.01}


def test_bad_arguments_are_refused():
    for weight in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="`weight` must be above 0"):
            PathLength(weight=weight)
    for interval in (0, -2, 1.5):
        with pytest.raises(ValueError, match="`interval` must be a positive"):
            PathLength(interval=interval)
    for decay in (0.0, -0.1, 1.5, float("nan")):
        with pytest.raises(ValueError, match="`decay` must be above 0 and at"):
            PathLength(decay=decay)
