"""Writing image files: pixels, transparency, frames and metadata."""

import dataclasses
import io
import struct
import zlib

import numpy as np
from PIL import ExifTags, Image, PngImagePlugin, TiffImagePlugin

from keras_synth.io.formats import format_of, register_plugin
from keras_synth.io.metadata import (
    Metadata,
    color_space,
    converts_to_srgb,
    gamma_differs,
    sized_exif,
    to_srgb,
)
from keras_synth.io.options import color_of
from keras_synth.io.provenance import labeled

#: Quality of lossy files by default: at least 45 dB of PSNR for photographs,
#: noisy ones included. WebP files are lossless then: lossy ones hold colors at
#: half the resolution.
QUALITY = {"JPEG": 99, "AVIF": 99, "HEIF": 98}
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_TOPS = {8: 255, 16: 65535}
_LONGEST = 65_500  # bytes of EXIF, XMP or a comment in a JPEG file


def check_holds(path, decoded, options, scale=1):
    """Refuses, before any work, what a format cannot hold.

    Args:
        path: Path of the file to write.
        decoded: `decoding.Decoded` that was read.
        options: `io.FileOptions`.
        scale: Factor of each side, of what will be written.

    Raises:
        ValueError: The format holds no such images.
    """
    format = format_of(path)
    register_plugin(path)
    if decoded.num_frames > 1 and not format.frames:
        raise ValueError(
            f"{decoded.path} holds {decoded.num_frames} images, and "
            f"{path.suffix} files hold one: write a .gif, .png, .webp or .tif "
            "file."
        )
    flatten = options.background is not None
    values, _ = decoded.read(0)
    transparent = values.shape[-1] in (2, 4) and values[..., -1].min() < 1
    colored = flatten and np.ptp(color_of(options.background)) > 0
    check_gray(path, 3 if transparent and colored else values.shape[-1])
    sizes = [values.shape[:2], *decoded.sizes]
    if len(set(decoded.sizes)) > 1:
        _check_one_size(path, format)
    megapixels = scale**2 * max(map(np.prod, sizes)) / 1e6
    if megapixels > options.max_megapixels:
        raise ValueError(
            f"{path} would have {megapixels:.4g} megapixels, more than the "
            f"{options.max_megapixels:g} that are written (`max_megapixels`): "
            "take a smaller `scale`."
        )
    _check_side(path, scale * max(map(max, sizes)), format)
    if transparent and not format.alpha and not flatten:
        raise ValueError(
            f"{decoded.path} is transparent in parts, and {path.suffix} files "
            "hold no transparency: write a .png file, or give the color that "
            'it is put on (`background`, such as "white").'
        )


def _check_side(path, side, format):
    if side > format.side:
        raise ValueError(
            f"The longer side of {path} would be {side} pixels, and "
            f"{path.suffix} files hold {format.side}: write a .png or .tif "
            "file."
        )


def _check_one_size(path, format):
    if format.name != "TIFF":
        raise ValueError(
            f"Cannot write {path}: the images are of several sizes, which TIFF "
            "files hold."
        )


def check_gray(path, channels):
    """Refuses color for a format of gray alone.

    Args:
        path: Path of the file to write.
        channels: Channels of the image, with that of the transparency.

    Raises:
        ValueError: The format holds gray, and the image has color.
    """
    if path.suffix.lower() == ".pgm" and channels > 2:
        raise ValueError(
            f"Cannot write {path}: the image has color, and .pgm files hold "
            "gray: write a .ppm or .png file."
        )


@dataclasses.dataclass(frozen=True)
class Encoded:
    """The bytes of an image file.

    Attributes:
        data: The bytes.
        notes: What the format could not keep, in words.
    """

    data: bytes
    notes: tuple


