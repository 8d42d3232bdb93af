"""Restoration of image files: denoising, and what a trained model restores."""

import dataclasses
import functools
import os
import pathlib
from collections.abc import Callable
from typing import Literal

import numpy as np
from skimage import exposure, filters

from keras_synth import inference, ops, presets, restoration
from keras_synth.io import FileOptions, Progress, plan_targets
from keras_synth.ops.numbers import is_number
from keras_synth.ops.transforms import opponent_matrix
from keras_synth.tasks.image_files import COMPARISON, restore_files
from keras_synth.tasks.masks import check_masks
from keras_synth.tasks.old_photo import OldPhotos
from keras_synth.tasks.restorers import (
    SMALLEST,
    batch_as_channels,
    channels_as_batch,
    check_noise_level,
    estimated_level,
    in_tiles,
    load_restorer,
    seen_part,
    with_channels,
)

# Differences of colors lie around 0, and networks know images around ½.
_OPPONENT = opponent_matrix().astype("float32")
_MIDDLE = np.float32([0.0, 0.5, 0.5])
# In standard deviations; one pixel in 16,000 of Gaussian noise has more.
_LARGEST_NOISE = 4.0
# What "auto" takes for none: less noise, and a finer JPEG file, are not seen.
_LEAST_NOISE, _FINE_JPEG = 1 / 255, 90
# What decides whether noise is none, chosen on the photographs of the training
# and on their halves, thirds and crops.
# Of what the denoiser removes: the least structure of texture, in gray images
# of weak noise as well, and the most correlation of neighbors where noise is
# heavy.
_STRUCTURE, _WEAK_STRUCTURE, _SHARED = 3.5, 3.0, 0.1
_WEAK_NOISE = 10 / 255
# Of what the photo restorer removes: its least share of the noise, and the
# structure of edges, whose neighbors have less in common than noise of cameras.
_SHARE, _EDGES, _OF_CAMERAS = 0.4, 7.5, 0.3
# Sides of the part of an image that is looked at, and how much of it may have
# been inpainted.
_PART, _INPAINTED = 384, 0.01
# What the photo restorer was trained on, as it is estimated.
_LARGEST_PHOTO_NOISE = 30 / 255

_gray_network = functools.cache(presets.gray_denoiser)
_color_network = functools.cache(presets.color_denoiser)
_photo_network = functools.cache(presets.photo_restorer)
# Its graph is traced once, and not for every file.
_block_matching = functools.lru_cache(4)(restoration.BM3D)


def _step(verbose):
    """Lets a task be stopped between the steps that it counts."""
    if isinstance(verbose, Progress):
        verbose.add(0)


def _unet(noise_level, ensemble, verbose=0):
    """The pretrained networks, for gray and for color images.

    The color network knows noise that is equally strong in each opponent
    channel. Other noise, that of a gray photograph stored as color above all,
    is removed from each of these by the gray network.
    """

    def restore(images):
        levels = np.asarray(ops.opponent_noise_levels(images, noise_level))
        color = images.shape[-1] == 3 and levels.min() > levels.max() / 2
        network = _color_network() if color else _gray_network()
        method = _with_network(network, noise_level, ensemble, verbose)
        return method(images, levels)

    return restore


def _photo(_, ensemble, verbose=0):
    return _with_network(_photo_network(), None, ensemble, verbose)


def _with_network(network, noise_level, ensemble, verbose=0):
    """A method that runs a network."""
    takes = inference.input_shapes(network)
    conditional, channels = "noise_level" in takes, takes["image"][-1]

    def run(images, levels):
        if not conditional:
            return in_tiles(network, images, ensemble, verbose)
        levels = np.broadcast_to(levels, (len(images), 1, 1, 1))
        inputs = {"image": images, "noise_level": levels.astype("float32")}
        restored = in_tiles(network, inputs, ensemble, verbose)
        # Noise is hardly ever larger, fine patterns are.
        limit = _LARGEST_NOISE * levels
        return images + np.clip(restored - images, -limit, limit)

    def restore(images, levels=None):
        if not conditional:
            return with_channels(lambda x: run(x, None), channels, images)
        if levels is None:
            levels = np.asarray(ops.opponent_noise_levels(images, noise_level))
        if images.shape[-1] == channels or channels == 3:
            level = np.linalg.norm(levels)
            return with_channels(lambda x: run(x, level), channels, images)
        # White noise stays white.
        opponent = channels_as_batch(images @ _OPPONENT.T + _MIDDLE)
        opponent = run(opponent, channels_as_batch(levels))
        opponent = batch_as_channels(opponent)
        return (opponent - _MIDDLE) @ np.linalg.inv(_OPPONENT).T

    return restore


