"""Anyone's images, stylized as another is: files in, files out."""

import dataclasses
import glob
import pathlib

import numpy as np

from keras_synth import models
from keras_synth.io import read_image, write_image
from keras_synth.models.style_transfer.canvas import resized_to
from keras_synth.networks import FEATURE_NETWORKS
from keras_synth.tasks.image_files import (
    check_stems,
    plan_files,
    restore_files,
)
from keras_synth.tasks.saved import load_model

_PREVIEW = "-step-"


@dataclasses.dataclass(frozen=True)
class Stylized:
    """What `stylize_images` did to one file.

    Attributes:
        source: the file read.
        target: the file written.
        size: (height, width) of the image written.
        comparison: the image of before and after, or None.
    """

    source: pathlib.Path
    target: pathlib.Path
    size: tuple
    comparison: pathlib.Path | None = None


def stylize_images(
    source,
    style,
    target,
    *,
    method="optimize",
    features="vgg19",
    weights="imagenet",
    steps=(300,),
    size=512,
    style_size=None,
    style_weight=20.0,
    mix=None,
    alpha=1.0,
    start="content",
    preserve_color=False,
    preview=0,
    seed=0,
    compare=False,
    overwrite=False,
    verbose=1,
):
    """Stylizes an image file, or a folder of them, as another is stylized.

    Gray images get the style's colors. Transparency stays; a transparent
    style is put on white; rotation noted in EXIF is applied. Files are
    written whole or not at all.

    Args:
        source: an image file, or a folder; of a folder all images below it.
        style: the file of the painting, or several to blend.
        target: the file to write, or the folder, which gets the same names.
        method: "optimize" (`models.StyleTransfer`: minutes an image), or the
            path of a `.keras` file that `train_adain` left, which takes a
            moment.
        features: network that compares images, of "optimize": "vgg19" (the
            paper's), "vgg16" or "squeezenet" (the fastest; finer strokes).
        weights: of that network: "imagenet" downloads them once, or the path
            of a file, see `networks.vgg19_features`.
        steps: of "optimize": one number, or one a level of its pyramid.
        size: most pixels of the longer side of what is stylized; larger
            images are made smaller first. None stylizes them as they are.
        style_size: pixels of the longer side of the painting: larger for
            coarser strokes. None for those of the image.
        style_weight: λ_s of `models.StyleTransfer.compile`.
        mix: weights of several styles; equal by default.
        alpha: how much of the style, from 0 to 1, of a `.keras` file.
        start: "content" or "noise", of "optimize".
        preserve_color: whether "optimize" stylizes the brightness alone.
        preview: every so many steps of "optimize" the image as it is, to
            `NAME-step-0050.png`; 0 for none.
        seed: of the noise.
        compare: whether to write before and after side by side, as
            `NAME-compare.png`.
        overwrite: whether existing files may be replaced.
        verbose: 1 shows a progress bar, 2 one line, 0 nothing.

    Returns:
        A list of `Stylized`.

    Raises:
        FileExistsError: a file is there and `overwrite` is False.
        FileNotFoundError: no such source, style, model or weights.
        OSError: the weights could not be downloaded.
        PermissionError: the place cannot be written to.
        ValueError: arguments out of range, or files that are no images; in
            a folder all others are stylized first.
    """
    _check(method, features, size, style_size, preview)
    files = [style] if isinstance(style, str | pathlib.Path) else list(style)
    styles = [read_image(file, channels=3)[None] for file in files]
    plan = plan_files(source, target, compare, overwrite)
    if preview:
        _check_previews(plan, overwrite)
    if method == "optimize":
        transfer = models.StyleTransfer(_features(features, weights))
        transfer.compile(style_weight=style_weight)
    else:
        transfer = load_model(method, models.AdaINTransfer)

    def stylize(content, paintings, stem):
        if method != "optimize":
            return transfer.stylize(
                content, paintings, alpha, style_weights=mix
            )

        def show(step, image, terms):
            if step % preview == 0:
                path = stem.with_name(f"{stem.name}{_PREVIEW}{step:04}.png")
                write_image(path, np.asarray(image[0]))

        return transfer.stylize(
            content,
            paintings,
            tuple(steps),
            style_weights=mix,
            start=start,
            preserve_color=preserve_color,
            seed=seed,
            verbose=verbose,
            on_step=show if preview else None,
        )

    goals = {file: goal for file, goal in plan}

    def restore(image):
        sides = image.color.shape[:2]
        longest = max(sides) if size is None else min(size, max(sides))
        content = _with_longer_side(image.color[None], longest)
        paintings = [
            _with_longer_side(each, style_size or longest) for each in styles
        ]
        stem = goals[image.path].with_suffix("")
        stylized = np.asarray(stylize(content, paintings, stem)[0])
        alpha_channel = image.alpha
        if alpha_channel is not None:
            alpha_channel = _with_longer_side(alpha_channel[None], longest)[0]
        return stylized, alpha_channel, {"size": stylized.shape[:2]}

    return restore_files(
        plan, restore, Stylized, title="stylized", compare=compare
    )


def _check(method, features, size, style_size, preview):
    if method != "optimize" and not str(method).endswith(".keras"):
        raise ValueError(
            f"`method` must be optimize or a .keras file. Received: {method!r}"
        )
    if features not in FEATURE_NETWORKS:
        raise ValueError(
            f"`features` must be one of {', '.join(FEATURE_NETWORKS)}. "
            f"Received: {features!r}"
        )
    for name, value, least in (
        ("size", size, 32),
        ("style_size", style_size, 32),
        ("preview", preview, 0),
    ):
        if value is not None and (type(value) is not int or value < least):
            raise ValueError(
                f"`{name}` must be an int of at least {least}. "
                f"Received: {name}={value!r}"
            )


def _check_previews(plan, overwrite):
    """Refuses to mix the previews of several paintings."""
    check_stems(plan)
    if overwrite:
        return
    for _, goal in plan:
        for old in goal.parent.glob(f"{glob.escape(goal.stem)}{_PREVIEW}*.png"):
            raise FileExistsError(
                f"{old} is there already: ask to overwrite it."
            )


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
