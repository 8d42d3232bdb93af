"""Anyone's photographs, mended: files in, files out."""

import dataclasses
import functools
import os
import pathlib

import keras
import numpy as np

from keras_synth import evaluation, inference, models, networks, ops
from keras_synth.ops.transforms import opponent_matrix
from keras_synth.pictures import (
    EXTENSIONS,
    bit_depth,
    check_target,
    read_picture,
    write_picture,
)
from keras_synth.recipes.mending import takes_names
from keras_synth.recipes.saved import load_model

# The U-Net sees 84 pixels far; see `inference.restore_tiled`.
_TILE, _OVERLAP = 768, 96


# Differences of colours lie around 0, and networks know pictures around ½.
_OPPONENT = opponent_matrix().astype("float32")
_MIDDLE = np.float32([0.0, 0.5, 0.5])

_shipped = functools.cache(networks.grey_denoiser)


def _unet(noise_level, ensemble):
    return _with_network(_shipped(), noise_level, ensemble)


def _with_network(network, noise_level, ensemble):
    """A method out of a network that `train_denoiser` could make."""
    told = takes_names(network)
    image = network.input["image"] if told else network.input

    def mend(images, level):
        inputs = images
        if told:
            levels = np.full((len(images), 1, 1, 1), level, "float32")
            inputs = {"image": images, "noise_level": levels}
        if ensemble:
            return inference.self_ensemble(tiled, inputs)
        return tiled(inputs)

    def tiled(inputs):
        return inference.restore_tiled(
            network, inputs, _TILE, _OVERLAP, batch_size=1, verbose=0
        )

    def restore(images):
        if images.shape[-1] == image.shape[-1]:
            return mend(images, noise_level)
        if image.shape[-1] == 3:
            grey = mend(np.repeat(images, 3, axis=-1), noise_level)
            return grey.mean(axis=-1, keepdims=True)
        if not told:
            return _from_batch(mend(_to_batch(images), noise_level))
        # White noise stays white, and of a third of the variance.
        opponent = _to_batch(images @ _OPPONENT.T + _MIDDLE)
        opponent = _from_batch(mend(opponent, noise_level / np.sqrt(3.0)))
        return (opponent - _MIDDLE) @ np.linalg.inv(_OPPONENT).T

    return restore


def _to_batch(images):
    """(1, height, width, channels) -> (channels, height, width, 1)."""
    return np.moveaxis(images, -1, 0)[:, 0, ..., None]


def _from_batch(images):
    return np.moveaxis(images, 0, -1)[None, ..., 0, :]


def _bm3d(noise_level, ensemble):
    restore = models.BM3D(noise_level=noise_level)
    if not ensemble:
        return restore
    return lambda images: inference.self_ensemble(restore, images)


def _trained(path):
    """As an entry of `METHODS`, from a `.keras` file."""
    network = load_model(path, keras.Model)
    if isinstance(network, models.GenerativeModel):
        raise ValueError(f"{path} makes pictures; it does not mend them.")
    return functools.partial(_with_network, network)


#: name: function from `(noise_level, ensemble)` to a method for pictures.
METHODS = {
    "unet": _unet,
    "bm3d": _bm3d,
    "median": lambda noise_level, ensemble: evaluation.median(3),
    "adaptive_median": lambda noise_level, ensemble: (
        evaluation.adaptive_median()
    ),
    "non_local_means": lambda noise_level, ensemble: evaluation.non_local_means(
        noise_level
    ),
    "total_variation": lambda noise_level, ensemble: evaluation.total_variation(
        noise_level
    ),
}


@dataclasses.dataclass(frozen=True)
class Restored:
    """What `restore_pictures` did to one file.

    Attributes:
        source: the file read.
        target: the file written.
        noise_level: the noise taken out, in units of [0, 1].
        comparison: the picture of before and after, or None.
    """

    source: pathlib.Path
    target: pathlib.Path
    noise_level: float
    comparison: pathlib.Path | None = None


