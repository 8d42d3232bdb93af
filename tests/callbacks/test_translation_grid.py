"""TranslationGrid: files with images translated there and back."""

import types

import numpy as np
import pytest

from keras_synth.callbacks import TranslationGrid
from keras_synth.io import image_grid, read_image


def translate(images, direction):
    return 0.5 * images if direction == "a_to_b" else 1.0 - images


def test_three_rows_for_each_direction(tmp_path):
    random = np.random.default_rng(0)
    a, b = random.uniform(size=(2, 3, 9, 8, 3)).astype("float32")
    grid = TranslationGrid(a, b[:2], tmp_path, interval=2)
    grid.set_model(types.SimpleNamespace(translate=translate))
    for epoch in range(3):
        grid.on_epoch_end(epoch)
    for name, rows in (
        ("a_to_b", [*a, *(0.5 * a), *(1.0 - 0.5 * a)]),
        ("b_to_a", [*b[:2], *(1.0 - b[:2]), *(0.5 - 0.5 * b[:2])]),
    ):
        expected = image_grid(rows, columns=len(rows) // 3)
        found = read_image(tmp_path / f"{name}_epoch_0002.png")
        np.testing.assert_allclose(found, expected, atol=0.51 / 255)
    assert len(list(tmp_path.iterdir())) == 2


def test_two_rows_of_a_model_of_one_direction(tmp_path):
    images = np.random.default_rng(0).uniform(size=(3, 9, 8, 3))
    grid = TranslationGrid(images, None, tmp_path)
    grid.set_model(types.SimpleNamespace(translate=lambda images: images / 2))
    grid.on_epoch_end(0)
    expected = image_grid([*images, *(images / 2)], columns=3)
    found = read_image(tmp_path / "a_to_b_epoch_0001.png")
    np.testing.assert_allclose(found, expected, atol=0.51 / 255)
    assert len(list(tmp_path.iterdir())) == 1


def test_what_is_no_batch_is_refused(tmp_path):
    images = np.zeros((2, 8, 8, 3))
    for a, b, name in (
        (images[0], images, "images_a"),
        (images, images[:0], "images_b"),
    ):
        with pytest.raises(ValueError, match=f"`{name}` must be"):
            TranslationGrid(a, b, tmp_path)


def test_both_directions_need_images_of_both(tmp_path):
    grid = TranslationGrid(np.zeros((2, 4, 4, 1)), None, tmp_path)
    grid.set_model(types.SimpleNamespace(translate=translate))
    with pytest.raises(ValueError, match="give `images_b` as well"):
        grid.on_train_begin()
