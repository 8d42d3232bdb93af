"""Image files in, image files out: what every command on them shares."""

import contextlib
import dataclasses
import os
import pathlib
import shutil

import numpy as np

from keras_synth import evaluation
from keras_synth.io import (
    EXTENSIONS,
    bit_depth,
    check_target,
    read_image,
    write_image,
)


@dataclasses.dataclass(frozen=True)
class ImageFile:
    """What an image file holds.

    Attributes:
        path: of the file.
        color: (height, width, 1 or 3), in [0, 1], rotated as EXIF says.
        alpha: (height, width, 1), or None.
        bits: of a channel, 8 or 16.
    """

    path: pathlib.Path
    color: np.ndarray
    alpha: np.ndarray | None
    bits: int


def open_image(path):
    """Reads an image file.

    Args:
        path: of the file.

    Returns:
        A `ImageFile`.

    Raises:
        ValueError: the file is no image.
    """
    image, alpha = read_image(path, alpha="keep"), None
    if image.shape[-1] in (2, 4):
        image, alpha = image[..., :-1], image[..., -1:]
    return ImageFile(path, image, alpha, bit_depth(path))


def images_below(folder):
    """All images in a folder and its subfolders, in the order of their names.

    Args:
        folder: a `pathlib.Path`.

    Returns:
        A list of `pathlib.Path`.
    """
    return sorted(
        file
        for file in folder.rglob("*")
        if file.suffix.lower() in EXTENSIONS and file.is_file()
    )


def plan_files(source, target, compare, overwrite):
    """What will be read and written; refuses what cannot be.

    Args:
        source: an image file, or a folder; of a folder all images below it.
        target: the file to write, or the folder, which gets the same names.
        compare: whether comparisons will be written too.
        overwrite: whether existing files may be replaced.

    Returns:
        A list of `(file to read, file to write)`.

    Raises:
        FileExistsError: a file is there and `overwrite` is False.
        FileNotFoundError: no such source.
        PermissionError: the place cannot be written to.
        ValueError: no images, a file where a folder must be, or comparisons
            that would be one file.
    """
    source, target = pathlib.Path(source), pathlib.Path(target)
    plan = _pairs(source, target)
    if compare:
        check_stems(plan)
    for _, goal in plan:
        check_target(goal, overwrite)
        if compare:
            check_target(_comparison_path(goal), overwrite)
    return plan


def check_stems(plan):
    """Refuses names that differ in their endings alone.

    Args:
        plan: of `plan_files`.

    Raises:
        ValueError: what is written beside two images, as `NAME-...png`,
            would be one file.
    """
    known = {}
    for file, goal in plan:
        other = known.setdefault(goal.with_suffix(""), file)
        if other != file:
            raise ValueError(
                f"{other} and {file} differ in their endings alone, so that "
                "what is written beside them would be one file: rename one."
            )


def _pairs(source, target):
    if source.is_file():
        return [(source, target)]
    if not source.is_dir():
        raise FileNotFoundError(f"There is no image or folder {source}")
    if target.is_file():
        raise ValueError(
            f"{source} is a folder, so the target must be one. "
            f"Received: the file {target}"
        )
    files = images_below(source)
    if not files:
        raise ValueError(f"{source} holds no images.")
    return [(file, target / file.relative_to(source)) for file in files]


def restore_files(plan, restore, result, *, title, compare):
    """Restores file after file; each is written whole or not at all.

    16 bits stay 16 in PNG files. Of an image that comes back as the very
    same arrays the file itself is copied, if the format stays.

    Args:
        plan: of `plan_files`.
        restore: function from a `ImageFile` to `(color, alpha, facts)`, facts
            a dict. Its ValueErrors concern that image alone.
        result: function of `source`, `target`, `comparison` (a path or None)
            and the facts, by name.
        title: what the comparison calls the restored image.
        compare: whether to write before and after side by side, as
            `NAME-compare.png`.

    Returns:
        A list of results.

    Raises:
        ValueError: images that could not be restored, by name; all others
            are restored first.
    """
    done, problems = [], []
    for file, goal in plan:
        try:
            image = open_image(file)
            color, alpha, facts = restore(image)
            _write(goal, image, color, alpha)
        except ValueError as error:
            about = "" if str(file) in str(error) else f"{file}: "
            problems.append(f"{about}{error}")
            continue
        comparison = None
        if compare:
            comparison = _draw_comparison(goal, image, color, title)
        done.append(
            result(source=file, target=goal, comparison=comparison, **facts)
        )
    if problems:
        raise ValueError("; ".join(problems))
    return done


def _write(goal, image, color, alpha):
    untouched = color is image.color and alpha is image.alpha
    with _written_whole(goal) as unfinished:
        if untouched and image.path.suffix.lower() == goal.suffix.lower():
            shutil.copyfile(image.path, unfinished)
            return
        if alpha is not None:
            color = np.concatenate([color, alpha], axis=-1)
        deep = image.bits == 16 and goal.suffix.lower() == ".png"
        write_image(unfinished, color, 16 if deep else 8)


@contextlib.contextmanager
def _written_whole(goal):
    """Another name to write under first: what is there is a whole image."""
    goal.parent.mkdir(parents=True, exist_ok=True)
    unfinished = goal.with_name(f".{goal.stem}-unfinished{goal.suffix}")
    try:
        yield unfinished
        os.replace(unfinished, goal)
    finally:
        unfinished.unlink(missing_ok=True)


def _comparison_path(goal):
    return goal.with_name(f"{goal.stem}-compare.png")


def _draw_comparison(goal, image, after, title):
    """Before and after, in one size and as many channels."""
    rows, columns = (
        np.arange(new) * old // new
        for new, old in zip(after.shape, image.color.shape[:2], strict=False)
    )
    before = image.color[rows][:, columns]
    before, after = np.broadcast_arrays(before, after)
    return evaluation.draw_panel(
        _comparison_path(goal),
        {"before": before, "after": after},
        {"before": image.path.name, "after": title},
    )
