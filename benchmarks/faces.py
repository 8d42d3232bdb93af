"""ORL faces, split by people: thirty for training, ten others for test."""

import keras
import numpy as np
from scipy import ndimage

from benchmarks.rows import data_folder
from keras_synth import datasets, io

SIZE = 64
SIDE = SIZE * 9 // 8
TRAIN, TEST = range(1, 31), range(31, 41)


def faces(people):
    """All images of some people, gray and 72x72.

    Args:
        people: Their numbers, from 1 to 40.

    Returns:
        A `datasets.Source`; crops of 64x64 are for training.
    """
    return datasets.resize_source(_source(_originals(people)), SIDE)


def varied_faces(people, views, seed):
    """The same images, turned, moved and upscaled in many ways.

    Ten images of thirty people are soon memorized. Each view turns all
    of them by one angle, up to 10 degrees, and resizes one square part of
    their 112x92 pixels, whose side is 82 to 92.

    Args:
        people: Their numbers, from 1 to 40.
        views: Number of views.
        seed: An int.

    Returns:
        A `datasets.Source` of `views` times as many images, 72x72.
    """
    rng = np.random.default_rng(seed)
    originals = _originals(people)
    seen = []
    for _ in range(views):
        turned = ndimage.rotate(
            originals,
            rng.uniform(-10, 10),
            axes=(1, 2),
            reshape=False,
            mode="reflect",
        )
        side = rng.integers(82, 93)
        top, left = (
            rng.integers(extent - side + 1) for extent in turned.shape[1:3]
        )
        part = turned[:, top : top + side, left : left + side]
        resized = keras.ops.image.resize(
            part, (SIDE, SIDE), interpolation="bicubic", antialias=True
        )
        seen.append(np.clip(resized, 0, 1))
    return _source(np.concatenate(seen))


def test_faces():
    """The middles of the ten others' hundred images, 64x64 in [0, 1]."""
    images, _ = faces(TEST).arrays()
    edge = (images.shape[1] - SIZE) // 2
    return images[:, edge : edge + SIZE, edge : edge + SIZE]


def _originals(people):
    folder = data_folder() / "faces" / "orl"
    return np.stack(
        [
            io.read_image(file, channels=1)
            for person in people
            for file in sorted((folder / f"s{person}").iterdir())
        ]
    )


def _source(images):
    return datasets.source_from_arrays(
        "orl",
        "all",
        np.round(255 * images).astype("uint8"),
        np.zeros(len(images), "int64"),
    )
