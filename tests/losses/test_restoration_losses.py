"""Restoration losses against NumPy, TensorFlow and the metrics."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_synth.losses import (
    Charbonnier,
    DiceCrossEntropy,
    MultiScaleSSIMLoss,
    SSIMLoss,
    total_variation,
)
from keras_synth.ops import (
    multi_scale_structural_similarity,
    structural_similarity,
)

TWO_SCALES = (0.4, 0.6)
ALL = [
    Charbonnier(epsilon=0.01),
    SSIMLoss(),
    MultiScaleSSIMLoss(power_factors=TWO_SCALES),
]


def images(seed=0, count=3):
    """Smooth images, each with its own stripes and stains."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(size=(count, 6, 6, 1))
    images = tf.image.resize(coarse, (24, 24), "bicubic")
    return np.clip(images, 0, 1).astype("float32")


def test_charbonnier_equals_its_formula_and_weighs_images():
    clean, restored = images(), images(1)
    squared = (clean - restored).astype("float64") ** 2
    each = np.sqrt(squared + 0.01**2).mean((1, 2, 3))
    loss = Charbonnier(epsilon=0.01)
    assert float(loss(clean, restored)) == pytest.approx(each.mean(), rel=1e-5)
    weights = np.array([1.0, 0.0, 3.0])
    weighted = loss(clean, restored, sample_weight=weights)
    assert float(weighted) == pytest.approx((weights * each).mean(), rel=1e-5)


def test_charbonnier_lies_between_mean_absolute_error_and_epsilon():
    clean, restored = images(), images(1)
    far = float(keras.losses.MeanAbsoluteError()(clean, restored))
    assert far < float(Charbonnier()(clean, restored)) < far + 1e-3
    assert float(Charbonnier()(clean, clean)) == pytest.approx(1e-3)


def test_dice_cross_entropy_equals_its_formula():
    """And where all is known, it is 0, even of a mask that is empty."""
    rng = np.random.default_rng(0)
    p = rng.uniform(0.01, 0.99, (2, 5, 6, 1)).astype("float32")
    mask = np.float32(rng.uniform(size=p.shape) < 0.3)
    entropy = -np.mean(mask * np.log(p) + (1 - mask) * np.log(1 - p))
    f1 = (2 * (mask * p).sum() + 1) / (mask.sum() + p.sum() + 1)
    loss = DiceCrossEntropy(weight=3.0)
    assert float(loss(mask, p)) == pytest.approx(3 * entropy + 1 - f1, rel=1e-5)
    for known in (mask, np.zeros_like(mask)):
        assert float(loss(known, known)) == pytest.approx(0.0, abs=1e-5)


@pytest.mark.parametrize(
    "loss, score",
    [
        (SSIMLoss(2.0), lambda x, y: structural_similarity(x, y, 2.0)),
        (
            MultiScaleSSIMLoss(2.0, TWO_SCALES),
            lambda x, y: multi_scale_structural_similarity(
                x, y, 2.0, TWO_SCALES
            ),
        ),
    ],
)
def test_similarity_losses_are_one_minus_the_similarity(loss, score):
    clean, restored = images(), 0.7 * images() + 0.3 * images(1)
    scores = np.asarray(score(clean, restored))
    assert 0.2 < scores.mean() < 0.9
    value = float(loss(clean, restored))
    assert value == pytest.approx(1 - scores.mean(), abs=1e-6)
    weighted = loss(clean, restored, sample_weight=np.array([0.0, 0.0, 3.0]))
    assert float(weighted) == pytest.approx(1 - scores[2], abs=1e-6)
    assert float(loss(clean, clean)) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("loss", ALL, ids=lambda loss: loss.name)
def test_gradients_are_finite_for_special_images(loss):
    clean = tf.constant(images())
    for restored in (clean, 1 - clean, 0 * clean, 0 * clean + 1, -5 * clean):
        with tf.GradientTape() as tape:
            tape.watch(restored)
            value = loss(clean, restored)
        assert np.isfinite(value)
        assert np.isfinite(tape.gradient(value, restored)).all()


