"""Captioned image folders: images, and texts that describe them."""

import csv
import dataclasses
import io
import json
import pathlib

import numpy as np
import tensorflow as tf

from keras_synth.datasets.folder import image_folder
from keras_synth.ops import byte_ids


def captioned_folder(path, captions=None, channels=3, unreadable="raise"):
    """Captioned folder as a source: images with texts in any language.

    The captions of an image come from

    - a `.json` file, an object from an image to its captions. All strings
      below an image's name are its captions: one string, a list, or an object
      such as `{"en": {"label": "cat", "tags": ["pet"]}}`;
    - a `.csv` file with a header, whose first column names an image and whose
      other columns hold captions. An image may have several rows;
    - a `.txt` file beside each image, one caption a line.

    Images are named by their path below the folder, their file name, or their
    file name without its ending; one name may mean several images.

    Args:
        path: The folder.
        captions: Path of the `.json` or `.csv` file. None takes the one that
            lies in the folder itself; where there is none, the `.txt` files.
        channels: Channels that every image is converted to, 3 for color or 1
            for gray.
        unreadable: As in `image_folder`.

    Returns:
        A `Source` with `captions`. Its `label` is the number of the image.

    Raises:
        FileNotFoundError: There is no such folder or file.
        ValueError: Images without captions, or a file that cannot be read.
    """
    root = pathlib.Path(path)
    source = image_folder(root, channels, unreadable)
    files = source.files
    table = _table_of(root, captions)
    if table is None:
        known = _captions_beside(files)
    else:
        named = _read_table(table)
        known = [
            tuple(
                text
                for name in dict.fromkeys(
                    (file.relative_to(root).as_posix(), file.name)
                )
                for text in named.get(name, ())
            )
            or tuple(named.get(file.stem, ()))
            for file in files
        ]
    missing = [
        str(file) for file, texts in zip(files, known, strict=True) if not texts
    ]
    if missing:
        where = table or "the .txt files beside the images"
        raise ValueError(
            f"{len(missing)} images of {root} have no caption in {where}: "
            f"{', '.join(missing[:3])}"
        )
    numbered = tf.data.Dataset.zip(
        source.dataset, tf.data.Dataset.range(source.num_images)
    )
    return dataclasses.replace(
        source,
        dataset=numbered.map(
            lambda element, index: {"image": element["image"], "label": index}
        ),
        class_names=(),
        captions=tuple(known),
    )


def random_captions(captions, length):
    """A function that draws a caption of each image of a batch.

    Args:
        captions: Texts of each image, a tuple of tuples of str.
        length: Number of ids of a caption, see `ops.byte_ids`.

    Returns:
        Function from the images' numbers, int (batch,), and a seed, an int
        tensor (2,), to ids, int32 (batch, length).
    """
    counts = np.array([len(texts) for texts in captions])
    starts = tf.constant(np.cumsum(counts) - counts)
    ids = tf.constant(
        byte_ids([t for texts in captions for t in texts], length)
    )
    counts = tf.constant(counts)

    def draw(numbers, seed):
        share = tf.random.stateless_uniform(tf.shape(numbers), seed)
        of_image = tf.cast(tf.gather(counts, numbers), "float32")
        # Below the count, whatever the rounding.
        chosen = tf.minimum(share, 1.0 - 1e-6) * of_image
        index = tf.gather(starts, numbers) + tf.cast(chosen, starts.dtype)
        return tf.gather(ids, index)

    return draw


def _table_of(root, captions):
    """The file of all captions, or None."""
    if captions is not None:
        if not pathlib.Path(captions).is_file():
            raise FileNotFoundError(f"There is no file {captions}")
        return pathlib.Path(captions)
    found = sorted(
        file
        for ending in ("*.json", "*.csv")
        for file in root.glob(ending)
        if not file.name.startswith(".")
    )
    if len(found) > 1:
        raise ValueError(
            f"{root} holds several files of captions "
            f"({', '.join(file.name for file in found)}): say which, "
            "`captions=...`."
        )
    return found[0] if found else None


def _captions_beside(files):
    texts = []
    for file in files:
        beside = file.with_suffix(".txt")
        lines = _text_of(beside).splitlines() if beside.exists() else ()
        texts.append(tuple(line.strip() for line in lines if line.strip()))
    return texts


def _text_of(file):
    """The text of a UTF-8 file, without a byte order mark."""
    try:
        return file.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{file} is not in UTF-8: save it again in this encoding. "
            f"Received: {error}"
        ) from error


def _read_table(file):
    """`{name: [captions]}` of a JSON or CSV file."""
    text = _text_of(file)
    if file.suffix.lower() == ".csv":
        rows = list(csv.reader(io.StringIO(text, newline="")))
        if not rows:
            raise ValueError(
                f"{file} is empty: write a header, and below it rows of the "
                "name of an image and its captions."
            )
        named = {}
        for name, *texts in filter(None, rows[1:]):
            texts = [text.strip() for text in texts if text.strip()]
            named.setdefault(name, []).extend(texts)
        return named
    try:
        table = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"{file} is no JSON: {error}") from error
    if not isinstance(table, dict):
        raise ValueError(
            f"{file} must hold an object from the name of an image to its "
            f"captions. Received: a {type(table).__name__}"
        )
    return {name: list(_strings(value)) for name, value in table.items()}


def _strings(value):
    """All strings of a JSON value, each once, in order."""
    if isinstance(value, str):
        if value.strip():
            yield value.strip()
        return
    if isinstance(value, dict):
        value = value.values()
    if isinstance(value, list | type({}.values())):
        yield from dict.fromkeys(s for each in value for s in _strings(each))
