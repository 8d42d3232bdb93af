"""What every callback that shows images does: files, and TensorBoard."""

import pathlib

import keras
import numpy as np
import tensorflow as tf

from keras_synth.io import image_grid, write_image


class ShownImages(keras.callbacks.Callback):
    """Shows grids of images every few epochs.

    Subclasses implement `grids()`, which gives a dict, name → (height, width,
    channels) in [0, 1]. The grid "samples" of the first epoch becomes
    `samples_epoch_0001.png`.

    Args:
        directory: where the files go.
        every: epochs between grids.
        log_dir: TensorBoard folder to show the grids in as well; None for
            PNG files alone.
    """

    #: The folder in `log_dir`. TensorBoard follows one file of a folder at a
    #: time: callbacks that are used together have folders of their own.
    LOG_FOLDER = "images"

    def __init__(self, directory, every=1, log_dir=None):
        super().__init__()
        if not isinstance(every, int) or every < 1:
            raise ValueError(
                f"`every` must be a positive int. Received: every={every!r}"
            )
        self.directory = pathlib.Path(directory)
        self.every = every
        self.log_dir = log_dir
        self._writer = None

    def grids(self):
        """What to show now, by name."""
        raise NotImplementedError

    def on_train_begin(self, logs=None):
        if self.log_dir is not None:
            self._writer = tf.summary.create_file_writer(
                str(pathlib.Path(self.log_dir) / self.LOG_FOLDER)
            )

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % self.every:
            return
        for name, grid in self.grids().items():
            write_image(
                self.directory / f"{name}_epoch_{epoch + 1:04d}.png", grid
            )
            if self._writer is not None:
                with self._writer.as_default(step=epoch + 1):
                    tf.summary.image(name, grid[None])
                self._writer.flush()

    def on_train_end(self, logs=None):
        if self._writer is not None:
            self._writer.close()


def stacked_grid(*kinds):
    """Images below each other, ten columns.

    Args:
        *kinds: arrays (n, height, width, channels) of one shape; image i of
            the second stands below image i of the first, and so on.

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
