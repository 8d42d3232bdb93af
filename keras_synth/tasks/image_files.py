"""Image files in, image files out: reading, restoring, writing, comparing."""

import contextlib
import dataclasses
import os
import pathlib
import shutil
import warnings
from collections.abc import Callable

import numpy as np
from scipy import ndimage

from keras_synth import evaluation
from keras_synth.inference import cluster
from keras_synth.io import (
    FileOptions,
    Progress,
    Provenance,
    beside_target,
    check_holds,
    check_target,
    encode_images,
    format_of,
    is_finished,
    open_decoded,
    quantized,
    split_alpha,
    write_whole,
    written_whole,
)

#: What is written beside a target for `compare`.
COMPARISON = "-compare.png"
_LONGEST_TITLE = 28


@dataclasses.dataclass(frozen=True, eq=False)
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
        luma_table: Quantization table of luma of a JPEG file, or None.
        profile: ICC profile, bytes, or None.
    """

    path: pathlib.Path
    color: np.ndarray
    alpha: np.ndarray | None
    bits: int
    hidden: np.ndarray | None = None
    milliseconds: float = 0
    luma_table: list | None = None
    profile: bytes | None = None


@contextlib.contextmanager
def _without_warnings():
    """Without those about broken metadata, which hide no pixels."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def open_images(decoded):
    """Yields every image of a file as an `ImageFile`.

    Args:
        decoded: What `io.open_decoded` gave.
    """
    for index in range(decoded.num_frames):
        with _without_warnings():
            values, milliseconds = decoded.read(index)
        color, alpha = split_alpha(values)
        bled = bleed_colors(color, alpha)
        yield ImageFile(
            decoded.path,
            bled,
            alpha,
            decoded.depth,
            None if bled is color else color,
            milliseconds,
            (decoded.metadata.tables or {}).get(0),
            decoded.metadata.profile,
        )


