"""Likelihoods against SciPy, and the laws that make them distributions."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from keras_synth.losses import Bernoulli, DiscretizedLogistic, Gaussian

SHAPE = (2, 4, 3, 1)
ALL = [Bernoulli(), Gaussian(0.2), Gaussian(None), DiscretizedLogistic()]


def random(shape=SHAPE, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def gray(levels=256):
    integers = np.random.default_rng(1).integers(0, levels, SHAPE)
    return (integers / (levels - 1)).astype("float32")


def test_bernoulli_equals_scipy():
    images, logits = (gray() > 0.5).astype("float32"), 3 * random()
    probability = 1 / (1 + np.exp(-logits.astype("float64")))
    expected = stats.bernoulli.logpmf(images, probability).sum((1, 2, 3))
    np.testing.assert_allclose(
        Bernoulli().log_prob(images, logits), expected, rtol=1e-5
    )


def test_bernoulli_is_finite_for_large_logits():
    logits = np.full(SHAPE, 1e4, "float32")
    log_prob = Bernoulli().log_prob(np.ones(SHAPE, "float32"), logits)
    np.testing.assert_array_equal(log_prob, [0.0, 0.0])


def test_gaussian_equals_scipy():
    images, mean = gray(), random()
    expected = stats.norm.logpdf(images, mean, 0.2).sum((1, 2, 3))
    np.testing.assert_allclose(
        Gaussian(0.2).log_prob(images, mean), expected, rtol=1e-4
    )


def test_learned_gaussian_variance_stays_above_the_minimum():
    images, mean, raw = gray(), random(), random(seed=2)
    likelihood = Gaussian(None)
    floor = 2 * np.log(likelihood.minimum)
    log_variance = floor + np.logaddexp(0, raw - floor)
    np.testing.assert_allclose(log_variance, raw, atol=0.01)  # well above it
    expected = stats.norm.logpdf(images, mean, np.exp(0.5 * log_variance))
    parameters = np.concatenate([mean, raw], axis=-1)
    np.testing.assert_allclose(
        likelihood.log_prob(images, parameters),
        expected.sum((1, 2, 3)),
        rtol=1e-4,
    )
    parameters = np.concatenate([images, np.full_like(raw, -1e6)], axis=-1)
    density = stats.norm.logpdf(0.0, 0.0, likelihood.minimum)
    np.testing.assert_allclose(
        likelihood.log_prob(images, parameters),
        2 * [12 * density],
        rtol=1e-4,
    )


def test_discretized_logistic_is_a_difference_of_scipys_cdf():
    images, mean, log_scale = gray(), 0.5 + 0.2 * random(), -2 + random(seed=2)
    half = 0.5 / 255
    curve = stats.logistic(mean, np.exp(log_scale).astype("float64"))
    above = np.where(images == 1, np.inf, images + half)
    below = np.where(images == 0, -np.inf, images - half)
    probability = np.where(  # without cancellation in either tail
        images > mean,
        curve.sf(below) - curve.sf(above),
        curve.cdf(above) - curve.cdf(below),
    )
    expected = np.log(probability).sum((1, 2, 3))
    parameters = np.concatenate([mean, log_scale], axis=-1)
    np.testing.assert_allclose(
        DiscretizedLogistic().log_prob(images, parameters),
        expected,
        rtol=2e-4,
    )


@pytest.mark.parametrize("levels", [2, 16, 256])
@pytest.mark.parametrize("log_scale", [-7.0, -3.0, 0.0])
def test_probabilities_of_all_levels_sum_to_one(levels, log_scale):
    images = np.linspace(0, 1, levels, dtype="float32").reshape(-1, 1, 1, 1)
    parameters = np.full((levels, 1, 1, 2), 0.37, "float32")
    parameters[..., 1] = log_scale
    log_prob = DiscretizedLogistic(levels).log_prob(images, parameters)
    assert np.sum(np.exp(log_prob)) == pytest.approx(1.0, abs=2e-4)


@pytest.mark.parametrize("likelihood", ALL, ids=lambda a: type(a).__name__)
def test_gradients_stay_finite(likelihood):
    for scale in (1.0, 100.0):
        shape = (*SHAPE[:3], likelihood.parameters_per_channel)
        parameters = tf.Variable(scale * random(shape))
        with tf.GradientTape() as tape:
            log_prob = likelihood.log_prob(gray(2), parameters)
        assert np.isfinite(log_prob).all()
        assert np.isfinite(tape.gradient(log_prob, parameters)).all()


@pytest.mark.parametrize("likelihood", ALL, ids=lambda a: type(a).__name__)
def test_samples_lie_in_the_unit_range_and_average_to_the_mean(likelihood):
    count = 4000
    parameters = np.zeros(
        (count, 1, 1, likelihood.parameters_per_channel), "float32"
    )
    parameters[..., 0] = 0.5  # a mean, or a logit
    if likelihood.parameters_per_channel == 2:
        parameters[..., 1] = -4.0
    samples = np.asarray(likelihood.sample(parameters, seed=3))
    mean = np.asarray(likelihood.mean(parameters))
    assert samples.shape == mean.shape == (count, 1, 1, 1)
    assert samples.min() >= 0.0 and samples.max() <= 1.0
    assert 0.0 <= mean.min() and mean.max() <= 1.0
    error = 5 * samples.std() / np.sqrt(count)
    assert abs(samples.mean() - mean.mean()) < error
    np.testing.assert_array_equal(
        samples, likelihood.sample(parameters, seed=3)
    )


def test_discretized_samples_are_gray_levels():
    parameters = random((50, 4, 3, 2))
    samples = np.asarray(DiscretizedLogistic(4).sample(parameters, seed=0))
    np.testing.assert_allclose(samples * 3, np.round(samples * 3), atol=1e-6)


@pytest.mark.parametrize("likelihood", ALL, ids=lambda a: type(a).__name__)
def test_a_leading_axis_of_samples_is_kept(likelihood):
    images = gray()
    shape = (*SHAPE[:3], likelihood.parameters_per_channel)
    parameters = np.stack([random(shape), random(shape, seed=5)])
    both = likelihood.log_prob(images, parameters)
    assert both.shape == (2, 2)
    np.testing.assert_allclose(
        both[1], likelihood.log_prob(images, parameters[1]), rtol=1e-5
    )


@pytest.mark.parametrize("likelihood", ALL, ids=lambda a: type(a).__name__)
def test_configuration_round_trip(likelihood):
    config = keras.saving.serialize_keras_object(likelihood)
    again = keras.saving.deserialize_keras_object(config)
    assert type(again) is type(likelihood)
    assert again.get_config() == likelihood.get_config()


@pytest.mark.parametrize(
    "build",
    [
        lambda: Gaussian(0.0),
        lambda: Gaussian(0.1, minimum=-1.0),
        lambda: DiscretizedLogistic(1),
        lambda: DiscretizedLogistic(2.5),
    ],
)
def test_bad_arguments_are_refused(build):
    with pytest.raises(ValueError, match="must be"):
        build()
