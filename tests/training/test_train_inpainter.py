"""`train_inpainter`: warm-up, adversarial training, resuming."""

import json
import shutil

import keras
import numpy as np
import pytest

from keras_synth import models, networks, training
from keras_synth.__main__ import main
from keras_synth.io import read_image, write_image
from tests.training_helpers import image_folder


def build(channels=1, window=32, features=None, seed=None, generator=None):
    """`build_inpainter` with few weights."""
    if generator is None or generator.name == "gated_inpainter":
        generator = networks.gated_inpainter(
            channels, widths=(4,), dilations=(2,)
        )
    return models.RestorationGAN(
        generator,
        networks.patch_discriminator(channels, widths=(4,)),
        networks.patch_discriminator(
            channels,
            condition=(),
            widths=(4,),
            size=(window, window),
            name="local_discriminator",
        ),
        features,
        seed=seed,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return image_folder(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module", autouse=True)
def small_networks():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("keras_synth.training.inpainter.build_inpainter", build)
        yield


@pytest.fixture(scope="module")
def run(folder, small_networks, tmp_path_factory):
    """Folder of a training by the command line."""
    run = tmp_path_factory.mktemp("runs") / "run"
    words = (
        "train inpainter --holes square --image-size 8 --batch-size 4 "
        "--patches-per-image 1 --warmup-epochs 1 --epochs 1"
    ).split()
    assert main([*words, "--data", str(folder), "--output", str(run)]) == 0
    return run


def _resume(folder, output, epochs):
    return training.train_inpainter(
        folder,
        output,
        holes="square",
        image_size=8,
        batch_size=4,
        patches_per_image=1,
        warmup_epochs=1,
        epochs=epochs,
        resume=True,
        verbose=0,
    )


def _assert_same_weights(ours, theirs):
    for one, other in zip(ours.weights, theirs.weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_both_parts_write_histories_and_images(run):
    model = keras.saving.load_model(run / "inpainter.keras")
    assert model.optimizer.iterations == 3  # 12 images, 4 a step
    assert model.loss_weights["adversarial_weight"] == 0.01
    for part, adversarial in ((run / "warmup", False), (run, True)):
        history = json.loads((part / "history.json").read_text())
        assert ("discriminator_loss" in history) == adversarial
        assert np.isfinite(history["loss"]).all()
        # Three rows of 8 images of side 8, padding 2.
        grid = read_image(part / "images/restored_epoch_0001.png")
        assert grid.shape == (32, 82, 3)
        # Pixels that degraded and true images share.
        known = (grid[2:10] == grid[22:30]).all(axis=-1)
        assert 0.6 < known.mean() < 1.0
        np.testing.assert_array_equal(grid[12:20][known], grid[2:10][known])
        assert list((part / "log").rglob("events.out.tfevents.*"))


def test_resuming_a_finished_training_changes_nothing(folder, run, tmp_path):
    saved = keras.saving.load_model(run / "inpainter.keras")
    shutil.copytree(run, tmp_path / "run")
    _assert_same_weights(_resume(folder, tmp_path / "run", epochs=1), saved)


@pytest.mark.slow
def test_zero_epochs_stop_after_the_warmup(folder, small_networks, tmp_path):
    _resume(folder, tmp_path / "run", epochs=0)
    first, saved = (
        keras.saving.load_model(tmp_path / "run" / name)
        for name in ("warmup/inpainter.keras", "inpainter.keras")
    )
    _assert_same_weights(saved, first)
    assert not (tmp_path / "run/images").exists()
    again = _resume(folder, tmp_path / "run", epochs=0)
    _assert_same_weights(again, saved)


def test_inpaint_command_runs_the_trained_model(folder, run, tmp_path, capsys):
    """By the line that training prints."""
    image, mask = read_image(folder / "a/0.png"), tmp_path / "mask.png"
    write_image(tmp_path / "torn.png", np.maximum(image, np.eye(8)[..., None]))
    write_image(mask, np.eye(8))
    files = [str(tmp_path / n) for n in ("torn.png", "mask.png", "out.png")]
    options = ["--method", f"{run}/inpainter.keras"]
    assert main(["inpaint", *files, *options]) == 0
    assert "(12.5 % of it filled by" in capsys.readouterr().out
    restored, known = read_image(files[2]), np.eye(8) == 0
    np.testing.assert_array_equal(restored[known], image[known])
    assert restored[~known].min() < 0.9


@pytest.mark.parametrize(
    ("epochs", "message"),
    [
        ({"warmup_epochs": 0}, "`warmup_epochs` must be an int of at least 1"),
        ({"epochs": -1}, "`epochs` must be an int of at least 0"),
    ],
)
def test_too_few_epochs_are_refused(epochs, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        training.train_inpainter("digits", tmp_path / "run", **epochs)


def test_unknown_holes_are_refused(tmp_path):
    with pytest.raises(ValueError, match="`holes` must be one of photo, irreg"):
        training.train_inpainter(tmp_path, tmp_path / "run", holes="round")


@pytest.mark.slow
def test_a_unet_goes_on_from_a_restorer_on_patches_as_they_are(
    folder, small_networks, tmp_path, monkeypatch
):
    given = networks.unet(widths=(4,), num_blocks=1)
    given.save(tmp_path / "restorer.keras")
    seen = []
    monkeypatch.setattr(
        "keras_synth.training.inpainter.datasets.resize_source",
        lambda *arguments: seen.append(arguments),
    )
    model = training.train_inpainter(
        folder,
        tmp_path / "run",
        from_=tmp_path / "restorer.keras",
        holes="photo",
        resize=False,
        image_size=8,
        batch_size=4,
        patches_per_image=1,
        warmup_epochs=1,
        epochs=0,
        learning_rate=1e-12,
        verbose=0,
    )
    assert not seen and model.generator.name == "unet_inpainter"
    # Nothing was learned: what came from the restorer is as it was.
    ours, theirs = (
        [x.kernel for x in network.layers if hasattr(x, "kernel")]
        for network in (model.generator, given)
    )
    for one, other in zip(ours[1:], theirs[1:], strict=True):
        np.testing.assert_allclose(one, other, atol=1e-9)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"architecture": "unet"}, "`architecture` must be one of gated_inp"),
        (
            {"architecture": "gated_inpainter", "from_": "photo_restorer"},
            "`from_` is the start of a unet_inpainter",
        ),
        ({"from_": "gray_denoiser"}, "takes images of shape"),
        ({"from_": "upscaler_x4"}, "makes images 4 times as large"),
    ],
)
def test_networks_that_do_not_fit_are_refused(
    options, message, folder, tmp_path
):
    with pytest.raises(ValueError, match=message):
        training.train_inpainter(folder, tmp_path / "run", **options)
