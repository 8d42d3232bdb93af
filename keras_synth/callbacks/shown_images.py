"""Base class of callbacks that write grids of images during training."""

import pathlib

import keras
import numpy as np
import tensorflow as tf

from keras_synth.io import Provenance, image_grid, write_image
from keras_synth.ops.numbers import is_int


class ShownImages(keras.callbacks.Callback):
    """Base class: writes grids of images every `interval` epochs.

    Subclasses implement `grids`. The grid "samples" of the first epoch is
    written to `samples_epoch_0001.png`.

    Args:
        directory: Folder for the PNG files.
        interval: Number of epochs from one grid to the next.
        log_dir: TensorBoard folder that gets the grids as well. None writes
            PNG files alone.

    Raises:
        TypeError: When training begins: the model lacks a method.
        ValueError: `interval` is not a positive int.
    """

    #: Of several workers that train together, the chief writes the images.
    of_chief = True

    #: What was done to the images, which the PNG files say: generated.
    PROVENANCE = Provenance("generated")

    #: Folder within `log_dir`. TensorBoard reads one file of a folder at a
    #: time, so callbacks that are used together need folders of their own.
    LOG_FOLDER = "images"

    def __init__(self, directory, interval=1, log_dir=None):
        super().__init__()
        if not is_int(interval) or interval < 1:
            raise ValueError(
                "`interval` must be a positive int. "
                f"Received: interval={interval!r}"
            )
        self.directory = pathlib.Path(directory)
        self.interval = interval
        self.log_dir = log_dir
        self._writer = None

    #: Methods that the model needs.
    METHODS = ()

    def set_model(self, model):
        missing = [name for name in self.METHODS if not hasattr(model, name)]
        if missing:
            raise TypeError(
                f"{type(self).__name__} needs a model with "
                f"`{'` and `'.join(missing)}`. "
                f"Received: a {type(model).__name__}"
            )
        super().set_model(model)

    def grids(self):
        """Grids to write: dict, name → (height, width, channels) in [0, 1]."""
        raise NotImplementedError

    def on_train_begin(self, logs=None):
        if self.log_dir is not None:
            self._writer = tf.summary.create_file_writer(
                str(pathlib.Path(self.log_dir) / self.LOG_FOLDER)
            )

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % self.interval:
            return
        for name, grid in self.grids().items():
            write_image(
                self.directory / f"{name}_epoch_{epoch + 1:04d}.png",
                grid,
                provenance=self.PROVENANCE,
            )
            if self._writer is not None:
                # Keras' TensorBoard counts epochs from 0.
                with self._writer.as_default(step=epoch):
                    tf.summary.image(name, grid[None])
                self._writer.flush()

    def on_train_end(self, logs=None):
        if self._writer is not None:
            self._writer.close()


def stacked_grid(*kinds):
    """Grid of several kinds of images, one below the other, in ten columns.

    Args:
        *kinds: Arrays (n, height, width, channels) of one shape. Image i of
            the second is drawn below image i of the first, and so on.

    Returns:
        float32 (grid height, grid width, channels).

    Example:

    >>> stacked_grid(np.zeros((3, 8, 8, 1)), np.ones((3, 8, 8, 1))).shape
    (22, 32, 1)
    """
    columns = min(10, len(kinds[0]))
    blank = np.ones_like(kinds[0][:1])
    rows = []
    for start in range(0, len(kinds[0]), columns):
        for images in kinds:
            row = images[start : start + columns]
            missing = columns - len(row)
            rows += [row, *[blank] * missing]
    return image_grid(np.concatenate(rows), columns=columns)
