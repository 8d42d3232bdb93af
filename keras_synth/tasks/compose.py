"""Composition of image files: a part of one is put into another."""

import dataclasses
import os
import pathlib
from collections.abc import Callable
from typing import Literal

import numpy as np
from PIL import Image

from keras_synth import editing
from keras_synth.io import FileOptions, open_decoded, plan_targets, quantized
from keras_synth.io.images import on_white
from keras_synth.io.metadata import to_profile
from keras_synth.tasks.arguments import check_taken
from keras_synth.tasks.image_files import (
    COMPARISON,
    bleed_colors,
    open_images,
    restore_files,
)
from keras_synth.tasks.loading import load_model_or_preset
from keras_synth.tasks.masks import read_marked

METHODS = ("poisson", "mixed", "paste")


@dataclasses.dataclass(frozen=True)
class Composed:
    """Result of `compose`.

    Attributes:
        source: Path of the base that was read.
        target: Path of the file that was written.
        seam: `editing.seam_ratio` of the image; None where the mask has no
            edge in it.
        comparison: Path of the image of before and after, or None.
        notes: What was converted, or could not be kept, in words.
    """

    source: pathlib.Path
    target: pathlib.Path
    seam: float | None
    comparison: pathlib.Path | None = None
    notes: tuple[str, ...] = ()


def compose(
    base: str | os.PathLike,
    part: str | os.PathLike,
    mask: str | os.PathLike,
    target: str | os.PathLike,
    *,
    method: Literal["poisson", "mixed", "paste"] = "poisson",
    left: int = 0,
    top: int = 0,
    model: str | None = None,
    labels: list[int] | None = None,
    num_steps: int = 300,
    seed: int = 0,
    compare: bool = False,
    overwrite: bool = False,
    files: FileOptions | None = None,
    on_file: Callable[[Composed], None] | None = None,
    verbose: Literal["auto", 0, 1, 2] = "auto",
) -> list[Composed]:
    """Composes image files: puts a part into a base, without a seam.

    Outside of the mask all pixels are, bit for bit, those of the base (in
    formats that lose nothing and have as many bits). Depth, transparency,
    color profile and metadata are those of the base. Poisson blending takes
    the edges of the part and the colors of the base. A part of 8 bits with
    another color profile is converted to that of the base; without a profile
    its colors are sRGB.

    Args:
        base: Path of the image file that the part is put into.
        part: Path of the image file with the part. Where it is transparent
            it is not taken.
        mask: Path of an image file of the size of the part, white (above one
            half) where the part is wanted, or in one color on a transparent
            ground.
        target: Path of the image file to write.
        method: "poisson"; "mixed", where the base shows through flat places;
            or "paste", which copies the colors, softly where the mask is gray.
        left: Column of the base where the part begins, which may be negative.
        top: Row of the base where the part begins.
        model: Path of the `.keras` file of a StyleGAN2, GAN or VAE, or name
            of a preset, which harmonizes the part: it makes the image once
            more. The base must be of its size.
        labels: Class of the image, for a class-conditional model.
        num_steps: Number of steps of the model's projection.
        seed: Seed of all noise of the projection.
        compare: Whether to write before and after side by side as well, as
            `NAME-compare.png`.
        overwrite: Whether existing files may be replaced.
        files: `io.FileOptions`: how files are read, chosen and written. None
            for the defaults.
        on_file: None, or a function that is called with each result as soon
            as its file is written.
        verbose: Progress, see `io.Progress`.

    Returns:
        A list of one `Composed`, or of none that is there already.

    Raises:
        FileExistsError: A file exists and `overwrite` is False.
        FileNotFoundError: There is no such file or model.
        PermissionError: The place cannot be written to.
        ValueError: Arguments are out of range, files are no images, or they
            do not fit.

    Reference: Pérez et al., Poisson Image Editing, 2003.
    """
    if model is None:
        names = ("labels", "num_steps", "seed")
        check_taken(compose, locals(), names, "a `model`, which harmonizes")
    if not all(isinstance(each, int | np.integer) for each in (left, top)):
        raise ValueError(
            "`left` and `top` must be whole numbers of pixels. "
            f"Received: left={left!r}, top={top!r}"
        )
    if method not in METHODS:
        raise ValueError(
            f"`method` must be one of {', '.join(METHODS)}. "
            f"Received: method={method!r}"
        )
    if model is not None and method != "poisson":
        raise ValueError("A `model` harmonizes with `method` poisson alone.")
    for name, path in (("base", base), ("part", part), ("mask", mask)):
        if pathlib.Path(path).is_dir():
            raise ValueError(
                f"{path} is a folder: `{name}` must be an image file."
            )
    plan = plan_targets(
        base,
        target,
        overwrite=overwrite,
        beside=(COMPARISON,) if compare else (),
        files=files,
        also_read=[part, mask],
    )
    piece, region = _part_and_mask(part, mask, method, files)
    generator = None if model is None else load_model_or_preset(model)

    def composed(image, progress):
        wanted, of_part = _in_profile_of(image, piece)
        placed, there = editing.paste(image.color, wanted, region, (top, left))
        if generator is not None:
            placed = editing.harmonize(
                generator,
                on_white(image.color, image.alpha),
                placed,
                there,
                labels=labels,
                steps=num_steps,
                seed=seed,
                verbose=progress,
            ).projection.images[0]
        color = placed
        if method != "paste":
            color = editing.poisson_blend(
                image.color, placed, there, method == "mixed"
            )
        color = np.clip(color, 0.0, 1.0).astype(image.color.dtype)
        share, alpha = there, image.alpha
        if alpha is not None:
            alpha = editing.composite(alpha, np.ones_like(alpha), there)
            # "Over": what is transparent in the base has no share in a color.
            share = np.divide(
                there, alpha, out=np.zeros_like(there), where=alpha > 0
            )
        color = editing.composite(image.color, color, share)
        inside = there > 0.5
        seam = None
        if inside.any() and not inside.all():
            seam = editing.seam_ratio(color, there)
        if image.hidden is not None:
            color = np.where(alpha > 0, color, image.hidden)
        return color, alpha, {"seam": seam, "of_part": of_part}

    def result(notes, of_part, **facts):
        return Composed(notes=of_part + notes, **facts)

    return restore_files(
        plan,
        composed,
        result,
        title="composed",
        kind="edited",
        compare=compare,
        overwrite=overwrite,
        files=files,
        on_file=on_file,
        verbose=verbose,
    )


