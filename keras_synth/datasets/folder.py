"""Any folder of images as a source."""

import pathlib
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import tensorflow as tf

from keras_synth.datasets.source import Source
from keras_synth.pictures import EXTENSIONS, read_picture


def image_folder(path, channels=3, unreadable="raise"):
    """The images of a folder and all folders below it.

    Folders directly below `path` are the classes, in alphabetical order,
    where every image lies in one. Every file is decoded once at the start,
    so that a bad one is known before training.

    Args:
        path: the folder.
        channels: 3 for colour or 1 for grey; every image is converted.
        unreadable: "raise" to refuse a folder that holds an image file that
            cannot be decoded, "skip" to leave such files out with a warning
            that names them.

    Returns:
        A `Source`; `image_shape` is known where all images agree on it.

    Raises:
        FileNotFoundError: no such folder.
        ValueError: no images in it, or unreadable ones.
    """
    if unreadable not in ("raise", "skip"):
        raise ValueError(
            f'`unreadable` must be "raise" or "skip". Received: {unreadable!r}'
        )
    if channels not in (1, 3):
        raise ValueError(f"`channels` must be 1 or 3. Received: {channels!r}")
    root = pathlib.Path(path)
    if not root.is_dir():
        raise FileNotFoundError(f"There is no folder {root}")
    files = sorted(
        file
        for file in root.rglob("*")
        if file.suffix.lower() in EXTENSIONS and not file.is_dir()
    )

    def size(file):
        try:
            return read_picture(file, channels).shape[:2]
        except (ValueError, OSError) as error:
            return str(error)

    with ThreadPoolExecutor() as pool:
        sizes = list(pool.map(size, files))
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
    if not files:
        raise ValueError(
            f"{root} holds no readable images "
            f"({', '.join(sorted(EXTENSIONS))})."
        )
    sizes = np.array([s for s in sizes if type(s) is tuple])
    same = (sizes == sizes[0]).all()
    shape = (*map(int, sizes[0]), channels) if same else (None, None, channels)
    class_names, labels = _classes(root, files)

    def decode(file):
        picture = read_picture(file.numpy().decode(), channels)
        return np.rint(255 * picture).astype("uint8")

    def element(file, label):
        image = tf.py_function(decode, [file], tf.uint8)
        return {"image": tf.ensure_shape(image, shape), "label": label}

    dataset = tf.data.Dataset.from_tensor_slices(
        ([str(file) for file in files], np.array(labels, "int64"))
    )
    return Source(
        name=str(root),
        split="all",
        dataset=dataset.map(element, num_parallel_calls=tf.data.AUTOTUNE),
        num_images=len(files),
        image_shape=shape,
        class_names=class_names,
        smallest=tuple(map(int, sizes.min(axis=0))),
    )


def _classes(root, files):
    parts = [file.relative_to(root).parts for file in files]
    if any(len(part) == 1 for part in parts):
        return (), [0] * len(files)
    names = sorted({part[0] for part in parts})
    return tuple(names), [names.index(part[0]) for part in parts]