def _bm3d(noise_level, ensemble, verbose=0):
    restore = _block_matching(noise_level)
    restore.on_piece = functools.partial(_step, verbose)
    if not ensemble:
        return restore
    return lambda images: inference.self_ensemble(restore, images)


def _total_variation(noise_level, *_):
    def restore(images):
        level = noise_level
        if level is None:
            level = float(np.linalg.norm(ops.opponent_noise_levels(images)))
        return restoration.total_variation(level)(images)

    return restore


def _trained(path):
    """As an entry of `METHODS`, from a `.keras` file."""
    network, inputs = load_restorer(path)
    if "mask" in inputs:
        raise ValueError(
            f"{path} is an inpainter, which needs a mask: tasks.inpaint "
            "(keras-synth inpaint) runs it."
        )
    if not set(inputs) <= {"image", "noise_level"}:
        raise ValueError(
            f"{path} takes {', '.join(inputs)}. Expected: the image, or image "
            "and noise level"
        )
    return functools.partial(_with_network, network)


#: Name: function from `(noise_level, ensemble)` to a method for images. A
#: noise level of None is estimated.
METHODS = {
    "photo": _photo,
    "unet": _unet,
    "bm3d": _bm3d,
    "median": lambda *_: restoration.median(3),
    "adaptive_median": lambda *_: restoration.adaptive_median(),
    "non_local_means": lambda noise_level, *_: restoration.non_local_means(
        noise_level
    ),
    "total_variation": _total_variation,
}


@dataclasses.dataclass(frozen=True)
class Restored:
    """Result of `restore` for one file.

    Attributes:
        source: Path of the file that was read.
        target: Path of the file that was written.
        noise_level: σ of the noise that was removed, in units of [0, 1], or
            None where `strength` or the given `noise_level` is 0.
        jpeg_quality: Quality of the JPEG compression that "auto" found, which
            the method "photo" restores; None where it is fine or none.
        method: The method that "auto" took, or None where nothing was found;
            else the one that was asked for. None where no noise was looked for.
        marked: Share of the pixels of an old photograph that were inpainted,
            or None where nothing was searched.
        mask: Path of the mask that was written, or None.
        comparison: Path of the image of before and after, or None.
        notes: What was converted, or could not be kept, in words.
    """

    source: pathlib.Path
    target: pathlib.Path
    noise_level: float | None
    jpeg_quality: int | None = None
    method: str | None = None
    marked: float | None = None
    mask: pathlib.Path | None = None
    comparison: pathlib.Path | None = None
    notes: tuple[str, ...] = ()


