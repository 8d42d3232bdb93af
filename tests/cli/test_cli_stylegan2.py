"""`train stylegan2`, and `sample --truncation`."""

import numpy as np
import pytest

from keras_synth import models
from keras_synth.cli.main import main
from keras_synth.io import image_grid, read_image
from keras_synth.tasks import load_model
from keras_synth.training import build_vae
from tests.cli.options import overridden
from tests.training_helpers import compile_eagerly, image_folder

SMALL = (
    "train stylegan2 --image-size 16 --epochs 1 --batch-size 12 --latent-dim 3 "
    "--style-dim 4 --num-layers 2 --channel-max 2"
).split()


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder that a training leaves."""
    directory = tmp_path_factory.mktemp("runs")
    folder, output = image_folder(directory), directory / "new/stylegan2"
    words = [*SMALL, "--data", str(folder), "--output", str(output)]
    with pytest.MonkeyPatch.context() as patch:
        compile_eagerly(patch, models.StyleGAN2)
        assert main([*words, "--augmentation", "diff", "--flip"]) == 0
    return output


@pytest.mark.slow
def test_a_trained_model_is_sampled(capsys, trained, tmp_path):
    assert (trained / "images/style_mixing_epoch_0001.png").exists()
    model_path, image = trained / "stylegan2.keras", tmp_path / "out.png"
    words = ["sample", str(model_path), str(image), "--seed", "3"]
    words += ["--num-images", "4", "--overwrite"]
    model = load_model(model_path)
    model.style_mean.assign(np.linspace(-2.0, 2.0, 4))
    model.save(model_path)
    shown = []
    for truncation in (1.0, 0.7, 0.0, -0.7):
        options = ["--truncation", str(truncation)]
        assert main(words + (options if truncation != 1 else [])) == 0
        samples = model.sample(4, truncation=truncation, seed=3)
        shown.append(read_image(image))
        np.testing.assert_allclose(
            shown[-1], image_grid(samples), atol=0.51 / 255
        )
    for one, other in zip(shown, shown[1:], strict=False):
        assert np.abs(one - other).max() > 0.01
    assert str(image) in capsys.readouterr().out


def test_a_vaes_latents_are_scaled(tmp_path):
    vae = build_vae((4, 4, 1), 2, architecture="dense")
    vae.save(tmp_path / "vae.keras")
    image = tmp_path / "out.png"
    words = ["sample", tmp_path / "vae.keras", image, "--seed", 1]
    assert main([*map(str, words), "--truncation", "0.5"]) == 0
    latents, _ = vae.sampled_latents(64, seed=1)
    np.testing.assert_allclose(
        read_image(image),
        image_grid(vae.generate(0.5 * latents)),
        atol=0.51 / 255,
    )


def test_options_reach_the_function(monkeypatch):
    seen = {}
    monkeypatch.setattr(
        "keras_synth.training.train_stylegan2",
        lambda **words: seen.update(words),
    )
    assert main(["train", "stylegan2"]) == 0
    assert seen.keys() == {"verbose"}  # the defaults are the function's own
    words = (
        "--data x --image-size 64 --channel-multiplier 0.5 --r1-weight 0 "
        "--path-length-weight 1 --style-mixing 0.5 --augmentation adaptive "
        "--flip --conditional --resume"
    )
    assert main(["train", "stylegan2", *words.split()]) == 0
    expected = {
        "data": "x",
        "image_size": 64,
        "channel_multiplier": 0.5,
        "r1_weight": 0.0,
        "path_length_weight": 1.0,
        "style_mixing": 0.5,
        "augmentation": "adaptive",
        "flip": True,
        "conditional": True,
        "resume": True,
    }
    assert {name: seen[name] for name in expected} == expected


@pytest.mark.parametrize(
    "words, message",
    [
        ("--image-size 24", "power of 2 from 16 to 1024"),
        ("--style-mixing 2", "--style-mixing must be from 0 to 1"),
        ("--channel-multiplier 0", "at least one channel"),
        ("--r1-weight -1", "`weight` must be above 0"),
    ],
)
def test_a_mistake_is_one_line(capsys, tmp_path, words, message):
    places = ["--data", str(image_folder(tmp_path))]
    places += ["--output", str(tmp_path / "run")]
    assert main(overridden([*SMALL, *places], words.split())) == 2
    error = capsys.readouterr().err
    assert error.startswith("keras-synth: error: ") and error.count("\n") == 1
    assert message in error
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_truncation_that_is_no_number_is_refused(capsys, trained, tmp_path):
    model, image = trained / "stylegan2.keras", tmp_path / "out.png"
    for value in ("nan", "inf"):
        words = ["sample", str(model), str(image), "--truncation", value]
        assert main(words) == 2
        assert "--truncation must be a finite" in capsys.readouterr().err
    assert not image.exists()
