"""Reading image files: every frame, in its own depth, with its metadata."""

import contextlib
import dataclasses
import io
import pathlib
import re

import numpy as np
import tifffile
from PIL import (
    ExifTags,
    Image,
    ImageFile,
    ImageOps,
    UnidentifiedImageError,
)

from keras_synth.io.formats import register_plugin
from keras_synth.io.metadata import (
    Metadata,
    clean_exif,
    clean_resolution,
    clean_xmp,
    converts_to_srgb,
    read_metadata,
    to_srgb,
)
from keras_synth.io.options import FileOptions

_PNG = b"\x89PNG\r\n\x1a\n"
# Modes of Pillow that are gray; and those with transparency.
_GRAY = ("1", "L", "LA", "La")
_TRANSPARENT = ("LA", "PA", "RGBA", "La", "RGBa")
# TIFF: photometric interpretations, and kinds of samples.
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB = 0, 1, 2
_PREMULTIPLIED = 1
_ALPHA = ((1,), (2,))
_NO_COLOR = "channels besides color and transparency are left out"
_PNM = re.compile(rb"P([2356])((?:\s|#[^\n]*\n)+\d+){3}\s")
# Orientation: the axes that are reversed after transposing, where it is.
_TURNS = {
    2: (False, (1,)),
    3: (False, (0, 1)),
    4: (False, (0,)),
    5: (True, ()),
    6: (True, (1,)),
    7: (True, (0, 1)),
    8: (True, (0,)),
}


@dataclasses.dataclass(frozen=True)
class Decoded:
    """An image file that has been opened.

    Attributes:
        path: Path of the file.
        format: Pillow's name of its format.
        num_frames: Number of its images.
        depth: Bits of a channel: 8, 16, or 32 for floats.
        white: Value of a TIFF file that is white; None for 1 in float files,
            and for the largest number in all others.
        metadata: Its `Metadata`.
        notes: What was converted or left out in reading, in words.
        read: Function from the number of a frame to `(float32 (height, width,
            channels), milliseconds)`, the values in [0, 1]; the last channel
            of two or four is transparency.
        pages: Tuple of the `Metadata` of each page of a TIFF file; empty
            where all images share `metadata`.
        sizes: Tuple of (width, height) of each page of a TIFF file, as it is
            stored; empty for other files.
    """

    path: pathlib.Path
    format: str
    num_frames: int
    depth: int
    white: float | None
    metadata: Metadata
    notes: tuple
    read: object
    pages: tuple = ()
    sizes: tuple = ()


def open_decoded(path, options=None):
    """Opens an image file.

    Args:
        path: Path of the file.
        options: `io.FileOptions`, or None for the defaults.

    Returns:
        A `Decoded`.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is no image, is cut short, is too large, or
            holds what cannot be read without loss.
    """
    path, options = pathlib.Path(path), options or FileOptions()
    if not path.is_file():
        raise FileNotFoundError(f"There is no image {path}")
    data = path.read_bytes()
    with readable(path, options):
        return _open(path, data, options)


class _RefusedError(ValueError):
    """An image that is sound, and is not read. Begins with a verb."""


@contextlib.contextmanager
def readable(path, options):
    """Turns whatever is wrong with an image file into a ValueError."""
    try:
        with _settings(options):
            yield
    except UnidentifiedImageError as error:
        raise ValueError(
            f"{path} is not a readable image: it is of no known format"
        ) from error
    except MemoryError as error:
        raise ValueError(f"{path} is too large for the memory") from error
    except _RefusedError as error:
        raise ValueError(f"{path} {error}") from error
    except Exception as error:  # Decoders raise any, where bytes are wrong.
        raise ValueError(f"{path} is not a readable image: {error}") from error


@contextlib.contextmanager
def _settings(options):
    """Pillow's settings are global: they are put back."""
    kept = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES
    Image.MAX_IMAGE_PIXELS = None  # `check_size` checks
    ImageFile.LOAD_TRUNCATED_IMAGES = options.accept_truncated
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = kept


