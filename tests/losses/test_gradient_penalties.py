"""Gradient penalties of discriminators whose gradients are known."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from keras_synth.losses import R1, R2, WassersteinGradientPenalty

SHAPE = (4, 3, 2, 1)
ALL = [R1, R2, WassersteinGradientPenalty]


def images(seed=0):
    rng = np.random.default_rng(seed)
    return rng.uniform(size=SHAPE).astype("float32")


def weights(seed=9):
    rng = np.random.default_rng(seed)
    return rng.normal(size=SHAPE[1:]).astype("float32")


def total(values):
    return keras.ops.sum(values, axis=(1, 2, 3))


def linear(a):
    """The gradient is `a`, in [-1, 1], everywhere."""
    return lambda x: total(a * (2 * x - 1))


def quadratic(a):
    """The gradient is `a y` at y = 2x - 1."""
    return lambda x: total(0.5 * a * (2 * x - 1) ** 2)


def squared_gradients(a, images):
    return np.sum((a * (2 * images - 1)) ** 2, axis=(1, 2, 3))


def recorded(discriminator):
    """The discriminator, and a list of its inputs."""
    seen = []

    def recording(x):
        seen.append(np.asarray(x))
        return discriminator(x)

    return recording, seen


@pytest.mark.parametrize("kind", [R1, R2])
def test_zero_centered_penalties_of_a_linear_discriminator(kind):
    a = weights()
    value = kind(weight=7.0)(linear(a), images(0), images(1), seed=0)
    assert value.shape == () and value.dtype == "float32"
    assert float(value) == pytest.approx(3.5 * np.sum(a**2), rel=1e-5)


@pytest.mark.parametrize("kind, which", [(R1, 0), (R2, 1)])
def test_r1_looks_at_real_images_and_r2_at_generated_ones(kind, which):
    a, both = weights(), (images(0), images(1))
    value = kind(weight=7.0)(quadratic(a), *both, seed=0)
    expected = 3.5 * np.mean(squared_gradients(a, both[which]))
    assert float(value) == pytest.approx(expected, rel=1e-5)


def test_r1_needs_no_generated_images_and_r2_no_real_ones():
    a = weights()
    assert float(R1()(linear(a), images(), None, seed=0)) > 0
    assert float(R2()(linear(a), None, images(), seed=0)) > 0


def test_wasserstein_penalty_of_a_linear_discriminator():
    a = weights()
    penalty = WassersteinGradientPenalty(weight=3.0)
    value = penalty(linear(a), images(0), images(1), seed=0)
    expected = 3.0 * (np.sqrt(np.sum(a**2)) - 1) ** 2
    assert float(value) == pytest.approx(expected, rel=1e-4)
    unit = a / np.sqrt(np.sum(a**2))
    value = penalty(linear(unit), images(0), images(1), seed=0)
    assert float(value) == pytest.approx(0.0, abs=1e-8)


def test_wasserstein_penalty_is_taken_at_the_mixtures():
    a = weights()
    discriminator, seen = recorded(quadratic(a))
    value = WassersteinGradientPenalty(weight=3.0)(
        discriminator, images(0), images(1), seed=0
    )
    (mixed,) = seen
    norms = np.sqrt(squared_gradients(a, mixed))
    assert float(value) == pytest.approx(
        3.0 * np.mean((norms - 1) ** 2), rel=1e-4
    )


def test_mixtures_are_uniform_between_real_and_generated():
    count = 4000
    discriminator, seen = recorded(total)
    ones, zeros = np.ones((count, 2, 2, 1)), np.zeros((count, 2, 2, 1))
    WassersteinGradientPenalty()(discriminator, ones, zeros, seed=0)
    shares = seen[0]
    np.testing.assert_array_equal(
        shares, np.broadcast_to(shares[:, :1, :1], shares.shape)
    )
    assert stats.kstest(shares[:, 0, 0, 0], "uniform").pvalue > 0.01


def test_mixtures_lie_between_a_real_and_a_generated_image():
    discriminator, seen = recorded(total)
    real, fake = images(0), images(1)
    penalty = WassersteinGradientPenalty()
    penalty(discriminator, np.ones(SHAPE), np.zeros(SHAPE), seed=5)
    penalty(discriminator, real, fake, seed=5)
    share, mixed = seen
    np.testing.assert_allclose(
        mixed, share * real + (1 - share) * fake, rtol=1e-5
    )


def test_a_seed_generator_gives_new_mixtures_each_time():
    discriminator, seen = recorded(total)
    seed = keras.random.SeedGenerator(0)
    for _ in range(2):
        WassersteinGradientPenalty()(discriminator, images(0), images(1), seed)
    assert np.abs(seen[0] - seen[1]).max() > 0.01


@pytest.mark.parametrize("kind", ALL)
def test_gradient_for_the_discriminator_equals_finite_differences(kind):
    rng = np.random.default_rng(2)
    kernel = tf.Variable(rng.normal(size=(6, 5)), dtype="float32")

    def discriminator(x):
        hidden = tf.tanh(tf.reshape(2 * x - 1, (-1, 6)) @ kernel)
        return tf.reduce_sum(hidden, axis=1)

    def penalty():
        return kind()(discriminator, images(0), images(1), seed=3)

    with tf.GradientTape() as tape:
        value = penalty()
    gradient = tape.gradient(value, kernel).numpy()
    start, step = kernel.numpy(), 3e-3
    for _ in range(3):
        direction = rng.normal(size=start.shape).astype("float32")
        kernel.assign(start + step * direction)
        above = float(penalty())
        kernel.assign(start - step * direction)
        below = float(penalty())
        kernel.assign(start)
        difference = (above - below) / (2 * step)
        assert np.sum(gradient * direction) == pytest.approx(
            difference, rel=5e-3
        )


@pytest.mark.parametrize("kind", ALL)
def test_a_constant_discriminator_gives_finite_gradients(kind):
    a = tf.Variable(np.zeros(SHAPE[1:], "float32"))
    with tf.GradientTape() as tape:
        value = kind(weight=2.0)(linear(a), images(0), images(1), seed=0)
    expected = 2.0 if kind is WassersteinGradientPenalty else 0.0
    assert float(value) == pytest.approx(expected, rel=1e-5)
    assert np.isfinite(tape.gradient(value, a)).all()


@pytest.mark.parametrize("kind", ALL)
def test_logits_of_patches_are_added_up(kind):
    a, both = weights(), (images(0), images(1))
    by_patch = kind()(lambda x: 0.5 * a * (2 * x - 1) ** 2, *both, seed=0)
    by_image = kind()(quadratic(a), *both, seed=0)
    assert float(by_patch) == pytest.approx(float(by_image), rel=1e-5)


@pytest.mark.parametrize("kind", ALL)
def test_a_discriminator_in_half_precision(kind):
    a, both = weights(), (images(0), images(1))

    def discriminator(x):
        half = tf.cast(2 * x - 1, "float16")
        return total(tf.cast(a, "float16") * half)

    value = kind()(discriminator, *both, seed=0)
    assert value.dtype == "float32"
    expected = float(kind()(linear(a), *both, seed=0))
    assert float(value) == pytest.approx(expected, rel=1e-2)


def test_a_batch_of_unknown_size_is_taken():
    a = weights()
    spec = tf.TensorSpec((None, *SHAPE[1:]))

    @tf.function(input_signature=[spec, spec])
    def penalty(real, fake):
        return WassersteinGradientPenalty()(linear(a), real, fake, seed=0)

    expected = 10.0 * (np.sqrt(np.sum(a**2)) - 1) ** 2
    for count in (4, 1):
        value = penalty(images(0)[:count], images(1)[:count])
        assert float(value) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("kind", ALL)
def test_configuration_round_trip(kind):
    config = keras.saving.serialize_keras_object(kind(weight=2.5, interval=16))
    again = keras.saving.deserialize_keras_object(config)
    assert type(again) is kind
    assert (again.weight, again.interval) == (2.5, 16)
    assert again.get_config() == {"weight": 2.5, "interval": 16}


@pytest.mark.parametrize("kind", ALL)
def test_bad_arguments_are_refused(kind):
    for weight in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="`weight` must be above 0"):
            kind(weight=weight)
    for interval in (0, -2, 1.5):
        with pytest.raises(ValueError, match="`interval` must be a positive"):
            kind(interval=interval)
