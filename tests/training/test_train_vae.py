"""`train_vae`: every likelihood, files, resuming."""

import functools
import json
import secrets

import numpy as np
import pytest

from keras_synth import models, tasks, training
from tests.training_helpers import (
    compile_eagerly,
    image_folder,
    stop_after_one_epoch,
)


@pytest.fixture
def folder(tmp_path):
    return image_folder(tmp_path)


def train(folder, output, **options):
    settings = {"architecture": "dense", "batch_size": 4, "verbose": 0}
    return training.train_vae(folder, output, **(settings | options))


def test_resumed_training_equals_uninterrupted(folder, tmp_path, monkeypatch):
    straight = train(folder, tmp_path / "straight", epochs=2)
    stop_after_one_epoch(monkeypatch, train, folder, tmp_path / "stopped")
    resumed = train(folder, tmp_path / "stopped", epochs=2, resume=True)
    for ours, theirs in zip(resumed.weights, straight.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.slow
def test_overwritten_training_starts_anew(folder, tmp_path):
    first = train(folder, tmp_path / "run", epochs=1)
    again = train(folder, tmp_path / "run", epochs=1, overwrite=True)
    for ours, theirs in zip(again.weights, first.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    "likelihood",
    [
        "learned_gaussian",
        pytest.param("gaussian", marks=pytest.mark.slow),
        pytest.param("discretized_logistic", marks=pytest.mark.slow),
    ],
)
def test_every_likelihood_trains(folder, tmp_path, likelihood):
    model = train(
        folder,
        tmp_path / "run",
        epochs=1,
        likelihood=likelihood,
        conditional=True,
        latent_dim=2,
        kl_warmup_epochs=1,
    )
    assert model.image_shape == (8, 8, 3)
    assert (tmp_path / "run/images/manifold_epoch_0001.png").exists()
    path = tasks.sample(
        tmp_path / "run/vae.keras",
        tmp_path / "grid.png",
        num_images=4,
        labels=[1, 0],
        seed=0,
    )
    assert path.exists()


def test_options_of_folders_reach_the_source(folder, tmp_path):
    (folder / "a" / "broken.png").write_text("no image")
    with pytest.raises(ValueError, match="broken.png"):
        train(folder, tmp_path / "run", epochs=1)
    with pytest.warns(UserWarning, match="broken.png"):
        model = train(
            folder,
            tmp_path / "run",
            epochs=1,
            channels=1,
            unreadable="skip",
            cache=tmp_path / "cached",
        )
    assert model.image_shape == (8, 8, 1)
    assert list(tmp_path.glob("cached-*"))


def test_kl_warmup_without_a_kl_term_is_refused(folder, tmp_path):
    for options in ({"num_importance_samples": 2}, {"kl_warmup_epochs": -1}):
        with pytest.raises(ValueError, match="kl_warmup_epochs"):
            train(folder, tmp_path, **({"kl_warmup_epochs": 1} | options))


def test_unknown_names_are_refused(folder, tmp_path):
    with pytest.raises(ValueError, match="`likelihood` must be one of"):
        train(folder, tmp_path, likelihood="poisson")
    with pytest.raises(ValueError, match="no source and no folder"):
        training.open_data("nonsense")
    with pytest.raises(ValueError, match="has no classes"):
        train("photos", tmp_path, image_size=8, conditional=True)


def test_a_folder_with_the_name_of_a_data_set(tmp_path, monkeypatch):
    (tmp_path / "photos").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.warns(UserWarning, match="'./photos'"):
        source = training.open_data("photos")
    assert source.num_images == 14  # scikit-image's


@pytest.mark.slow
def test_private_training_is_resumed_and_states_its_budget(
    folder, tmp_path, monkeypatch
):
    pytest.importorskip("dp_accounting")
    compile_eagerly(monkeypatch, models.PrivateVAE)
    private = functools.partial(train, private_noise=4.0, private_clip=0.5)
    monkeypatch.setattr(secrets, "randbits", lambda bits: 2**61 + 5)
    straight = private(folder, tmp_path / "straight", epochs=2)
    output = tmp_path / "stopped"
    stop_after_one_epoch(monkeypatch, private, folder, output)
    assert (output / "secret_seed.txt").read_text() == str(2**61 + 5)
    monkeypatch.setattr(secrets, "randbits", lambda bits: 7)
    resumed = private(folder, output, epochs=2, resume=True)
    for ours, theirs in zip(resumed.weights, straight.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    other = private(folder, tmp_path / "other", epochs=2)
    assert (other.weights[0].numpy() != straight.weights[0].numpy()).any()

    privacy = resumed.privacy
    assert (privacy.num_images, privacy.batch_size) == (12, 4)
    history = json.loads((output / "history.json").read_text())
    expected = [privacy.epsilon(3), privacy.epsilon(6)]
    assert history["epsilon"] == pytest.approx(expected)
    card = (output / "privacy.md").read_text()
    assert f"| ε | {expected[1]:.4g} |" in card and "| δ | 0.008333 |" in card
    assert not list(output.glob("secret*"))
    for noise in (0.0, -1.0):
        with pytest.raises(ValueError, match="`private_noise` must be above"):
            train(folder, tmp_path / "none", private_noise=noise)
