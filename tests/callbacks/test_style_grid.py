"""StyleGrid: files with contents, stylized images and styles."""

import types

import numpy as np
import pytest

from keras_synth.callbacks import StyleGrid
from keras_synth.io import image_grid, read_image


def test_three_rows_of_the_same_images(tmp_path):
    random = np.random.default_rng(0)
    contents, styles = random.uniform(size=(2, 3, 9, 8, 3)).astype("float32")
    grid = StyleGrid(contents, styles, tmp_path, interval=2)
    grid.set_model(types.SimpleNamespace(stylize=lambda c, s: 0.5 * (c + s)))
    for epoch in range(3):
        grid.on_epoch_end(epoch)
    (path,) = tmp_path.iterdir()
    assert path.name == "stylized_epoch_0002.png"
    rows = [*contents, *(0.5 * (contents + styles)), *styles]
    expected = image_grid(rows, columns=3)
    np.testing.assert_allclose(read_image(path), expected, atol=0.51 / 255)


def test_images_that_are_not_pairs_are_refused(tmp_path):
    for contents, styles in (
        (np.zeros((2, 8, 8, 3)), np.zeros((1, 8, 8, 3))),
        (np.zeros((8, 8, 3)), np.zeros((8, 8, 3))),
    ):
        with pytest.raises(ValueError, match="must be pairs"):
            StyleGrid(contents, styles, tmp_path)
