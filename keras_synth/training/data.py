"""What the user names as data: a source or a folder."""

import pathlib

from keras_synth.datasets import (
    CATALOG,
    Source,
    image_folder,
    load_source,
)


def open_data(
    data,
    split="train",
    data_dir=None,
    manual_dir=None,
    channels=3,
    unreadable="raise",
):
    """A source by name, or a folder of images.

    Args:
        data: a key of `datasets.CATALOG`, the path of a folder, or a
            `datasets.Source` already.
        split: of a named source; a folder has one only.
        data_dir: of a named source, see `datasets.load_source`.
        manual_dir: of a named source, see `datasets.load_source`.
        channels: of a folder, see `datasets.image_folder`.
        unreadable: of a folder, see `datasets.image_folder`.

    Returns:
        A `datasets.Source`.

    Raises:
        ValueError: neither a known name nor a folder.
    """
    if isinstance(data, Source):
        return data
    if data in CATALOG:
        return load_source(data, split, data_dir, manual_dir)
    if pathlib.Path(data).is_dir():
        return image_folder(data, channels, unreadable)
    raise ValueError(
        f"There is no source and no folder {str(data)!r}. Known sources: "
        f"{', '.join(CATALOG)}."
    )


def describe_data():
    """What there is to train on, as lines for a person.

    Returns:
        A list of str: two lines a named source, one on folders.
    """
    lines = []
    for name, entry in CATALOG.items():
        height, width, channels = entry.image_shape
        size = f"{height}x{width}" if height else "any size"
        kind = "gray" if channels == 1 else "color"
        splits = ", ".join(f"{s} {n:,}" for s, n in entry.splits.items())
        where = "downloaded" if entry.tfds_name else "embedded"
        lines.append(f"{name:15}{size}, {kind}, {where}; {splits}")
        lines.append(f"{'':15}{entry.description}")
    lines.append(
        "A path         any folder of images; its subfolders are classes"
    )
    return lines
