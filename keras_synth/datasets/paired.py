"""Image pairs, source and target, from folders, and their pipeline."""

import dataclasses
import os

import numpy as np
import tensorflow as tf

from keras_synth.datasets.batches import crop_batches
from keras_synth.datasets.crops import (
    check_crop,
    check_jitter,
    check_whole,
    fit_to,
    map_images,
    parse_size,
)
from keras_synth.datasets.files import (
    check_channels,
    check_found,
    common_shape,
    decode_image,
)
from keras_synth.datasets.pipeline import random_flip
from keras_synth.datasets.source import PairedSource
from keras_synth.io import find_images, image_sizes, pair_by_name


def paired_folder(
    path,
    target_path=None,
    *,
    source_side="right",
    in_channels=3,
    out_channels=3,
):
    """Image pairs from a folder of double images, or from two folders.

    One folder: source and target stand side by side in each file, each half
    the width, as in the data sets of pix2pix. Two folders: files of the same
    name below their folder make a pair, whatever their endings
    (`source/a/1.png` and `target/a/1.jpg`).

    Every file is decoded once at the start, so that unreadable ones are found
    before training.

    Args:
        path: Folder of double images, or of sources.
        target_path: Folder of targets. None where `path` holds double images.
        source_side: Half of a double image that is the source, "left" or
            "right". (In pix2pix's facades it is the right one, the label map.)
        in_channels: Channels that sources are converted to, 3 for color or 1
            for gray.
        out_channels: Channels that targets are converted to, 3 for color or
            1 for gray.

    Returns:
        A `PairedSource`, in the order of the names, for `paired_pipeline`.

    Raises:
        FileNotFoundError: There is no such folder.
        ValueError: There are no images, unreadable ones, double images of odd
            width, or files whose partner is missing or of another size.

    Example:

    >>> import pathlib, tempfile
    >>> from keras_synth.io import write_image
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> black_white = np.repeat([[0.0, 1.0]], 4, axis=1) * np.ones((6, 1))
    >>> _ = write_image(folder / "1.png", black_white)
    >>> source = paired_folder(folder, source_side="left", out_channels=1)
    >>> pair = source.dataset.get_single_element()
    >>> pair["image"].shape, pair["degraded"].shape
    (TensorShape([6, 4, 1]), TensorShape([6, 4, 3]))
    >>> int(pair["image"][0, 0, 0]), int(pair["degraded"][0, 0, 0])
    (255, 0)

    Reference: Isola et al., Image-to-Image Translation with Conditional
    Adversarial Networks, 2017.
    """
    if source_side not in ("left", "right"):
        raise ValueError(
            '`source_side` must be "left" or "right". '
            f"Received: {source_side!r}"
        )
    check_channels(out_channels, "out_channels")
    check_channels(in_channels, "in_channels")
    if target_path is None:
        sides = (source_side, "left" if source_side == "right" else "right")
        inputs = targets = find_images(path)
        check_found(inputs, path)
        sizes = _half_sizes(inputs, path)
    else:
        sides = (None, None)
        inputs, targets = _partners(path, target_path)
        sizes = _equal_sizes(inputs, targets)
    shape = common_shape(sizes, out_channels)
    degraded_shape = (*shape[:2], in_channels)

    def pair(input_file, target_file):
        return {
            "image": _side(target_file, sides[1], shape),
            "degraded": _side(input_file, sides[0], degraded_shape),
        }

    files = tuple(
        [os.fsencode(file) for file in part] for part in (inputs, targets)
    )
    return PairedSource(
        name=" and ".join(str(p) for p in (path, target_path) if p),
        split="all",
        dataset=tf.data.Dataset.from_tensor_slices(files).map(
            pair, num_parallel_calls=tf.data.AUTOTUNE
        ),
        num_images=len(inputs),
        image_shape=shape,
        smallest=tuple(map(int, sizes.min(axis=0))),
        degraded_channels=in_channels,
    )


