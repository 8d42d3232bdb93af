"""Image files: reading, writing, grids and crops of images.

Everywhere else an image is a float32 array (height, width, channels) in
[0, 1].
"""

import math
import numbers
import pathlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from keras_synth.io.decoding import open_decoded
from keras_synth.io.encoding import encode_images, quantized
from keras_synth.io.folders import write_whole
from keras_synth.io.options import FileOptions
from keras_synth.ops.numbers import is_int

#: Endings of the animated images that are written.
ANIMATION_EXTENSIONS = (".gif", ".png", ".webp")


def read_image(path, channels=None, alpha="white", white=None):
    """Reads an image file.

    Rotation noted in EXIF is applied; PNG, TIFF, PPM and PGM files of 16 bits
    keep their precision; of an animation the first image is read.

    Args:
        path: Path of the file.
        channels: 1 for gray (luma of BT.601), 3 for color, None for what
            the file holds.
        alpha: What becomes of transparency: "white" puts the image on
            white, "drop" ignores it, "keep" appends it as a last channel.
        white: Value that is white in TIFF files of more than 8 bits, see
            `FileOptions`. None takes it from the file.

    Returns:
        float32 (height, width, channels), in [0, 1].

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is no image, is cut short, or holds what cannot
            be read without loss.
    """
    if channels not in (None, 1, 3):
        raise ValueError(
            f"`channels` must be None, 1 or 3. Received: {channels}"
        )
    if alpha not in ("white", "drop", "keep"):
        raise ValueError(
            f'`alpha` must be "white", "drop" or "keep". Received: {alpha!r}'
        )
    image, _ = open_decoded(path, FileOptions(white=white)).read(0)
    image, transparency = split_alpha(image)
    image = to_channels(image, channels)
    if alpha == "keep" and transparency is not None:
        image = np.concatenate([image, transparency], axis=-1)
    if alpha == "white":
        image = on_white(image, transparency)
    return image


def split_alpha(values):
    """Color and transparency of an image of 1 to 4 channels.

    Args:
        values: Array (height, width, channels). The last of two or four
            channels is the transparency.

    Returns:
        `(color, alpha)`, (height, width, 1 or 3) and (height, width, 1), or
        None without transparency.
    """
    if values.shape[-1] in (2, 4):
        return values[..., :-1], values[..., -1:]
    return values, None


def on_white(color, alpha):
    """An image on white, as networks see transparent ones in their training.

    Args:
        color: Array (height, width, channels) in [0, 1].
        alpha: Array (height, width, 1) of the transparency, or None.

    Returns:
        Array (height, width, channels).
    """
    return color if alpha is None else color * alpha + (1.0 - alpha)


def to_channels(image, channels):
    """A color image as a gray one, by its luma, or the reverse.

    Args:
        image: Array (height, width, 1 or 3).
        channels: 1, 3, or None for those of the image.

    Returns:
        Array (height, width, channels).
    """
    if channels == 1 and image.shape[-1] == 3:
        return luma(image)
    if channels == 3 and image.shape[-1] == 1:
        return np.repeat(image, 3, axis=-1)
    return image


def luma(image):
    """The luma of BT.601 of a color image: float32 (height, width, 1)."""
    # Here, so that reading color images needs no Keras.
    from keras_synth.ops.color import LUMA_WEIGHTS

    return image.astype("float32") @ np.float32(LUMA_WEIGHTS)[:, None]


def image_sizes(files, channels):
    """Decodes every file once, so that a bad one is known before any work.

    Args:
        files: List of paths.
        channels: Channels to decode to, 1 or 3.

    Returns:
        A list: (height, width) for each file, or a str that says why it
        cannot be read.
    """

    def size(file):
        try:
            return read_image(file, channels).shape[:2]
        except (ValueError, OSError) as error:
            return str(error)

    with ThreadPoolExecutor() as pool:
        return list(pool.map(size, files))


def bit_depth(path):
    """Bit depth: the bits of a channel in an image file.

    Args:
        path: Path of the file.

    Returns:
        8, 16, or 32 for floats.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is no image.
    """
    return open_decoded(path).depth


def write_image(path, image, bits=8, provenance=None):
    """Writes an image file, whole or not at all.

    The file's ending says the format. JPEG and AVIF files are of quality 99,
    WebP files lose nothing.

    Args:
        path: Path of the file. Missing folders are made.
        image: Array (height, width) or (height, width, channels) of 1 to 4
            channels: floats, which are clipped to [0, 1], bools, or whole
            numbers of 8 or 16 bits (uint8, uint16).
        bits: Bits of a channel: 8, or 16 for PNG, TIFF, PPM and PGM files.
        provenance: `io.Provenance` for the file's metadata, or None.

    Returns:
        The path, a `pathlib.Path`.

    Raises:
        ValueError: The image has another shape or holds NaN, or the format
            is unknown or does not hold such an image.
    """
    path = pathlib.Path(path)
    frame = (*split_alpha(_checked(np.asarray(image))), 0)
    encoded = encode_images(
        path, [frame], options=FileOptions(), bits=bits, provenance=provenance
    )
    write_whole(path, encoded.data)
    return path