def _open(path, data, options):
    pages = _tiff_pages(data) if data[:2] in (b"II", b"MM") else []
    if any(_is_deep(page) for page in pages):
        return _open_deep_tiff(path, data, pages, options)
    if _is_deep_pnm(data):
        return _open_deep_pnm(path, data, options)
    register_plugin(path)
    image = Image.open(io.BytesIO(data))
    sizes = _checked_sizes(pages, options)
    check_size(image.size, options)
    _check_depth(image, data)
    if data[:8] == _PNG and data[24:25] == b"\x10":
        return _open_deep_png(path, data, image)
    frames = getattr(image, "n_frames", 1)
    notes = []
    if image.format == "MPO":
        _check_further(image)
        frames, notes = 1, [f"{frames - 1} further images (MPO) are left out"]
    image.load()
    key = image.info.get("transparency")
    if image.format == "PNG" and image.mode == "L" and isinstance(key, int):
        # Pillow spreads the gray levels of few bits, but not this one.
        image.info["transparency"] = key * 255 // (2 ** min(data[24], 8) - 1)
    metadata, of_pages = read_metadata(image, data), ()
    if pages:
        of_pages = tuple(
            _tiff_metadata(_tiff_tags(data, page.offset)) for page in pages
        )
        metadata = of_pages[0]
        if any(
            page.samplesperpixel > len(image.getbands()) > 1 for page in pages
        ):
            notes.append(_NO_COLOR)
    converts = image.mode in ("CMYK", "LAB")
    profile = metadata.profile
    if converts:
        notes.append(f"{image.mode} converted to sRGB")
        if not converts_to_srgb(image, profile):
            notes.append("its color profile cannot be used")
            profile = None
        metadata, *of_pages = (
            dataclasses.replace(each, profile=None)
            for each in (metadata, *of_pages)
        )

    def read(index):
        with readable(path, options):
            if frames > 1:
                image.seek(index)
                check_size(image.size, options)  # That of a GIF file may grow.
            frame = ImageOps.exif_transpose(image)
            milliseconds = image.info.get("duration", 0)
            if converts:
                frame = to_srgb(frame, profile)
            return _values(frame), milliseconds

    name = "JPEG" if image.format == "MPO" else image.format
    depth = 16 if image.mode.startswith("I") else 8
    return Decoded(
        path,
        name,
        frames,
        depth,
        None,
        metadata,
        tuple(notes),
        read,
        tuple(of_pages) if len(of_pages) == frames else (),
        sizes,
    )


def _check_further(image):
    """Refuses a JPEG file of several images that are no previews."""
    kinds = [each["Attribute"]["MPType"] for each in image.mpinfo[0xB002][1:]]
    if any(kind.startswith("Multi-Frame") for kind in kinds):
        raise _RefusedError(
            f"holds {len(kinds) + 1} images, of a panorama or in three "
            "dimensions: take them apart first"
        )


def check_size(size, options):
    """Refuses an image of more pixels than are read."""
    megapixels = size[0] * size[1] / 1e6
    if megapixels > options.max_megapixels:
        raise ValueError(
            f"it has {megapixels:.4g} megapixels, more than the "
            f"{options.max_megapixels:g} that are read (`max_megapixels`)"
        )


def _check_depth(image, data):
    """Refuses what Pillow would silently cut to 8 bits."""
    bits = 8
    if image.format == "JPEG2000":
        start = data.find(b"\xff\x4f\xff\x51")  # SOC, SIZ
        bits = (data[start + 42] & 127) + 1 if start >= 0 else 8
    if image.format in ("AVIF", "HEIF"):
        start = data.find(b"pixi")
        bits = data[start + 9] if start >= 0 else 8
    if bits > 8 and not image.mode.startswith("I"):
        raise ValueError(
            f"its channels have {bits} bits, of which 8 could be read: convert "
            "it to a PNG or TIFF file of 16 bits first"
        )


def _values(image):
    """float32 (height, width, 1 to 4) in [0, 1] of an image of Pillow."""
    if image.mode == "F":
        raise ValueError("it holds floats in a format other than TIFF")
    if image.mode.startswith("I"):
        values = np.asarray(image, "float32")[..., None] / 65535.0
        if values.min() < 0.0 or values.max() > 1.0:
            raise ValueError("it holds values outside of 16 bits")
        return values
    transparent = image.mode in _TRANSPARENT or "transparency" in image.info
    mode = "L" if image.mode in _GRAY else "RGB"
    if transparent:
        mode += "A"
    values = np.array(image.convert(mode), "float32")
    values /= 255.0
    return values[..., None] if values.ndim == 2 else values


