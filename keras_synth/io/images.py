"""Image files in and out, and grids of images.

Everywhere else an image is a float32 array (height, width, channels) in
[0, 1]; this is the only file that knows about image files.
"""

import io
import math
import os
import pathlib

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

EXTENSIONS = frozenset(
    [
        ".bmp",
        ".gif",
        ".jpeg",
        ".jpg",
        ".pgm",
        ".png",
        ".ppm",
        ".tif",
        ".tiff",
        ".webp",
    ]
)


def read_image(path, channels=None, alpha="white"):
    """Reads an image file.

    Rotation noted in EXIF is applied; 16-bit PNG files, and 16-bit gray ones
    of other formats, keep their precision; of an animation the first image
    is read.

    Args:
        path: file to read.
        channels: 1 for gray (luma of BT.601), 3 for color, None for what
            the file holds.
        alpha: what becomes of transparency: "white" puts the image on
            white, "drop" ignores it, "keep" appends it as a last channel.

    Returns:
        float32 (height, width, channels), in [0, 1].

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is no image, is cut short or holds NaN.
    """
    if channels not in (None, 1, 3):
        raise ValueError(
            f"`channels` must be None, 1 or 3. Received: {channels}"
        )
    if alpha not in ("white", "drop", "keep"):
        raise ValueError(
            f'`alpha` must be "white", "drop" or "keep". Received: {alpha!r}'
        )
    path = pathlib.Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no image {path}")
    image, transparency = _decode(path)
    if channels == 1 and image.shape[-1] == 3:
        image = image @ np.array([[0.299], [0.587], [0.114]], "float32")
    if channels == 3 and image.shape[-1] == 1:
        image = np.repeat(image, 3, axis=-1)
    if alpha == "keep" and transparency is not None:
        image = np.concatenate([image, transparency], axis=-1)
    if alpha == "white" and transparency is not None:
        image = image * transparency + (1.0 - transparency)
    return image


def _decode(path):
    """Color (h, w, 1 or 3) and transparency (h, w, 1) or None."""
    data = path.read_bytes()
    try:
        values = _decode_deep_png(data)
        if values is None:
            with Image.open(io.BytesIO(data)) as image:
                values = _pillow_values(ImageOps.exif_transpose(image))
    except UnidentifiedImageError as error:
        raise ValueError(
            f"{path} is not a readable image: it is of no known format"
        ) from error
    except (
        Image.DecompressionBombError,
        OSError,
        SyntaxError,
        ValueError,
    ) as error:
        raise ValueError(f"{path} is not a readable image: {error}") from error
    if values.shape[-1] in (2, 4):
        return values[..., :-1], values[..., -1:]
    return values, None


def _pillow_values(image):
    if image.mode in ("I;16", "I;16B", "I;16L", "I", "F"):
        top = 1.0 if image.mode == "F" else 65535.0
        values = np.asarray(image, "float32")[..., None] / top
        if np.isnan(values).any():
            raise ValueError("it holds NaN")
        return np.clip(values, 0.0, 1.0)
    transparent = image.mode in ("LA", "PA", "RGBA", "La", "RGBa") or (
        "transparency" in image.info
    )
    gray = image.mode in ("1", "L", "LA", "La")
    mode = ("L" if gray else "RGB") + ("A" if transparent else "")
    values = np.asarray(image.convert(mode), "float32") / 255.0
    return values[..., None] if values.ndim == 2 else values


def _decode_deep_png(data):
    """16-bit color PNGs, which Pillow would cut to 8 bits; else None."""
    signature, bit_depth, color_type = data[:8], data[24:25], data[25:26]
    if signature != b"\x89PNG\r\n\x1a\n" or bit_depth != b"\x10":
        return None
    if color_type not in (b"\x02", b"\x04", b"\x06"):  # plain gray: Pillow
        return None
    import tensorflow as tf

    try:
        values = tf.io.decode_png(data, dtype=tf.uint16).numpy()
    except tf.errors.InvalidArgumentError as error:
        raise ValueError(error.message) from error
    return values.astype("float32") / 65535.0