def restore(
    source: str | os.PathLike,
    target: str | os.PathLike,
    *,
    method: str | os.PathLike = "auto",
    noise_level: float | Literal["auto"] = "auto",
    strength: float = 1.0,
    ensemble: bool = False,
    old_photo: bool = False,
    detector: str | os.PathLike | None = None,
    mask: str | os.PathLike | None = None,
    save_mask: str | os.PathLike | None = None,
    keep_levels: bool = False,
    contrast: float = 0.0,
    sharpness: float = 0.0,
    compare: bool = False,
    overwrite: bool = False,
    files: FileOptions | None = None,
    on_file: Callable[[Restored], None] | None = None,
    verbose: Literal["auto", 0, 1, 2] = "auto",
) -> list[Restored]:
    """Restores an image file or a folder of them: removes noise.

    A trained model restores what it was trained to restore. An old photograph
    is searched for scratches, dust and stains, which are inpainted; then noise
    is removed, and then faded contrast and a color cast (`old_photo`).

    Images can have any size; large ones are restored in tiles. Every frame of
    an animation and every page is restored. The new file keeps the depth, the
    transparency, the color profile and the metadata of the old one. Files are
    written whole or not at all, and an image with nothing to restore is
    copied.

    A denoiser for gray images restores brightness and two color differences of
    a color image, each by itself. A network that is conditioned on the noise
    level changes no value by more than four standard deviations of the noise.

    Args:
        source: Path of an image file, or of a folder with images, which are
            searched in all folders below it as well.
        target: Path of the image file to write. For a folder, path of the
            folder that gets files of the same names.
        method: "auto" looks for noise of one gray level and more, and for
            JPEG compression below quality 90. It takes "photo" (the
            pretrained restorer of slight blur, noise and JPEG) for these, and
            "unet" (the pretrained denoisers) for noise that is white, in gray
            images, or of a given level. What looks like fine texture
            (`ops.residual_structure`) is no noise. Or "bm3d", "median",
            "adaptive_median", "non_local_means", "total_variation", or the
            path of a `.keras` file of `train denoiser` or with a
            `models.RestorationGAN` that takes no mask.
        noise_level: Standard deviation σ of the noise in units of [0, 1]: 10
            of 255 gray levels are 0.039. "auto" estimates it for each image,
            in color images for brightness and differences of colors, each by
            itself. With 0, only a network of your own runs. The medians,
            "photo" and networks that are not conditioned on it take none.
        strength: Share of the restoration that is applied, from 0 to 1. With
            0, no noise is looked for, and an image that nothing else changes
            is copied.
        ensemble: Whether networks and "bm3d" restore the eight symmetries of
            the image and average: eight times slower, a little better. So
            do detector and inpainter of an old photograph.
        old_photo: Whether to inpaint what covers an old photograph, and to
            correct its levels.
        detector: Path of a `.keras` file of `train damage-detector`, which
            finds what covers an old photograph: where its probability is
            above 0.7. None for the preset `damage_detector`.
        mask: Path of a mask of what covers an old photograph, white where it
            is to be inpainted, instead of a detector. For a folder, path of a
            folder with masks of the same names.
        save_mask: Path of an image file for the mask that was found, to be
            corrected and passed as `mask`. For a folder, path of a folder.
        keep_levels: Whether an old photograph keeps its levels and colors,
            such as a toning that is meant.
        contrast: Clip limit of an adaptive histogram equalization
            afterwards, from 0 to 1. 0 is none, 0.01 is visible.
        sharpness: Amount of unsharp masking afterwards, of radius 1, from 0
            to 100. 0 is none, 1 is visible.
        compare: Whether to write before and after side by side as well, as
            `NAME-compare.png`.
        overwrite: Whether existing files may be replaced.
        files: `io.FileOptions`: how files are read, chosen and written. None
            for the defaults.
        on_file: None, or a function that is called with each result as soon
            as its file is written.
        verbose: Progress, see `io.Progress`.

    Returns:
        A list of `Restored`.

    Raises:
        FileExistsError: A file exists and `overwrite` is False.
        FileNotFoundError: There is no such source, model or mask.
        PermissionError: The place cannot be written to.
        ValueError: Arguments are out of range, or files are no images; in a
            folder all others are restored first.
    """
    method = str(method)
    _check(method, noise_level, ensemble, strength, contrast, sharpness)
    if not old_photo and (detector or mask or save_mask or keep_levels):
        raise ValueError(
            "`detector`, `mask`, `save_mask` and `keep_levels` are for "
            "`old_photo`."
        )
    if mask:
        check_masks(mask, source)
    beside = (COMPARISON,) if compare else ()
    plan = plan_targets(
        source,
        target,
        overwrite=overwrite,
        beside=beside,
        files=files,
        also_read=[mask] if mask else [],
        also_written=[save_mask] if save_mask else [],
    )
    trained = None
    if method not in ("auto", *METHODS):
        trained = _trained(method)
    always = trained is not None or method.endswith("median")
    # Where an image is too small for an estimate, these need none.
    unaware = method in ("auto", "photo") or method.endswith("median")
    if trained is not None:
        (network,) = trained.args
        unaware = "noise_level" not in inference.input_names(network)
    if method != "auto" and unaware and noise_level != "auto":
        raise ValueError(
            f"{method} takes no noise level: leave out `noise_level`. "
            f"Received: noise_level={noise_level!r}"
        )
    repair, levels = None, restoration.auto_levels()
    if old_photo:
        repair = OldPhotos(
            source,
            plan,
            detector,
            mask,
            save_mask,
            ensemble,
            overwrite,
            files,
            beside,
        )

    def examined(image, color):
        """`(noise level, quality of JPEG, method)`, of which some are none."""
        # A network of one's own may restore more than noise.
        given_none = trained is None and noise_level == 0
        if not strength or given_none:
            return None, None, None
        level, quality, name = noise_level, None, method
        if level == "auto":
            # As it was: where something was inpainted, there is no noise.
            tiny = min(image.color.shape[:2]) < SMALLEST
            level = 0.0 if tiny and unaware else estimated_level(image)
        if method == "auto":
            name = "unet" if level else None
            if noise_level == "auto":
                level = level if level >= _LEAST_NOISE else 0.0
                quality = _jpeg_quality(image)
                seen = seen_part(image)
                before = image.color[seen]
                level, name = _suited(color[seen], level, quality, before)
        return level, quality, name

    def restored(image, progress):
        color, facts = image.color, {}
        if repair:
            color, facts = repair(image, progress)
        level, quality, name = examined(image, color)
        if name and (level or always or name == "photo"):
            own = noise_level == "auto" and not repair
            known = None if own else level
            make = trained or METHODS[name]
            restorer = make(known, ensemble, progress)
            # What is transparent has colors of its own, or none.
            seen = seen_part(image)
            part = color[seen]
            found = inference.run_restorer(restorer, part[None])[0]
            if found.shape[:2] != part.shape[:2]:
                raise ValueError(
                    f"{method} changes the size of images: tasks.upscale "
                    "(keras-synth upscale) runs it."
                )
            if found.shape[-1] < color.shape[-1]:
                raise ValueError(
                    f"{method} makes gray images of color images: it is no "
                    "restorer of them."
                )
            found = np.clip(found, 0.0, 1.0)
            if method == "auto" and name == "photo" and quality is None:
                # The restorer itself tells how much noise there is.
                level = float(np.sqrt(np.mean(np.square(found - part))))
                if level < _LEAST_NOISE:
                    level, name = 0.0, None
            if name:
                if strength < 1:
                    found = _blended(part, found, strength)
                color = _with_part(color, seen, found)
        if repair and not keep_levels:
            leveled = levels(color[None])[0]
            # The very same array, where there is nothing to correct.
            color = color if np.array_equal(color, leveled) else leveled
        color = _enhanced(color, contrast, sharpness)
        facts |= {"noise_level": level, "jpeg_quality": quality, "method": name}
        return color, image.alpha, facts

    return restore_files(
        plan,
        restored,
        Restored,
        title="restored" if method == "auto" else method,
        compare=compare,
        overwrite=overwrite,
        files=files,
        on_file=on_file,
        verbose=verbose,
    )


