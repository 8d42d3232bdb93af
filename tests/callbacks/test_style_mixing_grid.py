"""StyleMixingGrid: files and TensorBoard images of mixed styles."""

import numpy as np
import pytest
import tensorflow as tf

from keras_synth.callbacks import ImageGrid, StyleMixingGrid, style_mixing_grid
from keras_synth.io import image_grid, read_image
from tests.models.test_stylegan2 import NUM_LAYERS, small_gan
from tests.models.test_vae import random_images as vae_images
from tests.models.test_vae import small_vae

ROUNDED = 0.5 / 255 + 1e-6


class StylesAsPixels:
    """A generator of one row of pixels, pixel i the style of layer i."""

    num_layers = 4

    def synthesize(self, styles):
        if np.ndim(styles) == 2:
            styles = np.repeat(np.asarray(styles)[:, None], 4, axis=1)
        return styles[:, None]

    def style_mix(self, coarse, fine, at):
        coarse, fine = self.synthesize(coarse), self.synthesize(fine)
        return np.concatenate([coarse[:, :, :at], fine[:, :, at:]], axis=2)


def show(grid, gan=None, epochs=1):
    """Runs the callback as a training of so many epochs does."""
    gan = small_gan() if gan is None else gan
    grid.set_model(gan)
    grid.on_train_begin()
    for epoch in range(epochs):
        grid.on_epoch_end(epoch)
    grid.on_train_end()
    return gan


def shown(directory, epoch=1):
    return read_image(directory / f"style_mixing_epoch_{epoch:04d}.png")


@pytest.mark.parametrize("at", [None, 0, 1, 4])
def test_rows_have_coarse_styles_and_columns_fine_styles(at):
    coarse, fine = [0.1, 0.2], [0.5, 0.7, 0.9]
    cut = 2 if at is None else at
    rows = [np.ones(4), *(np.full(4, f) for f in fine)]
    for c in coarse:
        rows.append(np.full(4, c))
        rows += [np.array(cut * [c] + (4 - cut) * [f]) for f in fine]
    expected = np.reshape(rows, (12, 1, 4, 1))
    grid = style_mixing_grid(
        StylesAsPixels(),
        np.array(coarse)[:, None],
        np.array(fine)[:, None],
        at,
    )
    np.testing.assert_allclose(grid, image_grid(expected, columns=4))


def test_a_style_may_differ_by_layer():
    coarse = np.linspace(0.0, 0.3, 4)[None, :, None]
    fine = np.linspace(0.6, 0.9, 4)[None, :, None]
    grid = style_mixing_grid(StylesAsPixels(), coarse, fine, at=1)
    expected = [np.ones(4), fine, coarse, [0.0, 0.7, 0.8, 0.9]]
    expected = np.concatenate([np.reshape(x, (1, 1, 4, 1)) for x in expected])
    np.testing.assert_allclose(grid, image_grid(expected, columns=2))


def test_files_show_the_models_mixtures(tmp_path):
    grid = StyleMixingGrid(
        tmp_path, num_coarse=2, num_fine=3, at=4, interval=2, seed=5
    )
    gan = show(grid, epochs=4)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "style_mixing_epoch_0002.png",
        "style_mixing_epoch_0004.png",
    ]
    latents, _ = gan.sampled_latents(5, seed=5)
    styles = gan.map_latents(latents)
    coarse, fine = styles[:2], styles[2:]
    expected = [np.ones((1, 16, 16, 1)), gan.synthesize(fine)]
    for source in (0, 1):
        alone = coarse[source : source + 1]
        expected += [
            gan.synthesize(alone),
            gan.style_mix(np.repeat(alone, 3, axis=0), fine, 4),
        ]
    expected = image_grid(np.concatenate(expected), columns=4)
    assert expected[20:].std() > 0.01
    np.testing.assert_allclose(shown(tmp_path, 4), expected, atol=ROUNDED)


def test_tensorboard_gets_the_same_images(tmp_path):
    png, log = tmp_path / "png", tmp_path / "log"
    show(StyleMixingGrid(png, 2, 2, log_dir=log))
    # In a folder of their own: TensorBoard follows one file of a folder.
    show(ImageGrid(png, num_images=1, log_dir=log))
    (events,) = (log / "style_mixing").iterdir()
    values = [
        value
        for event in tf.compat.v1.train.summary_iterator(str(events))
        for value in event.summary.value
    ]
    assert [value.tag for value in values] == ["style_mixing"]
    image = tf.io.decode_png(values[0].tensor.string_val[2]) / 255
    np.testing.assert_allclose(image, shown(png), atol=1 / 255 + 1e-6)


def test_labels_are_those_of_the_styles(tmp_path):
    gan = small_gan(num_classes=3)
    grid = StyleMixingGrid(tmp_path, 1, 2, labels=[2, 0, 1])
    show(grid, gan)
    latents, _ = gan.sampled_latents(3, seed=0)
    styles = gan.map_latents(latents, np.array([2, 0, 1]))
    expected = style_mixing_grid(gan, styles[:1], styles[1:])
    np.testing.assert_allclose(shown(tmp_path), expected, atol=ROUNDED)
    grid.labels = 2
    one_class = gan.map_latents(latents, np.array([2, 2, 2]))
    expected = style_mixing_grid(gan, one_class[:1], one_class[1:])
    np.testing.assert_allclose(grid.grids()["style_mixing"], expected)


def test_labels_that_do_not_fit_are_refused_before_training(tmp_path):
    for labels, message in ((3, "from 0 to 2"), ([0, 1], "each of 4 images")):
        grid = StyleMixingGrid(tmp_path, 2, 2, labels=labels)
        grid.set_model(small_gan(num_classes=3))
        with pytest.raises(ValueError, match=message):
            grid.on_train_begin()


def test_the_callback_changes_neither_weights_nor_seeds(tmp_path):
    gan = small_gan()
    state = [*gan.weights, *gan.seed_states]
    before = [np.array(weight) for weight in state]
    show(StyleMixingGrid(tmp_path, 2, 2), gan)
    for weight, as_it_was in zip(state, before, strict=True):
        np.testing.assert_array_equal(weight, as_it_was)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_coarse": 0}, "`num_coarse` must be a positive int"),
        ({"num_fine": 2.0}, "`num_fine` must be .* num_fine=2.0"),
        ({"interval": 0}, "interval=0"),
    ],
)
def test_numbers_are_checked(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        StyleMixingGrid(tmp_path, **options)


def test_models_are_checked_before_training(tmp_path):
    with pytest.raises(ValueError, match="such as a StyleGAN2"):
        grids = [StyleMixingGrid(tmp_path)]
        small_vae().fit(vae_images(), verbose=0, callbacks=grids)
    with pytest.raises(ValueError, match="such as a StyleGAN2"):
        style_mixing_grid(small_vae(), np.ones((1, 2)), np.ones((1, 2)))
    gan = small_gan()
    for at in (-1, NUM_LAYERS + 1, 1.5):
        with pytest.raises(ValueError, match="`at` must be an int from 0 to 6"):
            show(StyleMixingGrid(tmp_path, at=at), gan)
    with pytest.raises(ValueError, match="class-conditional"):
        show(StyleMixingGrid(tmp_path), small_gan(num_classes=3))
    assert not list(tmp_path.iterdir())