def bit_depth(path):
    """Bits of a channel in an image file.

    Args:
        path: of the file.

    Returns:
        16 for 16-bit files, 8 for all others.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is no image.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no image {path}")
    with path.open("rb") as file:
        header = file.read(25)
    if header[:8] == b"\x89PNG\r\n\x1a\n" and header[24:] == b"\x10":
        return 16
    try:
        with Image.open(path) as image:
            return 16 if image.mode.startswith("I;16") else 8
    except (UnidentifiedImageError, OSError) as error:
        raise ValueError(f"{path} is not a readable image: {error}") from error


def check_target(path, overwrite=False):
    """Refuses an image's path before anything is worked out for it.

    Args:
        path: where an image shall go; folders may be missing.
        overwrite: whether a file may be there already.

    Raises:
        FileExistsError: there is one.
        PermissionError: nothing can be written there.
        ValueError: no known format has this ending.
    """
    path = pathlib.Path(path)
    if path.suffix.lower() not in EXTENSIONS:
        raise ValueError(
            f"{path} must end in one of {', '.join(sorted(EXTENSIONS))}."
        )
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} is there already: ask to overwrite it.")
    there = next(folder for folder in path.parents if folder.exists())
    if not there.is_dir():
        raise PermissionError(
            f"Cannot write {path}: {path.parent} can be no folder."
        )
    if path.is_dir() or not os.access(there, os.W_OK):
        raise PermissionError(f"Cannot write {path}.")


def write_image(path, image, bits=8):
    """Writes an image; the file's ending says the format.

    Args:
        path: where; missing folders are made.
        image: (height, width) or (height, width, channels), 1 to 4
            channels. Values are clipped to [0, 1].
        bits: 8, or 16 for PNG files.

    Returns:
        The path, a `pathlib.Path`.

    Raises:
        ValueError: the image has another shape or holds NaN.
    """
    path = pathlib.Path(path)
    image = np.asarray(image, "float32")
    if image.ndim == 2:
        image = image[..., None]
    shape = image.shape
    if len(shape) != 3 or shape[-1] not in (1, 2, 3, 4) or 0 in shape:
        raise ValueError(
            "An image must be (height, width) or (height, width, channels). "
            f"Received: shape {shape}"
        )
    if np.isnan(image).any():
        raise ValueError("The image holds NaN.")
    if bits not in (8, 16) or (bits == 16 and path.suffix.lower() != ".png"):
        raise ValueError(
            f"`bits` must be 8, or 16 for .png. Received: {bits}, {path.name}"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    top = 2**bits - 1
    values = np.rint(np.clip(image, 0.0, 1.0) * top)
    if bits == 16:
        import tensorflow as tf

        encoded = tf.io.encode_png(values.astype("uint16"))
        path.write_bytes(encoded.numpy())
        return path
    values = values.astype("uint8")
    if values.shape[-1] == 1:
        values = values[..., 0]
    try:
        Image.fromarray(values).save(path)
    except (ValueError, OSError) as error:
        raise ValueError(f"Cannot write {path}: {error}") from error
    return path


def image_grid(images, columns=None, padding=2, background=1.0):
    """Lays images out row by row.

    Args:
        images: (n, height, width, channels), in [0, 1].
        columns: images a row; the square root of n, rounded up, by default.
        padding: pixels between images and around them.
        background: gray level of the padding and of empty places.

    Returns:
        float32 (grid height, grid width, channels).

    Example:

    >>> image_grid(np.zeros((6, 28, 28, 1)), columns=3, padding=0).shape
    (56, 84, 1)
    """
    images = np.asarray(images, "float32")
    if images.ndim != 4 or not len(images):
        raise ValueError(
            "`images` must be (n, height, width, channels), n at least 1. "
            f"Received: shape {images.shape}"
        )
    count, height, width, channels = images.shape
    columns = columns or math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    grid = np.full(
        (
            rows * (height + padding) + padding,
            columns * (width + padding) + padding,
            channels,
        ),
        background,
        "float32",
    )
    for index, image in enumerate(images):
        row, column = divmod(index, columns)
        top = padding + row * (height + padding)
        left = padding + column * (width + padding)
        grid[top : top + height, left : left + width] = image
    return grid


def center_crop(images, height, width):
    """Cuts the middle out of images.

    Args:
        images: array or tensor (..., height, width, channels).
        height: of the cut, at most the images' own.
        width: of the cut, at most the images' own.

    Returns:
        The same kind, (..., height, width, channels). Where a margin is odd,
        the extra row or column goes at the bottom or right.

    Example:

    >>> center_crop(np.zeros((10, 7, 3)), 4, 4).shape
    (4, 4, 3)
    """
    full_height, full_width = images.shape[-3:-1]
    if height > full_height or width > full_width:
        raise ValueError(
            f"An image of {full_height}x{full_width} is smaller than the "
            f"crop of {height}x{width}."
        )
    top = (full_height - height) // 2
    left = (full_width - width) // 2
    return images[..., top : top + height, left : left + width, :]


def modulo_crop(images, multiple):
    """Cuts images to a multiple of a number of pixels, bottom and right.

    What the super-resolution benchmarks do before they make an image
    `multiple` times smaller, so that it comes back in its own size.

    Args:
        images: array or tensor (..., height, width, channels), at least
            `multiple` pixels high and wide.
        multiple: int, at least 1.

    Returns:
        The same kind, (..., height - height mod multiple, width - width mod
        multiple, channels).

    Raises:
        ValueError: nothing would be left.

    Example:

    >>> modulo_crop(np.zeros((10, 7, 3)), 4).shape
    (8, 4, 3)
    """
    if type(multiple) is not int or multiple < 1:
        raise ValueError(
            "`multiple` must be an int, at least 1. "
            f"Received: multiple={multiple!r}"
        )
    height, width = (side - side % multiple for side in images.shape[-3:-1])
    if not height or not width:
        raise ValueError(
            f"An image of {images.shape[-3]}x{images.shape[-2]} is "
            f"smaller than `multiple={multiple}`."
        )
    return images[..., :height, :width, :]
