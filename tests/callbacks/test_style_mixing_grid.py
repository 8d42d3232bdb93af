"""Mixtures of styles: what the files show, and TensorBoard."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_synth.callbacks import ImageGrid, StyleMixingGrid, style_mixing_grid
from keras_synth.pictures import picture_grid, read_picture
from tests.models.test_stylegan2 import (
    LATENT_DIM,
    NUM_LAYERS,
    compiled,
    pictures,
    small_gan,
)
from tests.models.test_vae import small_vae

ROUNDED = 0.5 / 255 + 1e-6


class ShowsItsStyles:
    """Pictures of one row, pixel i the style of layer i."""

    num_layers = 4

    def synthesize(self, styles):
        if np.ndim(styles) == 2:
            styles = np.repeat(np.asarray(styles)[:, None], 4, axis=1)
        return styles[:, None]

    def style_mix(self, coarse, fine, at):
        coarse, fine = self.synthesize(coarse), self.synthesize(fine)
        return np.concatenate([coarse[:, :, :at], fine[:, :, at:]], axis=2)


def train(grid, epochs=1, gan=None, data=None):
    gan = compiled(small_gan()) if gan is None else gan
    data = (pictures(2),) if data is None else data
    gan.fit(*data, epochs=epochs, verbose=0, callbacks=[grid])
    return gan


def shown(directory, epoch=1):
    return read_picture(directory / f"style_mixing_epoch_{epoch:04d}.png")


@pytest.mark.parametrize("at", [None, 0, 1, 4])
def test_coarse_from_the_left_and_fine_from_above(at):
    coarse, fine = [0.1, 0.2], [0.5, 0.7, 0.9]
    cut = 2 if at is None else at
    rows = [np.ones(4), *(np.full(4, f) for f in fine)]
    for c in coarse:
        rows.append(np.full(4, c))
        rows += [np.array(cut * [c] + (4 - cut) * [f]) for f in fine]
    expected = np.reshape(rows, (12, 1, 4, 1))
    grid = style_mixing_grid(
        ShowsItsStyles(),
        np.array(coarse)[:, None],
        np.array(fine)[:, None],
        at,
    )
    np.testing.assert_allclose(grid, picture_grid(expected, columns=4))


def test_a_style_may_differ_by_layer():
    coarse = np.linspace(0.0, 0.3, 4)[None, :, None]
    fine = np.linspace(0.6, 0.9, 4)[None, :, None]
    grid = style_mixing_grid(ShowsItsStyles(), coarse, fine, at=1)
    expected = [np.ones(4), fine, coarse, [0.0, 0.7, 0.8, 0.9]]
    expected = np.concatenate([np.reshape(x, (1, 1, 4, 1)) for x in expected])
    np.testing.assert_allclose(grid, picture_grid(expected, columns=2))


def test_files_show_the_models_mixtures(tmp_path):
    grid = StyleMixingGrid(
        tmp_path, num_coarse=2, num_fine=3, at=4, every=2, seed=5
    )
    gan = train(grid, epochs=4)
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
    expected = picture_grid(np.concatenate(expected), columns=4)
    assert expected[20:].std() > 0.01
    np.testing.assert_allclose(shown(tmp_path, 4), expected, atol=ROUNDED)


def test_tensorboard_gets_the_same_pictures(tmp_path):
    train(StyleMixingGrid(tmp_path / "png", 2, 2, log_dir=tmp_path / "log"))
    (events,) = (tmp_path / "log" / "images").iterdir()
    values = [
        value
        for event in tf.compat.v1.train.summary_iterator(str(events))
        for value in event.summary.value
    ]
    assert [value.tag for value in values] == ["style_mixing"]
    picture = tf.io.decode_png(values[0].tensor.string_val[2]) / 255
    np.testing.assert_allclose(
        picture, shown(tmp_path / "png"), atol=1 / 255 + 1e-6
    )


def test_two_callbacks_write_to_one_log(tmp_path):
    log = tmp_path / "log"
    watchers = [
        ImageGrid(tmp_path, num_images=1, log_dir=log),
        StyleMixingGrid(tmp_path, 1, 1, log_dir=log),
    ]
    train(keras.callbacks.CallbackList(watchers))
    tags = [
        value.tag
        for file in (log / "images").iterdir()
        for event in tf.compat.v1.train.summary_iterator(str(file))
        for value in event.summary.value
    ]
    assert sorted(tags) == ["samples", "style_mixing"]


def test_classes_are_those_of_the_sources(tmp_path):
    gan = compiled(small_gan(num_classes=3))
    data = pictures(3), np.arange(3)
    grid = StyleMixingGrid(tmp_path, 1, 2, labels=[2, 0, 1])
    train(grid, 1, gan, data)
    latents, _ = gan.sampled_latents(3, seed=0)
    styles = gan.map_latents(latents, np.array([2, 0, 1]))
    expected = style_mixing_grid(gan, styles[:1], styles[1:])
    np.testing.assert_allclose(shown(tmp_path), expected, atol=ROUNDED)
    grid.labels = 2
    one_class = gan.map_latents(latents, np.array([2, 2, 2]))
    expected = style_mixing_grid(gan, one_class[:1], one_class[1:])
    np.testing.assert_allclose(grid.grids()["style_mixing"], expected)


def test_watching_does_not_change_training(tmp_path):
    weights = []
    for watchers in ([], [StyleMixingGrid(tmp_path, 2, 2)]):
        keras.utils.set_random_seed(0)
        gan = compiled(small_gan())
        gan.fit(pictures(2), epochs=2, verbose=0, callbacks=watchers)
        weights.append([np.asarray(weight) for weight in gan.weights])
    for alone, watched in zip(*weights, strict=True):
        np.testing.assert_array_equal(alone, watched)


def test_mistakes_are_named_before_training(tmp_path):
    for options, message in (
        ({"num_coarse": 0}, "`num_coarse` must be a positive int"),
        ({"num_fine": 2.0}, "`num_fine` must be .* num_fine=2.0"),
        ({"every": 0}, "every=0"),
    ):
        with pytest.raises(ValueError, match=message):
            StyleMixingGrid(tmp_path, **options)
    with pytest.raises(ValueError, match="such as a StyleGAN2"):
        small_vae().fit(
            pictures(), verbose=0, callbacks=[StyleMixingGrid(tmp_path)]
        )
    for at in (-1, NUM_LAYERS + 1, 1.5):
        gan = compiled(small_gan())
        with pytest.raises(ValueError, match="`at` must be an int from 0 to 6"):
            train(StyleMixingGrid(tmp_path, at=at), gan=gan)
        assert int(gan.optimizer.iterations) == 0
    with pytest.raises(ValueError, match="class-conditional"):
        train(StyleMixingGrid(tmp_path), gan=small_conditional(), data=LABELLED)
    with pytest.raises(ValueError, match="such as a StyleGAN2"):
        style_mixing_grid(small_vae(), np.ones((1, LATENT_DIM)), None)
    assert not list(tmp_path.iterdir())


LABELLED = pictures(3), np.arange(3)


def small_conditional():
    return compiled(small_gan(num_classes=3))
