"""`translate`: a model sees of a file what it saw in its training."""

import keras
import numpy as np
import pytest

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
