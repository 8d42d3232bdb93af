"""New rating studies: images of several methods, copied under blind names."""

import dataclasses
import math
import os
import pathlib
import random
import secrets
from collections.abc import Sequence
from typing import Literal

import numpy as np
from PIL import Image

from keras_synth.app.studies import DATABASE, KINDS, create
from keras_synth.io import (
    find_images,
    folder_written_whole,
    pair_by_name,
    read_image,
    write_image,
)

_COARSE = 8  # times smaller is the degraded copy of a catch trial
_LARGEST_STUDY = 100_000  # units


@dataclasses.dataclass(frozen=True)
class NewStudy:
    """Result of `rate_new`.

    Attributes:
        study: Path of the folder of the study.
        methods: Names of the methods.
        num_images: Number of images of each method.
        questions: Number of questions of each rater.
        notes: What was left out, in words.
    """

    study: pathlib.Path
    methods: tuple[str, ...]
    num_images: int
    questions: int
    notes: tuple[str, ...] = ()


def rate_new(
    study: str | os.PathLike,
    *,
    images: Sequence[str],
    reference: str | None = None,
    kind: Literal["pairs", "scores"] = "pairs",
    questions: int | None = None,
    repeats: int = 2,
    catch_trials: int = 2,
    title: str = "",
    question: str = "",
    consent: str = "",
    seed: int = 0,
) -> NewStudy:
    """Makes a rating study: which method's images do people find better?

    The images are copied into the folder of the study as PNG files of 8 bits,
    under names that say nothing. `keras-synth serve --study STUDY` asks people,
    each of whom gets an order and sides of their own.

    Args:
        study: Path of the folder to make.
        images: Paths of folders, one for each method, with images of the same
            names and sizes. The folder's name is the method's. In Python also
            an `evaluation.Comparison`, of which the images it has kept are
            taken.
        reference: Path of a folder with the originals, of the same names,
            which raters see beside the images. None shows none.
        kind: "pairs" asks which of two images is better, or neither, "scores"
            asks for a score from 1 to 5 of one image.
        questions: Number of questions of each rater, those of `repeats` and
            `catch_trials` included. None is 40, or fewer where there are not
            so many.
        repeats: Number of questions that are asked a second time, with the
            sides exchanged, to see whether raters agree with themselves.
        catch_trials: Number of questions with an image that is much coarser,
            to see whether the rater looks.
        title: Name of the study that raters see. Empty for none.
        question: Question that raters see. Empty for "Which image is better?"
            or "How good is this image?" in their language.
        consent: Text that raters agree to before the first question. Empty
            for one that says that no names are stored.
        seed: Seed of orders and sides.

    Returns:
        A `NewStudy`.

    Raises:
        FileExistsError: The folder exists.
        FileNotFoundError: There is no such folder of images.
        ValueError: Arguments are out of range, or the images do not fit.
    """
    study = pathlib.Path(study)
    if study.exists():
        raise FileExistsError(f"{study} exists already: give another name.")
    if kind not in KINDS:
        raise ValueError(
            f"`kind` must be one of {', '.join(KINDS)}. Received: {kind!r}"
        )
    for name, count in (("repeats", repeats), ("catch_trials", catch_trials)):
        if type(count) is not int or count < 0:
            raise ValueError(
                f"`{name}` must be an int of at least 0. Received: {count!r}"
            )
    metrics = {}
    if hasattr(images, "shown"):
        sources, metrics, notes = _of_comparison(images)
    else:
        sources, notes = _of_folders(images, reference)
    methods = [name for name in next(iter(sources.values())) if name]
    if len(methods) < (2 if kind == "pairs" else 1):
        raise ValueError(
            "A study of pairs needs two methods at least, of scores one. "
            f"Received: {', '.join(methods) or 'none'}"
        )
    of_image = math.comb(len(methods), 2) if kind == "pairs" else len(methods)
    questions = _num_questions(
        questions, len(sources) * of_image, repeats + catch_trials
    )
    settings = {
        "kind": kind,
        "questions": questions,
        "repeats": repeats,
        "catch_trials": catch_trials,
        "title": title,
        "question": question,
        "consent": consent,
        "seed": seed,
        "metrics": metrics,
    }
    with folder_written_whole(study) as unfinished:
        files = []
        for index, (name, versions) in enumerate(sources.items()):
            files += _copied(unfinished, index, name, versions, methods)
        # Their order says nothing either.
        random.Random(seed).shuffle(files)
        create(unfinished / DATABASE, settings, methods, list(sources), files)
    return NewStudy(
        study, tuple(methods), len(sources), questions, tuple(notes)
    )


