"""`train_gan`: every objective and architecture, files, resuming."""

import keras
import numpy as np
import pytest

from keras_synth import layers, losses, tasks, training
from tests.helpers import optimizers
from tests.training_helpers import image_folder, stop_after_one_epoch


@pytest.fixture
def folder(tmp_path):
    return image_folder(tmp_path)


def train(folder, output, **options):
    settings = {"width": 4, "batch_size": 4, "epochs": 1, "verbose": 0}
    return training.train_gan(folder, output, **(settings | options))


def test_training_writes_model_images_log_and_history(folder, tmp_path):
    gan = train(folder, tmp_path / "run", conditional=True, augmentation="diff")
    assert gan.image_shape == (8, 8, 3) and gan.conditional
    assert isinstance(gan.augmentation, layers.DiffAugment)
    for name in (
        "gan.keras",
        "history.json",
        "images/samples_epoch_0001.png",
        "log/train",
        "backup",
    ):
        assert (tmp_path / "run" / name).exists(), name
    path = tasks.sample(
        tmp_path / "run/gan.keras",
        tmp_path / "grid.png",
        num_images=4,
        labels=[1, 0],
        seed=0,
    )
    assert path.exists()


@pytest.mark.slow
def test_resumed_training_equals_uninterrupted(folder, tmp_path, monkeypatch):
    straight = train(folder, tmp_path / "straight", epochs=2)
    stop_after_one_epoch(monkeypatch, train, folder, tmp_path / "stopped")
    resumed = train(folder, tmp_path / "stopped", epochs=2, resume=True)
    for ours, theirs in zip(resumed.weights, straight.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    "objective",
    [
        objective
        if objective in ("hinge", "wasserstein")
        else pytest.param(objective, marks=pytest.mark.slow)
        for objective in training.OBJECTIVES
    ],
)
def test_every_objective_has_its_penalty_or_normalization(objective):
    gan = training.build_gan((8, 8, 1), 4, "dense", objective, width=2)
    training.compile_gan(gan, objective, steps=10)
    kinds = [type(layer) for layer in gan.discriminator.layers]
    bounded = layers.SpectralNormalization in kinds
    assert bounded != (gan.gradient_penalty is not None)
    assert optimizers(gan)[0] is not optimizers(gan)[1]
    images = np.random.default_rng(0).uniform(size=(12, 8, 8, 1))
    logs = gan.fit(images.astype("float32"), batch_size=12, verbose=0).history
    assert np.isfinite(logs["loss"]).all()
    if objective == "wasserstein":
        assert isinstance(gan.adversarial_loss, losses.Wasserstein)
        assert [int(o.iterations) for o in optimizers(gan)] == [1, 3]


def test_both_learning_rates_fall_to_zero():
    gan = training.build_gan((8, 8, 1), 4, "dense", "wasserstein", width=2)
    training.compile_gan(gan, "wasserstein", 1e-3, steps=2)
    images = np.zeros((24, 8, 8, 1), "float32")
    gan.fit(images, batch_size=12, verbose=0)
    for optimizer in optimizers(gan):
        assert float(optimizer.learning_rate) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("architecture", ["dense", "dcgan", "residual"])
def test_every_architecture_compiles(architecture):
    gan = training.build_gan((8, 8, 1), 4, architecture, width=2, num_classes=3)
    assert gan.conditional and gan.latent_dim == 4
    gan = training.compile_gan(gan)
    assert isinstance(gan.optimizer, keras.optimizers.Adam)


def test_bad_arguments_are_refused(folder, tmp_path):
    with pytest.raises(ValueError, match="`objective` must be one of"):
        train(folder, tmp_path, objective="magic")
    with pytest.raises(ValueError, match="`architecture` one of"):
        train(folder, tmp_path, architecture="stylegan")
    with pytest.raises(ValueError, match="`augmentation` must be one of"):
        train(folder, tmp_path, augmentation="magic")
    for epochs in (0, 1.5):
        with pytest.raises(ValueError, match="`epochs` must be an int of at"):
            train(folder, tmp_path, epochs=epochs)
    with pytest.raises(ValueError, match="sides of at least 8"):
        train(folder, tmp_path, image_size=4)
