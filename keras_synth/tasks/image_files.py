"""Image files in, image files out: reading, restoring, writing, comparing."""

import dataclasses
import pathlib
import shutil

import numpy as np

from keras_synth import evaluation
from keras_synth.io import (
    Progress,
    beside_target,
    bit_depth,
    read_image,
    write_image,
    written_whole,
)

#: What is written beside a target for `compare`.
COMPARISON = "-compare.png"


@dataclasses.dataclass(frozen=True)
class ImageFile:
    """An image file that has been read.

    Attributes:
        path: Path of the file.
        color: Array (height, width, 1 or 3) in [0, 1], rotated as EXIF says.
        alpha: Array (height, width, 1) of the transparency, or None.
        bits: Bits of a channel, 8 or 16.
    """

    path: pathlib.Path
    color: np.ndarray
    alpha: np.ndarray | None
    bits: int


def open_image(path):
    """Reads an image file with its transparency and bit depth.

    Args:
        path: Path of the file.

    Returns:
        An `ImageFile`.

    Raises:
        ValueError: The file is no image.
    """
    image, alpha = read_image(path, alpha="keep"), None
    if image.shape[-1] in (2, 4):
        image, alpha = image[..., :-1], image[..., -1:]
    return ImageFile(path, image, alpha, bit_depth(path))


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

    16 bits stay 16 in PNG files. Where an image comes back as the very same
    arrays, the file itself is copied if the format stays.

    Args:
        plan: List of `(file to read, file to write)`, see
            `io.plan_targets`.
        restore: Function from an `ImageFile` to `(color, alpha, facts)`,
            where facts is a dict. Its ValueErrors concern that image alone.
        result: Function of `source`, `target`, `comparison` (a path or None)
            and the facts, by name.
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
                image = open_image(file)
                color, alpha, facts = restore(image)
                _write(goal, image, color, alpha)
            except ValueError as error:
                about = "" if str(file) in str(error) else f"{file}: "
                problems.append(f"{about}{error}")
                progress.add()
                continue
            comparison = None
            if compare:
                comparison = _draw_comparison(goal, image, color, title)
            done.append(
                result(source=file, target=goal, comparison=comparison, **facts)
            )
            if on_file is not None:
                progress.clear()
                on_file(done[-1])
            progress.add()
    if problems:
        raise ValueError("; ".join(problems))
    return done


def _write(goal, image, color, alpha):
    untouched = color is image.color and alpha is image.alpha
    if untouched and image.path.suffix.lower() == goal.suffix.lower():
        with written_whole(goal) as unfinished:
            shutil.copyfile(image.path, unfinished)
        return
    if alpha is not None:
        color = np.concatenate([color, alpha], axis=-1)
    deep = image.bits == 16 and goal.suffix.lower() == ".png"
    write_image(goal, color, 16 if deep else 8)


def _draw_comparison(goal, image, after, title):
    """Before and after, in one size and as many channels."""
    rows, columns = (
        np.arange(new) * old // new
        for new, old in zip(after.shape, image.color.shape[:2], strict=False)
    )
    before = image.color[rows][:, columns]
    before, after = np.broadcast_arrays(before, after)
    return evaluation.draw_panel(
        beside_target(goal, COMPARISON),
        {"before": before, "after": after},
        {"before": image.path.name, "after": title},
    )
