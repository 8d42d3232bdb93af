"""Panel of one image restored by several methods, with a magnified crop."""

import io
import math
import pathlib
import warnings

import numpy as np

from keras_synth.io import Provenance, write_whole
from keras_synth.io.provenance import labeled
from keras_synth.ops.numbers import is_int

_RESTORED = Provenance("restored")


def draw_panel(
    path,
    images,
    labels,
    crop=None,
    crop_size=64,
    columns=6,
    provenance=_RESTORED,
):
    """Draws a panel of images, each with a magnified crop below it.

    Args:
        path: Path of the PNG file. Missing folders are made.
        images: Dict, name → image (height, width, channels) in [0, 1]. The
            first is the clean image, or another reference. An image of another
            size, such as a small one before upscaling, is stretched over the
            same area.
        labels: Dict, name → text below the name. Names may be missing.
        crop: Region to magnify, (top, left, height, width) in pixels of the
            first image. None takes the square in which the methods differ
            most, see `most_different`.
        crop_size: Side of that square in pixels.
        columns: Largest number of images side by side.
        provenance: `io.Provenance` for the metadata of a PNG file: restored,
            if nothing is said. None for none.

    Returns:
        The path, a `pathlib.Path`.

    Raises:
        ValueError: The crop reaches beyond the image, or `columns` is below
            1.
    """
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    if columns < 1:
        raise ValueError(f"`columns` must be at least 1. Received: {columns}")
    names = list(images)
    height, width, _ = images[names[0]].shape
    if crop is None:
        crop = most_different(images, crop_size)
    top, left, crop_height, crop_width = _checked_crop(crop, height, width)
    bands = math.ceil(len(names) / columns)
    columns = math.ceil(len(names) / bands)  # bands of equal length
    side = 2.6  # inches
    tall = side * (
        min(2.0, height / width) + min(2.0, crop_height / crop_width)
    )
    figure = Figure(
        figsize=(side * columns, bands * (tall + 0.5)), layout="constrained"
    )
    axes = figure.subplots(
        2 * bands,
        columns,
        squeeze=False,
        height_ratios=[height / width, crop_height / crop_width] * bands,
    )
    for each in axes.flat:
        each.set_axis_off()
    for index, name in enumerate(names):
        band, column = divmod(index, columns)
        whole, part = axes[2 * band : 2 * band + 2, column]
        image = np.clip(images[name], 0.0, 1.0)
        if image.shape[-1] == 1:
            image = image[..., 0]
        for each, smoothing in ((whole, "antialiased"), (part, "nearest")):
            each.imshow(
                image,
                cmap="gray",
                vmin=0.0,
                vmax=1.0,
                interpolation=smoothing,
                extent=(0, width, height, 0),
            )
        title = f"{name}\n{labels.get(name, '')}"
        # Names of files may hold anything: $, and bytes that are no UTF-8.
        title = title.encode(errors="backslashreplace").decode()
        whole.set_title(title, fontsize=8, parse_math=False)
        whole.add_patch(
            Rectangle(
                (left, top),
                crop_width,
                crop_height,
                fill=False,
                edgecolor="tab:red",
            )
        )
        part.set_xlim(left, left + crop_width)
        part.set_ylim(top + crop_height, top)
    return save_figure(path, figure, provenance)


def save_figure(path, figure, provenance=None):
    """Saves a figure of Matplotlib, whole or not at all.

    Args:
        path: Path of the file. Its ending says the format, ".png" say.
        figure: The `matplotlib.figure.Figure`.
        provenance: `io.Provenance` for the metadata of a PNG file, or None.

    Returns:
        The path, a `pathlib.Path`.
    """
    path, drawn = pathlib.Path(path), io.BytesIO()
    kind = path.suffix.lstrip(".").lower() or "png"
    metadata = {}
    if provenance is not None and kind == "png":
        metadata["XML:com.adobe.xmp"] = labeled(None, provenance).decode()
    with warnings.catch_warnings():
        # Names in scripts that the font lacks are drawn as boxes.
        warnings.filterwarnings("ignore", "Glyph", UserWarning)
        figure.savefig(drawn, dpi=150, format=kind, metadata=metadata)
    write_whole(path, drawn.getvalue())
    return path


def most_different(images, crop_size=64):
    """Square in which the images of several methods differ most.

    It has the largest sum over pixels of the variance between methods, or
    between the method and the first image if there is a single method.

    Args:
        images: Dict, name → image (height, width, channels). The first image
            and "degraded" are not counted as methods.
        crop_size: Side of the square in pixels, at most that of the image.

    Returns:
        `(top, left, height, width)` in pixels.

    Raises:
        ValueError: `crop_size` is not a positive int.

    Example:

    >>> clean, other = np.zeros((2, 9, 9, 1))
    >>> other[4, 7] = 1.0
    >>> most_different({"clean": clean, "method": other}, crop_size=1)
    (4, 7, 1, 1)
    """
    if not is_int(crop_size) or crop_size < 1:
        raise ValueError(
            "`crop_size` must be a positive int. "
            f"Received: crop_size={crop_size!r}"
        )
    reference, *methods = (
        image for name, image in images.items() if name != "degraded"
    )
    if len(methods) < 2:
        methods.append(reference)
    variance = np.var(np.stack(methods).astype("float64"), axis=0).sum(axis=-1)
    height, width = (min(crop_size, side) for side in variance.shape)
    # Sums over all squares from a summed-area table.
    total = np.pad(variance.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    rows = total[height:] - total[:-height]
    sums = rows[:, width:] - rows[:, :-width]
    top, left = np.unravel_index(np.argmax(sums), sums.shape)
    return int(top), int(left), height, width


def _checked_crop(crop, height, width):
    numbers = tuple(crop)
    if len(numbers) == 4:
        top, left, crop_height, crop_width = numbers
        if (
            min(top, left) >= 0
            and min(crop_height, crop_width) >= 1
            and top + crop_height <= height
            and left + crop_width <= width
        ):
            return numbers
    raise ValueError(
        "`crop` must be (top, left, height, width), inside the image of "
        f"{height}x{width}. Received: crop={crop!r}"
    )