def _checked(image):
    """An image as (height, width, channels), if it can be written."""
    if image.ndim == 2:
        image = image[..., None]
    shape = image.shape
    if len(shape) != 3 or shape[-1] not in (1, 2, 3, 4) or 0 in shape:
        raise ValueError(
            "An image must be (height, width) or (height, width, channels). "
            f"Received: shape {shape}"
        )
    if image.dtype in ("uint8", "uint16"):
        return image
    if image.dtype.kind not in "fb":
        raise ValueError(
            "An image must hold floats in [0, 1], bools, or whole numbers of "
            "8 or 16 bits (uint8, uint16). "
            f"Received: dtype {image.dtype}"
        )
    if np.isnan(image).any():
        raise ValueError("The image holds NaN.")
    return image.astype("float32")


def check_frame_rate(frames_per_second, path):
    """Refuses a frame rate that the file of a film cannot have.

    Args:
        frames_per_second: The rate. A frame of a GIF file is shown for 655
            seconds at most, and for a hundredth at least.
        path: Path of the animated image or video file.

    Raises:
        ValueError: It is no number from 1/600 to 100, or to 1,000 for videos.
    """
    animation = pathlib.Path(path).suffix.lower() in ANIMATION_EXTENSIONS
    largest = 100 if animation else 1000
    number = isinstance(frames_per_second, numbers.Real)
    if not number or not 1 / 600 <= frames_per_second <= largest:
        raise ValueError(
            f"`frames_per_second` must be from 1/600 to {largest} for "
            f"{pathlib.Path(path).name}. Received: "
            f"frames_per_second={frames_per_second!r}"
        )


def write_animation(
    path, frames, frames_per_second=25.0, loop=True, provenance=None
):
    """Writes images as one animated image, whole or not at all.

    Args:
        path: Path of a `.gif`, `.png` or `.webp` file.
        frames: List of images (height, width) or (height, width, channels),
            all of a size: floats in [0, 1], bools, or whole numbers of 8 or
            16 bits (uint8, uint16).
        frames_per_second: Frame rate. GIF files hold hundredths of a second.
        loop: Whether it is shown again and again, or once.
        provenance: `io.Provenance` for the file's metadata, or None.

    Returns:
        The path, a `pathlib.Path`.

    Raises:
        ValueError: There are no frames, or they are of several sizes or hold
            NaN, or the format holds no animation.
    """
    path, frames = pathlib.Path(path), list(frames)
    if not frames:
        raise ValueError("`frames` must hold an image. Received: none")
    if path.suffix.lower() not in ANIMATION_EXTENSIONS:
        raise ValueError(
            f"{path} must end in one of {', '.join(ANIMATION_EXTENSIONS)}."
        )
    check_frame_rate(frames_per_second, path)
    milliseconds = 1000.0 / frames_per_second
    # A GIF file without a number of repetitions is shown once.
    once = None if path.suffix.lower() == ".gif" else 1
    encoded = encode_images(
        path,
        [
            (
                *split_alpha(quantized(_checked(np.asarray(frame)), 8)),
                milliseconds,
            )
            for frame in frames
        ],
        options=FileOptions(),
        loop=0 if loop else once,
        provenance=provenance,
    )
    write_whole(path, encoded.data)
    return path


def image_grid(images, columns=None, padding=2, background=1.0):
    """Image grid: lays images out row by row.

    Args:
        images: Array (n, height, width, channels), in [0, 1].
        columns: Number of images in a row. None takes the square root of n,
            rounded up.
        padding: Pixels between images and around them. A single image comes
            out as it is.
        background: Gray level of the padding and of empty places.

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
    if columns is not None and (not is_int(columns) or columns < 1):
        raise ValueError(
            "`columns` must be a positive int, or None. "
            f"Received: columns={columns!r}"
        )
    if not is_int(padding) or padding < 0:
        raise ValueError(
            "`padding` must be an int of at least 0. "
            f"Received: padding={padding!r}"
        )
    count, height, width, channels = images.shape
    columns = columns or math.ceil(math.sqrt(count))
    padding = padding if max(count, columns) > 1 else 0
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
    """Center crop: cuts the middle out of images.

    Args:
        images: Array or tensor (..., height, width, channels).
        height: Height of the crop, at most that of the images.
        width: Width of the crop, at most that of the images.

    Returns:
        The same kind, (..., height, width, channels). Where a margin is odd,
        the extra row or column goes at the bottom or right.

    Example:

    >>> center_crop(np.zeros((10, 7, 3)), 4, 4).shape
    (4, 4, 3)
    """
    full_height, full_width = images.shape[-3:-1]
    if not all(is_int(side) and side > 0 for side in (height, width)):
        raise ValueError(
            "`height` and `width` must be positive ints. "
            f"Received: height={height!r}, width={width!r}"
        )
    if height > full_height or width > full_width:
        raise ValueError(
            f"An image of {full_height}x{full_width} is smaller than the "
            f"crop of {height}x{width}."
        )
    top = (full_height - height) // 2
    left = (full_width - width) // 2
    return images[..., top : top + height, left : left + width, :]


def modulo_crop(images, multiple):
    """Modulo crop: cuts sides to a multiple, at the bottom and right.

    Super-resolution benchmarks do this before they make an image `multiple`
    times smaller, so that upscaling gives its own size.

    Args:
        images: Array or tensor (..., height, width, channels), at least
            `multiple` pixels high and wide.
        multiple: Number that both sides become divisible by, an int of at
            least 1.

    Returns:
        The same kind, (..., height - height mod multiple, width - width mod
        multiple, channels).

    Raises:
        ValueError: Nothing would be left.

    Example:

    >>> modulo_crop(np.zeros((10, 7, 3)), 4).shape
    (8, 4, 3)
    """
    if not is_int(multiple) or multiple < 1:
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
