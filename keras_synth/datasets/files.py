"""Finding the image files of a folder and decoding them."""

import pathlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import tensorflow as tf

from keras_synth.io import EXTENSIONS, read_image


def find_images(path):
    """The image files of a folder and all folders below it, sorted.

    Args:
        path: the folder.

    Returns:
        A list of `pathlib.Path`.

    Raises:
        FileNotFoundError: no such folder.
    """
    root = pathlib.Path(path)
    if not root.is_dir():
        raise FileNotFoundError(f"There is no folder {root}")
    return sorted(
        file
        for file in root.rglob("*")
        if file.suffix.lower() in EXTENSIONS and not file.is_dir()
    )


def image_sizes(files, channels):
    """Decodes every file once, so that a bad one is known before training.

    Args:
        files: list of paths.
        channels: 1 or 3.

    Returns:
        A list: (height, width) for each file, or a str that says why it
        cannot be read.
    """

    def size(file):
        try:
            return read_image(file, channels).shape[:2]
        except (ValueError, OSError) as error:
            return str(error)

    with ThreadPoolExecutor() as pool:
        return list(pool.map(size, files))


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
        image = read_image(file.numpy().decode(), shape[-1])
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