def encode_images(
    path,
    frames,
    *,
    decoded=None,
    options,
    bits=None,
    loop=None,
    provenance=None,
):
    """Encodes images as a file.

    Args:
        path: Path of the file; its ending says the format.
        frames: List of `(color, alpha, milliseconds)`: color (height, width, 1
            or 3), alpha (height, width, 1) or None, floats in [0, 1] or
            unsigned whole numbers of 8 or 16 bits.
        decoded: `decoding.Decoded` whose depth and metadata the file gets, or
            None.
        options: `io.FileOptions`.
        bits: Bits of a channel, 8 or 16; None for those of `decoded`, or 8.
        loop: How often an animation is shown, 0 for ever; None as `decoded`
            says, or once.
        provenance: `io.Provenance` that the XMP packet gets, unless `options`
            strip metadata or the format holds none; or None.

    Returns:
        An `Encoded`.

    Raises:
        ValueError: The format does not hold such images.
    """
    format, notes = format_of(path), []
    register_plugin(path)
    metadata = Metadata() if decoded is None else decoded.metadata
    if loop is None:
        loop = metadata.loop
        if loop == 1 and format.name == "GIF" and decoded.format != "GIF":
            loop = None  # a GIF file counts the times after the first
    metadata = dataclasses.replace(metadata, loop=loop)

    def marked(metadata):
        if options.strip:
            return metadata.private()
        if provenance is None or "XMP" not in format.keeps:
            return metadata
        xmp = labeled(metadata.xmp, provenance)
        return dataclasses.replace(metadata, xmp=xmp)

    metadata = marked(metadata)
    depth = bits or (8 if decoded is None else decoded.depth)
    depths = format.depths
    if format.name == "PNG" and len(frames) > 1:
        depths = (8,)  # animations
    if depth not in depths:
        fitting = [d for d in depths if d < depth]
        if bits is not None or not fitting:
            raise ValueError(
                f"`bits` must be one of {', '.join(map(str, depths))} "
                f"for {path.suffix} files. Received: {depth}"
            )
        notes.append(f"{depth} bits become {max(fitting)} ({path.suffix})")
        depth = max(fitting)
    sizes = {color.shape[:2] for color, _, _ in frames}
    if len(sizes) > 1:
        _check_one_size(path, format)
    _check_side(path, max(map(max, sizes)), format)
    frames = [
        (*_flattened(color, alpha, format, options), milliseconds)
        for color, alpha, milliseconds in frames
    ]
    for color, _, _ in frames:
        check_gray(path, color.shape[-1])
    if metadata.profile is not None and frames[0][0].shape[-1] == 1:
        made_gray = decoded.read(0)[0].shape[-1] > 2
        if made_gray and color_space(metadata.profile) != "GRAY":
            notes.append("the color profile is left out")
            metadata = dataclasses.replace(metadata, profile=None)
    frames, metadata = _with_fitting_profile(frames, metadata, format, notes)
    if path.suffix.lower() == ".ppm":  # which holds color
        frames = [
            (np.broadcast_to(color, (*color.shape[:2], 3)), *others)
            for color, *others in frames
        ]
    metadata = _without_long(metadata, path, format, notes)
    notes += _notes_on_frames(path, frames, metadata, format)
    lost = metadata.names() - format.keeps - {"profile", "gamma"}
    if lost:
        words = " and ".join(sorted(lost))
        notes.append(f"{path.suffix} files hold no {words}")
    if depth == 16 and format.name == "PNG":
        data = _deep_png(frames[0], metadata)
    elif depth == 16 and format.name == "PPM":
        data = _deep_pnm(frames)
    elif format.name == "TIFF":
        white = None if decoded is None else decoded.white
        pages = [metadata] * len(frames)
        if decoded is not None and len(decoded.pages) == len(frames):
            pages = [marked(page) for page in decoded.pages]
        data = _tiff(frames, pages, depth, white)
    else:
        data = _by_pillow(path, frames, metadata, format, options)
    return Encoded(data, tuple(notes))


def _without_long(metadata, path, format, notes):
    """Metadata without what is too long for a JPEG file."""
    if format.name != "JPEG":
        return metadata
    for name in ("exif", "xmp", "comment"):
        value = getattr(metadata, name)
        if value is not None and len(value) > _LONGEST:
            notes.append(f"{name} is too long for {path.suffix} files")
            metadata = dataclasses.replace(metadata, **{name: None})
    return metadata


