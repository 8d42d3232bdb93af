"""Store of uploaded images: on disk, checked before decoding, bounded."""

import collections
import dataclasses
import os
import pathlib
import secrets
import shutil
import tempfile
import threading

from PIL import ExifTags, Image

from keras_synth.app.imports import IMPORTING
from keras_synth.io import (
    EXTENSIONS,
    FORMATS,
    FileOptions,
    image_header,
    open_decoded,
    write_image,
)

# What browsers show as it is, if it has 8 bits.
_SHOWN = {
    "PNG": "image/png",
    "JPEG": "image/jpeg",
    "WEBP": "image/webp",
    "GIF": "image/gif",
}
_ENDINGS = {each.name: each.endings[0] for each in FORMATS}


class StoreFullError(RuntimeError):
    """Jobs use all that may be stored."""


@dataclasses.dataclass(frozen=True)
class Upload:
    """An image that was uploaded, or that a job made.

    Attributes:
        id: Secret name of the image.
        name: Name that it had; never part of a path.
        path: Path of the file.
        format: Pillow's name of its format.
        width: Width in pixels, as it is shown.
        height: Height in pixels.
        frames: Number of its images.
    """

    id: str
    name: str
    path: pathlib.Path
    format: str
    width: int
    height: int
    frames: int

    def facts(self):
        """What a page is shown."""
        return {
            "id": self.id,
            "name": self.name,
            "width": self.width,
            "height": self.height,
            "frames": self.frames,
        }


class Uploads:
    """Images in a temporary folder, the oldest of which make room.

    Args:
        options: `io.FileOptions`, whose `max_megapixels` is the largest image,
            all frames together.
        max_files: Largest number of images.
        max_bytes: Largest sum of their sizes.
        in_use: Function that returns the ids that must stay.
    """

    def __init__(
        self,
        options=None,
        max_files=256,
        max_bytes=2_000_000_000,
        in_use=lambda: set(),
    ):
        self.options = options or FileOptions()
        self._max_files, self._max_bytes = max_files, max_bytes
        self._in_use = in_use
        self._folder = pathlib.Path(tempfile.mkdtemp(prefix="keras_synth-"))
        self._files = collections.OrderedDict()
        self._lock = threading.Lock()

    def close(self):
        """Removes all files."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def new_path(self, ending=".part"):
        """A path in a new folder of the store.

        Args:
            ending: Ending of the name.
        """
        folder = self._folder / secrets.token_hex(12)
        folder.mkdir()
        return folder / f"image{ending}"

    def add(self, path, name):
        """Takes a file of `new_path` into the store, if it is an image.

        Args:
            path: Path of the file.
            name: Name that it had.

        Returns:
            The `Upload`.

        Raises:
            StoreFullError: There is no room.
            ValueError: It is no image, or too large.
        """
        try:
            found, height, width, frames = image_header(path, self.options)
            pixels = frames * height * width / 1e6
            if pixels > self.options.max_megapixels:
                raise ValueError(
                    f"all frames together have {pixels:.0f} megapixels, more "
                    f"than {self.options.max_megapixels:g}"
                )
            ending = _ending(name, found)
            kept = path.with_name(f"image{ending}")
            os.rename(path, kept)
            upload = Upload(
                path.parent.name, name, kept, found, width, height, frames
            )
            with self._lock:
                self._make_room(kept.stat().st_size)
                self._files[upload.id] = upload
            return upload
        except ValueError as error:
            shutil.rmtree(path.parent, ignore_errors=True)
            text = str(error).replace(str(path), name or "The file")
            raise ValueError(text) from error
        except BaseException:
            shutil.rmtree(path.parent, ignore_errors=True)
            raise

    def get(self, name):
        """The image of an id.

        Args:
            name: The id.

        Raises:
            LookupError: There is no such image.
        """
        found = self._files.get(name) if isinstance(name, str) else None
        if found is None:
            raise LookupError("There is no such image; it may have expired.")
        return found

    def drop(self, path):
        """Removes a file of `new_path` that was not added."""
        shutil.rmtree(path.parent, ignore_errors=True)

    def shown(self, upload):
        """What a browser can show of an image.

        Args:
            upload: An `Upload`.

        Returns:
            `(path, media type)`: of the file itself, or of a PNG file of 8
            bits, which is made once.
        """
        decoded_depth = 8
        if upload.format in _SHOWN:
            if upload.format == "PNG":
                with upload.path.open("rb") as file:
                    decoded_depth = file.read(26)[24]
            if decoded_depth <= 8 and not _is_turned(upload):
                return upload.path, _SHOWN[upload.format]
        path = upload.path.with_name("shown.png")
        with self._lock, IMPORTING:
            if not path.exists():
                values, _ = open_decoded(upload.path, self.options).read(0)
                write_image(path, values)
        return path, "image/png"

    def _make_room(self, size):
        used = self._in_use()

        def total():
            return sum(f.path.stat().st_size for f in self._files.values())

        while (
            len(self._files) >= self._max_files
            or total() + size > self._max_bytes
        ):
            old = next((name for name in self._files if name not in used), None)
            if old is None:
                raise StoreFullError("There is no room for another image.")
            shutil.rmtree(self._files.pop(old).path.parent, ignore_errors=True)


def _is_turned(upload):
    """Whether a browser shows it in another way than EXIF says."""
    if upload.format != "WEBP":
        return False
    with Image.open(upload.path) as image:
        return image.getexif().get(ExifTags.Base.Orientation, 1) != 1


def _ending(name, found):
    """An ending that is known, that of the name where it fits."""
    ending = os.path.splitext(name)[1].lower()
    if ending in EXTENSIONS and ending.isascii():
        return ending
    return _ENDINGS.get(found, ".png")
