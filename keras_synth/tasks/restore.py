"""Anyone's photographs, restored: files in, files out."""

import dataclasses
import functools
import pathlib

import numpy as np

from keras_synth import inference, models, ops, presets, restoration
from keras_synth.ops.transforms import opponent_matrix
from keras_synth.tasks.image_files import plan_files, restore_files
from keras_synth.tasks.inpaint import filling_method, find_masks, read_mask
from keras_synth.tasks.restorers import (
    batch_as_channels,
    channels_as_batch,
    inputs_of,
    load_restorer,
    with_channels,
)

# The U-Net sees 84 pixels far; see `inference.restore_tiled`. Those of pix2pix
# halve six times, and see farther than any tile: theirs are approximate.
_TILE, _OVERLAP, _MULTIPLE = 768, 96, 64


# Differences of colors lie around 0, and networks know images around ½.
_OPPONENT = opponent_matrix().astype("float32")
_MIDDLE = np.float32([0.0, 0.5, 0.5])

_pretrained = functools.cache(presets.gray_denoiser)


def _unet(noise_level, ensemble):
    return _with_network(_pretrained(), noise_level, ensemble)


def _with_network(network, noise_level, ensemble):
    """A method out of a network, or of a RestorationGAN."""
    takes = inputs_of(network)
    told, channels = "noise_level" in takes, takes["image"].shape[-1]
    adversarial = isinstance(network, models.RestorationGAN)

    def run(images, level):
        inputs = images
        if told:
            levels = np.full((len(images), 1, 1, 1), level, "float32")
            inputs = {"image": images, "noise_level": levels}
        if ensemble:
            return inference.self_ensemble(tiled, inputs)
        return tiled(inputs)

    def tiled(inputs):
        return inference.restore_tiled(
            network,
            inputs,
            _TILE,
            _OVERLAP,
            batch_size=1,
            multiple=_MULTIPLE if adversarial else 8,
            verbose=0,
        )

    def restore(images):
        if not told or images.shape[-1] == channels or channels == 3:
            return with_channels(
                lambda x: run(x, noise_level), channels, images
            )
        # White noise stays white, and of a third of the variance.
        opponent = channels_as_batch(images @ _OPPONENT.T + _MIDDLE)
        opponent = batch_as_channels(run(opponent, noise_level / np.sqrt(3.0)))
        return (opponent - _MIDDLE) @ np.linalg.inv(_OPPONENT).T

    return restore


def _bm3d(noise_level, ensemble):
    restore = restoration.BM3D(noise_level=noise_level)
    if not ensemble:
        return restore
    return lambda images: inference.self_ensemble(restore, images)


def _trained(path):
    """As an entry of `METHODS`, from a `.keras` file."""
    network, inputs = load_restorer(path)
    if "mask" in inputs:
        raise ValueError(
            f"{path} fills holes: it needs a mask of them (`mask`, --mask)."
        )
    if not set(inputs) <= {"image", "noise_level"}:
        raise ValueError(
            f"{path} takes {', '.join(inputs)}: denoisers take the image, "
            "or image and noise level."
        )
    return functools.partial(_with_network, network)


#: name: function from `(noise_level, ensemble)` to a method for images.
METHODS = {
    "unet": _unet,
    "bm3d": _bm3d,
    "median": lambda noise_level, ensemble: restoration.median(3),
    "adaptive_median": lambda noise_level, ensemble: (
        restoration.adaptive_median()
    ),
    "non_local_means": lambda noise_level, ensemble: (
        restoration.non_local_means(noise_level)
    ),
    "total_variation": lambda noise_level, ensemble: (
        restoration.total_variation(noise_level)
    ),
}


@dataclasses.dataclass(frozen=True)
class Restored:
    """What `restore_images` did to one file.

    Attributes:
        source: the file read.
        target: the file written.
        noise_level: the noise taken out, in units of [0, 1].
        filled: with a mask, the share of pixels that it marks; else None.
        comparison: the image of before and after, or None.
    """

    source: pathlib.Path
    target: pathlib.Path
    noise_level: float = 0.0
    filled: float | None = None
    comparison: pathlib.Path | None = None


