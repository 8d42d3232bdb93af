"""One image as several methods restore it, with the telling part upscaled."""

import math
import pathlib

import numpy as np

from keras_synth.io import written_whole


def draw_panel(path, images, labels, crop=None, crop_size=64, columns=6):
    """Writes the panel: whole images, and below each its upscaled part.

    Args:
        path: of the file, .png; missing folders are made.
        images: dict, name → (height, width, channels) in [0, 1], the first
            of them the clean one, or what the others are to be compared
            to; one of another size (a small image that was upscaled) is
            stretched over the same area.
        labels: dict, name → what to write below the name; may lack some.
        crop: part to upscale, (top, left, height, width) in pixels of the
            clean image; None takes `most_different`'s square.
        crop_size: side of that square in pixels.
        columns: images side by side, at most.

    Returns:
        The path, a `pathlib.Path`.

    Raises:
        ValueError: a part outside the image, `columns` below 1.
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
        whole.set_title(f"{name}\n{labels.get(name, '')}", fontsize=8)
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
    path = pathlib.Path(path)
    with written_whole(path) as unfinished:
        figure.savefig(unfinished, dpi=150)
    return path


def most_different(images, crop_size=64):
    """The square in which the methods differ most.

    That with the largest sum of variances between the methods' pixels (with a
    single method, between its and the first image's).

    Args:
        images: dict, name → (height, width, channels); the first, and
            "degraded", are no methods.
        crop_size: side of the square in pixels, cut to the image's.

    Returns:
        `(top, left, height, width)` in pixels.

    Example:

    >>> clean, other = np.zeros((2, 9, 9, 1))
    >>> other[4, 7] = 1.0
    >>> most_different({"clean": clean, "method": other}, crop_size=1)
    (4, 7, 1, 1)
    """
    if not isinstance(crop_size, int) or crop_size < 1:
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
    # Sums over all squares, from the sums over all upper left rectangles.
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
