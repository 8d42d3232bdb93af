"""`translate`: a model sees of a file what it saw in its training."""

import keras
import numpy as np
import pytest
from PIL import Image, ImageCms

from keras_synth import tasks
from keras_synth.io import read_image, write_image

TINT = np.float32([1.0, 0.5, 0.25])


@pytest.fixture
def model(tmp_path):
    """A translator that tints: of color images, or of gray ones."""

    def build(channels):
        image = keras.Input((None, None, channels), name="image")
        network = keras.Model(image, image * TINT)
        network.save(tmp_path / "tint.keras")
        return tmp_path / "tint.keras"

    return build


def _translated(image, model, tmp_path):
    write_image(tmp_path / "in.png", image)
    (result,) = tasks.translate(
        tmp_path / "in.png", tmp_path / "out.png", model=model, verbose=0
    )
    return read_image(tmp_path / "out.png", alpha="keep"), result


@pytest.mark.parametrize("kind", ["RGBA", "LA"])
def test_transparent_parts_are_white_as_in_the_training(model, tmp_path, kind):
    image = np.full((8, 8, 4 if kind == "RGBA" else 2), 0.4)
    image[:, :4, -1] = 0.0  # transparent
    image[:, 4:6, -1] = 0.6
    image[:, 6:, -1] = 1.0
    made, result = _translated(image, model(3), tmp_path)
    assert made.shape == (8, 8, 3)
    white = np.repeat([1.0, 1.0 - 0.6 * 0.6, 0.4], [4, 2, 2])
    wanted = np.broadcast_to(white[:, None] * TINT, (8, 8, 3))
    np.testing.assert_allclose(made, wanted, atol=1.5 / 255)
    assert result.notes == ("transparent parts translated as white ones",)


def test_a_gray_file_becomes_what_the_model_makes_of_it(model, tmp_path):
    image = np.linspace(0, 1, 64).reshape(8, 8, 1)
    made, result = _translated(image, model(3), tmp_path)
    assert made.shape == (8, 8, 3) and result.notes == ()
    np.testing.assert_allclose(made, image * TINT, atol=1 / 255)


def test_a_model_of_gray_images_sees_the_luma(model, tmp_path):
    image = np.random.default_rng(0).uniform(size=(8, 8, 3))
    made, _ = _translated(image, model(1), tmp_path)
    luma = read_image(tmp_path / "in.png", channels=1)
    np.testing.assert_allclose(made, luma * TINT, atol=1 / 255)


def test_what_is_not_finite_is_no_image(tmp_path):
    image = keras.Input((None, None, 3), name="image")
    keras.Model(image, image * np.float32("nan")).save(tmp_path / "nan.keras")
    with pytest.raises(tasks.FilesError, match="NaN or infinite values"):
        _translated(np.ones((8, 8, 3)), tmp_path / "nan.keras", tmp_path)
    assert not (tmp_path / "out.png").exists()


@pytest.mark.parametrize(("taken", "made"), [(4, 3), (3, 4)])
def test_models_of_other_channels_are_refused(taken, made, tmp_path):
    image = keras.Input((None, None, taken), name="image")
    made = keras.layers.Conv2D(made, 1)(image)
    keras.Model(image, made).save(tmp_path / "four.keras")
    with pytest.raises(ValueError, match="images of 1 or 3 channels"):
        _translated(np.ones((8, 8, 3)), tmp_path / "four.keras", tmp_path)


def test_a_gray_image_does_not_keep_the_profile_of_colors(tmp_path):
    image = keras.Input((None, None, 3), name="image")
    network = keras.Model(image, image[..., :1])
    network.save(tmp_path / "gray.keras")
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    written = Image.fromarray(np.full((8, 8, 3), 99, "uint8"))
    written.save(tmp_path / "in.png", icc_profile=profile.tobytes())
    (result,) = tasks.translate(
        tmp_path / "in.png",
        tmp_path / "out.png",
        model=tmp_path / "gray.keras",
        verbose=0,
    )
    with Image.open(tmp_path / "out.png") as made:
        assert made.mode == "L" and "icc_profile" not in made.info
    assert "the color profile is left out" in result.notes
