"""Models trained with differential privacy: steps, files, what is refused."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_synth import datasets, models, networks
from keras_synth.callbacks import Backup, PrivacyBudget
from keras_synth.models import DifferentialPrivacy
from tests.helpers import assert_same_state

SHAPE = (4, 4, 1)
IMAGES = np.random.default_rng(0).uniform(size=(12, *SHAPE)).astype("float32")


def private_vae(noise=1.0, clip=1.0, batch_size=4, eager=True, **options):
    keras.utils.set_random_seed(0)
    size = {"hidden": (4,), "num_classes": options.pop("num_classes", None)}
    vae = models.PrivateVAE(
        networks.dense_encoder(SHAPE, 2, **size),
        networks.dense_decoder(SHAPE, 2, **size),
        seed=0,
        **options,
    )
    privacy = DifferentialPrivacy(noise, clip, batch_size, 12, seed=5)
    vae.compile("sgd", privacy=privacy, run_eagerly=eager)
    return vae


def batches(data=IMAGES, batch_size=4):
    return datasets.poisson_batches(data, batch_size)


@pytest.mark.parametrize("k", [1, 3])
def test_a_step_without_noise_and_clipping_is_that_of_a_vae(k):
    """All images in the batch, and the same latents."""
    vae = private_vae(0.0, 1e6, 12, num_importance_samples=k)
    noise = vae.privacy.normal((12, k, 2), tf.constant(0), 0)
    noise = noise[:, 0] if k == 1 else tf.transpose(noise, (1, 0, 2))
    with tf.GradientTape() as tape:
        terms = vae._terms([IMAGES], 1.0, training=True, noise=noise)
    gradients = tape.gradient(terms["loss"], vae.trainable_variables)
    expected = [
        v.numpy() - 0.01 * g
        for v, g in zip(vae.trainable_variables, gradients, strict=True)
    ]
    logs = vae.train_step(tf.constant(IMAGES))
    assert float(logs["loss"]) == pytest.approx(float(terms["loss"]), rel=1e-5)
    for variable, value in zip(vae.trainable_variables, expected, strict=True):
        np.testing.assert_allclose(variable, value, atol=1e-5)


@pytest.mark.slow
def test_training_goes_on_where_it_stopped_to_the_last_bit(tmp_path):
    straight, stopped = (private_vae(eager=False) for _ in range(2))
    straight.fit(batches(), epochs=2, verbose=0)
    backup = Backup(tmp_path)
    stopped.fit(batches(), epochs=1, callbacks=[backup], verbose=0)
    resumed = private_vae(eager=False)
    assert backup.restore(resumed) == 1
    resumed.fit(batches(), epochs=2, initial_epoch=1, verbose=0)
    assert_same_state(resumed, straight)


def test_a_saved_model_keeps_its_privacy_and_not_the_seed(tmp_path):
    vae = private_vae(1.25)
    vae.save(tmp_path / "vae.keras")
    loaded = keras.saving.load_model(tmp_path / "vae.keras")
    assert isinstance(loaded, models.PrivateVAE)
    assert loaded.privacy.get_config() == vae.privacy.get_config()
    assert loaded.privacy.noise_multiplier == 1.25
    assert "seed" not in vae.privacy.get_config()
    same = [np.asarray(one.privacy.normal((3,), 0, 0)) for one in (vae, loaded)]
    assert (same[0] != same[1]).all()


def test_epsilon_is_logged():
    vae = private_vae(4.0, eager=False)
    logs = vae.fit(batches(), epochs=2, callbacks=[PrivacyBudget()], verbose=0)
    expected = [vae.privacy.epsilon(steps) for steps in (3, 6)]
    assert logs.history["epsilon"] == pytest.approx(expected)
    with pytest.raises(TypeError, match="PrivacyBudget needs a model"):
        budget = PrivacyBudget()
        budget.set_model(keras.Sequential([keras.layers.Dense(1)]))
        budget.on_train_begin()


def test_classes_metrics_and_free_bits():
    labels = np.arange(12) % 3
    vae = private_vae(num_classes=3, free_bits=0.1)
    vae.compile(
        "adam",
        metrics=[keras.metrics.MeanAbsoluteError(name="mae")],
        privacy=vae.privacy,
    )
    logs = vae.fit(batches((IMAGES, labels)), verbose=0).history
    assert np.isfinite(list(logs.values())).all() and "mae" in logs


def classifier(*layers):
    network = keras.Sequential(
        [keras.Input((3,)), *layers, keras.layers.Dense(2)]
    )
    return network, models.PrivateNetwork(network)


def test_a_plain_network_is_trained_as_by_hand(tmp_path):
    """One step of a linear model, whose gradient is known."""
    network, model = classifier()
    x = np.random.default_rng(0).normal(size=(6, 3)).astype("float32")
    y = np.eye(2, dtype="float32")[[0, 1, 0, 1, 1, 0]]
    privacy = DifferentialPrivacy(0.0, 1.0, 6, 6)
    model.compile(
        keras.optimizers.SGD(1.0), "mean_squared_error", privacy=privacy
    )
    kernel = network.get_weights()[0].astype("float64")
    errors = x @ kernel - y  # half of the sum of two squares, twice
    gradients = x[:, :, None] * errors[:, None]
    norms = np.sqrt((gradients**2).sum(axis=(1, 2)) + (errors**2).sum(axis=1))
    clipped = gradients / np.maximum(norms, 1.0)[:, None, None]
    model.fit(batches((x, y), 6), verbose=0)
    np.testing.assert_allclose(
        network.get_weights()[0], kernel - clipped.mean(axis=0), atol=1e-6
    )
    model.save(tmp_path / "private.keras")
    loaded = keras.saving.load_model(tmp_path / "private.keras")
    np.testing.assert_array_equal(loaded.predict(x), network.predict(x))
    assert loaded.evaluate(x, y, verbose=0) == pytest.approx(
        np.mean((network.predict(x) - y) ** 2), rel=1e-5
    )


@pytest.mark.slow
def test_a_denoiser_is_trained():
    """A U-Net, which shuffles pixels and pads, as each image alone."""
    network = networks.unet(channels=1, widths=(4,), num_blocks=1)
    model = models.PrivateNetwork(network)
    privacy = DifferentialPrivacy(0.0, 1e-3, 6, 6)  # clips all
    model.compile(
        keras.optimizers.SGD(1.0), "mean_squared_error", privacy=privacy
    )
    noisy, clean = np.random.default_rng(0).uniform(size=(2, 6, 8, 8, 1))
    before = [v.numpy() for v in network.trainable_variables]
    expected = [np.zeros(v.shape) for v in before]
    for x, y in zip(noisy, clean, strict=True):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((network(x[None]) - y[None]) ** 2)
        gradients = tape.gradient(loss, network.trainable_variables)
        norm = float(tf.linalg.global_norm(gradients))
        for total, gradient in zip(expected, gradients, strict=True):
            total -= np.asarray(gradient) * min(1, 1e-3 / norm) / 6
    model.fit(batches((noisy.astype("float32"), clean), 6), verbose=0)
    for old, step, new in zip(
        before, expected, network.trainable_variables, strict=True
    ):
        np.testing.assert_allclose(new.numpy(), old + step, atol=1e-6)


def test_layers_that_mix_images_or_draw_are_refused():
    privacy = DifferentialPrivacy(1.0, 1.0, 4, 12)
    for layer, words in (
        (keras.layers.BatchNormalization(), "batch normalization"),
        (keras.layers.Dropout(0.5), "draw random numbers"),
    ):
        with pytest.raises(ValueError, match=words):
            classifier(layer)[1].compile("sgd", "mse", privacy=privacy)
    with pytest.raises(ValueError, match="`privacy` must be"):
        classifier()[1].compile("sgd", "mse")


def test_replicas_and_loss_scaling_are_refused(two_replicas):
    privacy = DifferentialPrivacy(1.0, 1.0, 4, 12)
    with two_replicas.scope(), pytest.raises(ValueError, match="one replica"):
        classifier()[1].compile("sgd", "mse", privacy=privacy)
    keras.config.set_dtype_policy("mixed_float16")
    with pytest.raises(ValueError, match="mixed_float16"):
        classifier()[1].compile("sgd", "mse", privacy=privacy)


def test_only_new_batches_of_poisson_sampling_are_taken():
    vae = private_vae()
    for data, words in (
        (IMAGES, "data of another kind"),
        (tf.data.Dataset.from_tensor_slices(IMAGES).batch(4), "another kind"),
        (batches(batch_size=6), "the rate 0.5"),
    ):
        with pytest.raises(ValueError, match=words):
            vae.fit(data)
    uncompiled = classifier()[1]
    with pytest.raises(ValueError, match="compile"):
        uncompiled.fit(batches((IMAGES[:, 0, :3, 0], IMAGES[:, 0, :2, 0])))
    assert not vae.jit_compile  # the sizes of batches differ
    vae.optimizer.iterations.assign(3)
    with pytest.raises(ValueError, match=r"fit\(initial_epoch=1"):
        vae.fit(batches())
