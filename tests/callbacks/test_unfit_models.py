"""Callbacks refuse models that they cannot show, before training begins."""

import types

import numpy as np
import pytest

from keras_synth import callbacks

IMAGES = np.zeros((2, 8, 8, 1), "float32")


@pytest.mark.parametrize(
    ("callback", "missing"),
    [
        (callbacks.ImageGrid("folder"), "sample"),
        (callbacks.LatentManifold("folder"), "latent_dim"),
        (callbacks.StyleGrid(IMAGES, IMAGES, "folder"), "stylize"),
        (callbacks.TranslationGrid(IMAGES, None, "folder"), "translate"),
        (callbacks.KLWarmup(3), "KL term"),
    ],
)
def test_models_without_a_method_are_refused(callback, missing):
    with pytest.raises(TypeError, match=missing):
        callback.set_model(types.SimpleNamespace())
        callback.on_train_begin()


def test_images_b_of_a_model_of_one_direction_are_refused():
    grid = callbacks.TranslationGrid(IMAGES, IMAGES, "folder")
    grid.set_model(types.SimpleNamespace(translate=lambda images: images))
    with pytest.raises(ValueError, match="images_b=None"):
        grid.on_train_begin()


@pytest.mark.parametrize("num_images", [0, 2.5])
def test_grids_of_no_images_are_refused(num_images):
    with pytest.raises(ValueError, match="`num_images` must be"):
        callbacks.ImageGrid("folder", num_images)