def _notes_on_frames(path, frames, metadata, format):
    """What a format cannot keep of transparency and animation, in words."""
    notes = []
    if format.name == "GIF" and any(
        alpha is not None and np.any((_floats(alpha) % 1.0) > 0)
        for _, alpha, _ in frames
    ):
        notes.append(f"pixels are seen or transparent, no more ({path.suffix})")
    if len(frames) == 1:
        return notes
    if format.name == "TIFF" and any(time for _, _, time in frames):
        notes.append(f"{path.suffix} files hold no durations")
    if format.name != "PNG" and metadata.has_default:
        notes.append("the image before the animation becomes its first frame")
    return notes


def _flattened(color, alpha, format, options):
    if alpha is None or (format.alpha and options.background is None):
        return color, alpha
    if options.background is None and _floats(alpha).min() == 1:
        return color, None
    if options.background is None:
        raise ValueError(
            f"Cannot write a {format.endings[0]} file: it holds no "
            "transparency."
        )
    background = color_of(options.background)
    if color.shape[-1] == 1 and np.ptp(background) > 0:
        color = np.repeat(color, 3, axis=-1)
    background = background[: color.shape[-1]]
    color, alpha = _floats(color), _floats(alpha)
    return alpha * color + (1.0 - alpha) * background, None


def _floats(values):
    if values.dtype.kind == "f":
        return values.astype(np.result_type(values, "float32"), copy=False)
    return values.astype("float32") / np.iinfo(values.dtype).max


def quantized(values, depth, white=None):
    """Values in [0, 1] as whole numbers of 8 or 16 bits.

    Args:
        values: Floats, which are clipped; or whole numbers of 8 or 16 bits.
        depth: 8 or 16.
        white: What 1 becomes; None for the largest number.

    Returns:
        uint8 or uint16, of the same shape.
    """
    kind = np.dtype(f"uint{depth}")
    if values.dtype == kind and white is None:
        return values
    values = np.clip(_floats(values), 0.0, 1.0)
    values *= np.float32(white or _TOPS[depth])
    return np.rint(values, out=values).astype(kind)


def _with_fitting_profile(frames, metadata, format, notes):
    """Converts to sRGB where a format holds no profile, or no gamma."""
    profile, channels = metadata.profile, frames[0][0].shape[-1]
    gamma = metadata.gamma if profile is None else None
    if profile is not None:
        fits = color_space(profile) != "GRAY" or channels == 1
        if fits and "profile" in format.keeps:
            return frames, metadata
        metadata = dataclasses.replace(metadata, profile=None)
        image = Image.new("RGB", (1, 1))
        usable = channels == 3 and color_space(profile) == "RGB"
        if not usable or not converts_to_srgb(image, profile):
            # Gray, or gray made color: there is nothing to convert.
            notes.append("the color profile is left out")
        else:
            notes.append(f"colors converted to sRGB ({format.name})")
            frames = [(_srgb(c, profile), a, ms) for c, a, ms in frames]
        return frames, metadata
    if gamma_differs(gamma) and "gamma" not in format.keeps:
        notes.append(f"gamma of {gamma:g} converted to sRGB")
        frames = [(_from_gamma(c, gamma), a, ms) for c, a, ms in frames]
    return frames, metadata


def _srgb(color, profile):
    image = Image.fromarray(quantized(color, 8))
    return np.asarray(to_srgb(image, profile))


def _from_gamma(color, gamma):
    light = _floats(color) ** np.float32(1.0 / gamma)
    return np.where(
        light <= 0.0031308,
        12.92 * light,
        1.055 * np.maximum(light, 1e-9) ** np.float32(1 / 2.4) - 0.055,
    ).astype("float32")


# 8 bits, by Pillow -----------------------------------------------------------


def _by_pillow(path, frames, metadata, format, options):
    images = []
    for color, alpha, milliseconds in frames:
        image = _as_pillow(color, alpha, format)
        image.info["duration"] = milliseconds
        images.append(image)
    size = images[0].height, images[0].width
    given = _pillow_options(images[0], size, metadata, format, options)
    if len(images) > 1:
        given |= {"save_all": True, "append_images": images[1:]}
        durations = [image.info["duration"] for image in images]
        if format.name == "PNG" and metadata.has_default:
            durations = durations[1:]
            given["default_image"] = True
        if format.name != "TIFF":
            given["duration"] = durations
            if metadata.loop is not None:
                given["loop"] = metadata.loop
            elif format.name != "GIF":  # where none is once
                given["loop"] = 1
        if format.name == "GIF":
            given |= {"disposal": 2, "optimize": False}
    target = io.BytesIO()
    try:
        images[0].save(target, format.name, **given)
    except (KeyError, ValueError, OSError, SystemError) as error:
        raise ValueError(f"Cannot write {path}: {error}") from error
    return target.getvalue()