def bleed_colors(color, alpha):
    """Color bleeding: edges spread into what is wholly transparent.

    So nothing that is not seen comes in at the edges as a fringe.

    Args:
        color: Array (height, width, channels).
        alpha: Array (height, width, 1) of the transparency, or None.

    Returns:
        The colors, or the very same array where nothing is transparent.
    """
    if alpha is None:
        return color
    clear = alpha[..., 0] == 0
    if not clear.any() or clear.all():
        return color
    nearest = ndimage.distance_transform_edt(
        clear, return_distances=False, return_indices=True
    )
    return color[tuple(nearest)]


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
    kind="restored",
    scale=1,
    overwrite=False,
    files=None,
    on_file=None,
    verbose="auto",
):
    """Restores file after file; each is written whole or not at all.

    An error of any kind concerns one file: the others are restored, and then
    `FilesError` names it. A target that another process has written meanwhile
    is left as it is, unless `overwrite` asks to replace it.

    Every frame of an animation and every page is restored. The new file has
    the depth, the profile and the metadata of the old one; what its format
    cannot hold stands in the notes of the result. Where an image comes back
    as the very same arrays, the file itself is copied if the format stays.

    Args:
        plan: List of `(file to read, file to write)`, see
            `io.plan_targets`.
        restore: Function from an `ImageFile` and an `io.Progress`, of which
            its own progress is a part, to `(color, alpha, facts)`, where
            facts is a dict.
        result: Function of `source`, `target`, `comparison` (a path or None),
            `notes` and the facts, by name.
        title: Name of the restored image in the comparison.
        compare: Whether to write before and after side by side, as
            `NAME-compare.png`.
        kind: What is done, see `io.Provenance`, or None for nothing that the
            metadata should say; or a function from the facts to an
            `io.Provenance`.
        scale: Factor from the sides of an image to those of the result.
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
    title = pathlib.Path(title).name  # of a file the name, without folders
    job = _Job(restore, result, title, kind, scale, compare, overwrite, files)
    run = _on_ray if files.engine == "ray" else _in_turn
    done, errors = {}, {}
    with Progress(len(plan), "images", verbose) as progress:
        for file, made, error in run(job, plan, progress):
            if error is not None:
                errors[file] = error
            elif made is not None:
                done[file] = made
                if on_file is not None:
                    with progress.cleared():
                        on_file(made)
            progress.add()
    if errors:
        errors = {file: errors[file] for file, _ in plan if file in errors}
        raise FilesError(errors) from next(iter(errors.values()))
    return [done[file] for file, _ in plan if file in done]


@dataclasses.dataclass(frozen=True)
class _Job:
    """What is done with each file; see `restore_files`."""

    restore: Callable
    result: Callable
    title: str
    kind: str | Callable | None
    scale: int
    compare: bool
    overwrite: bool
    files: FileOptions

    def __call__(self, file, goal, progress, again=False):
        """Restores a file.

        Args:
            file: Path of the file to read.
            goal: Path of the file to write.
            progress: An `io.Progress`.
            again: Whether a process was lost that may have written the goal.

        Returns:
            The result, or None where another process has been faster.
        """
        files = self.files
        if files.skip_existing and not again and is_finished(goal):
            return None
        may_exist = self.overwrite or files.skip_existing or again
        check_target(goal, may_exist)
        with _without_warnings():
            decoded, comparison = open_decoded(file, files), None
            check_holds(goal, decoded, files, self.scale)
        frames, image, color, facts = _frames(decoded, self.restore, progress)
        provenance = self.kind
        if callable(provenance):
            provenance = provenance(facts)
        elif provenance is not None:
            provenance = Provenance(provenance, self.title)
        if self.compare:
            comparison = beside_target(goal, COMPARISON)
            if not (files.skip_existing and comparison.exists()):
                _draw_comparison(
                    comparison,
                    image,
                    color,
                    self.title,
                    None if files.strip else provenance,
                )
        check_target(goal, may_exist)
        # Last: where the target exists, the file is finished.
        notes = _write(goal, decoded, frames, files, provenance)
        return self.result(
            source=file,
            target=goal,
            comparison=comparison,
            notes=notes,
            **facts,
        )


def _in_turn(job, plan, progress):
    """Yields `(file, result, error)` of file after file."""
    for file, goal in plan:
        made = error = None
        try:
            made = job(file, goal, progress)
        except Exception as raised:
            error = raised
        yield file, made, error


def _on_ray(job, plan, _):
    """Yields `(file, result, error)` as processes of a cluster finish."""
    for file, goal in plan:
        if os.path.realpath(file) == os.path.realpath(goal):
            raise ValueError(
                f"{file} would be read and replaced: a process that is lost "
                "then could restore it twice. Give another target, or "
                "`engine` local."
            )
    here = os.getcwd()

    def restored(file, goal, again):
        with contextlib.suppress(OSError):  # paths may be absolute
            os.chdir(here)
        return job(file, goal, Progress(verbose=0), again)

    for index, made, error in cluster.call_on_ray(restored, plan):
        yield plan[index][0], made, error


def _frames(decoded, restore, progress):
    """Restores every image of a file.

    Returns:
        `(frames, first image that was changed, its restored colors, facts
        about it)`. A frame is `(color, alpha, milliseconds)`; there are none
        where all images came back as they were.
    """
    frames, first, untouched = [], None, True
    for image in open_images(decoded):
        color, alpha, facts = restore(image, progress)
        if not np.isfinite([color.min(), color.max()]).all():
            raise ValueError(
                "NaN or infinite values were made of the image: the network "
                "has such weights, or overflows"
            )
        same = color is image.color and alpha is image.alpha
        if first is None or (untouched and not same):
            first = image, color, facts
        untouched &= same
        hidden = image.hidden if alpha is image.alpha else None
        if hidden is not None and hidden.shape == color.shape:
            color = np.where(alpha > 0, color, hidden)
        if decoded.num_frames > 1 and decoded.depth == 8:
            color = quantized(color, 8)  # in little memory
            alpha = None if alpha is None else quantized(alpha, 8)
        frames.append((color, alpha, image.milliseconds))
    return [] if untouched else frames, *first


def _write(goal, decoded, frames, files, provenance):
    """Writes a file; returns what was converted or left out."""
    asked = files.strip or files.quality or files.background
    if not frames and not asked and decoded.format == format_of(goal).name:
        with written_whole(goal) as unfinished:
            shutil.copyfile(decoded.path, unfinished)
        return ()  # a copy lacks nothing
    if not frames:
        provenance = None  # nothing was done
        images = map(decoded.read, range(decoded.num_frames))
        frames = [(*split_alpha(values), ms) for values, ms in images]
    encoded = encode_images(
        goal, frames, decoded=decoded, options=files, provenance=provenance
    )
    write_whole(goal, encoded.data)
    return decoded.notes + encoded.notes


def _draw_comparison(path, image, after, title, provenance):
    """Before and after, in one size and as many channels."""
    rows, columns = (
        np.arange(new) * old // new
        for new, old in zip(after.shape, image.color.shape[:2], strict=False)
    )
    before = image.color[rows][:, columns]
    if after.dtype.kind == "u":
        after = after / np.float32(np.iinfo(after.dtype).max)
    before, after = np.broadcast_arrays(before, after)
    evaluation.draw_panel(
        path,
        {"before": before, "after": after},
        {"before": _short(image.path.name), "after": _short(title)},
        provenance=provenance,
    )


def _short(title):
    """A title that is no wider than its image."""
    if len(title) <= _LONGEST_TITLE:
        return title
    return f"{title[: _LONGEST_TITLE // 2]}…{title[-_LONGEST_TITLE // 2 :]}"
