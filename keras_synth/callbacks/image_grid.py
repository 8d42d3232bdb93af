"""Pictures of training, as it goes."""

import pathlib

import keras
import numpy as np
import tensorflow as tf

from keras_synth.pictures import picture_grid, write_picture


class ImageGrid(keras.callbacks.Callback):
    """Writes samples, and reconstructions, every few epochs.

    Samples come from `model.sample(..., seed=seed)`: the same latents each
    time, so that one sees the same pictures improve. Where the model can
    `reconstruct` and `images` are given, those are shown above their
    reconstructions. Works on any model with these methods.

    Args:
        directory: where `samples_epoch_0001.png` and
            `reconstructions_epoch_0001.png` go.
        num_images: samples a grid.
        images: pictures to reconstruct, (n, height, width, channels) in
            [0, 1].
        image_labels: int (n,), their classes, for a class-conditional model.
        labels: int (num_images,), classes to sample, for the same.
        every: epochs between grids.
        log_dir: TensorBoard folder to show the grids in as well; None for
            PNG files alone.
        seed: of the samples.
    """

    def __init__(
        self,
        directory,
        num_images=64,
        images=None,
        image_labels=None,
        labels=None,
        every=1,
        log_dir=None,
        seed=0,
    ):
        super().__init__()
        if not isinstance(every, int) or every < 1:
            raise ValueError(
                f"`every` must be a positive int. Received: every={every!r}"
            )
        self.directory = pathlib.Path(directory)
        self.num_images = num_images
        self.images = images
        self.image_labels = image_labels
        self.labels = labels
        self.every = every
        self.log_dir = log_dir
        self.seed = seed
        self._writer = None

    def on_train_begin(self, logs=None):
        if getattr(self.model, "conditional", False) and (
            self.labels is None
            or (self.images is not None and self.image_labels is None)
        ):
            raise ValueError(
                "This model is class-conditional: give ImageGrid the classes "
                "to sample, `labels=...`, and those of `images`, "
                "`image_labels=...`."
            )
        if self.log_dir is not None:
            self._writer = tf.summary.create_file_writer(
                str(pathlib.Path(self.log_dir) / "images")
            )

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % self.every:
            return
        samples = self.model.sample(
            self.num_images, labels=self.labels, seed=self.seed
        )
        self._show("samples", picture_grid(samples), epoch)
        if self.images is not None and hasattr(self.model, "reconstruct"):
            grid = reconstruction_grid(
                self.model, self.images, self.image_labels
            )
            self._show("reconstructions", grid, epoch)

    def on_train_end(self, logs=None):
        if self._writer is not None:
            self._writer.close()

    def _show(self, name, grid, epoch):
        write_picture(
            self.directory / f"{name}_epoch_{epoch + 1:04d}.png", grid
        )
        if self._writer is not None:
            with self._writer.as_default(step=epoch + 1):
                tf.summary.image(name, grid[None])
            self._writer.flush()


def reconstruction_grid(model, images, labels=None):
    """Pictures above their reconstructions, ten columns.

    Args:
        model: a model with `reconstruct`.
        images: (n, height, width, channels), in [0, 1].
        labels: int (n,), for a class-conditional model.

    Returns:
        float32 (grid height, grid width, channels).
    """
    columns = min(10, len(images))
    arguments = (images,) if labels is None else (images, labels)
    reconstructions = np.asarray(model.reconstruct(*arguments))
    blank = np.ones_like(reconstructions[:1])
    rows = []
    for start in range(0, len(images), columns):
        for pictures in (images, reconstructions):
            row = np.asarray(pictures)[start : start + columns]
            missing = columns - len(row)
            rows += [row, *[blank] * missing]
    return picture_grid(np.concatenate(rows), columns=columns)
