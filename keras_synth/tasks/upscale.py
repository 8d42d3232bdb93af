"""Anyone's images, upscaled: files in, files out."""

import dataclasses
import pathlib

import numpy as np

from keras_synth import inference, presets, restoration
from keras_synth.ops.color import full_range_luma
from keras_synth.tasks.image_files import plan_files, restore_files
from keras_synth.tasks.restorers import (
    inputs_of,
    load_restorer,
    with_channels,
)

# In pixels of the small image. EDSR sees 2 · blocks + 3 far: 27 of the 12
# blocks that ship, 35 of the 16 that `train_upscaler` makes; see
# `inference.restore_tiled`.
_TILE, _OVERLAP = 384, 40


@dataclasses.dataclass(frozen=True)
class Upscaled:
    """What `upscale_images` did to one file.

    Attributes:
        source: the file read.
        target: the file written.
        scale: how many times larger it is.
        size: (height, width) of the image written.
        comparison: the image of before and after, or None.
    """

    source: pathlib.Path
    target: pathlib.Path
    scale: int
    size: tuple
    comparison: pathlib.Path | None = None


def upscale_images(
    source,
    target,
    *,
    method="edsr",
    scale=None,
    ensemble=False,
    compare=False,
    overwrite=False,
):
    """Upscales an image file, or a folder of them.

    A network for gray images f upscales the brightness Y of a color
    image x (BT.601's, which it was trained on); the two differences of
    colors, where the eye sees little, are upscaled bicubically. Both are
    linear, so that is

        x̂ = bicubic(x - Y(x)) + f(Y(x))

    Color and gray, 8 and 16 bits (16 stay 16 in PNG files), any size, the
    large (above 384 pixels) in tiles that overlap by 40, as far as EDSR sees:
    what sees farther, `networks.rrdb` say, makes almost what it would make of
    the whole. Transparency is upscaled bicubically; rotation noted
    in EXIF is applied. Files are written whole or not at all.

    Args:
        source: an image file, or a folder; of a folder all images below it.
        target: the file to write, or the folder, which gets the same names.
        method: "edsr", the network that ships, for a scale of 4; "bicubic";
            or the path of a `.keras` file that `train_upscaler` left, or of a
            `models.RestorationGAN` that upscales.
        scale: how many times larger, an int of at least 2. None for 4, or
            what the `.keras` file upscales by.
        ensemble: whether a network works on the eight symmetries of the
            image and averages: eight times slower, a little better.
        compare: whether to write before and after side by side, as
            `NAME-compare.png`.
        overwrite: whether existing files may be replaced.

    Returns:
        A list of `Upscaled`.

    Raises:
        FileExistsError: a file is there and `overwrite` is False.
        FileNotFoundError: no such source.
        PermissionError: the place cannot be written to.
        ValueError: arguments out of range, a model that does not upscale, or
            files that are no images; in a folder all others are upscaled
            first.

    Reference: Dong et al., Image Super-Resolution Using Deep Convolutional
    Networks, 2016, section 4: brightness through the network alone.
    """
    method = str(method)
    _check(method, scale, ensemble)
    plan = plan_files(source, target, compare, overwrite)
    if method == "bicubic":
        scale = scale or 4
        upscale = restoration.bicubic(scale)
    else:
        network = _network(method)
        found = _scale_of(network, method)
        if scale not in (None, found):
            raise ValueError(
                f"{method} upscales {found} times. Received: scale={scale}"
            )
        scale = found
        upscale = _with_network(network, scale, ensemble)
    bicubic = restoration.bicubic(scale)

    def restore(image):
        large, alpha = upscale(image.color[None])[0], image.alpha
        if alpha is not None:
            alpha = np.clip(bicubic(alpha[None])[0], 0.0, 1.0)
        facts = {"scale": scale, "size": large.shape[:2]}
        return np.clip(large, 0.0, 1.0), alpha, facts

    return restore_files(plan, restore, Upscaled, title=method, compare=compare)


def _check(method, scale, ensemble):
    if method not in ("edsr", "bicubic") and not method.endswith(".keras"):
        raise ValueError(
            "`method` must be edsr, bicubic or a .keras file. "
            f"Received: {method!r}"
        )
    if scale is not None and (type(scale) is not int or scale < 2):
        raise ValueError(
            f"`scale` must be an int, at least 2. Received: scale={scale!r}"
        )
    if ensemble and method == "bicubic":
        raise ValueError("`ensemble` is for networks, not for 'bicubic'.")


def _network(method):
    if method == "edsr":
        return presets.gray_upscaler()
    network, inputs = load_restorer(method)
    if set(inputs) != {"image"}:
        raise ValueError(
            f"{method} takes {', '.join(inputs)}: what upscales takes the "
            "image alone."
        )
    return network


def _scale_of(network, method):
    """How many times larger the network makes an image: one is tried."""
    height, width, channels = inputs_of(network)["image"].shape[1:]
    small = np.zeros((1, height or 16, width or 16, channels), "float32")
    made = inference.restore_batch(network, small).shape
    scale = made[1] // small.shape[1]
    exact = made[1:3] == (scale * small.shape[1], scale * small.shape[2])
    if scale < 2 or not exact:
        raise ValueError(
            f"{method} does not upscale images (keras-synth restore restores "
            f"them). Received: {made[1:3]} from {small.shape[1:3]}"
        )
    return scale


def _with_network(network, scale, ensemble):
    """A method out of a network, or of a RestorationGAN."""
    channels = inputs_of(network)["image"].shape[-1]
    bicubic = restoration.bicubic(scale)

    def tiled(images):
        return inference.restore_tiled(
            network,
            images,
            _TILE,
            _OVERLAP,
            batch_size=1,
            scale=scale,
            verbose=0,
        )

    def run(images):
        if ensemble:
            return inference.self_ensemble(tiled, images)
        return tiled(images)

    def upscale(images):
        if channels == 3 or images.shape[-1] == 1:
            return with_channels(run, channels, images)
        luma = np.asarray(full_range_luma(images))
        return bicubic(images - luma) + run(luma)

    return upscale
