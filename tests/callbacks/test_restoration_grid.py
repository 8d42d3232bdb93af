"""RestorationGrid: files and TensorBoard images."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_synth.callbacks import RestorationGrid, restoration_grid
from keras_synth.io import image_grid, read_image
from tests.models.test_restoration_gan import blind, compiled, inpainter, pairs

ROUNDED = 0.5 / 255 + 1e-6


def gan(**options):
    return compiled(inpainter(local=False, with_features=False), **options)


def shown(directory, epoch):
    return read_image(directory / f"restored_epoch_{epoch:04d}.png")


def test_three_rows_of_the_same_images(tmp_path):
    degraded, clean = pairs(3)
    grid = RestorationGrid(degraded, clean, tmp_path, interval=2)
    model = gan(adversarial_weight=0.0)
    model.fit(degraded, clean, epochs=4, verbose=0, callbacks=[grid])
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "restored_epoch_0002.png",
        "restored_epoch_0004.png",
    ]
    restored = model.restore(degraded["image"], degraded["mask"])
    expected = image_grid([*degraded["image"], *restored, *clean], columns=3)
    np.testing.assert_allclose(shown(tmp_path, 4), expected, atol=ROUNDED)
    assert np.abs(shown(tmp_path, 2) - shown(tmp_path, 4)).max() > 0


def test_a_blind_model_does_not_get_the_mask(tmp_path):
    degraded, clean = pairs(2)
    grid = RestorationGrid(degraded, clean, tmp_path)
    grid.set_model(compiled(blind()))
    weights = grid.model.generator_average.get_weights()
    grid.model.generator_average.set_weights([w + 0.02 for w in weights])
    grid.on_epoch_end(0)
    restored = grid.model.restore(degraded["image"])
    kept = grid.model.restore(degraded["image"], degraded["mask"])
    assert np.abs(restored - kept).max() > 0.01
    expected = image_grid([*degraded["image"], *restored, *clean], columns=2)
    np.testing.assert_allclose(shown(tmp_path, 1), expected, atol=ROUNDED)


def test_plain_networks_get_the_inputs_that_they_take(tmp_path):
    degraded, clean = pairs(2)
    image, mask = (keras.Input((None, None, 1), name=n) for n in degraded)
    both = keras.Model({"image": image, "mask": mask}, image + 2 * mask)
    for network, restored in (
        (both, degraded["image"] + 2 * degraded["mask"]),
        (keras.Model(image, 0.5 * image), 0.5 * degraded["image"]),
    ):
        grid = RestorationGrid(degraded, clean, tmp_path)
        grid.set_model(network)
        grid.on_epoch_end(0)
        rows = [*degraded["image"], *np.clip(restored, 0, 1), *clean]
        np.testing.assert_allclose(
            shown(tmp_path, 1), image_grid(rows, columns=2), atol=ROUNDED
        )


def test_small_images_are_shown_with_their_pixels_repeated():
    rng = np.random.default_rng(0)
    small = rng.uniform(-0.5, 1.5, (2, 3, 4, 1)).astype("float32")
    restored, clean = rng.uniform(size=(2, 2, 6, 12, 3)).astype("float32")
    upscaled = np.kron(small[..., 0], np.ones((2, 3)))[..., None]
    color = np.repeat(np.clip(upscaled, 0, 1), 3, axis=-1)
    np.testing.assert_allclose(
        restoration_grid(small, restored, clean),
        image_grid([*color, *restored, *clean], columns=2),
        atol=1e-7,
    )


def test_tensorboard_gets_the_same_images(tmp_path):
    degraded, clean = pairs(2)
    log = tmp_path / "log"
    grid = RestorationGrid(degraded, clean, tmp_path / "png", log_dir=log)
    gan(adversarial_weight=0.0).fit(
        degraded, clean, verbose=0, callbacks=[grid]
    )
    (events,) = (log / "images").iterdir()
    values = [
        value
        for event in tf.compat.v1.train.summary_iterator(str(events))
        for value in event.summary.value
    ]
    assert [value.tag for value in values] == ["restored"]
    image = tf.io.decode_png(values[0].tensor.string_val[2]) / 255
    np.testing.assert_allclose(
        image, shown(tmp_path / "png", 1), atol=1 / 255 + 1e-6
    )


def test_the_callback_does_not_change_training(tmp_path):
    degraded, clean = pairs(4)
    weights = []
    for callbacks in ([], [RestorationGrid(degraded, clean, tmp_path)]):
        keras.utils.set_random_seed(0)
        model = gan(adversarial_weight=0.0)
        model.fit(degraded, clean, epochs=2, verbose=0, callbacks=callbacks)
        weights.append([np.asarray(weight) for weight in model.weights])
    for alone, watched in zip(*weights, strict=True):
        np.testing.assert_array_equal(alone, watched)


@pytest.mark.parametrize(
    ("degraded", "clean"),
    [
        (np.zeros((2, 8, 8, 1)), np.zeros((3, 8, 8, 1))),
        (np.zeros((2, 8, 8, 1)), np.zeros((2, 12, 8, 1))),
        (np.zeros((8, 8, 1)), np.zeros((8, 8, 1))),
        (np.zeros((0, 8, 8, 1)), np.zeros((0, 8, 8, 1))),
        ({"mask": np.zeros((2, 8, 8, 1))}, np.zeros((2, 8, 8, 1))),
    ],
)
def test_images_that_are_not_pairs_are_refused(degraded, clean, tmp_path):
    with pytest.raises(ValueError, match="must be pairs"):
        RestorationGrid(degraded, clean, tmp_path)
