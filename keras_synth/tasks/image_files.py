"""Image files in, image files out: reading, restoring, writing, comparing."""

import dataclasses
import pathlib
import shutil

import numpy as np
from scipy import ndimage

from keras_synth import evaluation
from keras_synth.io import (
    FileOptions,
    Progress,
    beside_target,
    check_holds,
    encode_images,
    format_of,
    open_decoded,
    quantized,
    split_alpha,
    written_whole,
)

#: What is written beside a target for `compare`.
COMPARISON = "-compare.png"


@dataclasses.dataclass(frozen=True)
class ImageFile:
    """An image of a file: its only one, or a frame or page of several.

    Attributes:
        path: Path of the file.
        color: Array (height, width, 1 or 3) in [0, 1], rotated as EXIF says.
            Where the image is wholly transparent, the color is that of the
            nearest pixel that is not, so that no fringe appears.
        alpha: Array (height, width, 1) of the transparency, or None.
        bits: Bits of a channel: 8, 16, or 32 for floats.
        hidden: The colors with those of the wholly transparent pixels, or
            None where there are none.
        milliseconds: How long a frame is shown.
    """

    path: pathlib.Path
    color: np.ndarray
    alpha: np.ndarray | None
    bits: int
    hidden: np.ndarray | None = None
    milliseconds: float = 0


def open_images(decoded):
    """Yields every image of a file as an `ImageFile`.

    Args:
        decoded: What `io.open_decoded` gave.
    """
    for index in range(decoded.num_frames):
        values, milliseconds = decoded.read(index)
        color, alpha = split_alpha(values)
        bled = _bled(color, alpha)
        yield ImageFile(
            decoded.path,
            bled,
            alpha,
            decoded.depth,
            None if bled is color else color,
            milliseconds,
        )


def _bled(color, alpha):
    """Colors that spread from the edges into what is wholly transparent."""
    if alpha is None:
        return color
    clear = alpha[..., 0] == 0
    if not clear.any() or clear.all():
        return color
    nearest = ndimage.distance_transform_edt(
        clear, return_distances=False, return_indices=True
    )
    return color[tuple(nearest)]


def restore_files(
    plan,
    restore,
    result,
    *,
    title,
    compare,
    files=None,
    on_file=None,
    verbose="auto",
):
    """Restores file after file; each is written whole or not at all.

    Every frame of an animation and every page is restored. The new file has
    the depth, the profile and the metadata of the old one; what its format
    cannot hold stands in the notes of the result. Where an image comes back
    as the very same arrays, the file itself is copied if the format stays.

    Args:
        plan: List of `(file to read, file to write)`, see
            `io.plan_targets`.
        restore: Function from an `ImageFile` to `(color, alpha, facts)`,
            where facts is a dict. Its ValueErrors concern that image alone.
        result: Function of `source`, `target`, `comparison` (a path or None),
            `notes` and the facts, by name.
        title: Name of the restored image in the comparison.
        compare: Whether to write before and after side by side, as
            `NAME-compare.png`.
        files: `io.FileOptions`, or None for the defaults.
        on_file: None, or a function that is called with each result as soon
            as its file is written.
        verbose: Progress of several files, see `io.Progress`.

    Returns:
        A list of results.

    Raises:
        ValueError: Images could not be restored, which the message names;
            all others are restored first.
    """
    done, problems = [], []
    if len(plan) == 1:
        verbose = 0  # `restore` has a progress of its own
    with Progress(len(plan), "images", verbose) as progress:
        for file, goal in plan:
            try:
                image, color, facts, notes = _restored(
                    file, goal, restore, files or FileOptions()
                )
            except ValueError as error:
                about = "" if str(file) in str(error) else f"{file}: "
                problems.append(f"{about}{error}")
                progress.add()
                continue
            comparison = None
            if compare:
                comparison = _draw_comparison(goal, image, color, title)
            done.append(
                result(
                    source=file,
                    target=goal,
                    comparison=comparison,
                    notes=notes,
                    **facts,
                )
            )
            if on_file is not None:
                progress.clear()
                on_file(done[-1])
            progress.add()
    if problems:
        raise ValueError("; ".join(problems))
    return done


def _restored(file, goal, restore, files):
    """Restores and writes a file.

    Returns:
        `(first image, its restored colors, facts about it, notes)`.
    """
    decoded = open_decoded(file, files)
    check_holds(goal, decoded, files)
    frames, first, untouched = [], None, True
    for image in open_images(decoded):
        color, alpha, facts = restore(image)
        if first is None:
            first = image, color, facts
        untouched &= color is image.color and alpha is image.alpha
        if alpha is image.alpha and image.hidden is not None:
            if color.shape == image.hidden.shape:
                color = np.where(alpha > 0, color, image.hidden)
        if decoded.num_frames > 1 and decoded.depth == 8:
            color = quantized(color, 8)  # in little memory
            alpha = None if alpha is None else quantized(alpha, 8)
        frames.append((color, alpha, image.milliseconds))
    same = decoded.format == format_of(goal).name
    asked = files.strip or files.quality or files.background
    if untouched and same and not asked:
        with written_whole(goal) as unfinished:
            shutil.copyfile(file, unfinished)
        return *first, decoded.notes
    encoded = encode_images(goal, frames, decoded=decoded, options=files)
    with written_whole(goal) as unfinished:
        unfinished.write_bytes(encoded.data)
    return *first, decoded.notes + encoded.notes


def _draw_comparison(goal, image, after, title):
    """Before and after, in one size and as many channels."""
    rows, columns = (
        np.arange(new) * old // new
        for new, old in zip(after.shape, image.color.shape[:2], strict=False)
    )
    before = image.color[rows][:, columns]
    if after.dtype.kind == "u":
        after = after / np.float32(np.iinfo(after.dtype).max)
    before, after = np.broadcast_arrays(before, after)
    return evaluation.draw_panel(
        beside_target(goal, COMPARISON),
        {"before": before, "after": after},
        {"before": image.path.name, "after": title},
    )