# 16-bit PNG ------------------------------------------------------------------


def _open_deep_png(path, data, image):
    """Colors by TensorFlow: Pillow would cut them to 8 bits."""
    if getattr(image, "n_frames", 1) > 1:
        raise ValueError("it is an animation of 16 bits, which is not read")
    image.load()
    metadata = read_metadata(image, data)
    orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    transparency = image.info.get("transparency")

    def read(index):
        import tensorflow as tf

        with readable(path, FileOptions()):
            try:
                values = tf.io.decode_png(data, dtype=tf.uint16).numpy()
            except tf.errors.InvalidArgumentError as error:
                raise ValueError(
                    "its pixels are broken or cut short, and of 16 bits, which "
                    "are read whole or not at all"
                ) from error
            if transparency is not None and values.shape[-1] in (1, 3):
                seen = np.any(values != np.uint16(transparency), -1)
                alpha = np.where(seen, 65535, 0).astype("uint16")
                values = np.concatenate([values, alpha[..., None]], axis=-1)
            return _turned(values.astype("float32") / 65535.0, orientation), 0

    return Decoded(path, "PNG", 1, 16, None, metadata, (), read)


def _turned(values, orientation):
    transposed, axes = _TURNS.get(orientation, (False, ()))
    if transposed:
        values = np.swapaxes(values, 0, 1)
    return np.flip(values, axes) if axes else values


# 16-bit PGM and PPM ----------------------------------------------------------


def _pnm_header(data):
    match = _PNM.match(data)
    if match is None:
        return None
    text = re.sub(rb"#[^\n]*\n", b" ", match.group())
    return (int(match[1]), *map(int, text.split()[1:4]), match.end())


def _is_deep_pnm(data):
    header = _pnm_header(data)
    return header is not None and header[3] > 255


def _open_deep_pnm(path, data, options):
    kind, width, height, top, start = _pnm_header(data)
    check_size((width, height), options)
    if top > 65535:
        raise ValueError(f"its largest value is {top}, more than 65535")
    channels = 3 if kind in (3, 6) else 1
    count = width * height * channels
    if not count:
        raise ValueError(f"it has no pixels: {width}x{height}")
    if options.accept_truncated:
        data += (b" 0" if kind in (2, 3) else bytes(2)) * count
    if kind in (5, 6):
        values = np.frombuffer(data, ">u2", count, start)
    else:
        text = re.sub(rb"#[^\n]*", b"", data[start:])
        values = np.array(text.split()[:count], "uint32")
    values = values.reshape((height, width, channels)).astype("float32") / top
    if values.max(initial=0.0) > 1.0:
        raise ValueError(f"it holds values above its largest one, {top}")
    return Decoded(
        path, "PPM", 1, 16, None, Metadata(), (), lambda index: (values, 0)
    )


# TIFF of more than 8 bits ----------------------------------------------------


def _tiff_pages(data):
    """Pages by tifffile; none where it is no TIFF file."""
    try:
        return list(tifffile.TiffFile(io.BytesIO(data)).pages)
    except Exception:  # Pillow says what is wrong
        return []


def _checked_sizes(pages, options):
    """(width, height) of every page, none of which is too large."""
    sizes = tuple((page.imagewidth, page.imagelength) for page in pages)
    for size in sizes:
        check_size(size, options)
    return sizes


def _is_deep(page):
    """Whether a page holds more than 8 bits, floats or negative numbers."""
    bits, kinds = np.max(page.bitspersample), np.ravel(page.sampleformat)
    return bits > 8 or not set(kinds) <= {1, 4}


def _tiff_tags(data, offset):
    tags = Image.Exif()
    tags.endian = "<" if data[:2] == b"II" else ">"
    tags.bigtiff = data[2:4] in (b"+\0", b"\0+")
    tags.load_from_fp(io.BytesIO(data), offset)
    return tags