def _with_part(color, place, part):
    """A color, part of it replaced by one of as many channels or more."""
    if part.shape[:2] == color.shape[:2]:
        return part
    shape = (*color.shape[:2], part.shape[-1])
    whole = np.array(np.broadcast_to(color, shape))
    whole[place] = part
    return whole


def _check(method, noise_level, ensemble, strength, contrast, sharpness):
    if method in ("biharmonic", "patch_match"):
        raise ValueError(
            f"{method!r} needs a mask: tasks.inpaint (keras-synth inpaint) "
            "runs it."
        )
    known = ("auto", *METHODS)
    if method not in known and not method.endswith(".keras"):
        raise ValueError(
            f"`method` must be one of {', '.join(known)}, or a .keras file. "
            f"Received: {method!r}"
        )
    check_noise_level(noise_level)
    if (
        ensemble
        and method in METHODS
        and method not in ("photo", "unet", "bm3d")
    ):
        raise ValueError(
            f'`ensemble` is for networks and "bm3d", not for {method!r}.'
        )
    if not (is_number(strength) and 0 <= strength <= 1):
        raise ValueError(
            f"`strength` must be from 0 to 1. Received: {strength}"
        )
    if not (is_number(contrast) and 0 <= contrast <= 1):
        raise ValueError(
            f"`contrast` must be from 0 to 1. Received: {contrast}"
        )
    if not (is_number(sharpness) and 0 <= sharpness <= 100):
        raise ValueError(
            f"`sharpness` must be from 0 to 100. Received: {sharpness}"
        )


