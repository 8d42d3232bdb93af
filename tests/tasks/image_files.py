"""Image files for tests: photographs, metadata, PNG and TIFF by hand."""

import importlib.util
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms, features

from keras_synth.io import (
    FORMATS,
    FileOptions,
)
from keras_synth.tasks.image_files import restore_files

ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
#: ICC with red and green exchanged.
SWAPPED_ICC = (
    ICC.replace(b"rXYZ", b"____")
    .replace(b"gXYZ", b"rXYZ")
    .replace(b"____", b"gXYZ")
)
GRAY_ICC = ICC[:16] + b"GRAY" + ICC[20:]
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a tiff:Orientation="1" '
    b'dc:creator="Ada"/></x:xmpmeta>'
)
FORMAT = {format.name: format for format in FORMATS}
NEEDS = {
    "AVIF": pytest.mark.skipif(
        not features.check("avif"), reason="Pillow without AVIF"
    ),
    "HEIF": pytest.mark.skipif(
        importlib.util.find_spec("pillow_heif") is None,
        reason="no pillow-heif",
    ),
}


def exif(orientation=1):
    block = Image.Exif()
    block[0x010F] = "Maker"
    block[0x8298] = "Copyright Ada"
    if orientation != 1:
        block[0x0112] = orientation
    block.get_ifd(0x8769)[0x9003] = "1999:12:31 23:59:59"
    block.get_ifd(0x8769)[0xA002] = 1
    block.get_ifd(0x8825)[1] = "N"
    return block


def photo(channels, height=24, width=40):
    y, x = np.mgrid[:height, :width]
    values = np.stack([5 * x, 9 * y, 255 - 3 * (x + y), 40 + 3 * x + 2 * y], -1)
    values = values.astype("uint8")
    if channels == 2:
        return values[..., [0, 3]]
    return values[..., 0] if channels == 1 else values[..., :channels]


def through(source, target, change=lambda color: color + 0.0, **options):
    """Through the loop of all tasks; the result's notes."""
    options = FileOptions(**options)

    def restore(image, progress):
        return change(image.color), image.alpha, {}

    (result,) = restore_files(
        [(source, target)],
        restore,
        lambda **facts: facts,
        title="",
        compare=False,
        files=options,
    )
    return " ".join(result["notes"])


def psnr(a, b):
    return -10 * np.log10(np.mean((a - b) ** 2) + 1e-12)


def png16(path, values, color_type, extra=b""):
    def chunk(kind, data):
        crc = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + crc

    height, width = values.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = struct.pack(">IIBBBBB", width, height, 16, color_type, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + (chunk(b"tRNS", extra) if extra else b"")
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def tiff(path, values, bits, photometric=1, planar=1, kind=1, order="<"):
    """One strip a plane, without compression."""
    height, width, channels = values.shape
    planes = [values] if planar == 1 else np.moveaxis(values, -1, 0)
    blobs = [plane.tobytes() for plane in planes]
    data = (b"II*\0" if order == "<" else b"MM\0*") + b"\0\0\0\0"
    starts = []
    for blob in blobs:
        starts.append(len(data))
        data += blob
    tags = {
        256: width,
        257: height,
        258: (bits,) * channels,
        259: 1,
        262: photometric,
        273: tuple(starts),
        277: channels,
        278: height,
        279: tuple(len(blob) for blob in blobs),
        284: planar,
        339: (kind,) * channels,
    }
    directory, extra = [], b""
    at = len(data) + 2 + 12 * len(tags) + 4
    for tag, value in tags.items():
        value = value if isinstance(value, tuple) else (value,)
        code, size = ("I", 4) if tag in (273, 279) else ("H", 3)
        raw = struct.pack(f"{order}{len(value)}{code}", *value)
        if len(raw) > 4:
            place = struct.pack(f"{order}I", at + len(extra))
            extra += raw
        else:
            place = raw.ljust(4, b"\0")
        directory.append(
            struct.pack(f"{order}HHI", tag, size, len(value)) + place
        )
    offset = struct.pack(f"{order}I", len(data))
    count = struct.pack(f"{order}H", len(tags))
    data += count + b"".join(directory) + b"\0\0\0\0" + extra
    path.write_bytes(data[:4] + offset + data[8:])


def deep(channels, top=65535):
    y, x = np.mgrid[:12, :20]
    values = np.stack([top * x // 19, top * y // 11, top - top * x // 19], -1)
    return values[..., :channels].astype("uint16")
