"""Image files in a pipeline: shapes, decoding, checks."""

import os

import numpy as np
import tensorflow as tf

from keras_synth.io import EXTENSIONS, read_image


def common_shape(sizes, channels):
    """(height, width, channels), without sizes where images differ.

    Args:
        sizes: int array (n, 2), height and width of each image.
        channels: Channels of every image.
    """
    if (sizes == sizes[0]).all():
        return (*map(int, sizes[0]), channels)
    return (None, None, channels)


def decode_image(path, shape):
    """Reads an image file in a pipeline.

    Args:
        path: Path of the file, a scalar string tensor.
        shape: (height, width, channels); height and width may be None.

    Returns:
        uint8 tensor of that shape.
    """

    def decode(file):
        image = read_image(os.fsdecode(file.numpy()), shape[-1])
        return np.rint(255 * image).astype("uint8")

    return tf.ensure_shape(tf.py_function(decode, [path], tf.uint8), shape)


def check_found(files, root):
    """Refuses a folder without images."""
    if not files:
        raise ValueError(
            f"{root} holds no readable images "
            f"({', '.join(sorted(EXTENSIONS))})."
        )


def check_channels(channels, name="channels"):
    """Refuses a number of channels other than 1 and 3."""
    if channels not in (1, 3):
        raise ValueError(f"`{name}` must be 1 or 3. Received: {channels!r}")
