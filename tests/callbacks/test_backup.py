"""Backup: whole at any moment, and an end to training that diverged."""

import os

import keras
import numpy as np
import pytest

from keras_synth import callbacks

X = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
Y = X.sum(axis=1, keepdims=True)


def network():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("adam", "mse", run_eagerly=True)
    return model


def fit(model, directory, epochs, *more):
    backup = callbacks.Backup(directory)
    return model.fit(
        X,
        Y,
        batch_size=4,
        shuffle=False,
        epochs=epochs,
        initial_epoch=backup.restore(model),
        callbacks=[*more, backup],
        verbose=0,
    )


def state(model):
    return [*model.get_weights(), *map(np.asarray, model.optimizer.variables)]


def names(directory):
    return sorted(file.name for file in directory.iterdir())


def assert_equal(model, other):
    for ours, theirs in zip(state(model), state(other), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_resumed_equals_never_stopped(tmp_path):
    straight = network()
    fit(straight, tmp_path / "straight", 4)
    fit(network(), tmp_path / "stopped", 2)
    assert names(tmp_path / "stopped") == ["epoch_00002.weights.h5"]
    resumed = network()
    history = fit(resumed, tmp_path / "stopped", 4)
    assert history.epoch == [2, 3]
    assert_equal(resumed, straight)


@pytest.mark.parametrize("moment", ["written", "renamed"])
def test_a_kill_while_saving_leaves_the_epoch_before(
    tmp_path, monkeypatch, moment
):
    """Before the new file has its name, or before the old one is removed."""

    class Killed(BaseException):
        pass

    def kill(*args, **kwargs):
        raise Killed

    straight = network()
    fit(straight, tmp_path / "straight", 3)
    directory = tmp_path / "killed"
    fit(network(), directory, 1)
    with monkeypatch.context() as patch:
        if moment == "written":
            patch.setattr(os, "replace", kill)
        else:
            patch.setattr("pathlib.Path.unlink", kill)
        with pytest.raises(Killed):
            fit(network(), directory, 2)
    assert "epoch_00001.weights.h5" in names(directory)
    resumed = network()
    done = callbacks.Backup(directory).restore(resumed)
    assert done == (1 if moment == "written" else 2)
    fit(resumed, directory, 3)
    assert_equal(resumed, straight)
    assert names(directory) == ["epoch_00003.weights.h5"]


def test_a_half_written_file_is_no_backup(tmp_path):
    fit(network(), tmp_path, 1)
    whole = (tmp_path / "epoch_00001.weights.h5").read_bytes()
    half = tmp_path / ".keras_synth-unfinished-other-1/epoch_00002.weights.h5"
    half.parent.mkdir()
    half.write_bytes(whole[: len(whole) // 2])
    assert callbacks.Backup(tmp_path).restore(network()) == 1


def test_a_loss_of_nan_stops_training_and_keeps_the_last_state(tmp_path):
    model = network()
    fit(model, tmp_path, 2)
    good = state(model)

    def spoil(epoch, logs):
        model.layers[0].bias.assign([np.nan])

    spoiling = keras.callbacks.LambdaCallback(on_epoch_begin=spoil)
    with pytest.raises(FloatingPointError, match="loss is nan at batch 1") as e:
        fit(model, tmp_path, 4, spoiling)
    assert "state after epoch 2 is kept" in str(e.value)
    restored = network()
    assert callbacks.Backup(tmp_path).restore(restored) == 2
    for ours, theirs in zip(state(restored), good, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_weights_that_are_not_finite_are_never_the_backup(tmp_path):
    """The last step of an epoch may spoil them, after its loss."""
    model = network()
    fit(model, tmp_path, 1)

    def spoil(epoch, logs):
        model.layers[0].bias.assign([np.inf])

    spoiling = keras.callbacks.LambdaCallback(on_epoch_end=spoil)
    with pytest.raises(FloatingPointError, match="not finite after epoch 2"):
        fit(model, tmp_path, 2, spoiling)
    assert names(tmp_path) == ["epoch_00001.weights.h5"]


def test_remove_leaves_other_files(tmp_path):
    fit(network(), tmp_path, 1)
    for name in ("notes.txt", "epoch_best.weights.h5"):
        (tmp_path / name).write_text("mine")
    backup = callbacks.Backup(tmp_path)
    backup.remove()
    assert names(tmp_path) == ["epoch_best.weights.h5", "notes.txt"]
    assert backup.restore(network()) == 0
