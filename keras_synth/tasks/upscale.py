"""Super-resolution of image files: upscaling by a network or bicubically."""

import dataclasses
import functools
import os
import pathlib
from collections.abc import Callable
from typing import Literal

import numpy as np

from keras_synth import inference, presets, restoration
from keras_synth.inference.inputs import fixed_sides
from keras_synth.io import FileOptions, plan_targets, quantized
from keras_synth.ops.color import full_range_luma
from keras_synth.ops.numbers import is_int
from keras_synth.tasks.deblur import known_blur
from keras_synth.tasks.image_files import COMPARISON, restore_files
from keras_synth.tasks.restorers import (
    check_noise_level,
    estimated_level,
    load_restorer,
    plug_and_play,
    with_channels,
)

# In pixels of the small image. EDSR sees 2 · blocks + 3 far: 35 of 16 blocks;
# see `inference.restore_tiled`.
_TILE, _OVERLAP = 384, 40
_ITERATIONS = 8  # of plug-and-play restoration
#: Methods besides `.keras` files.
METHODS = ("edsr", "photo", *presets.REALESRGAN, "bicubic", "pnp")
_preset = functools.cache(presets.load)
#: Name of the preset of a method.
_PRESETS = {name: name for name in presets.REALESRGAN} | {
    "photo": "photo_upscaler_x4"
}


@dataclasses.dataclass(frozen=True)
class Upscaled:
    """Result of `upscale` for one file.

    Attributes:
        source: Path of the file that was read.
        target: Path of the file that was written.
        scale: Factor of each side.
        size: (height, width) of the image written.
        comparison: Path of the image of before and after, or None.
        notes: What was converted, or could not be kept, in words.
    """

    source: pathlib.Path
    target: pathlib.Path
    scale: int
    size: tuple[int, int]
    comparison: pathlib.Path | None = None
    notes: tuple[str, ...] = ()


def upscale(
    source: str | os.PathLike,
    target: str | os.PathLike,
    *,
    method: str | os.PathLike = "edsr",
    scale: int | None = None,
    sigma: float | None = None,
    kernel: str | os.PathLike | None = None,
    noise_level: float | Literal["auto"] = "auto",
    ensemble: bool = False,
    compare: bool = False,
    overwrite: bool = False,
    files: FileOptions | None = None,
    on_file: Callable[[Upscaled], None] | None = None,
    verbose: Literal["auto", 0, 1, 2] = "auto",
) -> list[Upscaled]:
    """Upscales an image file or a folder of them (super-resolution).

    A network for color images takes a gray one as three equal channels. Where
    a network f of one's own is for gray images, it upscales the brightness Y
    of a color image x (BT.601's). The two color differences, where the eye
    sees little, are upscaled bicubically. Both are linear, so that is

        x̂ = bicubic(x - Y(x)) + f(Y(x))

    Images can have any size. Those above 384 pixels are upscaled in tiles that
    overlap by 40, as far as EDSR sees; of networks that see farther,
    `networks.rrdb` say, the result is approximately that of the whole image.
    A network of a fixed input size gets tiles of that size.
    Transparency is upscaled bicubically. Every frame of an animation and every
    page is upscaled. The new file keeps the depth, the color profile and the
    metadata of the old one. Files are written whole or not at all.

    Args:
        source: Path of an image file, or of a folder with images, which are
            searched in all folders below it as well.
        target: Path of the image file to write. For a folder, path of the
            folder that gets files of the same names.
        method: "edsr" (the pretrained networks, for a scale of 2, 3 or 4, of
            images that are clean), "photo" (the pretrained network for real
            images, with blur, noise or JPEG, for a scale of 4),
            "realesrgan" or "realesrgan_anime" (Real-ESRGAN for photographs or
            drawings, for a scale of 4, see `presets.realesrgan`; slow, and
            its package must be installed), "bicubic", "pnp" (plug-and-play
            restoration by a pretrained denoiser, for any scale and blur), or
            the path of a `.keras` file of `train upscaler` or with a
            `models.RestorationGAN` that upscales.
        scale: Factor of each side, an int of at least 2. None takes that of
            the `.keras` file, or 4.
        sigma: For "pnp", σ of the Gaussian blur that the image had before it
            was made small, in pixels of the large image. None, without a
            kernel, stands for bicubic downsampling.
        kernel: For "pnp", path of an image file of that blur's kernel, a
            blurred point on black.
        noise_level: For "pnp", standard deviation σ of the noise in units of
            [0, 1]. "auto" estimates it for each image.
        ensemble: Whether a network upscales the eight symmetries of the
            image and averages: eight times slower, a little better.
        compare: Whether to write before and after side by side as well, as
            `NAME-compare.png`.
        overwrite: Whether existing files may be replaced.
        files: `io.FileOptions`: how files are read, chosen and written. None
            for the defaults.
        on_file: None, or a function that is called with each result as soon
            as its file is written.
        verbose: Progress, see `io.Progress`.

    Returns:
        A list of `Upscaled`.

    Raises:
        FileExistsError: A file exists and `overwrite` is False.
        FileNotFoundError: There is no such source or model.
        ImportError: The package with Real-ESRGAN's weights is not installed.
        PermissionError: The place cannot be written to.
        ValueError: Arguments are out of range, the model does not upscale,
            or files are no images; in a folder all others are upscaled
            first.

    Reference: Dong et al., Image Super-Resolution Using Deep Convolutional
    Networks, 2016, section 4: brightness through the network alone.
    """
    method = str(method)
    _check(method, scale, ensemble)
    if method != "pnp" and (sigma, kernel, noise_level) != (None, None, "auto"):
        raise ValueError(
            "`sigma`, `kernel` and `noise_level` are for the method 'pnp'. "
            f"Received: method={method!r}"
        )
    beside = (COMPARISON,) if compare else ()
    plan = plan_targets(
        source,
        target,
        overwrite=overwrite,
        beside=beside,
        files=files,
        also_read=[kernel] if kernel else [],
    )
    if method == "bicubic":
        scale = scale or 4
        run = restoration.bicubic(scale)
    elif method == "pnp":
        scale = scale or 4
        check_noise_level(noise_level)
        blur = known_blur(sigma, None, kernel, even=scale % 2 == 0)
        operator = restoration.BicubicDownsampling(scale)
        if blur is not None:
            operator = restoration.Blur(blur[1], scale)
        solve = plug_and_play(operator, _ITERATIONS, scale)
    else:
        network = None if method == "edsr" else _network(method)
        if network is None:
            scales, words = (4, 3, 2), "2, 3 or 4"
        else:
            words = _scale_of(network, method)
            scales = (words,)
        if scale not in (None, *scales):
            raise ValueError(
                f"{method} upscales {words} times. Received: scale={scale}"
            )
        scale = scale or scales[0]
        run = _with_network(network, scale, ensemble)
        if method == "photo":
            run = _with_its_colors(run)
    bicubic = restoration.bicubic(scale)

    def rounded(values, bits):
        """In little memory: whole numbers are what the file will hold."""
        height, width, channels = values.shape
        return _Rounded((1, scale * height, scale * width, channels), bits)

    def in_tiles(method, values, bits, verbose):
        large = rounded(values, bits)
        inference.restore_tiled(
            method,
            values[None],
            _TILE,
            _OVERLAP,
            batch_size=1,
            scale=scale,
            output=large,
            verbose=verbose,
        )
        return large.array[0]

    def upscaled(image, progress):
        if method == "pnp":
            level = noise_level
            if level == "auto":
                level = estimated_level(image)
            inputs = {"image": image.color[None], "noise_level": level}
            large = rounded(image.color, image.bits)
            large = solve(inputs, progress, large).array[0]
        else:
            large = in_tiles(run, image.color, image.bits, progress)
        alpha = image.alpha
        if alpha is not None:
            alpha = in_tiles(bicubic, alpha, image.bits, 0)
        return large, alpha, {"scale": scale, "size": large.shape[:2]}

    return restore_files(
        plan,
        upscaled,
        Upscaled,
        title=method,
        scale=scale,
        compare=compare,
        overwrite=overwrite,
        files=files,
        on_file=on_file,
        verbose=verbose,
    )


