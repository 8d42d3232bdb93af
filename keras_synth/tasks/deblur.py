"""Deblurring of image files: a known blur, or one that is estimated."""

import dataclasses
import os
import pathlib
from collections.abc import Callable
from typing import Literal

import numpy as np

from keras_synth import ops, restoration
from keras_synth.io import FileOptions, plan_targets, read_image
from keras_synth.ops.numbers import is_int, is_number
from keras_synth.tasks.image_files import COMPARISON, restore_files
from keras_synth.tasks.restorers import (
    check_noise_level,
    estimated_level,
    plug_and_play,
)

_LARGEST = 101  # pixels of a kernel's side, so that tiles stay larger
# Noise of a JPEG image besides that of quantized luma: of its colors, and of
# rounding.
_COLOR_NOISE = 1 / 255


@dataclasses.dataclass(frozen=True)
class Deblurred:
    """Result of `deblur` for one file.

    Attributes:
        source: Path of the file that was read.
        target: Path of the file that was written.
        blur: The blur that was removed, in words.
        estimated: Whether it was estimated.
        noise_level: σ of the noise, in units of [0, 1].
        jpeg_quality: Quality of the JPEG compression that the noise level
            takes account of, or None.
        comparison: Path of the image of before and after, or None.
        notes: What was converted, or could not be kept, in words.
    """

    source: pathlib.Path
    target: pathlib.Path
    blur: str
    estimated: bool
    noise_level: float
    jpeg_quality: int | None = None
    comparison: pathlib.Path | None = None
    notes: tuple[str, ...] = ()


def deblur(
    source: str | os.PathLike,
    target: str | os.PathLike,
    *,
    sigma: float | None = None,
    motion: tuple[float, float] | None = None,
    kernel: str | os.PathLike | None = None,
    noise_level: float | Literal["auto"] = "auto",
    iterations: int = 8,
    compare: bool = False,
    overwrite: bool = False,
    files: FileOptions | None = None,
    on_file: Callable[[Deblurred], None] | None = None,
    verbose: Literal["auto", 0, 1, 2] = "auto",
) -> list[Deblurred]:
    """Deblurs an image file or a folder of them (deconvolution).

    A blur that is the same all over the image is removed, with a pretrained
    denoiser as the prior: plug-and-play restoration. Where no blur is given,
    the width of a Gaussian blur or the line of a motion is estimated for each
    image from its spectrum. An image that shows too little of it is refused.
    JPEG compression is taken as noise, whose level follows from its quality.

    Nothing is assumed beyond the borders of the image. Large images are
    restored in tiles. Every frame of an animation and every page is restored.
    The new file keeps the depth, the transparency, the color profile and the
    metadata of the old one. Files are written whole or not at all.

    Args:
        source: Path of an image file, or of a folder with images, which are
            searched in all folders below it as well.
        target: Path of the image file to write. For a folder, path of the
            folder that gets files of the same names.
        sigma: Standard deviation of a Gaussian blur in pixels, up to 12.
        motion: Length of a linear motion in pixels, up to 100, and its angle
            in degrees, counterclockwise from the horizontal.
        kernel: Path of an image file of the blurred image of a single bright
            point on black, of at most 101x101 pixels.
        noise_level: Standard deviation σ of the noise in units of [0, 1]: 10
            of 255 gray levels are 0.039. "auto" estimates it for each image,
            with that of its JPEG compression.
        iterations: Number of iterations. More than 8 rarely help.
        compare: Whether to write before and after side by side as well, as
            `NAME-compare.png`.
        overwrite: Whether existing files may be replaced.
        files: `io.FileOptions`: how files are read, chosen and written. None
            for the defaults.
        on_file: None, or a function that is called with each result as soon
            as its file is written.
        verbose: Progress, see `io.Progress`.

    Returns:
        A list of `Deblurred`.

    Raises:
        FileExistsError: A file exists and `overwrite` is False.
        FileNotFoundError: There is no such source or kernel.
        PermissionError: The place cannot be written to.
        ValueError: Arguments are out of range, files are no images, or a blur
            cannot be estimated; in a folder all others are deblurred first.

    Reference: Zhang et al., Plug-and-Play Image Restoration with Deep Denoiser
    Prior, 2022.
    """
    known = known_blur(sigma, motion, kernel)
    check_noise_level(noise_level)
    if not is_int(iterations) or not 1 <= iterations <= 100:
        raise ValueError(
            "`iterations` must be an int from 1 to 100. "
            f"Received: iterations={iterations!r}"
        )
    solve = known and plug_and_play(restoration.Blur(known[1]), iterations)
    beside = (COMPARISON,) if compare else ()
    plan = plan_targets(
        source,
        target,
        overwrite=overwrite,
        beside=beside,
        files=files,
        also_read=[kernel] if kernel else [],
    )

    def deblurred(image, progress):
        color = image.color
        table = _luma_table(image)
        level, quality = noise_level, None
        if level == "auto":
            level = estimated_level(image)
            if table is not None:
                quality = ops.jpeg_quality(table)
                level = _with_compression(level, color, table)
        words, run = known and known[0], solve
        if known is None:
            given = None if noise_level == "auto" else noise_level
            found = restoration.estimate_blur(color[None], given, table)
            words = str(found)
            run = plug_and_play(restoration.Blur(found.kernel), iterations)
        inputs = {"image": color[None], "noise_level": level}
        restored = run(inputs, progress)
        facts = {
            "blur": words,
            "estimated": known is None,
            "noise_level": level,
            "jpeg_quality": quality,
        }
        return restored[0], image.alpha, facts

    return restore_files(
        plan,
        deblurred,
        Deblurred,
        title="deblurred",
        compare=compare,
        overwrite=overwrite,
        files=files,
        on_file=on_file,
        verbose=verbose,
    )