@pytest.mark.parametrize("loss", ALL, ids=lambda loss: loss.name)
def test_training_lowers_it_also_after_saving(loss, tmp_path):
    clean = images(count=4)
    noise = np.random.default_rng(2).normal(size=clean.shape)
    noisy = (clean + 0.1 * noise).astype("float32")
    conv = keras.layers.Conv2D(1, 5, padding="same")
    model = keras.Sequential([keras.Input((None, None, 1)), conv])
    kernel = np.zeros((5, 5, 1, 1), "float32")
    kernel[2, 2] = 1.0
    conv.set_weights([kernel, np.zeros(1, "float32")])
    model.compile(keras.optimizers.Adam(0.003), loss)
    before = float(loss(clean, model(noisy)))
    batch = tf.data.Dataset.from_tensors((noisy, clean))
    model.fit(batch.repeat(40), shuffle=False, verbose=0)
    after = float(loss(clean, model(noisy)))
    assert after < 0.95 * before

    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert type(loaded.loss) is type(loss)
    assert loaded.loss.get_config() == loss.get_config()
    again = float(loaded.loss(clean, loaded(noisy)))
    assert again == pytest.approx(after, rel=1e-6)


def test_mixed_precision_computes_them_in_float32():
    keras.config.set_dtype_policy("mixed_float16")
    restored = images(1).astype("float16")
    for loss in (Charbonnier(), SSIMLoss()):
        value = loss(images(), restored)
        assert value.dtype == "float32"
        expected = loss(images(), images(1))
        assert float(value) == pytest.approx(float(expected), abs=1e-3)


@pytest.mark.parametrize(
    "loss",
    [
        Charbonnier(0.5, reduction="sum", name="a", dtype="float64"),
        SSIMLoss(255.0, reduction=None, name="b"),
        DiceCrossEntropy(0.5, name="d", dtype="float64"),
        MultiScaleSSIMLoss(255.0, TWO_SCALES, name="c"),
    ],
)
def test_configuration_holds_every_argument(loss):
    config = keras.saving.serialize_keras_object(loss)
    again = keras.saving.deserialize_keras_object(config)
    assert type(again) is type(loss)
    assert again.get_config() == loss.get_config()
    assert again.name == loss.name and again.dtype == loss.dtype
    own = {"epsilon", "max_value", "power_factors", "weight"}
    for name in own & set(vars(loss)):
        assert getattr(again, name) == getattr(loss, name)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Charbonnier(epsilon=0.0),
        lambda: SSIMLoss(max_value=0),
        lambda: DiceCrossEntropy(-1.0),
        lambda: SSIMLoss(max_value="white"),
        lambda: MultiScaleSSIMLoss(max_value=-1.0),
        lambda: MultiScaleSSIMLoss(power_factors=()),
    ],
)
def test_bad_arguments_are_refused(wrong):
    with pytest.raises(ValueError, match="must be .*Received"):
        wrong()


@pytest.mark.parametrize(
    "loss", [*ALL, DiceCrossEntropy()], ids=lambda loss: loss.name
)
def test_images_that_do_not_fit_are_refused(loss):
    with pytest.raises(ValueError, match="same shape"):
        loss(np.zeros((1, 24, 24, 3)), np.zeros((1, 24, 24, 1)))


def test_small_patches_are_refused_with_the_size_they_need():
    with pytest.raises(ValueError, match="161 x 161"):
        MultiScaleSSIMLoss()(images(), images())


def test_total_variation_equals_tensorflow():
    images = np.random.default_rng(0).normal(size=(2, 5, 7, 3))
    images = images.astype("float32")
    expected = tf.image.total_variation(tf.constant(images))
    np.testing.assert_allclose(total_variation(images), expected, rtol=1e-5)


def test_total_variation_of_a_step_is_its_height_and_flat_gradients_finite():
    step = np.zeros((1, 6, 5, 1), "float32")
    step[:, 3:] = 0.25  # an edge of five pixels
    assert float(total_variation(step)[0]) == 1.25
    step = tf.constant(step)
    with tf.GradientTape() as tape:
        tape.watch(step)
        total = total_variation(step)
    assert np.isfinite(tape.gradient(total, step)).all()
    with pytest.raises(ValueError, match="Received: shape"):
        total_variation(np.zeros((6, 5, 1)))