def _as_pillow(color, alpha, format):
    values = quantized(color, 8)
    if alpha is not None and format.name == "GIF":
        return _with_transparent_index(values, quantized(alpha, 8)[..., 0])
    if alpha is not None:
        values = np.concatenate([values, quantized(alpha, 8)], axis=-1)
    if values.shape[-1] == 1:
        values = values[..., 0]
    return Image.fromarray(values)


def _with_transparent_index(color, alpha):
    """255 colors at most, and an index for what is transparent.

    Pillow itself takes far coarser colors where there is transparency.
    """
    color = np.broadcast_to(color, (*alpha.shape, 3)).copy()
    seen = alpha > 127
    # What is not seen takes no color away.
    color[~seen] = color[seen][0] if seen.any() else 0
    image = Image.fromarray(color).quantize(255)
    indices = np.where(seen, np.asarray(image), 255).astype("uint8")
    indexed = Image.fromarray(indices)
    indexed.putpalette(image.getpalette())  # which makes it one of indices
    indexed.info["transparency"] = 255
    return indexed


def _pillow_options(image, size, metadata, format, options):
    given, keeps = {}, format.keeps
    if "profile" in keeps and metadata.profile is not None:
        given["icc_profile"] = metadata.profile
    if "EXIF" in keeps and metadata.exif is not None:
        given["exif"] = sized_exif(metadata.exif, *size)
    if "resolution" in keeps and metadata.resolution is not None:
        given["dpi"] = metadata.resolution
    if "comment" in keeps and metadata.comment is not None:
        given["comment"] = metadata.comment
    if format.name == "PNG":
        given["pnginfo"] = _png_chunks(metadata)
    elif "XMP" in keeps and metadata.xmp is not None:
        given["xmp"] = metadata.xmp
    if format.name in QUALITY:
        given["quality"] = options.quality or QUALITY[format.name]
    if format.name == "JPEG":
        given |= _jpeg_options(image, metadata, options)
        if "qtables" in given:
            del given["quality"]  # It would scale them.
    if format.name == "WEBP":
        # The colors of what is transparent stay.
        given |= {"exact": True, "lossless": options.quality is None}
        given |= {"quality": options.quality or 75}
    if format.name == "AVIF" and image.mode in ("RGB", "RGBA"):
        given["subsampling"] = "4:4:4"
    if format.name == "HEIF":
        given["chroma"] = 444
    return given


def _jpeg_options(image, metadata, options):
    """4:4:4, and the old tables where they are finer."""
    given = {"subsampling": 0}
    finest = options.quality is None and metadata.tables
    if finest and image.mode in ("L", "RGB"):
        tables = metadata.tables
        ours = io.BytesIO()
        quality = QUALITY["JPEG"]
        Image.new(image.mode, (8, 8)).save(ours, "JPEG", quality=quality)
        with Image.open(ours) as small:
            fixed = small.quantization
        if len(tables) >= len(fixed) and sum(tables[0]) < sum(fixed[0]):
            given["qtables"] = {k: list(tables[k]) for k in list(fixed)}
    return given


def _png_chunks(metadata):
    chunks = PngImagePlugin.PngInfo()
    for key, value in metadata.text:
        chunks.add_itxt(key, value)
    if metadata.xmp is not None:
        chunks.add_itxt(
            "XML:com.adobe.xmp", metadata.xmp.decode("utf-8", "replace")
        )
    if metadata.gamma is not None:
        chunks.add(b"gAMA", struct.pack(">I", round(1e5 * metadata.gamma)))
    if metadata.chromaticities is not None:
        numbers = [round(1e5 * value) for value in metadata.chromaticities]
        chunks.add(b"cHRM", struct.pack(">8I", *numbers))
    return chunks


# 16 bits, and TIFF ------------------------------------------------------------