def restore_pictures(
    source,
    target,
    *,
    method="unet",
    noise_level="auto",
    ensemble=False,
    contrast=0.0,
    sharpness=0.0,
    compare=False,
    overwrite=False,
):
    """Takes the noise out of a picture file, or of a folder of them.

    Colour and grey, 8 and 16 bits (16 stay 16 in PNG files), any size.
    Transparency is kept as it is; rotation noted in EXIF is applied. Files
    are written whole or not at all.

    Args:
        source: an image file, or a folder; of a folder all images below it.
        target: the file to write, or the folder, which gets the same names.
        method: a key of `METHODS`, or the path of a `.keras` file that
            `train_denoiser` left. "unet" is the network that ships. A
            denoiser for grey pictures mends brightness and two differences of
            colours of a colour picture, each by itself.
        noise_level: σ in units of [0, 1] (10 / 255 is a little noise), or
            "auto" to estimate it for each picture. The medians need none.
        ensemble: whether "unet" and "bm3d" work on the eight symmetries of
            the picture and average: eight times slower, a little better.
        contrast: clip limit of adaptive histogram equalisation afterwards
            (0 is none, 0.01 is visible).
        sharpness: amount of unsharp masking afterwards, radius 1 (0 is none).
        compare: whether to write before and after side by side, as
            `NAME-compare.png`.
        overwrite: whether existing files may be replaced.

    Returns:
        A list of `Restored`.

    Raises:
        FileExistsError: a file is there and `overwrite` is False.
        FileNotFoundError: no such source.
        PermissionError: the place cannot be written to.
        ValueError: arguments out of range, or files that are no pictures; in
            a folder all others are mended first.
    """
    _check(method, noise_level, ensemble, contrast, sharpness)
    plan = _plan(pathlib.Path(source), pathlib.Path(target))
    for _, goal in plan:
        check_target(goal, overwrite)
        if compare:
            check_target(_comparison_path(goal), overwrite)
    make = METHODS[method] if method in METHODS else _trained(method)
    done, problems = [], []
    for file, goal in plan:
        try:
            picture = read_picture(file, alpha="keep")
            bits = bit_depth(file)
            colour, alpha = _split_alpha(picture)
            level = noise_level
            if level == "auto":
                level = _estimated_level(colour, file)
        except ValueError as error:
            problems.append(str(error))
            continue
        restored = colour
        if level > 0.0 or method not in METHODS or method.endswith("median"):
            mended = inference.restore_batch(
                make(level, ensemble), colour[None]
            )
            restored = np.clip(mended[0], 0.0, 1.0)
        restored = _enhanced(restored, contrast, sharpness)
        if alpha is not None:
            restored = np.concatenate([restored, alpha], axis=-1)
        deep = bits == 16 and goal.suffix.lower() == ".png"
        _write_whole(goal, restored, 16 if deep else 8)
        comparison = None
        if compare:
            comparison = evaluation.draw_panel(
                _comparison_path(goal),
                {"before": colour, "after": restored[..., : colour.shape[-1]]},
                {"before": file.name, "after": method},
            )
        done.append(Restored(file, goal, level, comparison))
    if problems:
        raise ValueError("; ".join(problems))
    return done


def _check(method, noise_level, ensemble, contrast, sharpness):
    if method not in METHODS and not str(method).endswith(".keras"):
        raise ValueError(
            f"`method` must be one of {', '.join(METHODS)}, or a .keras file. "
            f"Received: {method!r}"
        )
    if noise_level != "auto" and (
        not isinstance(noise_level, int | float) or not 0 <= noise_level <= 1
    ):
        raise ValueError(
            '`noise_level` must be "auto" or a number from 0 to 1 (noise of '
            f"25 grey levels is {25 / 255:.3f}). Received: {noise_level!r}"
        )
    if ensemble and method in METHODS and method not in ("unet", "bm3d"):
        raise ValueError(
            f'`ensemble` is for networks and "bm3d", not for {method!r}.'
        )
    for name, value in (("contrast", contrast), ("sharpness", sharpness)):
        if value < 0:
            raise ValueError(f"`{name}` must be at least 0. Received: {value}")


def _plan(source, target):
    """`(file to read, file to write)` for each picture."""
    if source.is_file():
        return [(source, target)]
    if not source.is_dir():
        raise FileNotFoundError(f"There is no picture or folder {source}")
    if target.is_file():
        raise ValueError(
            f"{source} is a folder, so the target must be one. "
            f"Received: the file {target}"
        )
    files = sorted(
        file
        for file in source.rglob("*")
        if file.suffix.lower() in EXTENSIONS and file.is_file()
    )
    if not files:
        raise ValueError(f"{source} holds no images.")
    return [(file, target / file.relative_to(source)) for file in files]


def _comparison_path(goal):
    return goal.with_name(f"{goal.stem}-compare.png")


def _split_alpha(picture):
    if picture.shape[-1] in (2, 4):
        return picture[..., :-1], picture[..., -1:]
    return picture, None


def _estimated_level(picture, file):
    if min(picture.shape[:2]) < 4:
        raise ValueError(
            f"{file} is too small to tell its noise: give a noise level."
        )
    return float(np.mean(ops.estimate_noise_level(picture[None])))


def _enhanced(picture, contrast, sharpness):
    if not contrast and not sharpness:
        return picture
    try:
        from skimage import exposure, filters
    except ImportError as error:
        raise ImportError(
            "Contrast and sharpness need scikit-image: "
            "pip install 'keras_synth[samples]'"
        ) from error
    if contrast:
        grey = picture.shape[-1] == 1
        flat = picture[..., 0] if grey else picture
        flat = exposure.equalize_adapthist(flat, clip_limit=contrast)
        picture = flat[..., None] if grey else flat
    if sharpness:
        picture = filters.unsharp_mask(
            picture, radius=1.0, amount=sharpness, channel_axis=-1
        )
    return np.clip(picture, 0.0, 1.0)


def _write_whole(goal, picture, bits):
    """Under another name first: what is there is a whole picture."""
    unfinished = goal.with_name(f".{goal.stem}-unfinished{goal.suffix}")
    try:
        write_picture(unfinished, picture, bits)
        os.replace(unfinished, goal)
    finally:
        unfinished.unlink(missing_ok=True)
