"""`train_stylegan2`: the paper's settings, files, resuming."""

import json

import keras
import numpy as np
import pytest

from keras_synth import datasets, layers, losses, models, tasks, training
from keras_synth.io import read_image
from tests.helpers import assert_same_state, optimizers
from tests.training_helpers import (
    compile_eagerly,
    image_folder,
    stop_after_one_epoch,
)

TINY = {"latent_dim": 3, "style_dim": 4, "num_layers": 2, "channel_max": 2}


@pytest.fixture
def folder(tmp_path):
    return image_folder(tmp_path)


@pytest.fixture(autouse=True)
def eager(monkeypatch):
    compile_eagerly(monkeypatch, models.StyleGAN2)


def train(folder, output, **options):
    settings = {"image_size": 16, "batch_size": 12, "epochs": 1, "verbose": 0}
    return training.train_stylegan2(
        folder, output, **(TINY | settings | options)
    )


def compiled(**options):
    gan = training.build_stylegan2((16, 16, 1), **TINY)
    return training.compile_stylegan2(gan, **options)


def test_training_writes_model_images_log_and_history(folder, tmp_path):
    gan = train(
        folder, tmp_path / "run", conditional=True, augmentation="upright"
    )
    assert gan.image_shape == (16, 16, 3) and gan.conditional
    for name in (
        "stylegan2.keras",
        "history.json",
        "images/samples_epoch_0001.png",
        "log/train",
        "log/images",
        "log/style_mixing",
        "backup",
    ):
        assert (tmp_path / "run" / name).exists(), name
    # 5 and 7 sources of side 16, padding 2.
    mixtures = tmp_path / "run/images/style_mixing_epoch_0001.png"
    assert read_image(mixtures).shape == (6 * 18 + 2, 8 * 18 + 2, 3)
    history = json.loads((tmp_path / "run/history.json").read_text())
    assert history["thousand_images"] == [pytest.approx(0.012)]
    assert 0 <= history["augmentation_strength"][0] <= 1
    assert np.isfinite(history["loss"]).all()
    loaded = tasks.load_model(tmp_path / "run/stylegan2.keras")
    assert_same_state(loaded, gan)


@pytest.mark.slow
def test_resumed_training_equals_uninterrupted(folder, tmp_path, monkeypatch):
    def adaptive(*arguments, **options):
        return train(*arguments, augmentation="adaptive", flip=True, **options)

    straight = adaptive(folder, tmp_path / "straight", epochs=2)
    stop_after_one_epoch(monkeypatch, adaptive, folder, tmp_path / "stopped")
    resumed = adaptive(folder, tmp_path / "stopped", epochs=2, resume=True)
    assert_same_state(resumed, straight)
    assert int(resumed.images_seen) == 24
    history = json.loads((tmp_path / "stopped/history.json").read_text())
    assert history["epoch"] == [0, 1]


def test_every_augmentation_has_a_name():
    own = layers.DiffAugment()
    gan = compiled(augmentation=own)
    assert gan.augmentation is own
    for name, kind in (
        ("none", type(None)),
        ("diff", layers.DiffAugment),
        ("adaptive", layers.AdaptiveAugment),
        ("upright", layers.AdaptiveAugment),
    ):
        training.compile_stylegan2(gan, augmentation=name)
        assert type(gan.augmentation) is kind
    assert not gan.augmentation.flips and not gan.augmentation.rotations


def test_losses_and_optimizers_are_those_of_the_paper():
    gan = compiled(learning_rate=0.1, batch_size=100)
    assert isinstance(gan.adversarial_loss, losses.NonSaturating)
    assert isinstance(gan.gradient_penalty, losses.R1)
    assert (gan.gradient_penalty.interval, gan.path_length.interval) == (16, 4)
    assert gan.gradient_penalty.weight == 0.1 and gan.path_length.weight == 2
    # Half-life of 10,000 images.
    assert gan.average_decay**100 == pytest.approx(0.5)
    for optimizer, share in zip(optimizers(gan), (4 / 5, 16 / 17), strict=True):
        assert isinstance(optimizer, keras.optimizers.Adam)
        assert float(optimizer.learning_rate) == pytest.approx(0.1 * share)
        assert optimizer.beta_1 == 0
        assert optimizer.beta_2 == pytest.approx(0.99**share)


def test_zero_weights_disable_penalties_and_mixing():
    gan = compiled(
        r1_weight=0, path_length_weight=0, style_mixing=0, learning_rate=0.1
    )
    assert gan.gradient_penalty is None and gan.path_length is None
    assert gan.style_mixing == 0
    for optimizer in optimizers(gan):
        assert float(optimizer.learning_rate) == pytest.approx(0.1)


def test_learning_rates_fall_to_zero():
    gan = compiled(learning_rate=2e-3, steps=10)
    for optimizer, share in zip(optimizers(gan), (4 / 5, 16 / 17), strict=True):
        rates = []
        for step in (0, 5, 10):
            optimizer.iterations.assign(step)
            rates.append(float(optimizer.learning_rate))
        expected = [2e-3 * share, 1e-3 * share, 0.0]
        np.testing.assert_allclose(rates, expected, rtol=1e-5, atol=1e-9)


def test_flip_mirrors_training_images(folder, tmp_path, monkeypatch):
    seen = []

    def record(*arguments, augment, **options):
        seen.append(augment)
        raise KeyboardInterrupt

    monkeypatch.setattr(
        "keras_synth.training.data.datasets.synthesis_pipeline", record
    )
    for flip in (False, True):
        with pytest.raises(KeyboardInterrupt):
            train(folder, tmp_path, flip=flip)
    assert seen == [None, datasets.random_flip]


def test_bad_arguments_are_refused(folder, tmp_path):
    output = tmp_path / "run"
    for options, message in (
        ({"augmentation": "magic"}, "`augmentation` must be one of none, diff"),
        ({"epochs": 0}, "`epochs` must be an int of at least 1"),
        ({"image_size": 24}, "power of 2 from 16"),
        ({"image_size": None}, "power of 2 from 16"),
        ({"num_layers": 0}, "`num_layers` must be a positive int"),
        ({"channel_multiplier": 1e-5}, "at least one channel"),
        ({"style_mixing": 1.5}, "`style_mixing` must be from 0 to 1"),
        ({"r1_weight": -1.0}, "`weight` must be above 0"),
        ({"batch_size": 13}, "more than the 12 images"),
    ):
        with pytest.raises(ValueError, match=message):
            train(folder, output, **options)
    assert not output.exists()
