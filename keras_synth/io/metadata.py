"""Metadata of image files: color profile, EXIF, XMP, resolution, text."""

import dataclasses
import io
import re
import struct

from PIL import ExifTags, Image, ImageCms

# Tags of TIFF's structure, which describe the old file and not the image; and
# what is kept elsewhere: resolution, XMP, profile, and the orientation.
_STRUCTURE = frozenset(
    [
        *range(254, 260),
        *(262, 263, 264, 265, 266, 273, 274, 277, 278, 279, 280, 281, 282),
        *(283, 284, 288, 289, 290, 291, 292, 293, 296, 297, 317, 318, 319),
        *(320, 321, 322, 323, 324, 325, 330, 332, 338, 339, 340, 341, 347),
        *(512, 513, 514, 515, 517, 518, 519, 520, 521, 529, 530, 531, 532),
        *(700, 34665, 34675, 34853, 40965),
    ]
)
# Texts of a PNG file that hold what is read from them, with an orientation.
_ELSEWHERE = (
    "XML:com.adobe.xmp",
    "Raw profile type exif",
    "Raw profile type APP1",
)
_SUB_DIRECTORIES = (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)
_WIDTH, _HEIGHT = 0xA002, 0xA003  # of the image, in the EXIF directory
_SRGB_GAMMA = 0.45455
_ORIENTATION = re.compile(
    rb'tiff:Orientation="[0-9]"|<tiff:Orientation>[0-9]</tiff:Orientation>'
)


@dataclasses.dataclass(frozen=True)
class Metadata:
    """What an image file says besides its pixels.

    Attributes:
        profile: ICC profile, bytes, or None.
        exif: EXIF block without orientation, bytes, or None.
        xmp: XMP packet without orientation, bytes, or None.
        resolution: (horizontal, vertical) dots per inch, or None.
        comment: Comment of a JPEG, GIF or JPEG 2000 file, bytes, or None.
        text: Texts of a PNG file: tuple of (keyword, text).
        gamma: Exponent of a PNG file's values, or None.
        chromaticities: White, red, green and blue of a PNG file, or None.
        tables: Quantization tables of a JPEG file, or None.
        loop: How often an animation is shown, 0 for ever, or None for once.
        has_default: Whether the first image of a PNG file is no part of its
            animation.
    """

    profile: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    resolution: tuple | None = None
    comment: bytes | None = None
    text: tuple = ()
    gamma: float | None = None
    chromaticities: tuple | None = None
    tables: dict | None = None
    loop: int | None = None
    has_default: bool = False

    def names(self):
        """Names of what there is, as `formats.Format.keeps` has them."""
        found = {
            "profile": self.profile,
            "EXIF": self.exif,
            "XMP": self.xmp,
            "resolution": self.resolution,
            "comment": self.comment,
            "text": self.text,
            "gamma": self.gamma,
        }
        return {name for name, value in found.items() if value}

    def private(self):
        """The metadata without what says who, where and when."""
        return dataclasses.replace(
            self, exif=None, xmp=None, comment=None, text=()
        )


def read_metadata(image, data):
    """Metadata of an image that Pillow has opened.

    Args:
        image: A `PIL.Image.Image`, loaded.
        data: Bytes of its file.

    Returns:
        A `Metadata`.
    """
    info = image.info
    xmp = info.get("xmp") or info.get("XML:com.adobe.xmp")
    text = getattr(image, "text", {}) if image.format == "PNG" else {}
    comment = info.get("comment")
    if isinstance(comment, str):
        comment = comment.encode("utf-8", "replace")
    return Metadata(
        profile=info.get("icc_profile") or _profile_of_jpeg2000(image, data),
        exif=clean_exif(image.getexif()),
        xmp=clean_xmp(xmp),
        resolution=clean_resolution(info.get("dpi")),
        comment=comment or None,
        text=tuple(
            (key, str(value))
            for key, value in text.items()
            if key not in _ELSEWHERE
        ),
        gamma=info.get("gamma") or None,  # 0 is none
        chromaticities=info.get("chromaticity"),
        tables=getattr(image, "quantization", None),
        loop=info.get("loop"),
        has_default=bool(info.get("default_image")),
    )


def _profile_of_jpeg2000(image, data):
    """The profile in the box "colr", which Pillow leaves out; or None."""
    header = data[: max(data.find(b"jp2c"), 0)]
    box = header.find(b"colr")
    if image.format != "JPEG2000" or box < 4 or header[box + 4] != 2:
        return None
    length = int.from_bytes(header[box - 4 : box])
    return header[box + 7 : box - 4 + length]