def _open_deep_tiff(path, data, pages, options):
    notes = []
    if any(page.is_reduced for page in pages):
        notes.append("smaller copies are left out")
        pages = [page for page in pages if not page.is_reduced]
    sizes = _checked_sizes(pages, options)
    kind = _check_page(pages[0], options)
    tags = [_tiff_tags(data, page.offset) for page in pages]

    def read(index):
        orientation = tags[index].get(ExifTags.Base.Orientation, 1)
        with readable(path, options):
            if _check_page(pages[index], options) != kind:
                raise ValueError("its pages are of several kinds")
            values = _page_values(pages[index], options)
            return _turned(values, orientation), 0

    depth = 32 if kind == "float" else 16
    if kind == "whole":
        notes.append("whole numbers become 16 bits")
    if any(_channels(page)[1] for page in pages):
        notes.append(_NO_COLOR)
    metadata = tuple(map(_tiff_metadata, tags))
    white = None if kind == "whole" else options.white
    return Decoded(
        path,
        "TIFF",
        len(pages),
        depth,
        white,
        metadata[0],
        tuple(notes),
        read,
        metadata,
        sizes,
    )


def _channels(page):
    """Number of channels of color and transparency, and of all others."""
    colors = 3 if page.photometric == _RGB else 1
    extra = page.samplesperpixel - colors
    alpha = extra > 0 and page.extrasamples[:1] in _ALPHA
    return colors + alpha, extra - alpha


def _tiff_metadata(tags):
    profile, xmp = tags.get(34675), tags.get(700)
    resolution, unit = None, tags.get(296, 2)
    if 282 in tags and 283 in tags and unit in (2, 3):
        inches = 1.0 if unit == 2 else 2.54
        resolution = [float(tags[tag]) * inches for tag in (282, 283)]
    if isinstance(xmp, tuple):
        xmp = bytes(xmp)
    return Metadata(
        profile=bytes(profile) if profile else None,
        exif=clean_exif(tags),
        xmp=clean_xmp(xmp),
        resolution=clean_resolution(resolution),
    )


def _check_page(page, options):
    """ "float", "whole" (of 32 bits) or "deep"; ValueError for others."""
    if page.dtype is None:
        raise ValueError("its samples are of no known kind")
    if page.photometric not in (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB):
        name = getattr(page.photometric, "name", page.photometric)
        raise ValueError(
            f"it holds colors of the kind {name} in {page.bitspersample} bits: "
            "convert it to RGB first"
        )
    kind = page.dtype.kind
    if kind == "f":
        return "float"
    if kind == "u" and page.dtype.itemsize <= 2:
        return "deep"
    if kind in "iu" and options.white:
        return "whole"
    raise ValueError(
        f"it holds {page.dtype} numbers, and nothing says which is white: give "
        "that value (`white`)"
    )


def _page_values(page, options):
    try:
        values = page.asarray()
    except (ValueError, RuntimeError) as error:
        advice = ""
        if page.compression != 1:  # which is none
            advice = (
                " (pip install 'keras_synth[tiff]', or save it without "
                "compression)"
            )
        raise ValueError(f"{error}{advice}") from error
    if page.axes == "YX":
        values = values[..., None]
    elif page.axes == "SYX":
        values = np.moveaxis(values, 0, -1)
    elif page.axes != "YXS":
        raise ValueError(f"its axes are {page.axes}, not those of an image")
    channels, _ = _channels(page)
    values = values[..., :channels]
    if page.dtype.kind == "f":
        values = _checked_floats(values, options)
    else:
        top = options.white or 2.0 ** int(np.max(page.bitspersample)) - 1.0
        values = values.astype("float32") / np.float32(top)
        if values.min() < 0.0 or values.max() > 1.0:
            raise ValueError(f"it holds values outside of 0 to {top:g}")
    if page.photometric == _WHITE_IS_ZERO:
        values[..., 0] = 1.0 - values[..., 0]
    if values.shape[-1] in (2, 4) and _PREMULTIPLIED in page.extrasamples:
        alpha = values[..., -1:]
        color = values[..., :-1] / np.where(alpha > 0, alpha, 1.0)
        values = np.concatenate([np.clip(color, 0.0, 1.0), alpha], axis=-1)
    return values


def _checked_floats(values, options):
    values = values.astype("float32") / np.float32(options.white or 1.0)
    if not np.isfinite(values).all():
        raise ValueError("it holds NaN or infinite values")
    if values.min() < 0.0 or values.max() > 1.0:
        raise ValueError(
            "it holds floats outside of 0 to 1: give the value that is white "
            f"(`white`). Received: {values.min():g} to {values.max():g}"
        )
    return values
