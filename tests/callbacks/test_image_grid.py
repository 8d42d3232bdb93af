"""ImageGrid: files and TensorBoard images of samples and reconstructions."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_synth.callbacks import ImageGrid, reconstruction_grid
from keras_synth.io import image_grid, read_image
from tests.models.test_vae import SHAPE, random_images, small_vae


def train(grid, epochs, model=None, data=None):
    model = small_vae() if model is None else model
    data = (random_images(),) if data is None else data
    model.fit(*data, epochs=epochs, verbose=0, callbacks=[grid])
    return model


def test_files_show_the_models_samples_and_reconstructions(tmp_path):
    images = random_images(3, seed=1)
    grid = ImageGrid(tmp_path, num_images=9, images=images, interval=2, seed=5)
    model = train(grid, 4)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "reconstructions_epoch_0002.png",
        "reconstructions_epoch_0004.png",
        "samples_epoch_0002.png",
        "samples_epoch_0004.png",
    ]
    samples = read_image(tmp_path / "samples_epoch_0004.png")
    np.testing.assert_allclose(
        samples, image_grid(model.sample(9, seed=5)), atol=0.5 / 255 + 1e-6
    )
    np.testing.assert_allclose(
        read_image(tmp_path / "reconstructions_epoch_0004.png"),
        image_grid([*images, *model.reconstruct(images)], columns=3),
        atol=0.5 / 255 + 1e-6,
    )


def test_the_callback_does_not_change_training(tmp_path):
    watched = train(ImageGrid(tmp_path, images=random_images(2)), 2)
    keras.utils.set_random_seed(0)
    alone = small_vae()
    alone.fit(random_images(), epochs=2, verbose=0)
    keras.utils.set_random_seed(0)
    watched = train(ImageGrid(tmp_path, images=random_images(2)), 2)
    for ours, theirs in zip(watched.weights, alone.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_tensorboard_gets_the_same_images(tmp_path):
    model = train(ImageGrid(tmp_path, 4, log_dir=tmp_path / "log"), 2)
    model.fit(
        random_images(),
        epochs=2,
        verbose=0,
        callbacks=keras.callbacks.TensorBoard(tmp_path / "log"),
    )
    (events,) = (tmp_path / "log" / "train").iterdir()
    steps = {
        event.step
        for event in tf.compat.v1.train.summary_iterator(str(events))
        if any(v.tag == "epoch_loss" for v in event.summary.value)
    }
    (events,) = (tmp_path / "log" / "images").iterdir()
    shown = {}
    for event in tf.compat.v1.train.summary_iterator(str(events)):
        for value in event.summary.value:
            encoded = value.tensor.string_val[2]
            shown[event.step, value.tag] = tf.io.decode_png(encoded) / 255
    assert set(shown) == {(step, "samples") for step in steps}
    for step in steps:
        np.testing.assert_allclose(
            shown[step, "samples"],
            read_image(tmp_path / f"samples_epoch_{step + 1:04d}.png"),
            atol=1 / 255 + 1e-6,  # TensorBoard cuts where we round
        )


def test_conditional_models_show_samples_of_the_given_labels(tmp_path):
    labels = np.arange(8) % 4
    grid = ImageGrid(
        tmp_path,
        num_images=4,
        labels=[3, 2, 1, 0],
        images=random_images(2),
        image_labels=[1, 2],
    )
    model = train(grid, 1, small_vae(num_classes=4), (random_images(), labels))
    np.testing.assert_allclose(
        read_image(tmp_path / "samples_epoch_0001.png"),
        image_grid(model.sample(4, labels=[3, 2, 1, 0], seed=0)),
        atol=0.5 / 255 + 1e-6,
    )


def test_reconstruction_grid_fills_rows_of_ten():
    class Negative:
        def reconstruct(self, images):
            return 1 - images

    images = random_images(12)
    grid = reconstruction_grid(Negative(), images)
    blank = np.ones((8, *SHAPE))
    rows = [images[:10], 1 - images[:10], images[10:], blank]
    rows += [1 - images[10:], blank]
    np.testing.assert_array_equal(
        grid, image_grid(np.concatenate(rows), columns=10)
    )


def test_conditional_models_need_labels_before_training(tmp_path):
    model = small_vae(num_classes=4)
    data = (random_images(), np.arange(8) % 4)
    for grid in (
        ImageGrid(tmp_path),
        ImageGrid(tmp_path, 4, images=random_images(2), labels=[0, 1, 2, 3]),
    ):
        with pytest.raises(ValueError, match="class-conditional"):
            train(grid, 1, model, data)
    assert int(model.optimizer.iterations) == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels": [0, 1]}, "each of 4 images"),
        ({"labels": [0, 1, 2, 4]}, "from 0 to 3"),
        ({"labels": 1, "image_labels": [0, 1, 2]}, "each of 2 images"),
    ],
)
def test_labels_that_do_not_fit_are_refused_before_training(
    options, message, tmp_path
):
    model = small_vae(num_classes=4)
    options = {"image_labels": [0, 1], **options}
    grid = ImageGrid(tmp_path, 4, images=random_images(2), **options)
    with pytest.raises(ValueError, match=message):
        train(grid, 1, model, (random_images(), np.arange(8) % 4))
    assert int(model.optimizer.iterations) == 0
    with pytest.raises(ValueError, match="takes no labels"):
        train(ImageGrid(tmp_path, 4, labels=1), 1)


def test_a_bad_interval_is_refused(tmp_path):
    with pytest.raises(ValueError, match="interval=0"):
        ImageGrid(tmp_path, interval=0)


def test_labels_of_images_without_images_are_refused(tmp_path):
    grid = ImageGrid(tmp_path, 4, image_labels=np.zeros(4, int))
    grid.set_model(small_vae())
    with pytest.raises(ValueError, match="`image_labels` are the classes of"):
        grid.on_train_begin()
