"""Style transfer on image files: the content of one, the style of another."""

import dataclasses
import os
import pathlib
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

from keras_synth import models
from keras_synth.io import (
    FileOptions,
    Progress,
    Provenance,
    beside_target,
    check_gray,
    plan_targets,
    read_image,
    write_image,
)
from keras_synth.models.checks import check_loss_weights
from keras_synth.models.style_transfer.arguments import (
    as_step_counts,
    as_style_weights,
    check_alpha,
)
from keras_synth.models.style_transfer.canvas import resized_to
from keras_synth.networks import FEATURE_NETWORKS
from keras_synth.ops.numbers import is_int
from keras_synth.tasks.arguments import check_taken
from keras_synth.tasks.image_files import COMPARISON, restore_files
from keras_synth.tasks.loading import load_once

#: Methods besides `.keras` files.
METHODS = ("optimize", "adain")
_PREVIEW = "-step-{}.png"
_LEAST_SIDE = 32  # pixels of the longer side
# Arguments of "optimize" alone, besides `weights`, which a server is given.
_OF_OPTIMIZE = (
    "features",
    "steps",
    "style_weight",
    "start",
    "preserve_color",
    "preview_interval",
)


@dataclasses.dataclass(frozen=True)
class Stylized:
    """Result of `stylize` for one file.

    Attributes:
        source: Path of the file that was read.
        target: Path of the file that was written.
        size: (height, width) of the image written.
        comparison: Path of the image of before and after, or None.
        notes: What was converted, or could not be kept, in words.
    """

    source: pathlib.Path
    target: pathlib.Path
    size: tuple[int, int]
    comparison: pathlib.Path | None = None
    notes: tuple[str, ...] = ()


