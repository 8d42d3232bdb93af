"""Image files in, image files out: reading, restoring, writing, comparing."""

import dataclasses
import pathlib
import shutil

import numpy as np

from keras_synth import evaluation
from keras_synth.io import (
    FileOptions,
    Progress,
    beside_target,
    bit_depth,
    check_target,
    is_finished,
    read_image,
    write_image,
    written_whole,
)

#: What is written beside a target for `compare`.
COMPARISON = "-compare.png"
_LONGEST_TITLE = 28


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


class FilesError(ValueError):
    """Error of image files that a task could not restore; others are done.

    Attributes:
        errors: Dict from the path of each file to its exception.
    """

    def __init__(self, errors):
        self.errors = errors
        super().__init__(
            "; ".join(f"{file}: {error}" for file, error in errors.items())
        )


def restore_files(
    plan,
    restore,
    result,
    *,
    title,
    compare,
    overwrite=False,
    files=None,
    on_file=None,
    verbose="auto",
):
    """Restores file after file; each is written whole or not at all.

    An error of any kind concerns one file: the others are restored, and then
    `FilesError` names it. A target that another process has written meanwhile
    is left as it is, unless `overwrite` asks to replace it.

    16 bits stay 16 in PNG files. Where an image comes back as the very same
    arrays, the file itself is copied if the format stays.

    Args:
        plan: List of `(file to read, file to write)`, see
            `io.plan_targets`.
        restore: Function from an `ImageFile` and an `io.Progress`, of which
            its own progress is a part, to `(color, alpha, facts)`, where
            facts is a dict.
        result: Function of `source`, `target`, `comparison` (a path or None)
            and the facts, by name.
        title: Name of the restored image in the comparison.
        compare: Whether to write before and after side by side, as
            `NAME-compare.png`.
        overwrite: Whether existing files may be replaced.
        files: `io.FileOptions`, or None for the defaults.
        on_file: None, or a function that is called with each result as soon
            as its file is written.
        verbose: Progress, see `io.Progress`.

    Returns:
        A list of results.

    Raises:
        FilesError: Images could not be restored; all others are.
    """
    files = files or FileOptions()
    done, errors = [], {}

    def restored(file, goal, progress):
        check_target(goal, overwrite or files.skip_existing)
        image, comparison = open_image(file), None
        color, alpha, facts = restore(image, progress)
        if compare:
            comparison = beside_target(goal, COMPARISON)
            if not (files.skip_existing and comparison.exists()):
                _draw_comparison(comparison, image, color, title)
        check_target(goal, overwrite or files.skip_existing)
        # Last: where the target exists, the file is finished.
        _write(goal, image, color, alpha)
        return result(source=file, target=goal, comparison=comparison, **facts)

    with Progress(len(plan), "images", verbose) as progress:
        for file, goal in plan:
            try:
                if files.skip_existing and is_finished(goal):
                    continue  # another process has been faster
                done.append(restored(file, goal, progress))
            except Exception as error:
                errors[file] = error
            else:
                if on_file is not None:
                    with progress.cleared():
                        on_file(done[-1])
            finally:
                progress.add()
    if errors:
        raise FilesError(errors) from next(iter(errors.values()))
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


def _draw_comparison(path, image, after, title):
    """Before and after, in one size and as many channels."""
    rows, columns = (
        np.arange(new) * old // new
        for new, old in zip(after.shape, image.color.shape[:2], strict=False)
    )
    before = image.color[rows][:, columns]
    before, after = np.broadcast_arrays(before, after)
    name = image.path.name
    if len(name) > _LONGEST_TITLE:
        name = f"{name[: _LONGEST_TITLE // 2]}…{name[-_LONGEST_TITLE // 2 :]}"
    evaluation.draw_panel(
        path,
        {"before": before, "after": after},
        {"before": name, "after": title},
    )