def _deep(frame):
    color, alpha, _ = frame
    values = quantized(color, 16)
    if alpha is not None:
        values = np.concatenate([values, quantized(alpha, 16)], axis=-1)
    return values


def _deep_png(frame, metadata):
    """Pixels by TensorFlow, and the other chunks by Pillow."""
    import tensorflow as tf

    values = _deep(frame)
    data = tf.io.encode_png(values).numpy()
    small = io.BytesIO()
    options = {"pnginfo": _png_chunks(metadata)}
    if metadata.profile is not None:
        options["icc_profile"] = metadata.profile
    if metadata.exif is not None:
        options["exif"] = sized_exif(metadata.exif, *values.shape[:2])
    if metadata.resolution is not None:
        options["dpi"] = metadata.resolution
    mode = "L" if values.shape[-1] < 3 else "RGB"
    Image.new(mode, (1, 1)).save(small, "PNG", **options)
    others = b"".join(
        chunk
        for kind, chunk in _chunks(small.getvalue())
        if kind not in (b"IHDR", b"IDAT", b"IEND")
    )
    after_header = len(_SIGNATURE) + 25
    return data[:after_header] + others + data[after_header:]


def _chunks(png):
    """Yields `(kind, bytes of the whole chunk)`."""
    start = len(_SIGNATURE)
    while start < len(png):
        (length,) = struct.unpack(">I", png[start : start + 4])
        yield png[start + 4 : start + 8], png[start : start + 12 + length]
        start += 12 + length


def _deep_pnm(frames):
    values = _deep(frames[0])
    height, width, channels = values.shape
    kind = 6 if channels == 3 else 5
    header = f"P{kind}\n{width} {height}\n65535\n".encode()
    return header + values.astype(">u2").tobytes()


def _tiff(frames, pages, depth, white):
    """Little-endian, one strip a page, compressed by Deflate."""
    data = bytearray(b"II*\0\0\0\0\0")
    pointer = 4  # where the offset of the next directory stands
    for frame, metadata in zip(frames, pages, strict=True):
        parts = [part for part in frame[:2] if part is not None]
        if depth == 32:
            color, *alpha = [_floats(part) for part in parts]
            parts = [color * np.float32(white or 1.0), *alpha]
        else:
            parts = [quantized(part, depth, white) for part in parts]
        values = np.concatenate(parts, axis=-1)
        strip = zlib.compress(values.astype(values.dtype.newbyteorder("<")), 6)
        directory = _tiff_directory(values, metadata, depth, len(strip))
        start = len(data)
        data[pointer : pointer + 4] = struct.pack("<I", start)
        pointer = start + 2 + 12 * len(directory)
        # Pillow expects the strip behind the directory.
        data += directory.tobytes(start)
        data += strip + b"\0" * (len(strip) % 2)
    return bytes(data)


def _tiff_directory(values, metadata, depth, length):
    height, width, channels = values.shape
    directory = TiffImagePlugin.ImageFileDirectory_v2(b"II*\0\0\0\0\0")
    if metadata.exif is not None:
        exif = sized_exif(metadata.exif, height, width)
        for tag, value in exif.items():
            directory[tag] = value
        for pointer in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
            values_of = exif.get_ifd(pointer)
            if values_of:
                directory[int(pointer)] = dict(values_of)
    directory[256], directory[257] = width, height
    directory[258] = (depth,) * channels
    directory[259] = 8  # Deflate
    directory[262] = 2 if channels >= 3 else 1
    directory[273], directory[279] = 0, length
    directory[277], directory[278] = channels, height
    directory[284] = 1
    if channels in (2, 4):
        directory[338] = 2  # transparency, not premultiplied
    directory[339] = (3 if depth == 32 else 1,) * channels
    if metadata.resolution is not None:
        directory[282], directory[283] = metadata.resolution
        directory[296] = 2
    if metadata.xmp is not None:
        directory[700] = metadata.xmp
        directory.tagtype[700] = 1
    gray = channels < 3
    fits = metadata.profile and (
        gray or color_space(metadata.profile) != "GRAY"
    )
    if fits:
        directory[34675] = metadata.profile
        directory.tagtype[34675] = 7
    return directory