def _check(method, scale, ensemble):
    if method not in METHODS and not method.endswith(".keras"):
        raise ValueError(
            f"`method` must be {', '.join(METHODS)} or a .keras file. "
            f"Received: {method!r}"
        )
    if scale is not None and (not is_int(scale) or scale < 2):
        raise ValueError(
            f"`scale` must be an int, at least 2. Received: scale={scale!r}"
        )
    if ensemble and method in ("bicubic", "pnp"):
        raise ValueError(f"`ensemble` is for networks, not for {method!r}.")


_edsr = functools.cache(presets.upscaler)


def _network(method):
    if method in _PRESETS:
        return _preset(_PRESETS[method])
    network, inputs = load_restorer(method)
    if set(inputs) != {"image"}:
        raise ValueError(
            f"{method} takes {', '.join(inputs)}. Expected: the image alone"
        )
    return network


def _scale_of(network, method):
    """How many times larger the network makes an image: one is tried."""
    height, width, channels = inference.input_shapes(network)["image"][1:]
    small = np.zeros((1, height or 16, width or 16, channels), "float32")
    made = inference.run_restorer(network, small).shape
    scale = made[1] // small.shape[1]
    exact = made[1:3] == (scale * small.shape[1], scale * small.shape[2])
    if scale < 2 or not exact:
        raise ValueError(
            f"{method} does not upscale images (keras-synth restore restores "
            f"them). Received: {made[1:3]} from {small.shape[1:3]}"
        )
    return scale


def _with_network(network, scale, ensemble):
    """A method for tiles that runs a network; None: the pretrained ones."""
    bicubic = restoration.bicubic(scale)

    def upscale(images):
        found = network
        if found is None:
            found = _edsr(scale)
        channels = inference.input_shapes(found)["image"][-1]

        def run(images):
            if ensemble:
                return inference.self_ensemble(turned, images)
            return inference.run_restorer(found, images)

        def turned(images):
            if fixed_sides(found) in ((None, None), images.shape[1:3]):
                return inference.run_restorer(found, images)
            return inference.restore_tiled(
                found,
                images,
                _TILE,
                _OVERLAP,
                batch_size=1,
                scale=scale,
                verbose=0,
            )

        if channels == 3 or images.shape[-1] == 1:
            return with_channels(run, channels, images)
        luma = np.asarray(full_range_luma(images))
        return bicubic(images - luma) + run(luma)

    if network is not None:
        upscale.fixed_sides = fixed_sides(network)
    return upscale


def _with_its_colors(run):
    return lambda images: restoration.keep_colors(images, run(images))


class _Rounded:
    """An array that rounds what is written into it to 8 or 16 bits."""

    def __init__(self, shape, bits):
        self.shape, self.bits = shape, bits
        kind = "float32" if bits == 32 else f"uint{bits}"
        self.array = np.empty(shape, kind)

    def __setitem__(self, place, values):
        if self.bits == 32:
            self.array[place] = np.clip(values, 0.0, 1.0)
        else:
            self.array[place] = quantized(values, self.bits)
