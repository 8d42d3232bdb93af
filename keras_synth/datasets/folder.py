"""Image folders as sources."""

import os
import pathlib
import warnings

import numpy as np
import tensorflow as tf

from keras_synth.datasets.files import (
    check_channels,
    check_found,
    common_shape,
    decode_image,
)
from keras_synth.datasets.source import Source
from keras_synth.io import find_images, image_sizes


def image_folder(path, channels=3, unreadable="raise"):
    """Image folder as a source: its images and those of all folders below.

    Where every image lies in a folder below `path`, the folders directly
    below it are the classes, in alphabetical order. Every file is decoded
    once at the start, so that unreadable ones are found before training.

    Args:
        path: The folder.
        channels: Channels that every image is converted to, 3 for color or 1
            for gray.
        unreadable: What to do with image files that cannot be decoded:
            "raise" refuses the folder, "skip" leaves them out with a warning
            that names them.

    Returns:
        A `Source`. `image_shape` has height and width where all images have
        the same.

    Raises:
        FileNotFoundError: There is no such folder.
        ValueError: It holds no images, or unreadable ones.
    """
    if unreadable not in ("raise", "skip"):
        raise ValueError(
            f'`unreadable` must be "raise" or "skip". Received: {unreadable!r}'
        )
    check_channels(channels)
    root = pathlib.Path(path)
    files = find_images(root)
    sizes = image_sizes(files, channels)
    problems = [problem for problem in sizes if isinstance(problem, str)]
    if problems:
        listed = "\n".join(problems)
        if unreadable == "raise":
            raise ValueError(
                f"{len(problems)} files in {root} cannot be read (leave them "
                f'out with `unreadable="skip"`):\n{listed}'
            )
        warnings.warn(
            f"{len(problems)} unreadable files are left out:\n{listed}",
            stacklevel=2,
        )
    files = [f for f, s in zip(files, sizes, strict=True) if type(s) is tuple]
    check_found(files, root)
    sizes = np.array([s for s in sizes if type(s) is tuple])
    shape = common_shape(sizes, channels)
    class_names, labels = _classes(root, files)

    def element(file, label):
        return {"image": decode_image(file, shape), "label": label}

    dataset = tf.data.Dataset.from_tensor_slices(
        ([os.fsencode(file) for file in files], np.array(labels, "int64"))
    )
    return Source(
        name=str(root),
        split="all",
        dataset=dataset.map(element, num_parallel_calls=tf.data.AUTOTUNE),
        num_images=len(files),
        image_shape=shape,
        class_names=class_names,
        smallest=tuple(map(int, sizes.min(axis=0))),
        files=tuple(files),
    )


def _classes(root, files):
    parts = [file.relative_to(root).parts for file in files]
    if any(len(part) == 1 for part in parts):
        return (), [0] * len(files)
    names = sorted({part[0] for part in parts})
    return tuple(names), [names.index(part[0]) for part in parts]
