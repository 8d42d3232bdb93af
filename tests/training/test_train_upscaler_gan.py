"""`train_upscaler_gan` trains an upscaler further, in its dtype policy."""

import json

import keras
import numpy as np
import pytest

from keras_synth import models, networks, presets, training
from keras_synth.__main__ import main
from keras_synth.io import read_image
from keras_synth.training.restorer import with_current_policy
from tests.training_helpers import image_folder

SMALL = {
    "downsampling": "bicubic",
    "image_size": 8,
    "patches_per_image": 1,
    "batch_size": 4,
    "epochs": 1,
    "verbose": 0,
}


@pytest.fixture
def upscaler(tmp_path):
    path = tmp_path / "upscaler.keras"
    networks.edsr(2, width=4, num_blocks=1).save(path)
    return path


def features(channels=3):
    return networks.unet_features(
        networks.unet(channels, widths=(4, 8), num_blocks=1)
    )


def test_command_line_trains_and_upscales(tmp_path, upscaler, capsys):
    run = tmp_path / "run"
    words = "train upscaler-gan --downsampling bicubic --image-size 8"
    options = "--patches-per-image 1 --batch-size 4 --epochs 1 --channels 3"
    places = ["--data", str(image_folder(tmp_path)), "--output", str(run)]
    places += ["--from", str(upscaler)]
    assert main([*words.split(), *options.split(), *places]) == 0
    out = capsys.readouterr().out
    model = f"{run}/upscaler_gan.keras"
    assert f"model:    {model}" in out
    assert f"images:   {run}/images/" in out
    history = json.loads((run / "history.json").read_text())
    for name in ("loss", "perceptual_loss", "discriminator_loss"):
        assert np.isfinite(history[name]).all()
    files = [str(tmp_path / "images/a/0.png"), str(tmp_path / "large.png")]
    assert main(["upscale", *files, "--method", model]) == 0
    assert read_image(files[1]).shape == (16, 16, 3)


def test_it_starts_from_the_given_network_and_moves(tmp_path, upscaler):
    start = keras.saving.load_model(upscaler, compile=False)
    folder = image_folder(tmp_path)
    moved = []
    for rate in (1e-9, 1e-2):
        model = training.train_upscaler_gan(
            folder,
            tmp_path / f"{rate}",
            from_=upscaler,
            features=features(),
            learning_rate=rate,
            **SMALL,
        )
        assert isinstance(model, models.RestorationGAN)
        moved.append(
            max(
                float(np.abs(np.subtract(ours, theirs)).max())
                for ours, theirs in zip(
                    model.generator.weights, start.weights, strict=True
                )
            )
        )
    assert moved[0] < 1e-6 < 1e-3 < moved[1]


def test_each_loss_has_its_weight(tmp_path, upscaler):
    """Without the others, what is minimized is the absolute error alone."""
    model = training.train_upscaler_gan(
        image_folder(tmp_path),
        tmp_path / "run",
        from_=upscaler,
        features=features(),
        adversarial_weight=0.0,
        perceptual_weight=0.0,
        **SMALL,
    )
    logs = json.loads((tmp_path / "run/history.json").read_text())
    assert logs["loss"] == logs["reconstruction_loss"]
    assert "discriminator_loss" not in logs
    training.compile_upscaler_gan(
        model, adversarial_weight=0.25, perceptual_weight=0.5
    )
    assert model.loss_weights["adversarial_weight"] == 0.25
    assert model.loss_weights["perceptual_weight"] == 0.5


@pytest.mark.slow
@pytest.mark.parametrize("channels", [1, 3])
def test_the_pretrained_restorer_gives_features(channels):
    model = training.build_upscaler_gan(
        networks.edsr(2, channels, width=4, num_blocks=1)
    )
    image = np.random.default_rng(0).uniform(size=(1, 32, 32, channels))
    maps = model.features(image.astype("float32"))
    assert sorted(maps) == ["level1", "level2", "level3"]
    color = np.repeat(image, 4 - channels, -1)[..., :3].astype("float32")
    known = networks.unet_features(presets.photo_restorer())(color)
    np.testing.assert_allclose(maps["level3"], known["level3"], atol=1e-4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"from_": "photo_restorer"}, "makes images 1 times as large"),
        ({"from_": "no_such"}, "must be one of"),
        ({"downsampling": "photo"}, "`downsampling` must be one of"),
        ({"image_size": 7}, "must be a multiple of the scale, 2"),
        ({"epochs": 0}, "`epochs` must be an int of at least 1"),
        ({"adversarial_weight": -1.0}, "adversarial_weight"),
    ],
)
def test_bad_arguments_are_refused(options, message, tmp_path, upscaler):
    given = {"from_": upscaler, "features": features(), **SMALL, **options}
    with pytest.raises(ValueError, match=message):
        training.train_upscaler_gan(
            image_folder(tmp_path), tmp_path / "run", **given
        )


def test_a_preset_is_trained_in_the_policy_that_is_set():
    network = networks.edsr(2, width=4, num_blocks=1)
    assert with_current_policy(network) is network
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        twin = with_current_policy(network)
    finally:
        keras.config.set_dtype_policy("float32")
    kinds = [
        (layer.compute_dtype, layer.variable_dtype)
        for layer in twin.layers
        if layer.weights
    ]
    assert set(kinds[:-1]) == {("bfloat16", "float32")}
    assert kinds[-1] == ("float32", "float32")
    image = np.random.default_rng(0).uniform(size=(1, 8, 8, 3))
    image = image.astype("float32")
    assert twin(image).dtype == "float32"
    np.testing.assert_allclose(twin(image), network(image), atol=0.02)
    for ours, theirs in zip(twin.weights, network.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