def stylize(
    source: str | os.PathLike,
    style: str | os.PathLike,
    target: str | os.PathLike,
    *,
    blend: Sequence[str] = (),
    blend_weights: Sequence[float] | None = None,
    method: str | os.PathLike = "optimize",
    features: Literal["vgg19", "vgg16", "squeezenet"] = "vgg19",
    weights: str = "imagenet",
    steps: Sequence[int] = (300,),
    size: int | None = 512,
    style_size: int | None = None,
    style_weight: float = 20.0,
    alpha: float = 1.0,
    start: Literal["content", "noise"] = "content",
    preserve_color: bool = False,
    preview_interval: int = 0,
    seed: int = 0,
    compare: bool = False,
    overwrite: bool = False,
    files: FileOptions | None = None,
    on_file: Callable[[Stylized], None] | None = None,
    verbose: Literal["auto", 0, 1, 2] = "auto",
) -> list[Stylized]:
    """Stylizes an image file or a folder of them (style transfer).

    Gray images get the colors of the style. Transparency, color profile and
    metadata are kept; a transparent style is put on white. Files are written
    whole or not at all.

    Args:
        source: Path of an image file, or of a folder with images, which are
            searched in all folders below it as well.
        style: Path of the image whose style is taken, such as a painting.
        target: Path of the image file to write. For a folder, path of the
            folder that gets files of the same names.
        blend: Paths of more style images, whose styles are blended with that
            of `style`.
        blend_weights: Weights of the styles, that of `style` first. None
            gives all the same.
        method: "optimize" (`models.StyleTransfer`: minutes for an image),
            "adain" (`presets.adain`: a moment, for any painting), or the path
            of a `.keras` file of `train adain`.
        features: Network whose feature maps "optimize" compares: "vgg19"
            (the paper's), "vgg16", or "squeezenet" (the fastest, with finer
            strokes).
        weights: Weights of that network: "imagenet" downloads them once;
            otherwise the path of a weights file.
        steps: Number of steps of "optimize". Several numbers are those of
            the levels of a pyramid, the smallest image first.
        size: Largest number of pixels of the longer side of what is
            stylized; larger images are made smaller first. None stylizes
            them as they are.
        style_size: Pixels of the longer side of the style image. A larger
            one gives coarser strokes. None takes that of the stylized image,
            and at least 32.
        style_weight: Weight of the style loss of "optimize", where that of
            the content loss is 1.
        alpha: Strength of the style with "adain" or a `.keras` file, from 0
            to 1.
        start: Image that "optimize" starts from: the "content", or "noise".
        preserve_color: Whether "optimize" stylizes the brightness alone.
        preview_interval: Number of steps of "optimize" between previews,
            `NAME-step-0050.png`. 0 writes none. Of an animation only its
            first image has some.
        seed: Seed of the noise.
        compare: Whether to write before and after side by side as well, as
            `NAME-compare.png`.
        overwrite: Whether existing files may be replaced.
        files: `io.FileOptions`: how files are read, chosen and written. None
            for the defaults.
        on_file: None, or a function that is called with each result as soon
            as its file is written.
        verbose: Progress, see `io.Progress`.

    Returns:
        A list of `Stylized`.

    Raises:
        FileExistsError: A file exists and `overwrite` is False.
        FileNotFoundError: There is no such source, style, model or weights
            file.
        OSError: The weights could not be downloaded.
        PermissionError: The place cannot be written to.
        ValueError: Arguments are out of range, or files are no images; in a
            folder all others are stylized first.
    """
    arguments = dict(locals())
    method = str(method)
    _check(method, features, size, style_size, preview_interval)
    _check_taken(method, arguments)
    as_step_counts(steps)
    as_style_weights(blend_weights, 1 + len(blend), "blend_weights")
    check_loss_weights({"style_weight": style_weight})
    check_alpha(alpha)
    styles = [read_image(file, channels=3)[None] for file in (style, *blend)]
    beside = [COMPARISON] if compare else []
    if preview_interval:
        beside.append(_PREVIEW.format("*"))
    plan = plan_targets(
        source,
        target,
        overwrite=overwrite,
        beside=beside,
        files=files,
        also_read=[style, *blend],
    )
    goals = dict(plan)
    for goal in goals.values():
        check_gray(goal, 3)
    on_ray = files is not None and files.engine == "ray"
    if method == "optimize":
        transfer = models.StyleTransfer(_features(features, weights))
        transfer.compile(style_weight=style_weight)
        total = len(plan) * sum(np.ravel(steps))
        progress, of_files = Progress(total, "steps", verbose), 0
        if on_ray:  # the steps are counted elsewhere
            progress, of_files = Progress(verbose=0), verbose
    else:
        transfer = load_once(method, models.AdaINTransfer)
        progress, of_files = Progress(verbose=0), verbose

    previewed = set()

    def run(content, paintings, goal):
        if method != "optimize":
            return transfer.stylize(
                content, paintings, alpha, style_weights=blend_weights
            )

        interval = 0 if goal in previewed else preview_interval
        previewed.add(goal)

        def on_step(step, image, terms):
            progress.add()
            if interval and step % interval == 0:
                path = beside_target(goal, _PREVIEW.format(f"{step:04}"))
                if not (files and files.skip_existing and path.exists()):
                    write_image(
                        path,
                        np.asarray(image[0]),
                        provenance=None
                        if files and files.strip
                        else Provenance("edited", "stylized"),
                    )

        return transfer.stylize(
            content,
            paintings,
            tuple(steps),
            style_weights=blend_weights,
            start=start,
            preserve_color=preserve_color,
            seed=seed,
            verbose=0,
            on_step=on_step if verbose or preview_interval else None,
        )

    def stylized(image, _):
        sides = image.color.shape[:2]
        longest = max(sides) if size is None else min(size, max(sides))
        content = _with_longer_side(image.color[None], longest)
        paintings = [
            _with_longer_side(each, style_size or max(longest, _LEAST_SIDE))
            for each in styles
        ]
        color = np.asarray(run(content, paintings, goals[image.path])[0])
        transparency = image.alpha
        if transparency is not None:
            transparency = _with_longer_side(transparency[None], longest)[0]
        return color, transparency, {"size": color.shape[:2]}

    def announce(result):
        with progress.cleared():
            on_file(result)

    with progress:
        return restore_files(
            plan,
            stylized,
            Stylized,
            title="stylized",
            kind="edited",
            compare=compare,
            overwrite=overwrite,
            files=files,
            on_file=announce if on_file else None,
            verbose=of_files,
        )


def _check(method, features, size, style_size, preview_interval):
    if method not in METHODS and not method.endswith(".keras"):
        raise ValueError(
            f"`method` must be {', '.join(METHODS)} or a .keras file. "
            f"Received: {method!r}"
        )
    if features not in FEATURE_NETWORKS:
        raise ValueError(
            f"`features` must be one of {', '.join(FEATURE_NETWORKS)}. "
            f"Received: {features!r}"
        )
    for name, value, least in (
        ("size", size, _LEAST_SIDE),
        ("style_size", style_size, _LEAST_SIDE),
        ("preview_interval", preview_interval, 0),
    ):
        if value is not None and (not is_int(value) or value < least):
            raise ValueError(
                f"`{name}` must be an int of at least {least}. "
                f"Received: {name}={value!r}"
            )


def _check_taken(method, arguments):
    """Refuses arguments that the method would ignore."""
    others, owner = ("alpha",), "'adain' and .keras files of `train adain`"
    if method != "optimize":
        others, owner = _OF_OPTIMIZE, "the method 'optimize'"
    check_taken(stylize, arguments, others, owner, method=method)


def _features(name, weights):
    """The network, with the paper's layers where it has them."""
    if name == "squeezenet":
        return FEATURE_NETWORKS[name](weights)
    return FEATURE_NETWORKS[name](weights, models.StyleTransfer.PAPER_LAYERS)


def _with_longer_side(images, side):
    """Images in [0, 1] (batch, height, width, channels), resized."""
    scale = side / max(images.shape[1:3])
    size = [max(round(scale * each), 1) for each in images.shape[1:3]]
    return np.asarray(resized_to(images, size))
