"""`train_cut`: from two folders to translated files."""

import json

import keras
import numpy as np
import pytest

from keras_synth import models, training
from keras_synth.__main__ import main
from keras_synth.io import read_image
from tests.helpers import assert_same_state
from tests.training_helpers import (
    compile_eagerly,
    stop_after_one_epoch,
    unpaired_folders,
)

SMALL = {
    "image_size": 16,
    "channels": 1,
    "width": 2,
    "num_blocks": 1,
    "batch_size": 2,
    "num_patches": 9,
    "verbose": 0,
}


@pytest.fixture(autouse=True)
def eagerly(monkeypatch):
    compile_eagerly(monkeypatch, models.CUT)


@pytest.fixture
def folder(tmp_path):
    return unpaired_folders(tmp_path)


def train(folder, output, **options):
    places = folder / "a", folder / "b", output
    return training.train_cut(*places, **(SMALL | options))


@pytest.mark.slow
def test_command_line_trains_and_translates_one_way(folder, tmp_path, capsys):
    run = tmp_path / "run"
    model_file = run / "cut.keras"
    places = ["--a", folder / "a", "--b", folder / "b", "--output", run]
    words = "--image-size 16 --width 2 --num-blocks 1 --batch-size 2 --epochs 1"
    assert main(["train", "cut", *map(str, places), *words.split()]) == 0
    out = capsys.readouterr().out
    assert f"translate input.png out.png --model {model_file}" in out
    history = json.loads((run / "history.json").read_text())
    for name in ("nce_loss", "identity_loss"):
        assert np.isfinite(history[name]).all()
    # Two rows of 4 images of side 16; the first are the images themselves.
    grid = read_image(run / "images/a_to_b_epoch_0001.png")
    assert grid.shape == (38, 74, 3) and grid[2:18, 2:18].mean() < 0.5
    assert len(list((run / "images").iterdir())) == 1
    model = keras.saving.load_model(model_file)
    source, target = folder / "a" / "0.png", tmp_path / "translated.png"
    image = np.repeat(read_image(source), 3, axis=-1)[None]
    words = ["translate", source, target, "--model", model_file]
    assert main([str(word) for word in words]) == 0
    expected = model.translate(image)[0]  # in color
    made = read_image(target)
    np.testing.assert_allclose(made, expected, atol=0.51 / 255 + 1e-5)
    assert np.abs(expected - image[0]).max() > 0.1
    words += ["--direction", "b_to_a", "--overwrite"]
    assert main([str(word) for word in words]) == 2
    error = capsys.readouterr().err
    assert "translates in one direction alone" in error
    assert len(error.strip().splitlines()) == 1


@pytest.mark.slow  # the model's own tests resume, too
def test_a_stopped_training_goes_on_as_if_it_had_not(
    folder, tmp_path, monkeypatch
):
    straight = train(folder, tmp_path / "straight", epochs=2)
    stop_after_one_epoch(monkeypatch, train, folder, tmp_path / "run")
    again = train(folder, tmp_path / "run", epochs=2, resume=True)
    assert_same_state(again, straight)
    # 6 images of B, 2 at a time.
    assert int(again.optimizer.iterations) == 6
    assert float(again.optimizer.learning_rate) == 0.0


def test_what_was_asked_for_is_built(folder, tmp_path, monkeypatch):
    seen = {}

    def record(model, batches, *args, **options):
        seen.update(model=model, batches=batches)

    monkeypatch.setattr("keras_synth.training.cut.fit_in_folder", record)
    train(folder, tmp_path / "run", epochs=10, nce_weight=3.0)
    model = seen["model"]
    assert model.loss_weights == {"nce_weight": 3.0, "identity_weight": 0.5}
    assert model.num_patches == 9 and model.image_shape == (None, None, 1)
    head = {"pixels": 1, "down_1": 4, "down_2": 8, "block_1": 8}
    inputs = model.projection_head.input
    assert {name: x.shape[-1] for name, x in inputs.items()} == head
    for optimizer in (model.generator_optimizer, model.discriminator_optimizer):
        config = optimizer.get_config()
        assert config["beta_1"] == 0.5
        rate = config["learning_rate"]["config"]
        assert rate == {
            "learning_rate": 2e-4,
            "steps": 30,
            "constant_steps": 15,
        }
    of_a, of_b = next(iter(seen["batches"]))
    assert of_a.shape == (2, 16, 16, 1)
    assert np.mean(of_a) < 0.4 and np.mean(of_b) > 0.6


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "`epochs` must be an int of at least 1"),
        ({"channels": 2}, "`channels` must be"),
        ({"num_blocks": 0}, "`num_blocks` must be an int"),
        ({"nce_weight": -1.0}, "`nce_weight` must be"),
        ({"num_patches": 1}, "`num_patches` must be"),
        ({"learning_rate": 0.0}, "`learning_rate` must be above 0"),
        ({"identity_weight": float("nan")}, "`identity_weight` must be finite"),
    ],
)
def test_bad_arguments_are_refused(options, message, folder, tmp_path):
    with pytest.raises(ValueError, match=message):
        train(folder, tmp_path / "run", **{"epochs": 1, **options})
    assert not (tmp_path / "run").exists()