def _num_questions(questions, units, others):
    if units > _LARGEST_STUDY:
        raise ValueError(
            f"{units} pairs of images are more than the {_LARGEST_STUDY} that "
            "a study can hold: give fewer images."
        )
    if questions is None:
        return min(40, units + others)
    if type(questions) is not int or not 1 <= questions - others <= units:
        raise ValueError(
            f"`questions` must be from {others + 1} to {others + units}: the "
            f"images give {units} different ones, and {others} are repeated "
            f"or catch trials. Received: {questions!r}"
        )
    return questions


def _of_folders(folders, reference):
    """`({name: {method: path}}, notes)`; the reference has the name None."""
    folders = [pathlib.Path(each) for each in folders]
    names = [os.path.basename(os.path.abspath(each)) for each in folders]
    if len(set(names)) < len(names):
        raise ValueError(
            "`images` must be folders of different names, which are those of "
            f"the methods. Received: {', '.join(map(str, folders))}"
        )
    found, left_out = {}, 0
    for folder in [*folders, *([reference] if reference else [])]:
        if not pathlib.Path(folder).is_dir():
            raise FileNotFoundError(f"There is no folder {folder}")
    if not folders:
        raise ValueError("`images` must be a folder for each method.")
    base = find_images(folders[0])
    others = dict(zip(names[1:], folders[1:], strict=True))
    if reference:
        others[None] = pathlib.Path(reference)
    pairs = {
        name: pair_by_name(base, folders[0], find_images(folder), folder)
        for name, folder in others.items()
    }
    for file in base:
        if all(file in each for each in pairs.values()):
            name = file.relative_to(folders[0]).with_suffix("").as_posix()
            found[name] = {names[0]: file} | {
                method: each[file] for method, each in pairs.items()
            }
        else:
            left_out += 1
    if not found:
        raise ValueError(
            "The folders have no image of the same name in common: "
            f"{', '.join(map(str, folders))}"
        )
    notes = [f"{left_out} images are not in every folder"] if left_out else []
    return found, notes


def _of_comparison(comparison):
    """As `_of_folders`, of arrays, and the means of the metrics."""
    found = {}
    for (degradation, image), versions in comparison.shown.items():
        found[f"{degradation}/{image}"] = {
            None if name == "clean" else name: values
            for name, values in versions.items()
            if values.shape == versions["clean"].shape
        }
    if not found:
        raise ValueError(
            "The comparison has kept no images: call `compare` with "
            "`num_shown`."
        )
    kept = [set(versions) for versions in found.values()]
    if any(names != kept[0] for names in kept):
        raise ValueError("All images must have been restored by all methods.")
    metrics = {
        metric: {
            method: float(
                np.mean(
                    [
                        row[metric]
                        for row in comparison.image_rows
                        if row["method"] == method
                    ]
                )
            )
            for method in kept[0] - {None}
        }
        for metric in comparison.metrics
    }
    return found, metrics, []


def _copied(folder, index, name, versions, methods):
    """Writes one image of all methods; yields rows of the table of files."""
    sizes = {}
    for method, source in versions.items():
        values = source
        if isinstance(source, pathlib.Path):
            values = read_image(source)
        sizes[method] = values.shape[1], values.shape[0]
        role = "reference" if method is None else "method"
        number = None if method is None else methods.index(method)
        yield _written(folder, values), index, role, number
    if len(set(sizes.values())) > 1:
        shown = ", ".join(f"{m or 'reference'} {s}" for m, s in sizes.items())
        raise ValueError(
            f"{name} must have one size, so that pixels can be compared. "
            f"Received: {shown}"
        )
    best = versions.get(None, next(iter(versions.values())))
    if isinstance(best, pathlib.Path):
        best = read_image(best)
    yield _written(folder, _coarse(best)), index, "catch", None


def _written(folder, values):
    token = secrets.token_hex(8)
    write_image(folder / "images" / f"{token}.png", values)
    return token


def _coarse(values):
    """A degraded copy that nobody takes for the better one."""
    pixels = np.uint8(np.clip(values, 0, 1) * 255.0 + 0.5)
    pixels = pixels[..., 0] if pixels.shape[-1] == 1 else pixels
    image = Image.fromarray(pixels)
    small = [max(side // _COARSE, 1) for side in image.size]
    image = image.resize(small, Image.Resampling.BOX)
    image = image.resize(
        (values.shape[1], values.shape[0]), Image.Resampling.NEAREST
    )
    coarse = np.asarray(image, "float32") / 255.0
    return coarse[..., None] if coarse.ndim == 2 else coarse
