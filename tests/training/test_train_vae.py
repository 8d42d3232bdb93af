"""`train_vae`: every likelihood, files, resuming."""

import numpy as np
import pytest

from keras_synth import tasks, training
from tests.training_helpers import image_folder, stop_after_one_epoch


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
