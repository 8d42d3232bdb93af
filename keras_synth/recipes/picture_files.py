"""Picture files in, picture files out: what every command on them shares."""

import contextlib
import dataclasses
import os
import pathlib
import shutil

import numpy as np

from keras_synth import evaluation
from keras_synth.pictures import (
    EXTENSIONS,
    bit_depth,
    check_target,
    read_picture,
    write_picture,
)


@dataclasses.dataclass(frozen=True)
class PictureFile:
    """What an image file holds.

    Attributes:
        path: of the file.
        colour: (height, width, 1 or 3), in [0, 1], rotated as EXIF says.
        alpha: (height, width, 1), or None.
        bits: of a channel, 8 or 16.
    """

    path: pathlib.Path
    colour: np.ndarray
    alpha: np.ndarray | None
    bits: int


def open_picture(path):
    """Reads an image file.

    Args:
        path: of the file.

    Returns:
        A `PictureFile`.

    Raises:
        ValueError: the file is no image.
    """
    picture, alpha = read_picture(path, alpha="keep"), None
    if picture.shape[-1] in (2, 4):
        picture, alpha = picture[..., :-1], picture[..., -1:]
    return PictureFile(path, picture, alpha, bit_depth(path))


def pictures_below(folder):
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
        ValueError: what is written beside two pictures, as `NAME-...png`,
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
        raise FileNotFoundError(f"There is no picture or folder {source}")
    if target.is_file():
        raise ValueError(
            f"{source} is a folder, so the target must be one. "
            f"Received: the file {target}"
        )
    files = pictures_below(source)
    if not files:
        raise ValueError(f"{source} holds no images.")
    return [(file, target / file.relative_to(source)) for file in files]


def mend_files(plan, mend, result, *, title, compare):
    """Mends file after file; each is written whole or not at all.

    16 bits stay 16 in PNG files. Of a picture that comes back as the very
    same arrays the file itself is copied, if the format stays.

    Args:
        plan: of `plan_files`.
        mend: function from a `PictureFile` to `(colour, alpha, facts)`, facts
            a dict. Its ValueErrors concern that picture alone.
        result: function of `source`, `target`, `comparison` (a path or None)
            and the facts, by name.
        title: what the comparison calls the mended picture.
        compare: whether to write before and after side by side, as
            `NAME-compare.png`.

    Returns:
        A list of results.

    Raises:
        ValueError: pictures that could not be mended, by name; all others
            are mended first.
    """
    done, problems = [], []
    for file, goal in plan:
        try:
            picture = open_picture(file)
            colour, alpha, facts = mend(picture)
            _write(goal, picture, colour, alpha)
        except ValueError as error:
            about = "" if str(file) in str(error) else f"{file}: "
            problems.append(f"{about}{error}")
            continue
        comparison = None
        if compare:
            comparison = _draw_comparison(goal, picture, colour, title)
        done.append(
            result(source=file, target=goal, comparison=comparison, **facts)
        )
    if problems:
        raise ValueError("; ".join(problems))
    return done


def _write(goal, picture, colour, alpha):
    untouched = colour is picture.colour and alpha is picture.alpha
    with _written_whole(goal) as unfinished:
        if untouched and picture.path.suffix.lower() == goal.suffix.lower():
            shutil.copyfile(picture.path, unfinished)
            return
        if alpha is not None:
            colour = np.concatenate([colour, alpha], axis=-1)
        deep = picture.bits == 16 and goal.suffix.lower() == ".png"
        write_picture(unfinished, colour, 16 if deep else 8)


@contextlib.contextmanager
def _written_whole(goal):
    """Another name to write under first: what is there is a whole picture."""
    goal.parent.mkdir(parents=True, exist_ok=True)
    unfinished = goal.with_name(f".{goal.stem}-unfinished{goal.suffix}")
    try:
        yield unfinished
        os.replace(unfinished, goal)
    finally:
        unfinished.unlink(missing_ok=True)


def _comparison_path(goal):
    return goal.with_name(f"{goal.stem}-compare.png")


def _draw_comparison(goal, picture, after, title):
    """Before and after, in one size and as many channels."""
    rows, columns = (
        np.arange(new) * old // new
        for new, old in zip(after.shape, picture.colour.shape[:2], strict=False)
    )
    before = picture.colour[rows][:, columns]
    before, after = np.broadcast_arrays(before, after)
    return evaluation.draw_panel(
        _comparison_path(goal),
        {"before": before, "after": after},
        {"before": picture.path.name, "after": title},
    )
