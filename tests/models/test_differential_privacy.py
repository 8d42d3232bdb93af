"""Differential privacy: the gradient by hand, the noise, the accountant."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import norm

from keras_synth.models import DifferentialPrivacy, differential_privacy


def least_squares(batch=5):
    """A linear model: its variables, loss, data, and gradients by hand."""
    random = np.random.default_rng(0)
    x = random.normal(size=(batch, 3)).astype("float32")
    y = random.normal(size=batch).astype("float32")
    weights = tf.Variable([0.5, -1.0, 2.0])
    bias = tf.Variable(0.25)

    def loss(example):
        x, y = example
        return tf.reduce_mean((tf.linalg.matvec(x, weights) + bias - y) ** 2)

    residual = x.astype("float64") @ weights.numpy() + 0.25 - y
    by_hand = np.concatenate([x, np.ones((batch, 1))], axis=1)
    return (weights, bias), loss, (x, y), 2 * residual[:, None] * by_hand


def private(noise=0.0, clip=1.5, batch_size=8, num_images=100):
    return DifferentialPrivacy(noise, clip, batch_size, num_images, seed=3)


def flat(gradients):
    return np.concatenate([np.ravel(g) for g in gradients])


def test_the_gradient_is_the_one_by_hand():
    variables, loss, data, gradients = least_squares()
    norms = np.linalg.norm(gradients, axis=1)
    assert norms.min() < 1.5 < norms.max()  # some are clipped
    expected = (gradients * np.minimum(1, 1.5 / norms)[:, None]).sum(0) / 8
    found = private().gradients(loss, data, variables, tf.constant(0))
    np.testing.assert_allclose(flat(found), expected, atol=1e-6)


def convolutions(batch=7):
    """A small network of convolutions: its variables, loss and images."""
    keras.utils.set_random_seed(0)
    network = keras.Sequential(
        [
            keras.Input((6, 6, 1)),
            keras.layers.Conv2D(3, 3, strides=2, activation="relu"),
            keras.layers.Conv2DTranspose(2, 3, strides=2, padding="same"),
            keras.layers.GroupNormalization(1),
            keras.layers.Dense(1),
        ]
    )

    def loss(image):
        return tf.reduce_mean(tf.abs(network(image) - 0.3) ** 1.5)

    images = np.random.default_rng(0).normal(size=(batch, 6, 6, 1))
    return network.trainable_variables, loss, images.astype("float32")


@pytest.mark.parametrize("numbers", [1, 200, 2**26])
def test_gradients_are_those_of_each_image_alone(numbers, monkeypatch):
    """However many are taken at a time, here 1, 2 and all of 7."""
    monkeypatch.setattr(differential_privacy, "_GRADIENT_NUMBERS", numbers)
    variables, loss, images = convolutions()
    expected = [np.zeros(v.shape) for v in variables]
    norms = []
    for image in images:
        with tf.GradientTape() as tape:
            value = loss(image[None])
        gradients = [
            g.numpy().astype("float64") for g in tape.gradient(value, variables)
        ]
        norms.append(np.sqrt(sum((g**2).sum() for g in gradients)))
        for total, gradient in zip(expected, gradients, strict=True):
            total += gradient * min(1, 7.0 / norms[-1]) / 8
    assert min(norms) < 7.0 < max(norms)  # some are clipped
    found = private(clip=7.0).gradients(loss, images, variables, 0)
    np.testing.assert_allclose(flat(found), flat(expected), atol=1e-6)


def test_one_image_changes_the_gradient_by_at_most_the_norm():
    variables, loss, (x, y), _ = least_squares(6)

    def gradient(kept):
        batch = x[kept] * 100, y[kept]
        return flat(private().gradients(loss, batch, variables, 0))

    whole = gradient(np.arange(6))
    for left_out in range(6):
        part = gradient(np.delete(np.arange(6), left_out))
        assert np.linalg.norm(whole - part) <= 1.5 / 8 + 1e-6


def test_a_batch_without_images_gives_noise_alone():
    variables, loss, (x, y), _ = least_squares()
    found = private(2.0).gradients(loss, (x[:0], y[:0]), variables, 7)
    for index, gradient in enumerate(found):
        noise = private().normal(gradient.shape, 7, index + 1)
        np.testing.assert_allclose(gradient, 2.0 * 1.5 / 8 * noise, rtol=1e-6)
    quiet = private().gradients(loss, (x[:0], y[:0]), variables, 7)
    assert not flat(quiet).any()


def test_noise_is_normal_and_new_for_each_step_variable_and_seed():
    noise = private().normal((20_000,), 5, 1).numpy()
    assert abs(noise.mean()) < 0.03 and abs(noise.std() - 1) < 0.03
    others = [
        private().normal((20_000,), 6, 1),
        private().normal((20_000,), 5, 2),
        DifferentialPrivacy(1.0, 1.0, 8, 100, seed=4).normal((20_000,), 5, 1),
        DifferentialPrivacy(1.0, 1.0, 8, 100).normal((20_000,), 5, 1),
    ]
    for other in others:
        assert abs(np.corrcoef(noise, other)[0, 1]) < 0.03
    np.testing.assert_array_equal(noise, private().normal((20_000,), 5, 1))


@pytest.mark.parametrize(("noise", "steps"), [(1.0, 1), (2.0, 9)])
def test_the_budget_of_full_batches_has_a_closed_form(noise, steps):
    """Balle & Wang 2018, theorem 8, of the noise over all steps."""
    privacy = DifferentialPrivacy(noise, 0.7, 50, 50)
    sigma = noise / np.sqrt(steps)
    epsilon = privacy.epsilon(steps, delta=1e-3)
    delta = norm.cdf(0.5 / sigma - epsilon * sigma) - np.exp(
        epsilon
    ) * norm.cdf(-0.5 / sigma - epsilon * sigma)
    assert delta == pytest.approx(1e-3, rel=2e-3)


def test_the_budget_is_that_of_dp_accounting():
    accounting = pytest.importorskip("dp_accounting")
    from dp_accounting import rdp

    event = accounting.SelfComposedDpEvent(
        accounting.PoissonSampledDpEvent(0.01, accounting.GaussianDpEvent(1.5)),
        200,
    )
    accountant = accounting.pld.PLDAccountant()
    expected = accountant.compose(event).get_epsilon(1e-4)
    privacy = DifferentialPrivacy(1.5, 1.0, 10, 1000)
    assert privacy.default_delta == pytest.approx(1e-4)
    found = privacy.epsilon(200)
    assert found == pytest.approx(expected, rel=1e-9)
    # The accountant of moments is looser.
    loose = rdp.RdpAccountant().compose(event).get_epsilon(1e-4)
    assert 0.5 * loose < found < loose


@pytest.mark.slow
def test_the_budget_grows_from_nothing_and_is_infinite_without_noise():
    privacy = DifferentialPrivacy(1.5, 1.0, 10, 100)
    assert privacy.epsilon(0) == 0.0 < privacy.epsilon(1) < privacy.epsilon(9)
    assert private().epsilon(1) == float("inf")
    # One image and one step; noise so small that nothing is protected.
    assert 0 < DifferentialPrivacy(1.0, 1.0, 1, 1).epsilon(1) < 3
    small, smaller = (
        DifferentialPrivacy(noise, 1.0, 100, 100).epsilon(1, 1e-5)
        for noise in (0.1, 0.05)
    )
    # 1 / 2σ² + 4.3 / σ for one Gaussian and this δ, never less.
    assert 90 < small < 110 and 280 < smaller < 310
    with pytest.raises(ValueError, match="`steps` must be an int"):
        privacy.epsilon(-1)
    with pytest.raises(ValueError, match="delta=1.0"):
        privacy.epsilon(1, delta=1.0)


@pytest.mark.parametrize(
    "numbers",
    [(-1, 1, 8, 9), (1, 0, 8, 9), (1, 1, 10, 9), (float("nan"), 1, 8, 9)],
)
def test_numbers_out_of_range_are_refused(numbers):
    with pytest.raises(ValueError, match="`noise_multiplier` must be"):
        DifferentialPrivacy(*numbers)


def test_a_missing_accountant_is_named(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "dp_accounting", None)
    with pytest.raises(ImportError, match=r"keras_synth\[privacy\]"):
        private(1.0).epsilon(3)
