"""Image-to-image translation of files, by pix2pix, CycleGAN, CUT and others."""

import dataclasses
import os
import pathlib
from collections.abc import Callable
from typing import Literal

import numpy as np

from keras_synth import inference
from keras_synth.io import FileOptions, plan_targets
from keras_synth.io.images import on_white, to_channels
from keras_synth.tasks.image_files import COMPARISON, restore_files
from keras_synth.tasks.restorers import in_tiles, load_restorer


@dataclasses.dataclass(frozen=True)
class Translated:
    """Result of `translate` for one file.

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


def translate(
    source: str | os.PathLike,
    target: str | os.PathLike,
    *,
    model: str | os.PathLike,
    direction: Literal["a_to_b", "b_to_a"] = "a_to_b",
    ensemble: bool = False,
    compare: bool = False,
    overwrite: bool = False,
    files: FileOptions | None = None,
    on_file: Callable[[Translated], None] | None = None,
    verbose: Literal["auto", 0, 1, 2] = "auto",
) -> list[Translated]:
    """Translates an image file or a folder of them to another kind of image.

    A model of `train pix2pix` makes photographs of label maps, or color
    images of gray ones: whatever its pairs of images show. One of `train
    cyclegan` translates both ways between two kinds of images, one of `train
    cut` from A to B. What a model sees is what it saw in its training:
    transparent images on white, gray images as color or the reverse. The
    translation is opaque. Metadata are kept. Images above 768 pixels are
    translated in tiles. Files are written whole or not at all.

    Args:
        source: Path of an image file, or of a folder with images, which are
            searched in all folders below it as well.
        target: Path of the image file to write. For a folder, path of the
            folder that gets files of the same names.
        model: Path of the `.keras` file of `train pix2pix`, `train cyclegan`
            or `train cut`, or of another model or network that takes the
            image alone.
        direction: Direction of a model of `train cyclegan`, which was trained
            on images of A and of B: "a_to_b" or "b_to_a".
        ensemble: Whether to translate the eight symmetries of the image and
            average: eight times slower.
        compare: Whether to write before and after side by side as well, as
            `NAME-compare.png`.
        overwrite: Whether existing files may be replaced.
        files: `io.FileOptions`: how files are read, chosen and written. None
            for the defaults.
        on_file: None, or a function that is called with each result as soon
            as its file is written.
        verbose: Progress, see `io.Progress`.

    Returns:
        A list of `Translated`.

    Raises:
        FileExistsError: A file exists and `overwrite` is False.
        FileNotFoundError: There is no such source or model.
        PermissionError: The place cannot be written to.
        ValueError: The model takes more than an image, or has one direction
            alone; or files are no images, and in a folder all others are
            translated first.

    References: Isola et al., Image-to-Image Translation with Conditional
    Adversarial Networks, 2017. Zhu et al., Unpaired Image-to-Image Translation
    using Cycle-Consistent Adversarial Networks, 2017. Park et al., Contrastive
    Learning for Unpaired Image-to-Image Translation, 2020.
    """
    beside = (COMPARISON,) if compare else ()
    plan = plan_targets(
        source, target, overwrite=overwrite, beside=beside, files=files
    )
    network, inputs = load_restorer(model)
    if hasattr(network, "translator"):
        network = network.translator(direction)
        inputs = inference.input_shapes(network)
    elif direction != "a_to_b":
        raise ValueError(
            f"{model} translates in one direction alone: leave `direction` "
            "out. For the way back, train a model with the two "
            f"kinds of images exchanged. Received: direction={direction!r}"
        )
    if set(inputs) != {"image"}:
        raise ValueError(
            f"{model} takes {', '.join(inputs)}. Expected: a model that takes "
            "the image alone, such as those of `train pix2pix`"
        )
    channels = inputs["image"][-1]
    if channels not in (1, 3):
        raise ValueError(
            f"{model} must take images of 1 or 3 channels. Received: {channels}"
        )

    def translated(image, progress):
        seen = on_white(to_channels(image.color, channels), image.alpha)
        color = in_tiles(network, seen[None], ensemble, progress)[0]
        if color.shape[-1] not in (1, 3):
            raise ValueError(
                f"{model} must make images of 1 or 3 channels. Received: "
                f"{color.shape[-1]}"
            )
        if color.shape[:2] != image.color.shape[:2]:
            raise ValueError(
                f"{model} changes the size of images: tasks.upscale "
                "(keras-synth upscale) runs it."
            )
        facts = {"size": color.shape[:2], "opaque": image.alpha is not None}
        return np.clip(color, 0.0, 1.0), None, facts

    def result(notes, opaque, **facts):
        if opaque:
            notes += ("transparent parts translated as white ones",)
        return Translated(notes=notes, **facts)

    return restore_files(
        plan,
        translated,
        result,
        title="translated",
        kind="edited",
        compare=compare,
        overwrite=overwrite,
        files=files,
        on_file=on_file,
        verbose=verbose,
    )
