"""Pipeline of content and style images for style transfer."""

import dataclasses
import math

import tensorflow as tf

from keras_synth.datasets.batches import crop_batches
from keras_synth.datasets.crops import (
    check_crop,
    check_jitter,
    map_images,
    parse_size,
)
from keras_synth.datasets.pipeline import random_flip
from keras_synth.datasets.source import Source


def style_pipeline(
    contents,
    styles,
    image_size=256,
    *,
    jitter=2.0,
    batch_size=8,
    training=True,
    cache=True,
    seed=0,
):
    """Batches of content images and style images for style transfer.

    In training, the shorter side of every image is resized to `jitter` times
    `image_size`, a crop of `image_size` is cut at a random place, drawn anew
    in each epoch, and mirrored left to right with probability one half (512
    and 256 pixels in the paper). An epoch has each content once; all styles
    are about equally frequent, and are paired with contents anew in each
    epoch. In testing (`training=False`), the center of each content comes
    once, in order, with the styles in turn.

    Order and random draws depend on `seed` and the number of the epoch alone,
    as in `restoration_pipeline`.

    Args:
        contents: A `Source` of content images, such as photographs.
        styles: A `Source` of style images, such as paintings, with the same
            channels.
        image_size: Side of both images, or (height, width).
        jitter: Factor of `image_size` that images are resized to before they
            are cropped, at least 1. The larger, the finer the brush strokes
            that are learned. Testing uses 1. None never resizes: crops are
            cut out of the images as they are.
        batch_size: Pairs in a batch.
        training: Whether the batches are for training or for testing.
            Training drops an incomplete last batch.
        cache: Whether decoded, resized images stay in memory.
        seed: Seed of all random draws, an int.

    Returns:
        A `tf.data.Dataset` of `(content, style)`, float32 (batch, height,
        width, channels) in [0, 1].

    Raises:
        ValueError: Arguments that do not fit the sources.

    Example:

    >>> from keras_synth import datasets
    >>> digits = datasets.load_source("digits")
    >>> pairs = style_pipeline(digits, digits, 20, jitter=1.0, batch_size=4)
    >>> content, style = next(iter(pairs))
    >>> content.shape, style.shape
    (TensorShape([4, 20, 20, 1]), TensorShape([4, 20, 20, 1]))

    Reference: Huang and Belongie, Arbitrary Style Transfer in Real-Time with
    Adaptive Instance Normalization, 2017, section 6.2.
    """
    size = parse_size(image_size, "image_size")
    _check(contents, styles, jitter)
    if jitter is not None:
        scale = jitter if training else 1.0
        contents, styles = (
            _covering(source, tuple(round(scale * side) for side in size))
            for source in (contents, styles)
        )
    for source in (contents, styles):
        check_crop(source, size)
    rounds = math.ceil(contents.num_images / styles.num_images)
    if not training:
        styles, rounds = _in_turn(styles, contents.num_images), 1

    def batches(source, crops_per_image, seed):
        return crop_batches(
            source,
            size,
            random_flip if training else lambda images, key: images,
            crops_per_image=crops_per_image,
            batch_size=batch_size,
            training=training,
            cache=cache,
            seed=seed,
        )

    # With one seed, both images of a pair would be cropped at one place.
    parts = batches(contents, 1, seed), batches(styles, rounds, -1 - seed)
    pairs = tf.data.Dataset.zip(parts)
    if training:

        def set_epoch(epoch):
            for part in parts:
                part.set_epoch(epoch)

        pairs.set_epoch = set_epoch
    return pairs


def _covering(source, size):
    """The source, resized to just cover a size."""
    *given, channels = source.image_shape
    sides = (None, None)
    if None not in given:
        scale = max(new / old for new, old in zip(size, given, strict=True))
        sides = tuple(
            max(round(scale * old), new)
            for new, old in zip(size, given, strict=True)
        )
        if sides == tuple(given):
            return source

    def resize(image):
        wanted = sides
        if None in sides:
            given = tf.cast(tf.shape(image)[:2], "float32")
            scale = tf.reduce_max(tf.cast(size, "float32") / given)
            wanted = tf.cast(tf.round(scale * given), "int32")
            wanted = tf.maximum(wanted, size)
        image = tf.image.resize(image, wanted, "bicubic", antialias=True)
        return tf.cast(tf.round(tf.clip_by_value(image, 0, 255)), "uint8")

    return dataclasses.replace(
        source,
        dataset=map_images(source.dataset, resize),
        image_shape=(*sides, channels),
        smallest=size,
    )


def _in_turn(source, count):
    """The images of a source in turn, repeated until there are `count`."""
    return dataclasses.replace(
        source,
        dataset=source.dataset.repeat().take(count),
        num_images=count,
    )


def _check(contents, styles, jitter):
    for name, source in (("contents", contents), ("styles", styles)):
        if not isinstance(source, Source):
            raise ValueError(
                f"`{name}` must be a `Source`, as `image_folder` gives. "
                f"Received: {name}={source!r}"
            )
    channels = [source.image_shape[-1] for source in (contents, styles)]
    if channels[0] != channels[1]:
        raise ValueError(
            "`contents` and `styles` must have the same channels. Received: "
            f"{channels[0]} and {channels[1]}"
        )
    check_jitter(jitter)
