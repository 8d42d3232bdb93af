"""Conditions of every kind, on every model that takes one."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_synth import models, networks
from keras_synth.models.conditions import Condition

LABEL = keras.Input((), dtype="int32", name="label")
VECTOR = keras.Input((5,), name="vector")
TOKENS = [keras.Input((3, 5), name="tokens"), keras.Input((3,), name="mask")]
IDS = keras.Input((6,), dtype="int32", name="ids")
RNG = np.random.default_rng(0)


def condition(*inputs):
    x = first = keras.Input((2,))
    for each in inputs:
        flat = keras.ops.reshape(keras.ops.cast(each, "float32"), (-1, 1))
        x = x + keras.ops.mean(flat)
    return Condition(keras.Model([first, *inputs], x))


def test_kinds_follow_from_the_inputs():
    for inputs, kind in (
        ([], None),
        ([LABEL], "label"),
        ([VECTOR], "vector"),
        (TOKENS, "tokens"),
        ([IDS], "ids"),
    ):
        assert condition(*inputs).kind == kind
    with pytest.raises(ValueError, match="condition must be a label"):
        condition(VECTOR, LABEL)


def test_one_condition_serves_all_images():
    for inputs, one in (
        ([LABEL], 2),
        ([VECTOR], np.ones(5)),
        ([IDS], np.arange(6)),
        (TOKENS, (np.ones((3, 5)), np.ones(3))),
        (TOKENS, np.ones((3, 5))),
    ):
        known = condition(*inputs)
        tensors = known.tensors(one, 4)
        assert [len(each) for each in tensors] == [4] * len(inputs)
        again = known.tensors(known.packed(tensors), 4)
        for ours, theirs in zip(again, tensors, strict=True):
            np.testing.assert_array_equal(ours, theirs)
        absent = known.absent(4)
        for ours, theirs in zip(absent, tensors, strict=True):
            assert ours.shape == theirs.shape


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int64"])
def test_labels_of_every_integer_type_are_cast(dtype):
    (found,) = condition(LABEL).tensors(np.array([0, 2], dtype), 2)
    assert found.dtype == "int32"
    np.testing.assert_array_equal(found, [0, 2])


@pytest.mark.parametrize(
    ("inputs", "wrong", "message"),
    [
        ([VECTOR], None, "conditioned on a vector"),
        ([VECTOR], np.ones((4, 6)), r"shape \(batch, 5\)"),
        ([VECTOR], np.full((4, 5), np.nan), "finite"),
        ([VECTOR], np.ones((4, 5), "int32"), "must hold floats"),
        (TOKENS, None, "conditioned on tokens"),
        (TOKENS, np.ones((4, 2, 5)), r"shape \(batch, 3, 5\)"),
        (TOKENS, (np.ones((4, 3, 5)), np.ones((3, 3))), "same batch"),
        (TOKENS, [np.ones((4, 3, 5))] * 3, "3 arrays"),
        ([IDS], None, "conditioned on texts"),
        ([IDS], np.ones((4, 6)), "must hold ints"),
        ([IDS], np.full((4, 6), -1), "at least 0"),
        ([], 1, "takes no labels"),
    ],
)
def test_wrong_conditions_are_refused(inputs, wrong, message):
    with pytest.raises(ValueError, match=message):
        condition(*inputs).check(wrong)


@pytest.mark.parametrize(
    ("inputs", "few"),
    [
        ([LABEL], np.array([0, 1])),
        ([VECTOR], np.ones((2, 5))),
        (TOKENS, (np.ones((2, 3, 5)), np.ones((2, 3)))),
        ([IDS], np.ones((2, 6), "int32")),
    ],
)
def test_conditions_of_other_images_are_refused(inputs, few):
    with pytest.raises(ValueError, match="a row for each of 4 images"):
        condition(*inputs).tensors(few, 4)


SHAPE = (8, 8, 1)
LENGTHS = {"vector": (5,), "tokens": (3, 5)}


def conditioned(name, kind):
    """A compiled model whose networks take a condition."""
    known = {"condition_shape": LENGTHS[kind]}
    if name == "vae":
        sizes = {"latent_dim": 3, "hidden": (8,), **known}
        model = models.VAE(
            networks.dense_encoder(SHAPE, **sizes),
            networks.dense_decoder(SHAPE, **sizes),
            num_importance_samples=2,
            seed=0,
        )
    elif name == "gan":
        model = models.GAN(
            networks.dense_generator(SHAPE, 3, hidden=(8,), **known),
            networks.dense_discriminator(
                SHAPE, hidden=(8,), normalization="spectral", **known
            ),
            seed=0,
        )
    else:
        shape = (16, 16, 1)
        model = models.StyleGAN2(
            networks.stylegan2_mapping(3, 4, num_layers=2, **known),
            networks.stylegan2_synthesis(shape, 4, channel_max=2),
            networks.stylegan2_discriminator(shape, channel_max=2, **known),
            seed=0,
        )
    model.compile()
    return model


def conditions_of(kind, count):
    tokens = RNG.normal(size=(count, 3, 5)).astype("float32")
    mask = np.ones((count, 3), "float32")
    mask[:, 2] = 0.0
    return tokens[:, 0] if kind == "vector" else (tokens, mask)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("vae", "vector"),
        ("vae", "tokens"),
        pytest.param("gan", "vector", marks=pytest.mark.slow),
        pytest.param("gan", "tokens", marks=pytest.mark.slow),
        pytest.param("stylegan2", "vector", marks=pytest.mark.slow),
        pytest.param("stylegan2", "tokens", marks=pytest.mark.slow),
    ],
)
def test_models_are_conditioned(name, kind, tmp_path):
    model = conditioned(name, kind)
    images = RNG.uniform(size=(4, *model.image_shape)).astype("float32")
    condition = conditions_of(kind, 4)
    data = tf.data.Dataset.from_tensor_slices((images, condition)).batch(4)
    logs = model.fit(data, verbose=0).history
    assert np.isfinite(logs["loss"]).all()
    model.evaluate(images, condition, verbose=0)
    samples = model.sample(4, labels=condition, seed=0)
    other = model.sample(4, labels=conditions_of(kind, 4), seed=0)
    assert samples.shape == (4, *model.image_shape)
    assert np.abs(samples - other).max() > 0
    lines = model.interpolate_latents(
        np.zeros((4, 3)), np.ones((4, 3)), 2, condition
    )
    ends = model.generate(np.ones((4, 3)), condition)
    np.testing.assert_allclose(lines[:, 1], ends, atol=1e-4)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(
        again.sample(4, labels=condition, seed=0), samples, atol=1e-6
    )
    with pytest.raises(ValueError, match="conditioned on"):
        model.fit(images, verbose=0)
    with pytest.raises(ValueError, match="conditioned on"):
        model.sample(4)
    first = images if name == "vae" else np.ones((4, 3), "float32")
    predicted = model.predict((first, condition), verbose=0)
    assert predicted.shape == images.shape


@pytest.mark.parametrize("shape", [(3, 5), (6,)])
def test_networks_of_other_conditions_do_not_fit(shape):
    with pytest.raises(ValueError, match="condition_shape"):
        models.GAN(
            networks.dense_generator(SHAPE, 3, condition_shape=shape),
            networks.dense_discriminator(SHAPE, condition_shape=(5,)),
        )
