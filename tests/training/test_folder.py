"""Training in a folder: nothing is lost, and what was begun goes on."""

import json
import pathlib
import shutil

import keras
import numpy as np
import pytest

from keras_synth import datasets, degradations, models, networks, training
from keras_synth.training.folder import begin_folder, check_run
from tests.training_helpers import (
    compile_eagerly,
    image_folder,
    stop_after_one_epoch,
)


@pytest.fixture(scope="module", autouse=True)
def eagerly():
    """A few steps of small networks: faster than tracing them."""
    with pytest.MonkeyPatch.context() as patch:
        compile_eagerly(patch, models.VAE)
        yield


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return image_folder(tmp_path_factory.mktemp("data"))


def train(images, output, **options):
    settings = {
        "architecture": "dense",
        "batch_size": 4,
        "epochs": 1,
        "latent_dim": 3,
        "verbose": 0,
    }
    return training.train_vae(images, output, **(settings | options))


def files(folder):
    """Content of all files but logs, by name."""
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and "log" not in file.relative_to(folder).parts
    }


@pytest.fixture(scope="module")
def trained(images, tmp_path_factory):
    output = tmp_path_factory.mktemp("trained") / "run"
    train(images, output)
    return output


@pytest.fixture
def run(trained, tmp_path):
    """The folder of a finished training, to change."""
    return pathlib.Path(shutil.copytree(trained, tmp_path / "run"))


def test_a_folder_with_a_training_is_refused(images, run):
    before = files(run)
    for options in ({}, {"latent_dim": 5}):
        with pytest.raises(FileExistsError) as refused:
            train(images, run, **options)
        assert "`resume`" in str(refused.value)
        assert "`overwrite`" in str(refused.value)
    with pytest.raises(ValueError, match="not both"):
        train(images, run, resume=True, overwrite=True)
    assert files(run) == before


def test_other_settings_are_refused_when_resuming(images, run):
    before = files(run)
    for name, value in (("latent_dim", 5), ("epochs", 2), ("beta", 2.0)):
        with pytest.raises(ValueError, match=f"training of {name}="):
            train(images, run, resume=True, **{name: value})
    (run / "settings.json").unlink()
    with pytest.raises(ValueError, match="no settings.json"):
        train(images, run, resume=True)
    del before["settings.json"]
    assert files(run) == before


def test_a_finished_training_is_resumed_to_the_same_model(images, run):
    before = json.loads((run / "history.json").read_text())
    model = keras.saving.load_model(run / "vae.keras")
    again = train(images, run, resume=True)
    for ours, theirs in zip(model.weights, again.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert json.loads((run / "history.json").read_text()) == before


def test_another_degradation_is_refused_when_resuming(tmp_path):
    """Objects are told apart by their configuration."""
    arguments = {"output": tmp_path, "overwrite": False, "resume": True}

    def settings(level):
        noise = degradations.GaussianNoise(level)
        return check_run({**arguments, "degradation": noise})

    begin_folder(tmp_path, "denoiser", settings(0.1), overwrite=False)
    settings(0.1)
    with pytest.raises(ValueError, match="training of degradation=.*0.1"):
        settings(0.5)


def test_overwriting_replaces_a_training(images, run):
    (run / "notes.txt").write_text("mine")
    (run / "images/mine.png").write_text("mine")
    (run / "mine.keras").write_text("mine")
    (run / "images/samples_epoch_0099.png").write_text("of a longer training")
    (run / "privacy.md").write_text("of a private training")
    old = files(run)
    model = train(images, run, latent_dim=2, epochs=2, overwrite=True)
    assert model.latent_dim == 2 and model.optimizer.iterations == 2 * 3
    new = files(run)
    for name in ("notes.txt", "images/mine.png", "mine.keras"):
        assert new[name] == b"mine"
    assert "privacy.md" not in new
    assert "images/samples_epoch_0099.png" not in new
    assert new["vae.keras"] != old["vae.keras"]
    assert "backup/epoch_00001.weights.h5" not in new
    assert json.loads(new["history.json"])["epoch"] == [0, 1]


def test_a_mistake_leaves_the_old_training_alone(images, run):
    before = files(run)
    with pytest.raises(ValueError, match="batch_size"):
        train(images, run, batch_size=99, overwrite=True)
    assert files(run) == before


@pytest.mark.slow
def test_history_holds_the_epochs_before_a_stop(images, tmp_path, monkeypatch):
    stop_after_one_epoch(monkeypatch, train, images, tmp_path / "run")
    train(images, tmp_path / "run", epochs=2, resume=True)
    train(images, tmp_path / "straight", epochs=2)
    stopped, straight = (
        json.loads((tmp_path / name / "history.json").read_text())
        for name in ("run", "straight")
    )
    assert stopped == straight and stopped["epoch"] == [0, 1]


def test_folders_without_a_training_are_no_obstacle(images, tmp_path):
    output = tmp_path / "run"
    (output / "images").mkdir(parents=True)
    (output / "images" / "holiday.png").write_bytes(b"mine")
    train(images, output)
    assert (output / "images" / "holiday.png").read_bytes() == b"mine"


@pytest.mark.parametrize(
    "options, message",
    [
        ({"learning_rate": float("nan")}, "`learning_rate` must be finite"),
        ({"learning_rate": 0.0}, "`learning_rate` must be above 0"),
        ({"beta": float("inf")}, "`beta` must be finite"),
        ({"free_bits": float("nan")}, "`free_bits` must be finite"),
    ],
)
def test_numbers_that_are_not_finite_are_refused(
    images, tmp_path, options, message
):
    with pytest.raises(ValueError, match=message):
        train(images, tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()


def source(count=8):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count, 16, 16, 1)).astype("uint8")
    return datasets.source_from_arrays(
        "noise", "train", images, np.zeros(count, int)
    )


class Broken(degradations.GaussianNoise):
    """A degradation that gives 8-bit values, or NaN."""

    def __init__(self, factor):
        super().__init__(0.1)
        self.factor = factor

    def __call__(self, images, *args, **kwargs):
        degraded, record = super().__call__(images, *args, **kwargs)
        return self.factor * degraded, record


@pytest.mark.parametrize("factor", [255.0, np.nan])
def test_pairs_of_a_plain_network_are_checked(tmp_path, factor):
    network = networks.dncnn(1, width=2, num_layers=2)
    before = network.get_weights()
    with pytest.raises(ValueError, match="Degraded images must"):
        training.fit_restorer(
            network,
            source(),
            Broken(factor),
            tmp_path,
            "network",
            image_size=16,
            batch_size=4,
            verbose=0,
        )
    for old, new in zip(before, network.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_plain_networks_in_half_precision_are_refused(tmp_path):
    keras.config.set_dtype_policy("float16")
    network = networks.dncnn(1, width=2, num_layers=2)
    with pytest.raises(ValueError, match="Received: float16"):
        training.fit_restorer(
            network,
            source(),
            degradations.GaussianNoise(0.1),
            tmp_path / "run",
            "network",
            image_size=16,
            batch_size=4,
            verbose=0,
        )


def test_training_that_diverges_says_so_and_keeps_its_backup(tmp_path):
    def fit(**options):
        training.fit_restorer(
            networks.dncnn(1, width=2, num_layers=2),
            source(),
            degradations.GaussianNoise(0.1),
            tmp_path,
            "network",
            image_size=16,
            batch_size=4,
            epochs=2,
            verbose=0,
            **options,
        )

    with pytest.raises(FloatingPointError, match="Training diverged"):
        fit(learning_rate=1e38)
    assert not (tmp_path / "network.keras").exists()
