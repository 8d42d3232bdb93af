"""What the user names as data: a source or a folder."""

import pathlib

from keras_synth.datasets import CATALOGUE, image_folder, load_source


def open_data(data, split="train", data_dir=None, manual_dir=None):
    """A source by name, or a folder of images.

    Args:
        data: a key of `datasets.CATALOGUE`, or the path of a folder.
        split: of a named source; a folder has one only.
        data_dir: see `datasets.load_source`.
        manual_dir: see `datasets.load_source`.

    Returns:
        A `datasets.Source`.

    Raises:
        ValueError: neither a known name nor a folder.
    """
    if data in CATALOGUE:
        return load_source(data, split, data_dir, manual_dir)
    if pathlib.Path(data).is_dir():
        return image_folder(data)
    raise ValueError(
        f"There is no source and no folder {str(data)!r}. Known sources: "
        f"{', '.join(CATALOGUE)}."
    )
