"""Inpainting of image files: fills what a mask marks as missing."""

import dataclasses
import functools
import os
import pathlib
from collections.abc import Callable
from typing import Literal

import numpy as np
from scipy import ndimage

from keras_synth import inference, presets, restoration
from keras_synth.io import (
    FileOptions,
    Progress,
    Provenance,
    plan_targets,
)
from keras_synth.restoration.patch_field import whole_patches
from keras_synth.tasks.image_files import COMPARISON, restore_files
from keras_synth.tasks.masks import check_masks, find_masks, read_mask
from keras_synth.tasks.restorers import (
    in_tiles,
    load_restorer,
    plug_and_play,
    with_channels,
)

# Of plug-and-play restoration.
_ITERATIONS, _LEVEL = 20, 5 / 255

#: Methods by name, besides "auto".
METHODS = ("unet", "biharmonic", "patch_match", "pnp")
# Distances in pixels from the border of a hole: up to the first one, a smooth
# surface is nearest to the truth, up to the second one the network; deeper
# holes it blurs. See the benchmark `inpainting_methods`.
_THIN, _DEEP = 3.0, 8.0
PATCH_SIZE = 7  # of "patch_match", in pixels

_pretrained = functools.cache(presets.inpainter)


@dataclasses.dataclass(frozen=True)
class Inpainted:
    """Result of `inpaint` for one file.

    Attributes:
        source: Path of the file that was read.
        target: Path of the file that was written.
        filled: Share of the pixels that the mask marks.
        method: The method that filled them; None where none are marked.
        reason: Why that method was chosen, in words; None where it was asked
            for.
        comparison: Path of the image of before and after, or None.
        notes: What was converted, or could not be kept, in words.
    """

    source: pathlib.Path
    target: pathlib.Path
    filled: float
    method: str | None = None
    reason: str | None = None
    comparison: pathlib.Path | None = None
    notes: tuple[str, ...] = ()


def inpaint(
    source: str | os.PathLike,
    mask: str | os.PathLike,
    target: str | os.PathLike,
    *,
    method: str | os.PathLike = "auto",
    seed: int = 0,
    ensemble: bool = False,
    compare: bool = False,
    overwrite: bool = False,
    files: FileOptions | None = None,
    on_file: Callable[[Inpainted], None] | None = None,
    verbose: Literal["auto", 0, 1, 2] = "auto",
) -> list[Inpainted]:
    """Inpaints an image file or a folder of them: fills what a mask marks.

    All other pixels of the new file are, bit for bit, those of the old one
    (in formats that lose nothing and have as many bits). Transparency,
    color profile and metadata are kept. Files are written whole or not at
    all. An image with a black mask is copied.

    Models of your own and "patch_match" get the whole image at once, because
    what fits into a region may stand far from it.

    Args:
        source: Path of an image file, or of a folder with images, which are
            searched in all folders below it as well.
        mask: Path of an image file as large as the image, white (above one
            half) where pixels are missing. For a folder of images, path of a
            folder with masks of the same names, whatever their endings.
        target: Path of the image file to write. For a folder, path of the
            folder that gets files of the same names.
        method: "unet" is the pretrained network, for photographs,
            "biharmonic" continues colors smoothly, "patch_match" copies
            patches of the same image: textures, and a background in place of
            an object. "auto" takes "biharmonic" for hairs, "patch_match" where
            a pixel lies 8 pixels or more from the border of its hole, and
            "unet" between them. "pnp" fills many small gaps by a pretrained
            denoiser (plug-and-play restoration). Or the path of a `.keras`
            file of `train inpainter` or with another model that takes an
            image, or image and mask. One for gray images fills each channel
            of a color image by itself.
        seed: Seed of the search of "patch_match". Another one gives another
            result.
        ensemble: Whether a network restores the eight symmetries of the image
            and averages: eight times slower.
        compare: Whether to write before and after side by side as well, as
            `NAME-compare.png`.
        overwrite: Whether existing files may be replaced.
        files: `io.FileOptions`: how files are read, chosen and written. None
            for the defaults.
        on_file: None, or a function that is called with each result as soon
            as its file is written.
        verbose: Progress, see `io.Progress`.

    Returns:
        A list of `Inpainted`.

    Raises:
        FileExistsError: A file exists and `overwrite` is False.
        FileNotFoundError: There is no such source or model, or no mask of an
            image.
        PermissionError: The place cannot be written to.
        ValueError: The method does not inpaint, a mask does not fit its
            image, or files are no images; in a folder all others are
            inpainted first.
    """
    method = str(method)
    known = ("auto", *METHODS)
    if method not in known and not method.endswith(".keras"):
        raise ValueError(
            f"`method` must be one of {', '.join(known)}, or a .keras file of "
            f"`train inpainter`. Received: {method!r}"
        )
    if method in known and method != "unet" and ensemble:
        raise ValueError(f"`ensemble` is for networks, not for {method!r}.")
    restoration.patch_match(PATCH_SIZE, seed=seed)  # refuses other seeds
    check_masks(mask, source)
    beside = (COMPARISON,) if compare else ()
    plan = plan_targets(
        source,
        target,
        overwrite=overwrite,
        beside=beside,
        files=files,
        also_read=[mask],
    )
    masks = find_masks(mask, source, [file for file, _ in plan])
    trained = None if method in known else _model(method, ensemble)

    def inpainted(image, progress):
        missing = read_mask(masks[image.path], image, files)
        color, facts = image.color, {"filled": float(missing.mean())}
        if missing.any():
            name, reason = method, None
            if method == "auto":
                name, reason = choose_method(missing)
            facts |= {"method": name, "reason": reason}
            fill = trained or filler(name, seed, progress, ensemble)
            color = fill(color[None], missing[None])[0]
            if color.shape != image.color.shape:
                raise ValueError(
                    f"{method} must return an image like the degraded one, "
                    f"{image.color.shape}. Received: shape {color.shape}"
                )
            color = np.where(missing > 0, np.clip(color, 0, 1), image.color)
        return color, image.alpha, facts

    def provenance(facts):
        # A trained network may make what was not there.
        invented = trained or facts.get("method") == "unet"
        title = facts.get("method", method) if method == "auto" else method
        kind = "edited" if invented else "restored"
        return Provenance(kind, pathlib.Path(title).name)

    return restore_files(
        plan,
        inpainted,
        Inpainted,
        title="inpainted" if method == "auto" else method,
        kind=provenance,
        compare=compare,
        overwrite=overwrite,
        files=files,
        on_file=on_file,
        verbose=verbose,
    )


