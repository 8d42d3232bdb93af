"""Formats of image files: what each of them can hold besides its pixels."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Format:
    """A format of image files.

    Attributes:
        name: Pillow's name of it.
        endings: Endings of its files, the usual one first.
        alpha: Whether it holds transparency.
        frames: Whether it holds several images: an animation, or pages.
        depths: Bits of a channel: 8, 16, or 32 for floats.
        lossless: Whether pixels come back as they were written.
        side: Pixels of the longest side that it holds.
        keeps: What else it holds, of "profile", "EXIF", "XMP", "resolution",
            "comment", "text" and "gamma".
    """

    name: str
    endings: tuple
    alpha: bool = False
    frames: bool = False
    depths: tuple = (8,)
    lossless: bool = True
    side: int = 2**31 - 1
    keeps: frozenset = frozenset()


_ALL = ("profile", "EXIF", "XMP", "resolution")
FORMATS = (
    Format(
        "PNG",
        (".png", ".apng"),
        alpha=True,
        frames=True,
        depths=(8, 16),
        keeps=frozenset((*_ALL, "text", "gamma")),
    ),
    Format(
        "JPEG",
        (".jpg", ".jpeg", ".jpe", ".jfif"),
        lossless=False,
        side=65500,
        keeps=frozenset((*_ALL, "comment")),
    ),
    Format(
        "TIFF",
        (".tif", ".tiff"),
        alpha=True,
        frames=True,
        depths=(8, 16, 32),
        keeps=frozenset(_ALL),
    ),
    Format(
        "WEBP",
        (".webp",),
        alpha=True,
        frames=True,
        lossless=False,
        side=16383,
        keeps=frozenset(("profile", "EXIF", "XMP")),
    ),
    Format(
        "AVIF",
        (".avif",),
        alpha=True,
        lossless=False,
        side=32768,
        keeps=frozenset(("profile", "EXIF", "XMP")),
    ),
    Format(
        "HEIF",
        (".heic", ".heif"),
        alpha=True,
        lossless=False,
        keeps=frozenset(("profile", "EXIF", "XMP")),
    ),
    Format(
        "GIF",
        (".gif",),
        alpha=True,
        frames=True,
        lossless=False,
        side=65535,
        keeps=frozenset(("comment",)),
    ),
    Format(
        "JPEG2000",
        (".jp2", ".j2k"),
        alpha=True,
        keeps=frozenset(("comment",)),
    ),
    Format("TGA", (".tga",), alpha=True, side=65535),
    Format("BMP", (".bmp",), keeps=frozenset(("resolution",))),
    Format("PPM", (".ppm", ".pgm"), depths=(8, 16)),
)
_BY_ENDING = {ending: format for format in FORMATS for ending in format.endings}
#: Endings of the image files that are read and written.
EXTENSIONS = frozenset(_BY_ENDING)


def format_of(path):
    """The `Format` that a path's ending stands for.

    Args:
        path: A `pathlib.Path`.

    Returns:
        A `Format`.

    Raises:
        ValueError: The ending stands for none.
    """
    format = _BY_ENDING.get(path.suffix.lower())
    if format is None:
        raise ValueError(
            f"{path} must end in one of {', '.join(sorted(EXTENSIONS))}."
        )
    return format


def register_plugin(path):
    """Registers Pillow's plugin for the files that need one, which are HEIF.

    Args:
        path: A `pathlib.Path`, of a file to read or to write.

    Raises:
        ValueError: The plugin is not installed.
    """
    if path.suffix.lower() not in (".heic", ".heif"):
        return
    try:
        import pillow_heif
    except ImportError as error:
        raise ValueError(
            "HEIC files need pillow-heif: pip install 'keras_synth[heif]'"
        ) from error
    pillow_heif.register_heif_opener()