def _suited(color, noise_level, jpeg_quality, before):
    """What an image has, and what suits it: `(noise level, method or None)`.

    What looks like noise may be texture. The part that is looked at has not
    been inpainted; where there is none, noise is noise. The photo restorer
    knows photographs and the noise of cameras, which neighbors share and JPEG
    has changed: that it removes better, by 2 dB, and fine texture it leaves
    alone. Its word counts for color images. White noise, and that of gray
    images, which is the same in all channels, the denoisers remove better: by
    1 and by 3 dB.
    """
    gray = np.ptp(color, axis=-1).max() <= 2.0 / 255.0
    photo = "photo" if jpeg_quality else None
    if not noise_level:
        return 0.0, photo
    heavy = noise_level > _LARGEST_PHOTO_NOISE
    if photo and not gray and not heavy:
        return noise_level, photo
    part = _part(color, before)
    if part is None:
        return noise_level, "unet"
    _, structure, shared = _removed(
        _gray_network(), part.mean(-1, keepdims=True)
    )
    if gray:
        weak = noise_level < _WEAK_NOISE
        limit = _WEAK_STRUCTURE if weak else _STRUCTURE
        noisy = structure < limit and (shared < _SHARED or not heavy)
        return (noise_level, "unet") if noisy else (0.0, photo)
    size, edges, common = _removed(_photo_network(), part)
    of_edges = edges > _EDGES and common < _OF_CAMERAS
    if size < _SHARE * noise_level or of_edges:
        return 0.0, photo
    if heavy or (structure < _STRUCTURE and shared < 0):
        return noise_level, "unet"
    return noise_level, "photo"


def _part(color, before):
    """The part of which least was inpainted, in doubt that in the middle.

    Args:
        color: Array (height, width, channels).
        before: The same before it was inpainted.

    Returns:
        (1, height, width, channels); None where too much was inpainted.
    """
    inpainted = np.any(color != before, axis=-1)
    most = [max(0, side - _PART) for side in inpainted.shape]
    places = [
        np.s_[top : top + _PART, left : left + _PART]
        for top in (most[0] // 2, 0, most[0])
        for left in (most[1] // 2, 0, most[1])
    ]
    best = min(places, key=lambda place: inpainted[place].mean())
    if inpainted[best].mean() > _INPAINTED:
        return None
    return color[None, *best]


def _removed(network, images):
    """What a network takes for noise.

    Args:
        network: The photo restorer, or a denoiser, conditioned on the level.
        images: (1, height, width, channels).

    Returns:
        `(size, structure, correlation)`: its root mean square, its
        `ops.residual_structure`, and the correlation of neighboring pixels,
        which is below 0 for white noise.
    """
    inputs = images
    if "noise_level" in inference.input_names(network):
        level = np.asarray(ops.estimate_noise_level(images))
        inputs = {"image": images, "noise_level": level}
    restored = np.clip(inference.run_restorer(network, inputs), 0.0, 1.0)
    noise = (images - restored)[0].mean(axis=-1)
    energy = np.mean(np.square(images - restored))
    shared = np.mean(noise[1:] * noise[:-1])
    shared += np.mean(noise[:, 1:] * noise[:, :-1])
    shared /= 2.0 * np.mean(np.square(noise)) + 1e-12
    structure = float(ops.residual_structure(images, restored)[0])
    return float(np.sqrt(energy)), structure, shared


def _jpeg_quality(image):
    """Quality of the JPEG compression of a file's image; None if fine."""
    quality = _FINE_JPEG
    if image.luma_table is not None:
        quality = ops.jpeg_quality(image.luma_table)
    if quality >= _FINE_JPEG:  # it may have been saved before
        quality = int(ops.estimate_jpeg_quality(image.color[None])[0])
    return quality if quality < _FINE_JPEG else None


def _blended(color, restored, strength):
    if restored.shape != color.shape:
        raise ValueError(
            "`strength` below 1 needs a method that keeps the channels of "
            f"images. Received: {color.shape[-1]} and {restored.shape[-1]}"
        )
    return color + np.float32(strength) * (restored - color)


def _enhanced(image, contrast, sharpness):
    if not contrast and not sharpness:
        return image
    # An image of one brightness has no contrast: it would become white.
    if contrast and np.ptp(image.max(axis=-1)):
        gray = image.shape[-1] == 1
        flat = image[..., 0] if gray else image
        flat = exposure.equalize_adapthist(flat, clip_limit=contrast)
        image = flat[..., None] if gray else flat
    if sharpness:
        image = filters.unsharp_mask(
            image, radius=1.0, amount=sharpness, channel_axis=2
        )
    return np.clip(image, 0.0, 1.0)
