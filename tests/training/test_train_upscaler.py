"""`train_upscaler` beats bicubic, and its network upscales files."""

import importlib
import json

import keras
import numpy as np
import pytest

from keras_synth import networks, training
from keras_synth.__main__ import main
from keras_synth.io import read_image, write_image
from keras_synth.restoration import bicubic
from tests.training_helpers import image_folder

SMALL = {
    "scale": 2,
    "width": 8,
    "channels": 1,
    "num_blocks": 1,
    "image_size": 8,
    "patches_per_image": 2,
    "batch_size": 4,
    "verbose": 0,
}


def _train(folder, output, **options):
    return training.train_upscaler(folder, output, **{**SMALL, **options})


@pytest.mark.slow
def test_trained_network_beats_bicubic(tmp_path):
    """On stripes like those it was trained on."""
    y, x = np.mgrid[:32, :32]

    def stripes(shift):
        return (((x + y + shift) // 5 % 2) * 0.6 + 0.2).astype("float32")

    for shift in range(4):
        write_image(tmp_path / f"in/{shift}.png", stripes(shift))
    network = _train(
        tmp_path / "in",
        tmp_path / "run",
        image_size=16,
        patches_per_image=20,
        epochs=15,
        learning_rate=1e-2,
    )
    clean = stripes(7)[None, ..., None]
    small = keras.ops.image.resize(clean, (16, 16), "bicubic", antialias=True)
    small = np.asarray(small)
    errors = [
        np.mean((np.asarray(method(small)) - clean)[:, 4:-4, 4:-4] ** 2)
        for method in (network, bicubic(2))
    ]
    assert errors[0] < 0.8 * errors[1]


def test_degradations_have_names(tmp_path, monkeypatch):
    """The small images are those of `RealWorldDownsample`, or bicubic."""
    given = []
    module = importlib.import_module("keras_synth.training.upscaler")

    def fit_network(network, source, degradation, *_, **__):
        given.append(degradation)

    monkeypatch.setattr(module, "fit_network", fit_network)
    folder = image_folder(tmp_path)
    for name in ("bicubic", "real"):
        _train(folder, tmp_path / name, downsampling=name)
    kinds = [type(degradation).__name__ for degradation in given]
    assert kinds == ["Downsample", "RealWorldDownsample"]
    assert all(degradation.factor == 2 for degradation in given)
    with pytest.raises(ValueError, match="`downsampling` must be one of"):
        _train(folder, tmp_path / "x", downsampling="photo")


def test_command_line_trains_and_upscales(tmp_path, capsys):
    run = tmp_path / "run"
    words = "train upscaler --scale 3 --architecture srcnn --image-size 6"
    options = "--patches-per-image 1 --batch-size 4 --epochs 1 --channels 3"
    places = ["--data", str(image_folder(tmp_path)), "--output", str(run)]
    assert main([*words.split(), *options.split(), *places]) == 0
    out = capsys.readouterr().out
    model = f"{run}/upscaler.keras"
    assert f"model:    {model}" in out
    assert f"upscale small.png out.png --method {model}" in out
    assert "images:" not in out
    history = json.loads((run / "history.json").read_text())
    assert np.isfinite(history["loss"]).all()
    files = [str(tmp_path / "images/a/0.png"), str(tmp_path / "large.png")]
    assert main(["upscale", *files, "--method", model]) == 0
    assert read_image(files[1]).shape == (24, 24, 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"architecture": "gan"}, "`architecture` must be one of edsr"),
        ({"architecture": "srcnn"}, "'srcnn' has no `num_blocks`"),
        ({"scale": 3}, "`image_size` must be a multiple of the scale"),
        ({"scale": 5}, "`scale` must be 2, 3 or 4"),
        ({"image_size": 10}, "larger than some images"),
        ({"epochs": 0}, "`epochs` must be an int of at least 1"),
    ],
)
def test_bad_arguments_are_refused(options, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        _train(image_folder(tmp_path), tmp_path / "run", **options)


@pytest.mark.slow
def test_a_network_is_trained_further_from_its_weights(tmp_path):
    """Also for another scale, where it is an EDSR."""
    folder = image_folder(tmp_path)
    first = _train(folder, tmp_path / "first", epochs=1)
    given = {"from_": tmp_path / "first/upscaler.keras", "epochs": 1}
    given |= {"width": None, "num_blocks": None, "learning_rate": 1e-9}
    further = _train(folder, tmp_path / "further", **given | {"scale": None})
    for ours, theirs in zip(further.weights, first.weights, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
    given |= {"scale": 3, "image_size": 6}
    other = _train(folder, tmp_path / "3", **given)
    assert other.compute_output_shape((1, 9, 8, 1))[:3] == (1, 27, 24)
    np.testing.assert_allclose(other.weights[2], first.weights[2], atol=1e-6)
    networks.srcnn(2, channels=1).save(tmp_path / "srcnn.keras")
    with pytest.raises(ValueError, match=r"upscales by 2: give .* Only a"):
        _train(
            folder,
            tmp_path / "4",
            **{**given, "from_": tmp_path / "srcnn.keras"},
        )


def test_an_architecture_of_a_fixed_size_says_so():
    with pytest.raises(ValueError, match="has no `width`, only a fixed size"):
        training.build_upscaler("srcnn", width=3)