def choose_method(mask):
    """Chooses the method that suits a hole best.

    Args:
        mask: Array (height, width, 1), 1 where pixels are missing.

    Returns:
        `(method, reason)`: one of `METHODS`, and why, in words.

    Example:

    >>> hair = np.zeros((32, 32, 1))
    >>> hair[:, 15:17] = 1.0
    >>> choose_method(hair)
    ('biharmonic', 'all pixels are less than 3 from the border of the hole')
    """
    hole = mask[..., 0] > 0.5
    depth = ndimage.distance_transform_edt(hole).max()
    if depth < _THIN:
        return "biharmonic", (
            f"all pixels are less than {_THIN:g} from the border of the hole"
        )
    if not whole_patches(hole, PATCH_SIZE).any():
        return "unet", "no patch without hole is left to copy"
    method = "unet" if depth < _DEEP else "patch_match"
    return method, f"pixels are up to {depth:.0f} from the border of the hole"


def filler(method, seed, progress, ensemble=False):
    """Function from images and masks (1, height, width, ...) to images."""
    if method == "unet":
        return lambda images, mask: _filled_by_network(
            images, mask, ensemble, progress
        )
    if method == "biharmonic":
        return restoration.biharmonic()
    if method == "pnp":
        solve = plug_and_play(restoration.Mask(), _ITERATIONS, splitting="admm")
        return lambda images, mask: solve(
            {"image": images, "mask": mask, "noise_level": _LEVEL}, progress
        )
    percent = Progress(100, "percent", progress)

    def show(share):
        percent.add(round(100 * share) - percent.count)

    return restoration.patch_match(PATCH_SIZE, seed=seed, progress=show)


def _filled_by_network(images, mask, ensemble, progress):
    # The network ignores what is missing. A tile of nothing else is left as
    # it is: of the mean color, where the network would make it black.
    mean = images[mask[..., 0] == 0].mean(axis=0, dtype="float64")
    images = np.where(mask > 0, np.float32(mean), images)

    def filled(images):
        inputs = {"image": images, "mask": mask}
        return in_tiles(_fill_tile, inputs, ensemble, progress)

    return with_channels(filled, 3, images)


def _fill_tile(inputs):
    if not inputs["mask"].any() or inputs["mask"].all():
        return inputs["image"]
    return inference.run_restorer(_pretrained(), inputs)


def _model(method, ensemble):
    """Function from images and masks (1, height, width, ...) to images."""
    model, inputs = load_restorer(method)
    if not set(inputs) <= {"image", "mask"}:
        raise ValueError(
            f"{method} takes {', '.join(inputs)}. Expected: the image, or "
            "image and mask, as models of `train inpainter` do"
        )
    run = inference.self_ensemble if ensemble else inference.run_restorer

    def fill(images, mask):
        def restored(images):
            masks = np.repeat(mask, len(images), axis=0)
            return run(model, {"image": images, "mask": masks})

        return with_channels(restored, inputs["image"][-1], images)

    return fill
