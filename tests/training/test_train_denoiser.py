"""`train_denoiser` removes noise, resumes and refuses bad arguments."""

import json

import keras
import numpy as np
import pytest

from keras_synth import degradations, networks, training
from keras_synth.__main__ import main
from keras_synth.io import write_image
from keras_synth.training import train_denoiser
from tests.training_helpers import image_folder, stop_after_one_epoch

SMALL = {
    "architecture": "ffdnet",
    "num_layers": 3,
    "width": 8,
    "channels": 1,
    "image_size": 8,
    "patches_per_image": 4,
    "batch_size": 4,
    "verbose": 0,
}


def _train(folder, output, **options):
    return train_denoiser(folder, output, **{**SMALL, **options})


def test_training_writes_network_and_history(tmp_path):
    folder = image_folder(tmp_path)
    network = _train(folder, tmp_path / "run", epochs=2)
    again = keras.saving.load_model(tmp_path / "run/denoiser.keras")
    inputs = {
        "image": np.random.default_rng(0).uniform(size=(1, 9, 7, 1)),
        "noise_level": np.full((1, 1, 1, 1), 0.1),
    }
    np.testing.assert_array_equal(again(inputs), network(inputs))
    history = json.loads((tmp_path / "run/history.json").read_text())
    assert len(history["loss"]) == 2 and np.isfinite(history["loss"]).all()
    assert list((tmp_path / "run/log").rglob("events.out.tfevents.*"))


@pytest.mark.slow
def test_resumed_training_equals_uninterrupted(tmp_path, monkeypatch):
    folder = image_folder(tmp_path)
    straight = _train(folder, tmp_path / "straight", epochs=2)
    stop_after_one_epoch(monkeypatch, _train, folder, tmp_path / "stopped")
    resumed = _train(folder, tmp_path / "stopped", epochs=2, resume=True)
    for ours, theirs in zip(resumed.weights, straight.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    "degradation",
    ["noise", pytest.param("salt_and_pepper", marks=pytest.mark.slow)],
)
@pytest.mark.parametrize(
    "architecture",
    [
        "unet",
        pytest.param("dncnn", marks=pytest.mark.slow),
        pytest.param("autoencoder", marks=pytest.mark.slow),
    ],
)
def test_every_degradation_trains_every_architecture(
    degradation, architecture, tmp_path
):
    shape = {"num_layers": 3, "width": 4}
    if architecture != "dncnn":
        shape = {"widths": (4, 8)}
    network = train_denoiser(
        image_folder(tmp_path),
        tmp_path / "run",
        degradation=degradation,
        architecture=architecture,
        channels=3,
        image_size=8,
        patches_per_image=2,
        epochs=1,
        verbose=0,
        **shape,
    )
    conditional = architecture == "unet" and degradation == "noise"
    assert isinstance(network.input, dict) == conditional


@pytest.mark.slow
def test_trained_network_removes_noise(tmp_path):
    """On smooth images, like those it was trained on."""
    y = np.linspace(0, 1, 32)[:, None] * np.ones((1, 32))
    for index in range(4):
        write_image(tmp_path / f"in/{index}.png", (y + index) / 4)
    network = _train(
        tmp_path / "in",
        tmp_path / "run",
        degradation=degradations.GaussianNoise(0.1),
        epochs=15,
        learning_rate=3e-3,
        patches_per_image=20,
        image_size=16,
    )
    clean = np.float32(y[None, ..., None] / 2)
    noise = 0.1 * np.random.default_rng(1).standard_normal(clean.shape)
    levels = np.full((1, 1, 1, 1), 0.1, "float32")
    restored = network({"image": clean + noise, "noise_level": levels})
    assert np.std(restored - clean) < 0.6 * np.std(noise)


def test_trained_weights_are_their_moving_average(tmp_path):
    network = _train(image_folder(tmp_path), tmp_path / "run", epochs=1)
    averages = network.optimizer._model_variables_moving_average
    for weight, average in zip(
        network.trainable_weights, averages, strict=True
    ):
        np.testing.assert_array_equal(weight, average)


