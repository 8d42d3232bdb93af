"""`train_pix2pix`: image-to-image translation from pairs in files."""

import json

import keras
import numpy as np
import pytest

from keras_synth import training
from keras_synth.__main__ import main
from keras_synth.io import read_image, write_image

SMALL = {
    "image_size": 16,
    "in_channels": 1,
    "out_channels": 1,
    "width": 2,
    "batch_size": 2,
    "verbose": 0,
}


@pytest.fixture
def folder(tmp_path):
    """Four double images, whose right half is the negative of the left."""
    random = np.random.default_rng(0)
    for index in range(4):
        left = random.uniform(size=(16, 16))
        both = np.concatenate([left, 1 - left], axis=1)
        write_image(tmp_path / f"pairs/{index}.png", both)
    return tmp_path / "pairs"


def _train(folder, output, **options):
    return training.train_pix2pix(folder, output, **{**SMALL, **options})


@pytest.mark.slow
def test_command_line_trains_and_translates(folder, tmp_path, capsys):
    run = tmp_path / "run"
    words = (
        "--image-size 16 --out-channels 1 --width 2 --batch-size 2 --epochs 1"
    )
    places = ["--data", str(folder), "--output", str(run)]
    assert main(["train", "pix2pix", *places, *words.split()]) == 0
    out = capsys.readouterr().out
    assert f"translate input.png out.png --model {run}/pix2pix.keras" in out
    history = json.loads((run / "history.json").read_text())
    assert np.isfinite(history["loss"]).all()
    # Three rows of 4 images of side 16; the input is the right half.
    grid = read_image(run / "images/restored_epoch_0001.png")
    assert grid.shape == (56, 74, 3)
    np.testing.assert_allclose(
        grid[2:18, 2:18], 1 - grid[38:54, 2:18], atol=0.01
    )
    model = keras.saving.load_model(run / "pix2pix.keras")
    assert model.degraded_shape[-1] == 3 and model.image_shape[-1] == 1
    target = tmp_path / "translated.png"
    files = [str(folder / "0.png"), str(target)]
    words = ["translate", *files, "--model", f"{run}/pix2pix.keras"]
    assert main(words) == 0
    assert read_image(target).shape == (16, 32, 1)


def test_two_folders_give_sources_and_targets(folder, tmp_path, monkeypatch):
    """Targets are the negatives of their sources."""
    for index in range(2):
        image = np.eye(16) * (index + 1) / 3
        write_image(tmp_path / f"inputs/{index}.png", image)
        write_image(tmp_path / f"targets/{index}.png", 1 - image)
    seen = {}

    def record(model, pairs, *args, **options):
        seen.update(pairs=pairs, **options)

    monkeypatch.setattr("keras_synth.training.pix2pix.fit_in_folder", record)
    inputs, targets = tmp_path / "inputs", tmp_path / "targets"
    _train(inputs, tmp_path / "run", target_data=targets, epochs=1)
    degraded, clean = next(iter(seen["pairs"]))
    assert clean.shape == (2, 16, 16, 1)
    np.testing.assert_allclose(degraded, 1 - clean, atol=0.02)
    (grid,) = seen["callbacks"]
    np.testing.assert_allclose(
        grid.degraded["image"], 1 - grid.clean, atol=0.02
    )


def test_without_jitter_pairs_keep_their_places(folder, tmp_path, monkeypatch):
    """They are mirrored, but neither enlarged nor cropped."""
    seen = {}

    def record(model, pairs, *args, **options):
        seen.update(pairs=pairs)

    monkeypatch.setattr("keras_synth.training.pix2pix.fit_in_folder", record)
    files = [read_image(file)[:, :16] for file in sorted(folder.iterdir())]
    for jitter, kept in ((1.0, True), (286 / 256, False)):
        _train(folder, tmp_path / "run", jitter=jitter, epochs=1)
        _, clean = next(iter(seen["pairs"]))
        for image in np.asarray(clean):
            nearest = min(
                np.abs(image - way).max()
                for file in files
                for way in (file, file[:, ::-1])
            )
            assert (nearest < 0.01) == kept


def test_loss_weights_are_those_of_the_paper(folder):
    """100 |x̂ - x| where images span 2, against an adversary of 1."""
    model = training.compile_pix2pix(
        training.build_pix2pix(1, 1, width=2, seed=0)
    )
    clean = np.full((1, 16, 16, 1), 0.25, "float32")
    degraded = 1 - clean
    logs = model.evaluate(degraded, clean, verbose=0, return_dict=True)
    made = np.asarray(model.restore(degraded))
    in_paper = np.abs((2 * made - 1) - (2 * clean - 1)).mean()
    assert logs["reconstruction_loss"] == pytest.approx(
        100 * in_paper, rel=1e-4
    )
    total = sum(
        logs[name]
        for name in (
            "reconstruction_loss",
            "generator_loss",
            "discriminator_loss",
        )
    )
    assert logs["loss"] == pytest.approx(total, rel=1e-4)


def test_a_residual_generator_starts_at_the_source(folder, tmp_path):
    """The network's last kernel is small: what it adds is little."""
    model = training.build_pix2pix(3, 3, width=4, residual=True, seed=0)
    image = np.random.default_rng(0).random((2, 17, 32, 3), "float32")
    assert np.abs(np.asarray(model.restore(image)) - image).mean() < 0.1
    trained = _train(folder, tmp_path / "run", epochs=1, residual=True)
    assert not any("normalization" in x.name for x in trained.generator.layers)
    loaded = keras.saving.load_model(tmp_path / "run/pix2pix.keras")
    x = image[..., :1]
    np.testing.assert_array_equal(loaded.restore(x), trained.restore(x))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"residual": True, "in_channels": 3},
            "`residual` generator keeps the channels.* in_channels=3",
        ),
        ({"epochs": 0}, "`epochs` must be an int of at least 1"),
        ({"source_side": "top"}, '`source_side` must be "left" or "right"'),
        ({"in_channels": 2}, "`in_channels` must be"),
        ({"out_channels": 2}, "`out_channels` must be"),
        ({"l1_weight": -1.0}, "`l1_weight` must be a number of at least 0"),
        ({"target_data": "nowhere"}, "nowhere"),
    ],
)
def test_bad_arguments_are_refused(options, message, folder, tmp_path):
    with pytest.raises((ValueError, OSError), match=message):
        _train(folder, tmp_path / "run", **{"epochs": 1, **options})
    assert not (tmp_path / "run").exists()