def restore_images(
    source,
    target,
    *,
    method=None,
    mask=None,
    noise_level="auto",
    ensemble=False,
    contrast=0.0,
    sharpness=0.0,
    compare=False,
    overwrite=False,
):
    """Restores an image file, or a folder of them.

    Without a mask it takes the noise out (or what degradation the model of a
    `.keras` file was trained on). With one it fills the holes that are white
    in it; all other pixels are in the new file, bit for bit, what they were
    (in formats that lose nothing and have as many bits).

    Color and gray, 8 and 16 bits (16 stay 16 in PNG files), any size.
    Transparency is kept as it is; rotation noted in EXIF is applied. Files
    are written whole or not at all; an image with nothing to restore is copied.

    Large images are restored tile by tile. Holes are filled in the whole
    image at once, because what fills one may stand far from it.

    Args:
        source: an image file, or a folder; of a folder all images below it.
        target: the file to write, or the folder, which gets the same names.
        method: a key of `METHODS`; with a mask "biharmonic"; or the path of a
            `.keras` file: of `train_denoiser`, with a mask of
            `train_inpainter`, or any blind `models.RestorationGAN`, which
            goes with a mask and without. By default "unet", the denoiser that
            ships, and with a mask "biharmonic". A denoiser for gray images
            restores brightness and two differences of colors of a color
            image, each by itself.
        mask: None, or an image file as large as the image (both rotated as
            EXIF says), white (above one half) where it is degraded; for a
            folder of images a folder of masks of the same names, whatever
            their endings.
        noise_level: σ in units of [0, 1] (10 / 255 is a little noise), or
            "auto" to estimate it for each image. The medians need none, nor
            does what fills holes.
        ensemble: whether networks and "bm3d" work on the eight symmetries of
            the image and average: eight times slower, a little better.
        contrast: clip limit of adaptive histogram equalization afterwards
            (0 is none, 0.01 is visible). It changes all pixels.
        sharpness: amount of unsharp masking afterwards, radius 1 (0 is none);
            likewise.
        compare: whether to write before and after side by side, as
            `NAME-compare.png`.
        overwrite: whether existing files may be replaced.

    Returns:
        A list of `Restored`.

    Raises:
        FileExistsError: a file is there and `overwrite` is False.
        FileNotFoundError: no such source, or no mask of an image.
        PermissionError: the place cannot be written to.
        ValueError: arguments out of range, a method that does not go with a
            mask or not without, or files that are no images; in a folder
            all others are restored first.
    """
    if method is None:
        method = "unet" if mask is None else "biharmonic"
    _check(method, mask, noise_level, ensemble, contrast, sharpness)
    plan = plan_files(source, target, compare, overwrite)
    if mask is None:
        method_of = _denoising(method, noise_level, ensemble)
    else:
        masks = find_masks(mask, source, [file for file, _ in plan])
        method_of = _filling(method, ensemble, masks)

    def restore(image):
        restored, facts = method_of(image)
        restored = _enhanced(restored, contrast, sharpness)
        return restored, image.alpha, facts

    return restore_files(plan, restore, Restored, title=method, compare=compare)


def _denoising(method, noise_level, ensemble):
    """Function from a `ImageFile` to the restored colors and `Restored`'s."""
    make = METHODS[method] if method in METHODS else _trained(method)
    always = method not in METHODS or method.endswith("median")

    def restore(image):
        color, level = image.color, noise_level
        if level == "auto":
            level = _estimated_level(image)
        facts = {"noise_level": level}
        if not level and not always:
            return color, facts
        restored = inference.restore_batch(make(level, ensemble), color[None])
        if restored.shape[1:3] != color.shape[:2]:
            raise ValueError(
                f"{method} changes the size of images: keras-synth upscale "
                "is for that."
            )
        return np.clip(restored[0], 0.0, 1.0), facts

    return restore


def _filling(method, ensemble, masks):
    """As `_denoising`, where masks say what is degraded."""
    fill = filling_method(method, ensemble)

    def restore(image):
        mask = read_mask(masks[image.path], image)
        facts = {"filled": float(mask.mean())}
        if not mask.any():
            return image.color, facts
        return fill(image.color, mask), facts

    return restore


def _check(method, mask, noise_level, ensemble, contrast, sharpness):
    if method == "biharmonic" and mask is None:
        raise ValueError(
            "'biharmonic' fills holes: it needs a mask of them (`mask`, "
            "--mask)."
        )
    known = method in METHODS or str(method).endswith(".keras")
    if not known and mask is None:
        raise ValueError(
            f"`method` must be one of {', '.join(METHODS)}, or a .keras file. "
            f"Received: {method!r}"
        )
    if mask is not None and noise_level != "auto":
        raise ValueError(
            "What fills holes takes no `noise_level`. "
            f"Received: {noise_level!r}"
        )
    if noise_level != "auto" and (
        not isinstance(noise_level, int | float) or not 0 <= noise_level <= 1
    ):
        raise ValueError(
            '`noise_level` must be "auto" or a number from 0 to 1 (noise of '
            f"25 gray levels is {25 / 255:.3f}). Received: {noise_level!r}"
        )
    if ensemble and method in METHODS and method not in ("unet", "bm3d"):
        raise ValueError(
            f'`ensemble` is for networks and "bm3d", not for {method!r}.'
        )
    for name, value in (("contrast", contrast), ("sharpness", sharpness)):
        if value < 0:
            raise ValueError(f"`{name}` must be at least 0. Received: {value}")


def _estimated_level(image):
    if min(image.color.shape[:2]) < 4:
        raise ValueError(
            f"{image.path} is too small to tell its noise: give a noise level."
        )
    return float(np.mean(ops.estimate_noise_level(image.color[None])))


def _enhanced(image, contrast, sharpness):
    if not contrast and not sharpness:
        return image
    try:
        from skimage import exposure, filters
    except ImportError as error:
        raise ImportError(
            "Contrast and sharpness need scikit-image: "
            "pip install 'keras_synth[samples]'"
        ) from error
    if contrast:
        gray = image.shape[-1] == 1
        flat = image[..., 0] if gray else image
        flat = exposure.equalize_adapthist(flat, clip_limit=contrast)
        image = flat[..., None] if gray else flat
    if sharpness:
        image = filters.unsharp_mask(
            image, radius=1.0, amount=sharpness, channel_axis=-1
        )
    return np.clip(image, 0.0, 1.0)