def _part_and_mask(part, mask, method, files):
    """The `ImageFile` of the part, and the mask that its transparency leaves.

    Only `method` paste takes gray levels of the mask.
    """
    largest = (files or FileOptions()).max_megapixels
    decoded = open_decoded(part, FileOptions(max_megapixels=largest))
    piece, region = next(open_images(decoded)), read_marked(mask, files)
    if region.shape[:2] != piece.color.shape[:2]:
        sizes = [
            f"{width}x{height}"
            for height, width in (piece.color.shape[:2], region.shape[:2])
        ]
        raise ValueError(
            f"The mask {mask} must be as large as its part {part}, "
            f"{sizes[0]}. Received: {sizes[1]}"
        )
    least = 0.0 if method == "paste" else 0.5
    if not (region > least).any():
        raise ValueError(
            f"The mask {mask} must be white where the part is wanted, above "
            f"{least:g}. Received: {region.max():.3f} at its brightest"
        )
    if piece.alpha is not None:
        region = region * piece.alpha
        if not (region > least).any():
            raise ValueError(
                f"The part {part} must be visible where the mask {mask} is "
                "white. Received: a part that is transparent there"
            )
    if method == "paste":
        return piece, region
    if piece.alpha is not None:
        # Gradients across the edge of what is seen are none of hidden colors.
        color = bleed_colors(piece.color, piece.alpha > 0.5)
        piece = dataclasses.replace(piece, color=color)
    return piece, np.float32(region > 0.5)


def _in_profile_of(base, part):
    """The part's colors in the channels and the profile of the base; notes."""
    color = _with_channels(part.color, base.color.shape[-1])
    if part.profile == base.profile:
        return color, ()
    if part.bits != 8 or color.shape[-1] == 1:
        kind = "gray" if part.bits == 8 else f"of {part.bits} bits"
        return color, (
            f"the color profile of {part.path.name} is not that of the base, "
            f"and is not converted: it is {kind}",
        )
    before = quantized(color, 8)
    try:
        after = np.asarray(
            to_profile(Image.fromarray(before), part.profile, base.profile)
        )
    except ValueError as error:
        return color, (f"{part.path.name}: {error}",)
    if (after == before).all():
        return color, ()
    return after / np.float32(255.0), (
        f"colors of {part.path.name} converted to the profile of the base",
    )


def _with_channels(image, channels):
    """The part as a color image, or as a gray one."""
    if image.shape[-1] == channels:
        return image
    if channels == 3:
        return np.repeat(image, 3, axis=-1)
    raise ValueError(
        "The base is gray and the part is in color: make the base a color "
        "image, or the part gray."
    )