def paired_pipeline(
    source,
    image_size=None,
    *,
    jitter=286 / 256,
    batch_size=1,
    training=True,
    cache=True,
    seed=0,
):
    """Batches of image pairs for image-to-image translation.

    In training, each pair is resized to `jitter` times `image_size`, cropped
    to `image_size` at a random place, drawn anew in each epoch, and mirrored
    left to right with probability one half, source and target alike (the
    "random jitter" of pix2pix). In testing (`training=False`), each pair comes
    once, in order, resized to `image_size`. Where the aspect differs from that
    of `image_size`, images are cropped to their center, never stretched.

    Order and random draws depend on `seed` and the number of the epoch alone,
    as in `restoration_pipeline`.

    Args:
        source: A `PairedSource`, such as `paired_folder` returns.
        image_size: Side of the images, or (height, width). None keeps the
            size of the source, which must then be one size, or be tested
            with `batch_size=1`.
        jitter: Factor of `image_size` that a pair is resized to before it is
            cropped, at least 1. None never resizes: crops of `image_size` are
            cut out of the images as they are, at random places for training
            and the center for testing, which suits degradations that resizing
            would change (noise, blur).
        batch_size: Pairs in a batch. The default 1 is that of pix2pix's
            facades.
        training: Whether the batches are for training or for testing.
            Training drops an incomplete last batch.
        cache: Whether decoded, resized images stay in memory. The cache is
            filled at once.
        seed: Seed of all random draws, an int.

    Returns:
        A `tf.data.Dataset` of `(degraded, clean)`, source and target, float32
        (batch, height, width, channels) in [0, 1].

    Raises:
        ValueError: Arguments that do not fit the source.

    Example:

    >>> images = np.zeros((5, 8, 8, 4), "uint8")
    >>> pairs = tf.data.Dataset.from_tensor_slices(
    ...     {"image": images[..., :3], "degraded": images[..., 3:]}
    ... )
    >>> source = PairedSource("mine", "all", pairs, 5, (8, 8, 3),
    ...     smallest=(8, 8), degraded_channels=1)
    >>> degraded, clean = next(iter(paired_pipeline(source, 32, batch_size=4)))
    >>> degraded.shape, clean.shape
    (TensorShape([4, 32, 32, 1]), TensorShape([4, 32, 32, 3]))

    Reference: Isola et al., Image-to-Image Translation with Conditional
    Adversarial Networks, 2017, appendix 6.2.
    """
    if not isinstance(source, PairedSource):
        raise ValueError(
            "`source` must be a `PairedSource`, as `paired_folder` gives. "
            f"Received: {source!r}"
        )
    size = parse_size(image_size, "image_size")
    if not size and None not in source.image_shape:
        size = source.image_shape[:2]
    _check(source, size, jitter, batch_size, training)
    stacked = _stacked(source)
    if size and jitter is not None:
        stacked = _resized(stacked, size, jitter if training else 1.0)

    def separate(images, key):
        if training:
            images = random_flip(images, key)
        clean, degraded = tf.split(
            images, [source.image_shape[-1], source.degraded_channels], axis=-1
        )
        return degraded, clean

    return crop_batches(
        stacked,
        size,
        separate,
        batch_size=batch_size,
        training=training,
        cache=cache,
        seed=seed,
    )


def _stacked(source):
    """Target and source as the channels of one image, to be cropped alike."""

    def stack(pair):
        return {"image": tf.concat([pair["image"], pair["degraded"]], -1)}

    height, width, channels = source.image_shape
    return dataclasses.replace(
        source,
        dataset=source.dataset.map(stack, num_parallel_calls=tf.data.AUTOTUNE),
        image_shape=(height, width, channels + source.degraded_channels),
    )


def _resized(source, size, times):
    """The pairs, resized to `times` a size."""
    size = tuple(round(times * side) for side in size)
    if source.image_shape[:2] == size:
        return source
    return dataclasses.replace(
        source,
        dataset=map_images(source.dataset, lambda image: fit_to(image, size)),
        image_shape=(*size, source.image_shape[-1]),
        smallest=size,
    )


def _side(path, side, shape):
    """The half of a double image, or the whole image where `side` is None."""
    if side is None:
        return decode_image(path, shape)
    height, width, channels = shape
    both = decode_image(path, (height, width and 2 * width, channels))
    middle = tf.shape(both)[1] // 2
    half = both[:, :middle] if side == "left" else both[:, middle:]
    return tf.ensure_shape(half, shape)


def _half_sizes(files, root):
    """int (n, 2): sizes of the halves; refuses odd widths."""
    sizes = _readable_sizes(files)
    odd = [
        f"{file} ({height}x{width})"
        for file, (height, width) in zip(files, sizes, strict=True)
        if width % 2
    ]
    if odd:
        raise ValueError(
            f"The images in {root} must have an even width, source and "
            "target side by side (give two folders where they are apart). "
            "Received:\n" + "\n".join(odd)
        )
    return sizes // (1, 2)


def _partners(path, target_path):
    """Source files and target files, one list each, in the same order."""
    inputs, targets = find_images(path), find_images(target_path)
    check_found(inputs, path)
    check_found(targets, target_path)
    pairs = pair_by_name(inputs, path, targets, target_path)
    back = pair_by_name(targets, target_path, inputs, path)
    alone = [
        str(file)
        for file in (*inputs, *targets)
        if file not in pairs and file not in back
    ]
    if alone:
        raise ValueError(
            f"{len(alone)} images have no partner of the same name in the "
            "other folder:\n" + "\n".join(alone)
        )
    return inputs, [pairs[file] for file in inputs]


def _equal_sizes(inputs, targets):
    """int (n, 2): sizes of the pairs; refuses images that differ in size."""
    sizes = _readable_sizes(inputs + targets).reshape(2, -1, 2)
    unequal = [
        f"{file} ({h}x{w}) and {target} ({target_h}x{target_w})"
        for file, target, (h, w), (target_h, target_w) in zip(
            inputs, targets, *sizes, strict=True
        )
        if (h, w) != (target_h, target_w)
    ]
    if unequal:
        raise ValueError(
            "The two images of a pair must have the same size. Received:\n"
            + "\n".join(unequal)
        )
    return sizes[0]


def _readable_sizes(files):
    """int (n, 2): height and width of each file."""
    sizes = image_sizes(files, 3)
    problems = [problem for problem in sizes if isinstance(problem, str)]
    if problems:
        raise ValueError(
            f"{len(problems)} files cannot be read:\n" + "\n".join(problems)
        )
    return np.array(sizes)


def _check(source, size, jitter, batch_size, training):
    check_jitter(jitter)
    if training and not size:
        raise ValueError(
            f"The images of {source.name!r} differ in size: give `image_size`."
        )
    if jitter is None:
        check_crop(source, size)
    check_whole(source, size, "image_size", batch_size)
