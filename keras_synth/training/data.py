"""Training data by name or folder: open it as a source, or as batches."""

import dataclasses
import os
import pathlib
import warnings
from typing import Any, Literal

import keras

from keras_synth import datasets
from keras_synth.datasets import CATALOG, Source


@dataclasses.dataclass(frozen=True)
class TrainingImages:
    """Batches of training images, and what a network for them must know.

    Attributes:
        source: The `datasets.Source` that the batches come from.
        batches: `tf.data.Dataset` for `fit`, as `datasets.synthesis_pipeline`
            gives it.
        image_shape: (height, width, channels) of the images in the batches.
        num_classes: Number of classes where the batches hold labels, else
            None.
    """

    source: Source
    batches: Any
    image_shape: tuple
    num_classes: int | None


def open_data(
    data: str | os.PathLike | Source,
    split: str = "train",
    data_dir: str | None = None,
    manual_dir: str | None = None,
    channels: int = 3,
    unreadable: Literal["raise", "skip"] = "raise",
) -> Source:
    """Opens a data source by name, or a folder of images.

    Args:
        data: Name of a source (a key of `datasets.CATALOG`), path of a folder
            of images, or a `datasets.Source`, which is returned as it is.
        split: Split of a named source. A folder has no splits.
        data_dir: Folder where TensorFlow Datasets keeps prepared sets. None
            takes its default.
        manual_dir: Folder with the original files of a named source, used
            instead of a download.
        channels: Channels that the images of a folder are converted to, 3
            for color or 1 for gray. Named sources keep their own.
        unreadable: What to do with files of a folder that cannot be read:
            "raise" refuses the folder, "skip" leaves them out with a warning.

    Returns:
        A `datasets.Source`.

    Raises:
        ValueError: `data` is neither a known name nor a folder.
    """
    if isinstance(data, Source):
        return data
    if data in CATALOG:
        if pathlib.Path(data).is_dir():
            warnings.warn(
                f"{data!r} is read as the named data set. The folder of that "
                f"name is './{data}'.",
                stacklevel=2,
            )
        return datasets.load_source(data, split, data_dir, manual_dir)
    if pathlib.Path(data).is_dir():
        return datasets.image_folder(data, channels, unreadable)
    raise ValueError(
        f"There is no source and no folder {str(data)!r}. Known sources: "
        f"{', '.join(CATALOG)}."
    )


def open_images(
    data,
    image_size=None,
    *,
    data_dir=None,
    manual_dir=None,
    channels=3,
    unreadable="raise",
    cache=True,
    batch_size=32,
    labels=False,
    caption_length=None,
    augment=None,
    poisson=False,
    seed=0,
):
    """Opens the training split of a source or folder as batches of images.

    Args:
        data: As in `open_data`.
        image_size: As in `datasets.synthesis_pipeline`.
        data_dir: As in `open_data`.
        manual_dir: As in `open_data`.
        channels: As in `open_data`.
        unreadable: As in `open_data`.
        cache: As in `datasets.synthesis_pipeline`.
        batch_size: Images in a batch.
        labels: Whether batches are `(images, labels)`.
        caption_length: As in `datasets.synthesis_pipeline`. A folder is then
            opened as `datasets.captioned_folder`.
        augment: As in `datasets.synthesis_pipeline`.
        poisson: As in `datasets.synthesis_pipeline`.
        seed: Seed of the order and of `augment`.

    Returns:
        `TrainingImages`.
    """
    if caption_length is not None and not isinstance(data, Source):
        source = datasets.captioned_folder(
            data, channels=channels, unreadable=unreadable
        )
    else:
        source = open_data(
            data, "train", data_dir, manual_dir, channels, unreadable
        )
    batches = datasets.synthesis_pipeline(
        source,
        image_size,
        batch_size=batch_size,
        labels=labels,
        caption_length=caption_length,
        augment=augment,
        cache=cache,
        poisson=poisson,
        seed=seed,
    )
    image = keras.tree.flatten(batches.element_spec)[0]
    return TrainingImages(
        source,
        batches,
        tuple(image.shape[1:]),
        len(source.class_names) if labels else None,
    )


def describe_data() -> list[str]:
    """Describes the named data sets: size, number of images, origin.

    Returns:
        A list of str: two lines for each source, one for folders.
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