def clean_exif(exif):
    """An EXIF block of what describes the image, without its orientation.

    Args:
        exif: A `PIL.Image.Exif`, of an image file or of a TIFF file's tags.

    Returns:
        Bytes, or None where there is nothing.
    """
    kept = Image.Exif()
    for tag, value in exif.items():
        if tag not in _STRUCTURE:
            kept[tag] = value
    for directory in _SUB_DIRECTORIES:
        values = dict(exif.get_ifd(directory))
        values.pop(ExifTags.IFD.Interop, None)
        if values:
            kept.get_ifd(directory).update(values)
    if not list(kept) and not any(kept.get_ifd(d) for d in _SUB_DIRECTORIES):
        return None
    try:
        return kept.tobytes()
    except (struct.error, TypeError, ValueError, OverflowError):
        return None  # tags of types that they must not have


def clean_resolution(resolution):
    """Dots per inch as floats; None where no image can have so many.

    Args:
        resolution: (horizontal, vertical) dots per inch, or None.

    Returns:
        The same two as floats above 0, or None.
    """
    if resolution is None:
        return None
    resolution = tuple(float(dots) for dots in resolution)
    most = 2**16  # JPEG files hold 16 bits
    return resolution if all(0 < dots < most for dots in resolution) else None


def clean_xmp(xmp):
    """An XMP packet without the orientation, as bytes; None without one."""
    if not xmp:
        return None
    if isinstance(xmp, str):
        xmp = xmp.encode()
    return _ORIENTATION.sub(b"", xmp)


def sized_exif(exif, height, width):
    """An EXIF block whose width and height are those of the image.

    Args:
        exif: Bytes of an EXIF block.
        height: Height of the image that it will stand beside.
        width: Its width.

    Returns:
        A `PIL.Image.Exif`.
    """
    block = Image.Exif()
    block.load(exif)
    directory = block.get_ifd(ExifTags.IFD.Exif)
    if _WIDTH in directory:
        directory[_WIDTH] = width
    if _HEIGHT in directory:
        directory[_HEIGHT] = height
    return block


def color_space(profile):
    """The color space of an ICC profile, such as "RGB" or "GRAY"."""
    return profile[16:20].decode("ascii", "replace").strip()


def to_srgb(image, profile):
    """Converts an image to sRGB.

    Args:
        image: A `PIL.Image.Image`.
        profile: Its ICC profile, bytes; None for Lab and for CMYK without
            one.

    Returns:
        A `PIL.Image.Image` of mode "RGB".

    Raises:
        ValueError: The profile cannot be used.
    """
    try:
        if profile is not None:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        elif image.mode == "LAB":
            source = ImageCms.createProfile("LAB")
        else:
            return image.convert("RGB")
        return ImageCms.profileToProfile(
            image,
            source,
            ImageCms.createProfile("sRGB"),
            outputMode="RGB",
        )
    except (ImageCms.PyCMSError, OSError) as error:
        raise ValueError(
            f"its color profile cannot be converted to sRGB: {error}"
        ) from error


def converts_to_srgb(image, profile):
    """Whether `to_srgb` can convert an image with this profile."""
    try:
        to_srgb(image.crop((0, 0, 1, 1)), profile)
    except ValueError:
        return False
    return True


def to_profile(image, profile, target):
    """Converts a color image from one ICC profile to another.

    Args:
        image: A `PIL.Image.Image` of mode "RGB".
        profile: Its ICC profile, bytes; None for sRGB.
        target: The other profile, likewise.

    Returns:
        A `PIL.Image.Image` of mode "RGB".

    Raises:
        ValueError: A profile cannot be used for it.
    """
    try:
        profiles = [
            ImageCms.createProfile("sRGB")
            if each is None
            else ImageCms.ImageCmsProfile(io.BytesIO(each))
            for each in (profile, target)
        ]
        return ImageCms.profileToProfile(image, *profiles, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError) as error:
        raise ValueError(
            f"a color profile cannot be converted: {error}"
        ) from error


def gamma_differs(gamma):
    """Whether a PNG file's gamma is not that of sRGB."""
    return gamma is not None and abs(gamma / _SRGB_GAMMA - 1.0) > 0.02
