"""Anonymization of image files: faces hidden, metadata left out."""

import dataclasses
import json
import os
import pathlib
from collections.abc import Callable
from typing import Literal

import numpy as np

from keras_synth import degradations, restoration
from keras_synth.io import FileOptions, plan_targets
from keras_synth.tasks.image_files import COMPARISON, restore_files


@dataclasses.dataclass(frozen=True)
class Anonymized:
    """Result of `anonymize` for one file.

    Attributes:
        source: Path of the file that was read.
        target: Path of the file that was written.
        regions: What was hidden: a list of (top, left, height, width) in
            pixels for each image of the file, frames of an animation and pages
            included.
        method: How it was hidden.
        comparison: Path of the image of before and after, or None.
        notes: What was converted, or could not be kept, in words.
    """

    source: pathlib.Path
    target: pathlib.Path
    regions: list[list[tuple[int, int, int, int]]]
    method: str
    comparison: pathlib.Path | None = None
    notes: tuple[str, ...] = ()


def anonymize(
    source: str | os.PathLike,
    target: str | os.PathLike,
    *,
    method: Literal["fill", "pixelate", "blur", "inpaint"] = "fill",
    cells: int = 4,
    margin: float = 0.2,
    smallest: float = 0.05,
    cascade: str | os.PathLike | None = None,
    regions: str | os.PathLike | None = None,
    detector: Callable | None = None,
    compare: bool = False,
    overwrite: bool = False,
    files: FileOptions | None = None,
    on_file: Callable[[Anonymized], None] | None = None,
    verbose: Literal["auto", 0, 1, 2] = "auto",
) -> list[Anonymized]:
    """Anonymizes image files: faces are hidden, metadata left out.

    Faces are found by a cascade of local binary patterns, or a detector of
    your own, and filled, pixelated, blurred or inpainted. Outside of them no
    pixel changes (in a lossless format; JPEG stores all pixels anew). EXIF,
    XMP, comments and texts, which say who, where and when, are left out, as
    is what lies under transparent pixels.

    No detector finds every face, least of all those in profile: look at the
    images. `--json` prints what was hidden; correct it, and give it back with
    `--regions`. Clothes, places and texts may tell who it is as well.

    Args:
        source: Path of an image file, or of a folder with images, which are
            searched in all folders below it as well.
        target: Path of the image file to write. For a folder, path of the
            folder that gets files of the same names.
        method: "fill" leaves the mean color, "pixelate" a few squares, "blur"
            blurs strongly, "inpaint" continues the surroundings.
        cells: Squares along each side of a face that is pixelated.
        margin: What each region is widened by at each side, as a share of its
            own.
        smallest: Side of the smallest face, as a share of the shorter side of
            the image.
        cascade: Path of an XML file of a cascade of local binary patterns for
            other faces or things. None takes that for frontal faces.
        regions: Path of a JSON-lines file with what to hide, as `--json`
            prints it: {"source": ..., "regions": [[[top, left, height,
            width], ...], ...]}. No faces are searched, and nothing is widened.
        detector: Function from an image (height, width, channels), an array in
            [0, 1], to boxes (faces, 4) of top, left, height and width in
            pixels, in place of the cascade.
        compare: Whether to write before and after side by side as well, as
            `NAME-compare.png`.
        overwrite: Whether existing files may be replaced.
        files: `io.FileOptions`: how files are read, chosen and written. None
            for the defaults. Metadata are left out in any case.
        on_file: None, or a function that is called with each result as soon
            as its file is written.
        verbose: Progress, see `io.Progress`.

    Returns:
        A list of `Anonymized`.

    Raises:
        FileExistsError: A file exists and `overwrite` is False.
        FileNotFoundError: There is no such source, cascade or file of regions.
        PermissionError: The place cannot be written to.
        ValueError: Arguments are out of range, files are no images, or the
            file of regions does not name an image; in a folder all others are
            written first.
    """
    if detector is None:
        _check_there(cascade)

        def detector(image):
            return degradations.find_faces(image, smallest, cascade)

    hide = degradations.Anonymize(
        "fill" if method == "inpaint" else method, cells, margin, detector
    )
    detector(np.zeros((64, 64, 1)))  # refuses wrong options before any work
    known = None if regions is None else read_regions(regions)
    fill = restoration.patch_match() if method == "inpaint" else None
    files = dataclasses.replace(files or FileOptions(), strip=True)
    beside = (COMPARISON,) if compare else ()
    plan = plan_targets(
        source, target, overwrite=overwrite, beside=beside, files=files
    )
    done = {}

    def anonymized(image, progress):
        # The facts are those of a file's first image: one list for all.
        found = done.setdefault(image.path, [])
        if known is None:
            boxes = hide.boxes(image.color)
        else:
            boxes = _known(known, image, len(found))
        found.append([tuple(map(int, box)) for box in boxes])
        color = image.color
        if len(boxes) and fill is None:
            color = hide.hide(color, boxes)
        elif len(boxes):
            mask = np.zeros((*color.shape[:2], 1), "float32")
            for top, left, height, width in boxes:
                mask[top : top + height, left : left + width] = 1.0
            filled = fill({"image": color[None], "mask": mask[None]})
            color = np.where(mask > 0, np.asarray(filled)[0], color)
        alpha = image.alpha
        if image.hidden is not None:
            # A copy: what lies under transparent pixels is not kept, since a
            # face may.
            alpha = alpha.copy()
        return color, alpha, {"regions": found, "method": method}

    return restore_files(
        plan,
        anonymized,
        Anonymized,
        title="anonymized",
        compare=compare,
        overwrite=overwrite,
        files=files,
        on_file=on_file,
        verbose=verbose,
    )


def _check_there(path):
    if path is not None and not pathlib.Path(path).exists():
        raise FileNotFoundError(f"There is no such cascade: {path}")


def read_regions(path):
    """Reads a JSON-lines file of what to hide.

    Args:
        path: Path of the file, see `anonymize`.

    Returns:
        `{path of an image: list of boxes for each of its images}`.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It holds something else.
    """
    path = pathlib.Path(path)
    if not path.exists():
        raise FileNotFoundError(f"There is no such file of regions: {path}")
    known = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
            source = pathlib.Path(entry["source"])
            known[source] = [_as_boxes(boxes) for boxes in entry["regions"]]
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"Line {number} of {path} must be a JSON object with `source` "
                "and `regions`, for each image of the file a list of [top, "
                "left, height, width] with sides above 0."
            ) from error
    return known


def _as_boxes(boxes):
    boxes = np.array(boxes, "float64")
    if not boxes.size:
        return boxes.reshape(0, 4)
    whole = boxes.ndim == 2 and boxes.shape[1] == 4
    if not (whole and np.isfinite(boxes).all() and boxes[:, 2:].min() > 0):
        raise ValueError("no boxes")
    return boxes


def _known(known, image, index):
    try:
        boxes = known[image.path][index]
    except (KeyError, IndexError):
        raise ValueError(
            "the file of regions does not say what to hide in it: give it an "
            "empty list for nothing"
        ) from None
    clipped = degradations.clip_boxes(boxes, image.color.shape[:2])
    if len(clipped) < len(boxes):
        height, width = image.color.shape[:2]
        raise ValueError(
            "the file of regions names one that lies outside of the image, "
            f"which is {height} pixels high and {width} wide"
        )
    return clipped
