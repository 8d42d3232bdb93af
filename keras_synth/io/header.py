"""Headers of image files: format, size and number of images, not decoded."""

import pathlib

import tifffile
from PIL import ExifTags, Image

from keras_synth.io.decoding import check_size, readable
from keras_synth.io.formats import register_plugin
from keras_synth.io.options import FileOptions

_MOST_PAGES = 256
_SIDEWAYS = (5, 6, 7, 8)  # orientations of EXIF


def image_header(path, options=None):
    """Format, size and number of images of a file, read from its header alone.

    Little memory is used, whatever the file claims to hold.

    Args:
        path: Path of the file.
        options: `io.FileOptions`, or None for the defaults.

    Returns:
        `(format, height, width, frames)`: Pillow's name of the format, the
        size as it is shown, and the number of frames or pages.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is no image, or has more pixels than
            `max_megapixels`.
    """
    path, options = pathlib.Path(path), options or FileOptions()
    if not path.is_file():
        raise FileNotFoundError(f"There is no image {path}")
    with readable(path, options):
        with path.open("rb") as file:
            is_tiff = file.read(2) in (b"II", b"MM")
        if is_tiff:
            name, (width, height), turned, frames = "TIFF", *_tiff(path)
            check_size((width, height), options)
        else:
            register_plugin(path)
            with Image.open(path) as image:
                name, (width, height) = image.format, image.size
                check_size((width, height), options)
                # That of a PNG file would decode all of it.
                exif = Image.Image.getexif(image)
                turned = exif.get(ExifTags.Base.Orientation)
                if name == "PNG" and turned is None:
                    turned = _png_orientation(path)
                frames = getattr(image, "n_frames", 1)
            if name == "MPO":
                name, frames = "JPEG", 1
    if turned in _SIDEWAYS:
        width, height = height, width
    return name, height, width, frames


def _png_orientation(path):
    """Orientation that stands behind the pixels of a PNG file, or None."""
    with path.open("rb") as file:
        file.seek(8)
        while len(start := file.read(8)) == 8:
            length = int.from_bytes(start[:4])
            if start[4:] == b"eXIf":
                exif = Image.Exif()
                exif.load(file.read(length))
                return exif.get(ExifTags.Base.Orientation)
            file.seek(length + 4, 1)
    return None


def _tiff(path):
    """`((width, height), orientation, pages)` of a TIFF file."""
    with tifffile.TiffFile(path) as file:
        first = file.pages.first
        size = first.imagewidth, first.imagelength
        turned = first.tags.valueof(ExifTags.Base.Orientation)
        pages = 1
        while pages <= _MOST_PAGES:
            try:
                page = file.pages[pages]
            except IndexError:
                break
            size = tuple(map(max, size, (page.imagewidth, page.imagelength)))
            pages += 1
    if pages > _MOST_PAGES:
        raise ValueError(f"it has more than {_MOST_PAGES} pages")
    return size, turned, pages
