"""Cropping, resizing and padding uint8 images in a pipeline."""

import dataclasses
import math

import tensorflow as tf

from keras_synth.datasets.epochs import fold
from keras_synth.ops.numbers import is_int

_SHUFFLED_BYTES = 2 * 1024**3


def parse_size(value, name, optional=True):
    """A size as (height, width), from an int or a pair; None where optional."""
    if value is None and optional:
        return None
    several = isinstance(value, list | tuple)
    size = tuple(value) if several else (value, value)
    if len(size) != 2 or not all(is_int(side) and side > 0 for side in size):
        raise ValueError(
            f"`{name}` must be a positive int or two of them. "
            f"Received: {name}={value!r}"
        )
    return size


def check_crop(source, crop):
    """Refuses a crop that is larger than some image of the source."""
    smallest = source.smallest
    if crop and smallest and (crop[0] > smallest[0] or crop[1] > smallest[1]):
        raise ValueError(
            f"Crops of {crop[0]}x{crop[1]} are larger than some images of "
            f"{source.name!r} (down to {smallest[0]}x{smallest[1]}): choose "
            "smaller ones, leave small images out, or upscale these before."
        )


def check_whole(source, crop, name, batch_size):
    """Refuses batches of whole images that differ in size."""
    if not crop and None in source.image_shape and batch_size != 1:
        raise ValueError(
            f"The images of {source.name!r} differ in size: give "
            f"`batch_size=1` for whole images, or `{name}`."
        )


def check_batch_size(source, batch_size, num_images, training):
    """Refuses a batch size that is no int, or larger than the data."""
    if not is_int(batch_size) or batch_size < 1:
        raise ValueError(
            f"`batch_size` must be a positive int. Received: {batch_size!r}"
        )
    if training and batch_size > num_images:
        what = "images" if num_images == source.num_images else "crops"
        raise ValueError(
            f"`batch_size={batch_size}` is more than the {num_images} {what} "
            f"of {source.name!r}: no batch would be full."
        )


def check_seed(seed):
    """Refuses a seed of random draws that is no int."""
    if not is_int(seed):
        raise ValueError(f"`seed` must be an int. Received: seed={seed!r}")


def shuffle_buffer(source, shape):
    """Size of the shuffle buffer: as many images as fit into 2 GB."""
    size = math.prod(side or 1024 for side in shape)
    return max(1, min(source.num_images, _SHUFFLED_BYTES // size))


def as_tensors(images, source):
    """All images and labels as tensors: `{"image": ..., "label": ...}`."""
    whole = images.batch(source.num_images, num_parallel_calls=tf.data.AUTOTUNE)
    try:
        return whole.get_single_element()
    except tf.errors.InvalidArgumentError as error:
        raise ValueError(
            f"The images of {source.name!r} cannot be prepared: {error.message}"
        ) from error


def map_images(dataset, function):
    """Applies a function `image -> image` to each element, in parallel."""
    return dataset.map(
        lambda element: {**element, "image": function(element["image"])},
        num_parallel_calls=tf.data.AUTOTUNE,
    )


def crop_randomly(elements, crop, key):
    """Crops each element at a random place, drawn from its number."""

    def cut(index, element):
        part = tf.random.stateless_uniform((2,), fold(key, index))

        def place(margin):
            corner = part * tf.cast(margin + 1, "float32")
            return tf.minimum(tf.cast(corner, "int32"), margin)

        return {**element, "image": _crop_at(element["image"], crop, place)}

    return elements.enumerate().map(cut, num_parallel_calls=tf.data.AUTOTUNE)


def center_crop(image, crop):
    """Crops an image to its center."""
    return _crop_at(image, crop, lambda margin: margin // 2)


def fit_to(image, size):
    """Crops to the center with the aspect of a size, and resizes, to uint8."""
    full = tf.cast(tf.shape(image)[:2], "float32")
    scale = tf.reduce_min(full / size)
    part = tf.cast(tf.round(scale * size), "int32")
    part = tf.maximum(part, 1)
    top, left = tf.unstack((tf.shape(image)[:2] - part) // 2)
    image = image[top : top + part[0], left : left + part[1]]
    image = tf.image.resize(image, size, "bicubic", antialias=True)
    return tf.cast(tf.round(tf.clip_by_value(image, 0, 255)), "uint8")


def resize_source(source, size):
    """Resizes all images of a source to one size.

    Each image is cropped to its largest central part with the aspect of the
    size, and resized by bicubic interpolation with antialiasing.

    Args:
        source: A `Source`.
        size: Side of the images, or (height, width).

    Returns:
        A `Source`.

    Raises:
        ValueError: `size` is neither a positive int nor two of them.

    Example:

    >>> from keras_synth import datasets
    >>> datasets.resize_source(datasets.load_source("digits"), 16).image_shape
    (16, 16, 1)
    """
    size = parse_size(size, "size", optional=False)
    images = map_images(source.dataset, lambda image: fit_to(image, size))
    shape = (*size, source.image_shape[-1])
    images = map_images(images, lambda x: tf.ensure_shape(x, shape))
    return dataclasses.replace(
        source, dataset=images, image_shape=shape, smallest=size, made="resized"
    )


def pad_source(source, size):
    """Pads all images of a source with a black border.

    Args:
        source: A `Source` of images of one size.
        size: Side of the padded images, or (height, width), at least the
            size of the images. Where the difference is odd, the border is
            larger at the bottom and at the right.

    Returns:
        A `Source`.

    Raises:
        ValueError: `size` is smaller than the images, or they differ in size.

    Example:

    >>> from keras_synth import datasets
    >>> datasets.pad_source(datasets.load_source("digits"), 32).image_shape
    (32, 32, 1)
    """
    height, width = parse_size(size, "size", optional=False)
    *known, channels = source.image_shape
    if None in known or height < known[0] or width < known[1]:
        raise ValueError(
            f"`size` must be at least the images' own, {tuple(known)}. "
            f"Received: size={size!r}"
        )
    images = map_images(
        source.dataset,
        lambda image: tf.image.pad_to_bounding_box(
            image,
            (height - known[0]) // 2,
            (width - known[1]) // 2,
            height,
            width,
        ),
    )
    return dataclasses.replace(
        source,
        dataset=images,
        image_shape=(height, width, channels),
        smallest=(height, width),
        made="padded",
    )


def _crop_at(image, crop, place):
    """Crops an image; `place` maps its margins (2,) to the top left corner."""
    margin = tf.shape(image)[:2] - crop
    tf.debugging.assert_non_negative(
        margin, f"An image is smaller than the crop of {crop[0]}x{crop[1]}."
    )
    top, left = tf.unstack(place(margin))
    return image[top : top + crop[0], left : left + crop[1]]


def check_jitter(jitter):
    """Refuses a jitter that is neither None nor a number from 1 to 8."""
    if jitter is not None and (
        isinstance(jitter, bool)
        or not isinstance(jitter, int | float)
        or not 1.0 <= jitter <= 8.0
    ):
        raise ValueError(
            "`jitter` must be None or a number of 1 to 8. "
            f"Received: jitter={jitter!r}"
        )
