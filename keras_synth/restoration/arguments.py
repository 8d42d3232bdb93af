"""Checks and conversions of inputs, shared by the classical methods."""

import math

import numpy as np

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


def check_odd(name, value):
    """Raises ValueError unless `value` is an odd int of at least 3."""
    if type(value) is not int or value < 3 or value % 2 == 0:
        raise ValueError(
            f"`{name}` must be an odd int, at least 3. "
            f"Received: {name}={value!r}"
        )


def check_above_0(name, value):
    """Raises ValueError unless `value` is a number above 0."""
    if isinstance(value, bool) or not (
        isinstance(value, int | float) and 0 < value < math.inf
    ):
        raise ValueError(
            f"`{name}` must be a number above 0. Received: {name}={value!r}"
        )


def check_pixels(name, value):
    """Raises ValueError unless `value` is an int above 0."""
    if type(value) is not int or value < 1:
        raise ValueError(
            f"`{name}` must be an int above 0, in pixels. "
            f"Received: {name}={value!r}"
        )
