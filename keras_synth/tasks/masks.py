"""Masks of image files: which of their pixels are missing."""

import pathlib

import numpy as np

from keras_synth.io import (
    FileOptions,
    find_images,
    open_decoded,
    pair_by_name,
)
from keras_synth.io.images import split_alpha, to_channels


def check_masks(masks, source):
    """Checks that a mask is there for an image, a folder of them for a folder.

    Args:
        masks: Path of a mask, or of a folder of masks.
        source: Path of the image, or of a folder with images.

    Raises:
        FileNotFoundError: There is no mask.
        ValueError: One is a folder, and the other is a file.
    """
    masks, source = pathlib.Path(masks), pathlib.Path(source)
    if not masks.exists():
        raise FileNotFoundError(f"There is no mask {masks}")
    if masks.is_dir() != source.is_dir():
        raise ValueError(
            "An image needs a mask, a folder of images a folder of masks. "
            f"Received: {source} and {masks}"
        )


def find_masks(masks, source, files):
    """Finds the mask of each image.

    Args:
        masks: Path of a mask, or of a folder of masks with the names of the
            images, whatever their endings; see `check_masks`.
        source: Path of the image, or of a folder with images.
        files: List of the images' paths.

    Returns:
        A dict from the path of each image to that of its mask.

    Raises:
        FileNotFoundError: There is no mask of an image.
        ValueError: Two masks have the same name.
    """
    masks, source = pathlib.Path(masks), pathlib.Path(source)
    if source.is_file():
        return {source: masks}
    found = pair_by_name(files, source, find_images(masks), masks)
    missing = [str(file) for file in files if file not in found]
    if missing:
        raise FileNotFoundError(
            f"{masks} has no mask of the same name for {', '.join(missing)}"
        )
    return found


def read_mask(path, image, files=None):
    """Reads the mask of an image.

    Args:
        path: Path of the mask, white on black, or in one color on a
            transparent ground.
        image: The `ImageFile` that it belongs to.
        files: `io.FileOptions`, whose largest size holds for the mask too, or
            None.

    Returns:
        float32 (height, width, 1) of 0 and 1, where 1 is missing.

    Raises:
        ValueError: The mask does not fit the image, or holds several.
    """
    gray = read_marked(path, files)
    mask = np.float32(gray > 0.5)
    if mask.shape[:2] != image.color.shape[:2]:
        sizes = [
            f"{width}x{height}"
            for height, width in (mask.shape[:2], image.color.shape[:2])
        ]
        raise ValueError(
            f"The mask {path} must be as large as its image "
            f"{image.path}, {sizes[1]}. Received: {sizes[0]}"
        )
    if mask.all():
        raise ValueError(
            f"The mask {path} is white all over: no pixel of {image.path} "
            "is left to restore from."
        )
    if gray.any() and not mask.any():
        raise ValueError(
            f"The mask {path} must be white where {image.path} is degraded, "
            f"above one half. Received: {gray.max():.3f} at its brightest"
        )
    return mask


def read_marked(path, files=None):
    """Reads a mask of any size, with its gray levels.

    Args:
        path: Path of the mask, see `read_mask`.
        files: See `read_mask`.

    Returns:
        float32 (height, width, 1) in [0, 1], 1 where it is marked.

    Raises:
        ValueError: It has several colors, and transparent parts, or several
            images.
    """
    largest = (files or FileOptions()).max_megapixels
    decoded = open_decoded(path, FileOptions(max_megapixels=largest))
    if decoded.num_frames > 1:
        raise ValueError(
            f"The mask {path} must be one image, which is that of all frames "
            f"and pages. Received: {decoded.num_frames} images"
        )
    color, alpha = split_alpha(decoded.read(0)[0])
    gray = to_channels(color, 1)
    return gray if alpha is None else _marked(path, gray, alpha)


def _marked(path, gray, alpha):
    """What is marked in a mask with transparency.

    Args:
        path: Path of the mask.
        gray: Array (height, width, 1) of its brightness.
        alpha: Array (height, width, 1) of its transparency.

    Returns:
        (height, width, 1), above one half where it is marked.

    Raises:
        ValueError: It has several colors, and transparent parts.
    """
    seen = gray[alpha > 0.5]
    if not seen.size or np.ptp(alpha) < 0.5 or np.ptp(seen) > 0.9:
        # White on black, and what is transparent is not marked.
        return gray * alpha
    if np.ptp(seen) < 0.1:
        return alpha  # strokes of one color on a transparent ground
    raise ValueError(
        f"The mask {path} is transparent in parts, and of several colors: it "
        "does not say what is marked. Mark what is missing in white on black, "
        "or in one color on a transparent ground."
    )