def _luma_table(image):
    """Quantization table of an `ImageFile` that is, or was, a JPEG file."""
    if min(image.color.shape[:2]) < 24:
        return None
    if image.luma_table is not None:
        return image.luma_table
    quality = int(ops.estimate_jpeg_quality(image.color[None])[0])
    return ops.luma_table(quality) if quality < 100 else None


def _with_compression(level, color, table):
    """The noise level of an image with that of its JPEG compression."""
    noise, _ = ops.jpeg_noise(color, table)
    return float(np.hypot(np.sqrt(noise.mean()), max(level, _COLOR_NOISE)))


def known_blur(sigma, motion, kernel, even=False):
    """A blur that is given in one of three ways.

    Args:
        sigma: As in `deblur`.
        motion: As in `deblur`.
        kernel: As in `deblur`.
        even: Whether the kernel must have sides of even length, as
            `restoration.Blur` needs for an even scale.

    Returns:
        `(words, kernel)`, or None where none is given.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: More than one is given, or one is out of range.
    """
    given = [x is not None for x in (sigma, motion, kernel)]
    if sum(given) > 1:
        raise ValueError(
            "Give the blur in one way: sigma, motion or kernel. Received: "
            f"sigma={sigma!r}, motion={motion!r}, kernel={kernel!r}"
        )
    if sigma is not None:
        if not (is_number(sigma) and 0 < sigma <= 12):
            raise ValueError(
                "`sigma` must be a number of pixels above 0, up to 12. "
                f"Received: sigma={sigma!r}"
            )
        line = ops.gaussian_kernels(np.float32([sigma]), sigma, even)[0]
        line = np.asarray(line)
        return f"Gaussian blur of σ = {sigma:g} pixels", np.outer(line, line)
    if motion is not None:
        length, angle = motion
        if not (is_number(length) and 0 < length <= 100) or not (
            is_number(angle) and -360 <= angle <= 360
        ):
            raise ValueError(
                "`motion` must be a length in pixels, above 0 and up to 100, "
                "and an angle in degrees. "
                f"Received: motion={tuple(motion)!r}"
            )
        made = ops.line_kernels(
            np.float32([length]), np.float32([angle]), length
        )
        words = f"motion of {length:g} pixels at {angle:g}°"
        return words, np.asarray(made)[0]
    if kernel is not None:
        return f"kernel {kernel}", _even(read_kernel(kernel), even)
    return None


def read_kernel(path):
    """Reads a blur kernel from an image file.

    Args:
        path: Path of a gray image of a blurred point on black.

    Returns:
        float32 (rows, columns), of sum 1.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no image, is black or white all over, or too large.
    """
    kernel = read_image(path, channels=1)[..., 0]
    if max(kernel.shape) > _LARGEST:
        raise ValueError(
            f"The kernel {path} must have at most {_LARGEST}x{_LARGEST} "
            f"pixels. Received: {kernel.shape[1]}x{kernel.shape[0]}"
        )
    if not kernel.any() or (kernel.size > 1 and np.ptp(kernel) == 0):
        raise ValueError(
            f"The kernel {path} must be a bright point, blurred, on black. "
            f"Received: an image of {kernel.flat[0]:g} all over"
        )
    return kernel / kernel.sum()


def _even(kernel, even):
    """Sides of even (else odd) length, by a shift of half a pixel."""
    for axis in (0, 1):
        if kernel.shape[axis] % 2 == int(even):
            # Cubic interpolation halfway between two pixels.
            taps = np.float32([-1.0, 9.0, 9.0, -1.0]) / 16.0
            kernel = np.apply_along_axis(np.convolve, axis, kernel, taps)
    return kernel
