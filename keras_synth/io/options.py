"""File options: how the image files of a task are read, chosen and written."""

import dataclasses
import math
from typing import Literal

import numpy as np
from PIL import ImageColor

from keras_synth.ops.numbers import is_int, is_number


def color_of(name):
    """The color of `background`, float32 (3,) in [0, 1].

    Args:
        name: Name of an opaque color, such as "white" or "#ffeedd".
    """
    try:
        color = ImageColor.getrgb(name)
    except (AttributeError, ValueError):
        color = None
    if color is None or color[3:] not in ((), (255,)):
        raise ValueError(
            "`background` must be an opaque color, such as white or #ffeedd. "
            f"Received: {name!r}"
        )
    return np.float32(color[:3]) / 255.0


@dataclasses.dataclass(frozen=True)
class FileOptions:
    """File options, the same for every task that turns images into images.

    Args:
        skip_existing: Whether a file that exists already is left as it is,
            and its image is not read again: so a job that was stopped goes
            on.
        format: Ending of the files that are written to a folder, such as
            "png" or "webp". None keeps that of each image.
        suffix: Text that is added to the names of files written to a folder,
            such as "-restored". Empty for none.
        quality: Quality of JPEG, WebP and AVIF files, from 1 to 100. None is
            99 for JPEG, or the tables of a JPEG file that is finer; 99 for
            AVIF; and lossless for WebP.
        strip: Whether to leave out EXIF, XMP, comments and texts, which say
            who, where and when, and that the image was restored or made.
        background: Color that transparent images are put on, such as "white"
            or "#ffeedd". None keeps the transparency, and refuses formats
            that hold none.
        white: Value that is white in TIFF files of more than 8 bits. None
            takes 1 for floats and the largest number of up to 16 bits, and
            refuses the others.
        max_megapixels: Largest image that is read, or written by upscaling.
            A small file may claim a size that fills the memory.
        accept_truncated: Whether images that lack their last bytes are read:
            what is missing is gray or black. Of PNG and TIFF files of more
            than 8 bits, WebP and AVIF files such images are never read.
        shard: Part of a folder, "I/N": the Ith of N parts that differ by one
            image at most, as "2/4" for the second of four machines. None
            takes the whole folder.
        engine: "local" restores file after file. "ray" does several at once
            on a Ray cluster, which must see the files: a process for each GPU
            or core, and those that are lost are started again.
    """

    skip_existing: bool = False
    format: str | None = None
    suffix: str = ""
    quality: int | None = None
    strip: bool = False
    background: str | None = None
    white: float | None = None
    max_megapixels: float = 200.0
    accept_truncated: bool = False
    shard: str | None = None
    engine: Literal["local", "ray"] = "local"

    def __post_init__(self):
        if self.quality is not None and (
            not is_int(self.quality) or not 1 <= self.quality <= 100
        ):
            raise ValueError(
                "`quality` must be an int from 1 to 100. "
                f"Received: quality={self.quality!r}"
            )
        for name in ("white", "max_megapixels"):
            value = getattr(self, name)
            if value is None and name == "white":
                continue
            if not (is_number(value) and 0 < value < math.inf):
                raise ValueError(
                    f"`{name}` must be a number above 0. "
                    f"Received: {name}={value!r}"
                )
        if self.engine not in ("local", "ray"):
            raise ValueError(
                '`engine` must be "local" or "ray". '
                f"Received: engine={self.engine!r}"
            )
        for name in ("suffix", "format"):
            value = getattr(self, name)
            if not isinstance(value, str) and (value, name) != (None, "format"):
                raise ValueError(
                    f"`{name}` must be a text. Received: {name}={value!r}"
                )
        if self.background is not None:
            color_of(self.background)
        if "/" in self.suffix or "\\" in self.suffix:
            raise ValueError(
                "`suffix` must be a part of a name, without folders. "
                f"Received: suffix={self.suffix!r}"
            )
