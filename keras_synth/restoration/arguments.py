"""Checks and conversions of inputs, shared by the classical methods."""

import math
import numbers

import keras
import numpy as np
from keras import ops

from keras_synth.ops.numbers import is_int
from keras_synth.ops.ranges import check_range


def image_method(restore):
    """Makes a method check its images and return float32 arrays.

    Args:
        restore: Function from checked float32 images to images.

    Returns:
        A function from images (batch, height, width, channels), or a dict
        with these as "image", to float32 images.
    """

    def method(images):
        images = named_inputs(images)["image"]
        return restore(checked_images(images)).astype("float32")

    return method


def named_inputs(inputs):
    """The inputs of a restorer as a dict.

    Args:
        inputs: Images, or a dict with these as "image".

    Returns:
        A new dict with the key "image".

    Raises:
        ValueError: A dict without "image".
    """
    if not isinstance(inputs, dict):
        return {"image": inputs}
    if "image" not in inputs:
        raise ValueError(
            'A dict of inputs must have images as "image". '
            f"Received: {list(inputs)}"
        )
    return dict(inputs)


def checked_images(images):
    """Converts images to float32; raises ValueError for what are no images."""
    images = np.asarray(images)
    if images.ndim != 4 or not np.issubdtype(images.dtype, np.floating):
        raise ValueError(
            "`images` must be floats (batch, height, width, channels), in "
            f"[0, 1]. Received: {images.dtype}, shape {images.shape}"
        )
    if images.size:
        check_range(images, "Degraded images", degraded=True)
    return images.astype("float32")


def inpainting_inputs(name, images, mask):
    """Checks the images and the mask of an inpainting method.

    Args:
        name: Name of the function of `keras_synth.restoration`.
        images: Images (batch, height, width, channels), or a dict with these
            as "image", and "mask".
        mask: Array (batch, height, width, 1), 1 where a pixel is missing, or
            None for that of the dict.

    Returns:
        `(images, missing)`: float32 images, 0 where a pixel is missing,
        whatever lay there, and bool (batch, height, width).

    Raises:
        ValueError: There is no mask, or one of another shape, or it is 1 in
            all of an image.
    """
    named = named_inputs(images)
    images = np.asarray(named["image"])
    if images.ndim != 4:
        raise ValueError(
            "Images must be of shape (batch, height, width, 1 or 3). "
            f"Received: shape {images.shape}"
        )
    mask = named.get("mask") if mask is None else mask
    if mask is None:
        raise ValueError(
            f"Inpainting needs a mask: {name}()(images, mask), or "
            '{"image": images, "mask": mask}.'
        )
    mask = np.asarray(mask)
    if mask.shape != (*images.shape[:3], 1):
        raise ValueError(
            f"`mask` must be {(*images.shape[:3], 1)}, 1 where pixels are "
            f"missing. Received: shape {mask.shape}"
        )
    missing = mask[..., 0] > 0.5
    if missing.all(axis=(1, 2)).any():
        raise ValueError(
            "`mask` must be 0 somewhere in each image. Received: a mask of ones"
        )
    nothing = images.dtype.type(0)
    images = np.where(missing[..., None], nothing, images)
    return checked_images(images), missing


def check_odd(name, value):
    """Raises ValueError unless `value` is an odd int of at least 3."""
    if not is_int(value) or value < 3 or value % 2 == 0:
        raise ValueError(
            f"`{name}` must be an odd int, at least 3. "
            f"Received: {name}={value!r}"
        )


def check_above_0(name, value):
    """Raises ValueError unless `value` is a number above 0."""
    if isinstance(value, bool) or not (
        isinstance(value, numbers.Real) and 0 < value < math.inf
    ):
        raise ValueError(
            f"`{name}` must be a number above 0. Received: {name}={value!r}"
        )


def check_images(images, name):
    """Raises ValueError unless tensors are gray or color float images.

    Outside of graphs, their values must lie about [0, 1]. The name is that of
    the images in the message.
    """
    shape = images.shape
    if len(shape) != 4 or shape[-1] not in (1, 3, None):
        raise ValueError(
            "Images must be of shape (batch, height, width, 1 or 3). "
            f"Received: shape {tuple(shape)}"
        )
    dtype = keras.backend.standardize_dtype(images.dtype)
    if "float" not in dtype:
        raise ValueError(
            "Images must be floats in [0, 1] (divide 8-bit ones by 255). "
            f"Received: dtype {dtype}"
        )
    known = isinstance(images, np.ndarray) or hasattr(images, "numpy")
    if known and np.size(images):
        check_range(images, name, degraded=True)


def for_known_channels(restore, images):
    """Restores gray or color images, whose channels a graph may not know.

    `predict` traces without channels once it has seen gray and color images.

    Args:
        restore: Function from images to images of as many channels.
        images: float32 (batch, height, width, 1 or 3).
    """
    if images.shape[-1] is not None:
        return restore(images)

    def restored(channels):
        known = ops.reshape(images, (*ops.shape(images)[:3], channels))
        return restore(known)

    return ops.cond(
        ops.equal(ops.shape(images)[-1], 3),
        lambda: restored(3),
        lambda: restored(1),
    )


def check_pixels(name, value):
    """Raises ValueError unless `value` is an int above 0."""
    if not is_int(value) or value < 1:
        raise ValueError(
            f"`{name}` must be an int above 0, in pixels. "
            f"Received: {name}={value!r}"
        )
