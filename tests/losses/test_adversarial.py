"""Adversarial losses against NumPy twins and their optimal values."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_synth.losses import (
    Hinge,
    LeastSquares,
    Minimax,
    NonSaturating,
    RelativisticAverage,
    Wasserstein,
)

CLASSES = [
    Minimax,
    NonSaturating,
    LeastSquares,
    Hinge,
    Wasserstein,
    RelativisticAverage,
]
WITH_LABELS = [Minimax, NonSaturating, LeastSquares]


def log_sigmoid(x):
    return -np.logaddexp(0.0, -x)


def cross_entropy(target, logits):
    return -np.mean(
        target * log_sigmoid(logits) + (1 - target) * log_sigmoid(-logits)
    )


def twin(kind, real, fake):
    """Discriminator's and generator's loss, as in the papers."""
    r, f = real.astype("float64"), fake.astype("float64")
    if kind in (Minimax, NonSaturating):
        discriminator = cross_entropy(1.0, r) + cross_entropy(0.0, f)
        if kind is Minimax:
            return discriminator, np.mean(log_sigmoid(-f))
        return discriminator, -np.mean(log_sigmoid(f))
    if kind is LeastSquares:
        return (
            0.5 * np.mean((r - 1) ** 2) + 0.5 * np.mean(f**2),
            0.5 * np.mean((f - 1) ** 2),
        )
    if kind is Hinge:
        margins = np.maximum(0, 1 - r), np.maximum(0, 1 + f)
        return np.mean(margins[0]) + np.mean(margins[1]), -np.mean(f)
    if kind is Wasserstein:
        return np.mean(f) - np.mean(r), -np.mean(f)
    above, below = r - np.mean(f), f - np.mean(r)
    return (
        cross_entropy(1.0, above) + cross_entropy(0.0, below),
        cross_entropy(0.0, above) + cross_entropy(1.0, below),
    )


def logits(shape, seed=0, scale=3.0):
    rng = np.random.default_rng(seed)
    return (scale * rng.normal(size=(2, *shape))).astype("float32")


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("shape", [(7,), (3, 4, 5, 1)])
def test_losses_equal_the_papers_formulas(kind, shape):
    real, fake = logits(shape)
    loss = kind()
    discriminator, generator = twin(kind, real, fake)
    ours = loss.discriminator(real, fake)
    assert ours.shape == () and ours.dtype == "float32"
    assert float(ours) == pytest.approx(discriminator, rel=1e-5)
    ours = loss.generator(real, fake)
    assert ours.shape == () and ours.dtype == "float32"
    assert float(ours) == pytest.approx(generator, rel=1e-5)


@pytest.mark.parametrize("kind", CLASSES)
def test_half_precision_logits_are_summed_in_float32(kind):
    real, fake = logits((40, 8, 8, 1), scale=100.0).astype("float16")
    real, fake = real + np.float16(200), fake - np.float16(200)
    assert np.abs(real.sum(dtype="float64")) > np.finfo("float16").max
    expected = twin(kind, real, fake)
    for ours, theirs in zip(
        (kind().discriminator(real, fake), kind().generator(real, fake)),
        expected,
        strict=True,
    ):
        assert ours.dtype == "float32"
        assert float(ours) == pytest.approx(theirs, rel=1e-4, abs=1e-6)
    middle = (real.mean(dtype="float64") + fake.mean(dtype="float64")) / 2
    if kind in (Wasserstein, RelativisticAverage):
        assert float(kind().boundary(real, fake)) == pytest.approx(middle, 1e-4)


# Two distributions over three kinds of images, eight draws of each.
REAL_COUNTS, FAKE_COUNTS = np.array([4, 2, 2]), np.array([1, 2, 5])
P, Q = REAL_COUNTS / 8, FAKE_COUNTS / 8
M = (P + Q) / 2
JENSEN_SHANNON = 0.5 * np.sum(P * np.log(P / M) + Q * np.log(Q / M))
TOTAL_VARIATION = 0.5 * np.sum(np.abs(P - Q))


@pytest.mark.parametrize(
    "kind, best, value",
    [
        # Goodfellow et al. 2014, proposition 1 and theorem 1.
        (Minimax, np.log(P / Q), 2 * np.log(2) - 2 * JENSEN_SHANNON),
        (NonSaturating, np.log(P / Q), 2 * np.log(2) - 2 * JENSEN_SHANNON),
        # Mao et al. 2017, on Pearson's χ².
        (LeastSquares, P / (P + Q), 0.5 * np.sum(P * Q / (P + Q))),
        # Lim & Ye 2017, Geometric GAN.
        (Hinge, np.sign(P - Q), 2 - 2 * TOTAL_VARIATION),
    ],
)
def test_no_discriminator_is_below_the_papers_optimum(kind, best, value):
    def loss(logits):
        return float(
            kind().discriminator(
                np.repeat(logits, REAL_COUNTS).astype("float32"),
                np.repeat(logits, FAKE_COUNTS).astype("float32"),
            )
        )

    assert loss(best) == pytest.approx(value, rel=1e-5)
    rng = np.random.default_rng(0)
    others = best + 0.3 * rng.normal(size=(20, 3))
    assert min(loss(other) for other in others) > value - 1e-5
    assert max(loss(other) for other in others) > value + 0.01


@pytest.mark.parametrize(
    "kind, undecided, discriminator, generator",
    [
        (Minimax, 0.0, 2 * np.log(2), -np.log(2)),
        (NonSaturating, 0.0, 2 * np.log(2), np.log(2)),
        (LeastSquares, 0.5, 0.25, 0.125),
        (Hinge, 0.0, 2.0, 0.0),
        (Wasserstein, 0.0, 0.0, 0.0),
        (RelativisticAverage, 5.0, 2 * np.log(2), 2 * np.log(2)),
    ],
)
def test_values_of_an_undecided_discriminator(
    kind, undecided, discriminator, generator
):
    same = np.full((4,), undecided, "float32")
    loss = kind()
    assert float(loss.discriminator(same, same)) == pytest.approx(discriminator)
    assert float(loss.generator(same, same)) == pytest.approx(generator)
    assert float(loss.boundary(same, same)) == pytest.approx(undecided)


def generator_gradient(loss, logit):
    fake = tf.Variable([logit])
    with tf.GradientTape() as tape:
        value = loss.generator(None, fake)
    return float(tape.gradient(value, fake)[0])


def test_minimax_gradients_vanish_and_non_saturating_ones_do_not():
    assert abs(generator_gradient(Minimax(), -30.0)) < 1e-12
    assert generator_gradient(NonSaturating(), -30.0) == pytest.approx(-1.0)
    assert generator_gradient(Minimax(), 0.0) == pytest.approx(-0.5)
    assert generator_gradient(NonSaturating(), 0.0) == pytest.approx(-0.5)


@pytest.mark.parametrize("kind", CLASSES)
def test_values_and_gradients_stay_finite_for_extreme_logits(kind):
    real, fake = (tf.Variable([1e4, -1e4, 0.0]) for _ in range(2))
    for part in ("discriminator", "generator"):
        with tf.GradientTape() as tape:
            value = getattr(kind(), part)(real, fake)
        gradient = tape.gradient(value, fake)
        assert np.isfinite(value) and np.isfinite(gradient).all()
        assert np.abs(gradient).max() > 0


@pytest.mark.parametrize("kind", CLASSES)
def test_generators_use_real_logits_as_declared(kind):
    real, fake = logits((5,))
    loss = kind()
    once, again = loss.generator(real, fake), loss.generator(real + 1, fake)
    assert (float(once) != float(again)) == loss.generator_sees_real
    if not loss.generator_sees_real:
        assert float(loss.generator(None, fake)) == float(once)
    assert loss.generator_sees_real == (kind is RelativisticAverage)


@pytest.mark.parametrize("kind", [Minimax, NonSaturating])
def test_label_smoothing_changes_the_target_of_real_images_only(kind):
    real, fake = logits((6,))
    smooth = kind(label_smoothing=0.1)
    assert float(smooth.discriminator(real, fake)) == pytest.approx(
        cross_entropy(0.9, real) + cross_entropy(0.0, fake), rel=1e-5
    )
    assert float(smooth.generator(real, fake)) == float(
        kind().generator(real, fake)
    )
    aim = tf.Variable([np.log(0.9 / 0.1)], dtype="float32")
    with tf.GradientTape() as tape:
        value = smooth.discriminator(aim, fake)
    assert abs(float(tape.gradient(value, aim)[0])) < 1e-6


def test_label_smoothing_changes_the_squares_of_real_images_only():
    real, fake = logits((6,))
    smooth = LeastSquares(label_smoothing=0.2)
    assert float(smooth.discriminator(real, fake)) == pytest.approx(
        0.5 * np.mean((real - 0.8) ** 2) + 0.5 * np.mean(fake**2), rel=1e-5
    )
    assert float(smooth.generator(real, fake)) == float(
        LeastSquares().generator(real, fake)
    )
    assert smooth.boundary(real, fake) == pytest.approx(0.4)


@pytest.mark.parametrize("part", ["discriminator", "generator"])
def test_relativistic_logits_have_no_zero(part):
    real, fake = logits((9,))
    loss = getattr(RelativisticAverage(), part)
    value = float(loss(real, fake))
    assert float(loss(real + 7.25, fake + 7.25)) == pytest.approx(value, 1e-5)
    assert float(loss(real + 7.25, fake)) != pytest.approx(value, 1e-2)


def test_the_relativistic_generator_exchanges_real_and_fake():
    real, fake = logits((9,))
    loss = RelativisticAverage()
    assert float(loss.generator(real, fake)) == float(
        loss.discriminator(fake, real)
    )


@pytest.mark.parametrize("kind", CLASSES)
def test_boundary(kind):
    real, fake = logits((5,))
    boundary = float(kind().boundary(real, fake))
    if kind in (Wasserstein, RelativisticAverage):
        middle = 0.5 * (real.mean() + fake.mean())
        assert boundary == pytest.approx(middle, rel=1e-5)
    else:
        assert boundary == (0.5 if kind is LeastSquares else 0.0)


@pytest.mark.parametrize("kind", CLASSES)
def test_configuration_round_trip(kind):
    arguments = {"label_smoothing": 0.1} if kind in WITH_LABELS else {}
    loss = kind(**arguments)
    config = keras.saving.serialize_keras_object(loss)
    again = keras.saving.deserialize_keras_object(config)
    assert type(again) is kind
    assert again.get_config() == arguments
    real, fake = logits((5,))
    assert float(again.discriminator(real, fake)) == float(
        loss.discriminator(real, fake)
    )


@pytest.mark.parametrize("kind", WITH_LABELS)
@pytest.mark.parametrize("smoothing", [-0.1, 0.5, float("nan")])
def test_bad_label_smoothing_is_refused(kind, smoothing):
    with pytest.raises(ValueError, match="`label_smoothing` must be"):
        kind(label_smoothing=smoothing)
