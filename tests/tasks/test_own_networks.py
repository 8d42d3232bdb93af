"""Restorers of one's own: Sequential, of a fixed size, subclassed."""

import keras
import numpy as np
import pytest

from keras_synth import inference, tasks
from keras_synth.io import read_image, write_image


@pytest.fixture
def photo(tmp_path):
    image = np.random.default_rng(0).uniform(size=(30, 40, 3))
    return write_image(tmp_path / "photo.png", image)


def saved(model, path):
    model.save(path)
    return path


def test_a_sequential_restores_and_upscales(photo, tmp_path):
    image = keras.Input((None, None, 3))
    same = keras.Sequential([image, keras.layers.Identity()])
    assert inference.input_shapes(same) == {"image": (None, None, None, 3)}
    method = saved(same, tmp_path / "same.keras")
    tasks.restore(photo, tmp_path / "same.png", method=method, verbose=0)
    np.testing.assert_array_equal(
        read_image(tmp_path / "same.png"), read_image(photo)
    )
    twice = keras.Sequential([image, keras.layers.UpSampling2D(2)])
    method = saved(twice, tmp_path / "twice.keras")
    tasks.upscale(
        photo, tmp_path / "twice.png", scale=2, method=method, verbose=0
    )
    np.testing.assert_array_equal(
        read_image(tmp_path / "twice.png")[::2, ::2], read_image(photo)
    )


def test_a_network_of_fixed_size_restores_a_file(photo, tmp_path):
    image = keras.Input((32, 24, 3))
    model = keras.Model(image, keras.layers.Identity()(image))
    tasks.restore(
        photo,
        tmp_path / "out.png",
        method=saved(model, tmp_path / "fixed.keras"),
        verbose=0,
    )
    np.testing.assert_array_equal(
        read_image(tmp_path / "out.png"), read_image(photo)
    )


@pytest.mark.parametrize("size", [(40, 48, 3), (40, 10, 1), (9, 7, 3)])
def test_a_network_of_fixed_size_upscales_a_file_in_tiles(size, tmp_path):
    image = keras.Input((16, 24, 3))
    made = keras.layers.Conv2D(3, 3, padding="same")(image)
    made = keras.layers.UpSampling2D(2)(keras.ops.sigmoid(made))
    model = keras.Model(image, made)
    values = np.random.default_rng(0).uniform(size=size)
    source = write_image(tmp_path / "in.png", values)
    tasks.upscale(
        source,
        tmp_path / "out.png",
        method=saved(model, tmp_path / "fixed.keras"),
        verbose=0,
    )
    color = np.broadcast_to(read_image(source), (1, *size[:2], 3))
    expected = inference.restore_tiled(model, color, verbose=0)[0]
    if size[-1] == 1:
        expected = expected.mean(axis=-1, keepdims=True)
    np.testing.assert_allclose(
        read_image(tmp_path / "out.png"), expected, atol=0.51 / 255
    )


@pytest.mark.parametrize("sides", [(16, 24), (16, None)])
def test_the_ensemble_turns_tiles_of_a_network_of_fixed_size(
    sides, photo, tmp_path
):
    image = keras.Input((*sides, 3))
    model = keras.Model(image, keras.layers.UpSampling2D(2)(image))
    tasks.upscale(
        photo,
        tmp_path / "out.png",
        method=saved(model, tmp_path / "fixed.keras"),
        ensemble=True,
        verbose=0,
    )
    expected = read_image(photo).repeat(2, axis=0).repeat(2, axis=1)
    np.testing.assert_allclose(
        read_image(tmp_path / "out.png"), expected, atol=1e-6
    )


@keras.saving.register_keras_serializable("tests")
class Subclassed(keras.Model):
    def call(self, inputs):
        return inputs


def test_a_detector_is_no_restorer(photo, tmp_path):
    image = keras.Input((None, None, 3), name="image")
    keras.Model(image, image[..., :1]).save(tmp_path / "detector.keras")
    with pytest.raises(ValueError, match="makes gray images of color images"):
        tasks.restore(
            photo, tmp_path / "out.png", method=tmp_path / "detector.keras"
        )


def test_a_subclassed_model_is_refused_in_words(photo, tmp_path):
    model = Subclassed()
    model(np.zeros((1, 8, 8, 3), "float32"))
    method = saved(model, tmp_path / "own.keras")
    with pytest.raises(ValueError, match="Subclassed that does not say"):
        tasks.restore(
            photo, tmp_path / "out.png", method=method, noise_level=0.1
        )
    assert not (tmp_path / "out.png").exists()
