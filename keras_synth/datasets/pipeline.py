"""Pipeline of images for generative models: crop, resize, cache, batch."""

import glob
import hashlib
import json
import os
import pathlib

import tensorflow as tf

from keras_synth.datasets.captions import random_captions
from keras_synth.datasets.crops import (
    as_tensors,
    center_crop,
    check_batch_size,
    check_crop,
    check_seed,
    crop_randomly,
    fit_to,
    map_images,
    parse_size,
    shuffle_buffer,
)
from keras_synth.datasets.epochs import (
    by_epoch,
    epoch_key,
    fold,
    poisson_orders,
    shuffle_by_key,
    shuffled_order,
)
from keras_synth.ops.numbers import is_int


def synthesis_pipeline(
    source,
    image_size=None,
    *,
    crop_size=None,
    random_crop=False,
    batch_size=64,
    training=True,
    labels=False,
    caption_length=None,
    augment=None,
    cache=True,
    poisson=False,
    seed=0,
):
    """Batches of images in [0, 1] for a generative model.

    Each image is cropped (`crop_size`), then resized to `image_size` with
    antialiasing. Where the aspect differs, images are cropped to their center,
    never stretched. The result is cached as uint8, shuffled, batched, cast to
    float32, augmented and prefetched.

    The order and all random draws depend on `seed` and the number of the epoch
    alone. Models of `keras_synth.models` set the epoch of the pipeline, so
    that `fit(initial_epoch=k)` gets the same batches as an uninterrupted
    training; for another `keras.Model` call the dataset's `set_epoch(k)` from
    a callback. Without either, each pass is the next epoch. (With
    `steps_per_epoch`, Keras continues a pass, whatever the epoch.)

    Args:
        source: A `Source`.
        image_size: Side of the images, or (height, width). None keeps the
            size of the crop or of the source.
        crop_size: Side of the crop, or (height, width), that is cut before
            resizing. None for no crop.
        random_crop: Whether crops are cut at random places, drawn anew in
            each epoch. False cuts the center.
        batch_size: Images in a batch.
        training: Whether the batches are for training: shuffled, drawn anew
            in each epoch, without an incomplete last batch. False gives every
            image once, in order, the same on each pass.
        labels: Whether elements are `(images, labels)`.
        caption_length: Number of ids of captions (see `ops.byte_ids`).
            Elements are then `(images, ids)`, with a caption of each image
            that is drawn anew in each epoch; for a source with captions.
            None for no captions.
        augment: Function `(images, seed) -> images` on float32 batches in
            [0, 1], such as `random_flip` or `stochastic_binarization`.
            `seed`, an int tensor (2,), is for `tf.random.stateless_*`. None
            for no augmentation.
        cache: Where decoded images are kept: True in memory (filled at once),
            False nowhere, or the beginning of a file name, for sets larger
            than memory (a hash of the settings is appended, and with
            several workers the number of each). One process at a time may
            fill it.
        poisson: Whether each image is in each batch with probability
            `batch_size` / number of images, independently of all others
            (Poisson sampling), as training with differential privacy needs.
            Batches then differ in size. Images must be cached in memory.
        seed: Seed of all random draws, an int. Memory and file caches are
            shuffled in different orders.

    Returns:
        A `tf.data.Dataset` of float32 (batch, height, width, channels), or
        `(images, labels)` with int64 (batch,), or `(images, ids)` with int32
        (batch, caption_length).

    Raises:
        ValueError: Arguments that do not fit the source.
    """
    crop = parse_size(crop_size, "crop_size")
    size = parse_size(image_size, "image_size")
    size = size or crop or source.image_shape[:2]
    _check(source, crop, size, random_crop, batch_size, labels, training)
    check_seed(seed)
    if augment is not None and not callable(augment):
        raise ValueError(
            "`augment` must be a function (images, seed) -> images. "
            f"Received: augment={augment!r}"
        )
    shape = (*size, source.image_shape[-1])
    caption = None
    if caption_length is not None:
        _check_captions(source, caption_length, labels)
        caption = random_captions(source.captions, caption_length)
    decoded = source.dataset
    if not random_crop and (crop or size != source.image_shape[:2]):
        if crop:
            decoded = map_images(decoded, lambda x: center_crop(x, crop))
        if not crop or crop != size:
            decoded = map_images(decoded, lambda x: fit_to(x, size))
    in_memory = cache is True and not random_crop
    if poisson and not (in_memory and training):
        raise ValueError(
            "Poisson sampling needs the images in memory, and is for "
            "training: `cache=True`, `random_crop=False`, `training=True`. "
            f"Received: cache={cache!r}, random_crop={random_crop}, "
            f"training={training}"
        )
    if in_memory:
        stored = as_tensors(decoded, source)
    elif cache is True:
        decoded = decoded.cache()
    elif cache:
        settings = (crop, random_crop, shape, caption_length is not None)
        decoded = decoded.cache(_cache_file(cache, source, settings))

    def in_order(key):
        if in_memory:
            # Indices are shuffled and batched faster than images.
            order = tf.range(source.num_images)
            if training:
                order = shuffled_order(source.num_images, key)
            elements = tf.data.Dataset.from_tensor_slices(order)
        else:
            elements = decoded
            if training:
                whole = source.image_shape if random_crop else shape
                elements = shuffle_by_key(
                    elements, shuffle_buffer(source, whole), key
                )
        if random_crop:
            elements = crop_randomly(elements, crop, key)
            if crop != size:
                elements = map_images(elements, lambda x: fit_to(x, size))
        return elements.batch(
            batch_size,
            drop_remainder=training,
            num_parallel_calls=None if in_memory else tf.data.AUTOTUNE,
        )

    def one_epoch(epoch):
        key = epoch_key(seed, epoch)
        if poisson:
            batches = poisson_orders(source.num_images, batch_size, key)
        else:
            batches = in_order(key)

        def prepare(index, batch):
            if in_memory:
                batch = {k: tf.gather(v, batch) for k, v in stored.items()}
            images = tf.cast(batch["image"], "float32") / 255.0
            if augment is not None:
                # Crops use the indices below this one: no seed is used twice.
                images = augment(images, fold(key, source.num_images + index))
            images = tf.ensure_shape(images, (None, *shape))
            if caption is not None:
                drawn = fold(key, 2 * source.num_images + index)
                return images, caption(batch["label"], drawn)
            return (images, batch["label"]) if labels else images

        return batches.enumerate().map(
            prepare, num_parallel_calls=tf.data.AUTOTUNE
        )

    if not training:
        return one_epoch(0).prefetch(tf.data.AUTOTUNE)
    dataset = by_epoch(one_epoch, source.num_images // batch_size)
    if poisson:
        dataset.sampling_rate = batch_size / source.num_images
    return dataset


def stochastic_binarization(images, seed):
    """Stochastic binarization: white with the gray level's probability.

    `x ~ Bernoulli(gray level)`, drawn anew for each batch (Salakhutdinov &
    Murray, 2008): the data on which MNIST likelihoods are quoted.

    Args:
        images: float32 (batch, height, width, channels), in [0, 1].
        seed: Seed of the draws, an int tensor (2,).

    Returns:
        Images of zeros and ones, of the same shape.
    """
    uniform = tf.random.stateless_uniform(tf.shape(images), seed)
    return tf.cast(uniform < images, images.dtype)


def random_flip(images, seed):
    """Random flip: mirrors each image left to right with probability 1/2.

    Args:
        images: float32 (batch, height, width, channels).
        seed: Seed of the draws, an int tensor (2,).

    Returns:
        Images of the same shape.
    """
    flipped = tf.random.stateless_uniform(tf.shape(images)[:1], seed) < 0.5
    return tf.where(
        flipped[:, None, None, None], tf.reverse(images, [2]), images
    )


def _cache_file(cache, source, settings):
    """Name of a cache file, different for other images and settings.

    What a process that was killed has left of an unfinished one is removed.
    """
    cache = pathlib.Path(cache)
    cache.parent.mkdir(parents=True, exist_ok=True)
    files = [
        (str(file), stat.st_size, stat.st_mtime_ns)
        for file, stat in ((file, file.stat()) for file in source.files)
    ]
    what = (source.name, source.split, source.num_images, source.image_shape)
    what += (source.made, source.class_names, settings, files)
    what = hashlib.sha256(repr(what).encode()).hexdigest()[:8]
    cluster = json.loads(os.environ.get("TF_CONFIG") or "{}")
    worker = "".join(
        f"-{each}" for each in (cluster.get("task") or {}).values()
    )
    name = f"{cache.name}-{what}{worker}"
    if not cache.with_name(f"{name}.index").exists():
        for ending in (".*", "_*"):
            for left in cache.parent.glob(glob.escape(name) + ending):
                left.unlink(missing_ok=True)
    return str(cache.with_name(name))


def _check_captions(source, length, labels):
    if not source.captions:
        raise ValueError(
            f"{source.name!r} has no captions: use `captioned_folder`, or "
            "`caption_length=None`."
        )
    if labels or not is_int(length) or length < 1:
        raise ValueError(
            "`caption_length` must be a positive int, and `labels` False. "
            f"Received: caption_length={length!r}, labels={labels}"
        )


def _check(source, crop, size, random_crop, batch_size, labels, training):
    if None in size:
        raise ValueError(
            f"The images of {source.name!r} differ in size: give "
            "`image_size` (or `crop_size`)."
        )
    if random_crop and not crop:
        raise ValueError("`random_crop` needs a `crop_size`.")
    check_crop(source, crop)
    check_batch_size(source, batch_size, source.num_images, training)
    if labels and not source.class_names:
        raise ValueError(
            f"{source.name!r} has no classes, such as folders below it: there "
            "is nothing to condition on (`labels=False`)."
        )
