"""The ORL faces, by people: thirty teach, ten others test."""

import numpy as np

from benchmarks.rows import data_folder
from keras_synth import datasets, pictures

SIZE = 64
TEACH, TEST = range(1, 31), range(31, 41)


def faces(people):
    """All pictures of some people, grey and 72x72.

    Args:
        people: their numbers, from 1 to 40.

    Returns:
        A `datasets.Source`; crops of 64x64 are for training.
    """
    folder = data_folder() / "faces" / "orl"
    images = [
        pictures.read_picture(file, channels=1)
        for person in people
        for file in sorted((folder / f"s{person}").iterdir())
    ]
    images = np.round(255 * np.stack(images)).astype("uint8")
    source = datasets.source_from_arrays(
        "orl", "all", images, np.zeros(len(images), "int64")
    )
    return datasets.resize_source(source, SIZE * 9 // 8)


def test_faces():
    """The middles of the ten others' hundred pictures, 64x64 in [0, 1]."""
    images, _ = faces(TEST).arrays()
    edge = (images.shape[1] - SIZE) // 2
    return images[:, edge : edge + SIZE, edge : edge + SIZE]