def test_loading_restores_the_optimizer(tmp_path):
    network = _train(image_folder(tmp_path), tmp_path / "run", epochs=1)
    again = keras.saving.load_model(tmp_path / "run/denoiser.keras")
    for ours, theirs in zip(
        again.optimizer.variables, network.optimizer.variables, strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"degradation": "rain"}, "`degradation` must be one of noise"),
        ({"architecture": "gan"}, "`architecture` must be one of unet"),
        ({"widths": (4,)}, "'ffdnet' has no `widths`, only width, num_layers"),
        ({"epochs": 0}, "`epochs` must be an int of at least 1"),
        ({"image_size": 9}, "larger than some images"),
    ],
)
def test_bad_arguments_are_refused(options, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        _train(image_folder(tmp_path), tmp_path / "run", **options)


@pytest.mark.slow
def test_command_line_trains(tmp_path, capsys):
    folder = image_folder(tmp_path)
    words = "--architecture ffdnet --image-size 8 --patches-per-image 2"
    code = main(
        ["train", "denoiser", "--data", str(folder), *words.split()]
        + ["--epochs", "1", "--output", str(tmp_path / "run")]
    )
    assert code == 0
    assert f"model:    {tmp_path}/run/denoiser.keras" in capsys.readouterr().out


def test_unet_takes_the_noise_level_where_asked():
    assert isinstance(training.build_denoiser("unet", widths=(4,)).input, dict)
    blind = training.build_denoiser(
        "unet", noise_conditional=False, widths=(4,)
    )
    assert not isinstance(blind.input, dict)


@pytest.mark.slow
def test_a_network_is_trained_further_from_its_weights(tmp_path):
    """A rate of almost 0 leaves them; a fresh network has others."""
    folder = image_folder(tmp_path)
    first = _train(folder, tmp_path / "first", epochs=1)
    options = dict.fromkeys(("architecture", "num_layers", "width"))
    options["learning_rate"] = 1e-9
    file = tmp_path / "first/denoiser.keras"
    further = _train(
        folder, tmp_path / "further", from_=file, epochs=1, **options
    )
    for ours, theirs in zip(further.weights, first.weights, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
    for wrong, message in (
        ({"from_": "emoji"}, "must be one of"),
        ({"from_": tmp_path / "no.keras"}, "There is no model"),
        ({"from_": file, "widths": (4, 8)}, "has its own `widths`"),
        ({"from_": file, "architecture": "dncnn"}, "its own `architecture`"),
        ({"from_": file, "channels": 3}, "`channels=1`"),
        (
            {"from_": file, "degradation": "salt_and_pepper"},
            r"Only a `networks\.unet`",
        ),
    ):
        with pytest.raises((ValueError, FileNotFoundError), match=message):
            _train(
                folder,
                tmp_path / "wrong",
                **{"epochs": 1, **options, **wrong},
            )


@pytest.mark.slow
def test_command_line_trains_a_preset_further(tmp_path):
    folder = image_folder(tmp_path)
    words = "train denoiser --from gray_denoiser --epochs 1 --batch-size 4"
    words += " --image-size 8"
    words += f" --patches-per-image 1 --channels 1 --output {tmp_path}/run"
    assert main([*words.split(), "--data", str(folder)]) == 0
    network = keras.saving.load_model(tmp_path / "run/denoiser.keras")
    assert network.name == "gray_denoiser"


@pytest.mark.slow
def test_a_color_denoiser_becomes_a_gray_one(tmp_path):
    """Of a network that is no U-Net, gray images are refused."""
    folder, file = image_folder(tmp_path), tmp_path / "denoiser.keras"
    options = {"from_": file, "learning_rate": 1e-9, "epochs": 1}
    options |= dict.fromkeys(("architecture", "num_layers", "width"))
    given = training.build_denoiser("unet", widths=(4, 8), num_blocks=1)
    given.save(file)
    network = _train(folder, tmp_path / "run", **options)
    image = np.random.default_rng(0).uniform(size=(1, 9, 8, 1)).astype("f")
    inputs = {"image": image, "noise_level": np.full((1, 1, 1, 1), 0.1)}
    expected = networks.gray_unet(given)(inputs)
    np.testing.assert_allclose(network(inputs), expected, atol=1e-4)
    training.build_denoiser("ffdnet", num_layers=3, width=4).save(file)
    with pytest.raises(ValueError, match="`channels=3`"):
        _train(folder, tmp_path / "other", **options)


@pytest.mark.slow
def test_a_denoiser_becomes_a_blind_restorer(tmp_path):
    """`--from` of a network that is told the noise, for another degradation."""
    folder, file = image_folder(tmp_path), tmp_path / "denoiser.keras"
    given = training.build_denoiser("unet", widths=(4, 8), num_blocks=1)
    given.save(file)
    network = training.train_denoiser(
        folder,
        tmp_path / "run",
        from_=file,
        degradation="photo",
        channels=3,
        image_size=8,
        patches_per_image=1,
        batch_size=4,
        epochs=1,
        learning_rate=1e-9,
        verbose=0,
    )
    image = np.random.default_rng(0).uniform(size=(1, 9, 8, 3)).astype("f")
    inputs = {"image": image, "noise_level": np.zeros((1, 1, 1, 1))}
    expected = given(inputs)
    np.testing.assert_allclose(network(image), expected, atol=1e-4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"architecture": "ffdnet", "degradation": "photo"},
            "An FFDNet takes the noise level",
        ),
        ({"degradation": degradations.Downsample(2)}, "train_upscaler"),
        ({"from_": "mnist_classifier", "channels": 1}, "makes no image"),
    ],
)
def test_what_does_not_fit_is_said_before_training(options, message, tmp_path):
    options = {"image_size": 16, "epochs": 1, "verbose": 0, **options}
    with pytest.raises(ValueError, match=message) as caught:
        training.train_denoiser(
            image_folder(tmp_path), tmp_path / "run", **options
        )
    assert "in user code" not in str(caught.value)
