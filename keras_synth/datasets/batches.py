"""Batches of random crops, reproducible from a seed and the epoch."""

import tensorflow as tf

from keras_synth.datasets.crops import (
    as_tensors,
    center_crop,
    check_batch_size,
    check_seed,
    crop_randomly,
    map_images,
    shuffle_buffer,
)
from keras_synth.datasets.epochs import (
    by_epoch,
    epoch_key,
    fold,
    shuffle_by_key,
    shuffled_order,
)
from keras_synth.ops.numbers import is_int


def crop_batches(
    source,
    crop,
    prepare,
    *,
    crops_per_image=1,
    batch_size,
    training,
    cache,
    seed,
):
    """Batches of crops of a source's images, passed through a function.

    In training, crops are cut at random places, drawn anew in each epoch, and
    shuffled, and an incomplete last batch is dropped. In testing, every image
    comes once, in order, whole or cropped to its center, the same on each
    pass.

    Args:
        source: A `Source`.
        crop: (height, width) of the crops. None, in testing, for whole
            images.
        prepare: Function from float32 images (batch, height, width, channels)
            in [0, 1] and a key, int64 (2,), that no other batch has, to an
            element of the dataset.
        crops_per_image: Crops cut from each image in an epoch.
        batch_size: Crops in a batch.
        training: Whether the batches are for training or for testing.
        cache: Whether decoded images stay in memory.
        seed: Seed of all random draws, an int.

    Returns:
        A `tf.data.Dataset`, in training one of `by_epoch`.

    Raises:
        ValueError: The images are too few to fill one batch.
    """
    num_crops = source.num_images * crops_per_image
    check_seed(seed)
    if not is_int(crops_per_image) or crops_per_image < 1:
        raise ValueError(
            "`patches_per_image` must be a positive int. "
            f"Received: {crops_per_image!r}"
        )
    check_batch_size(source, batch_size, num_crops, training)
    shape = (*(crop or source.image_shape[:2]), source.image_shape[-1])
    decoded = source.dataset
    if crop and not training:
        decoded = map_images(decoded, lambda image: center_crop(image, crop))
    in_memory = cache and None not in source.image_shape
    if in_memory:
        stored = as_tensors(decoded, source)["image"]
    elif cache:
        decoded = decoded.cache()

    def one_epoch(epoch):
        key = epoch_key(seed, epoch)
        if in_memory:
            order = tf.range(num_crops)
            if training:
                order = shuffled_order(num_crops, key)
            elements = tf.data.Dataset.from_tensor_slices(order).map(
                lambda index: {"image": stored[index % source.num_images]}
            )
        else:
            elements = decoded
            if training:
                elements = shuffle_by_key(
                    elements.repeat(crops_per_image),
                    shuffle_buffer(source, source.image_shape),
                    key,
                )
        if training:
            elements = crop_randomly(elements, crop, key)
        batches = elements.batch(batch_size, drop_remainder=training)

        def prepare_batch(index, batch):
            images = tf.cast(batch["image"], "float32") / 255.0
            images = tf.ensure_shape(images, (None, *shape))
            # Crops use the indices below this one, so no seed is used twice.
            return prepare(images, fold(key, num_crops + index))

        return batches.enumerate().map(
            prepare_batch, num_parallel_calls=tf.data.AUTOTUNE
        )

    if not training:
        return one_epoch(0).prefetch(tf.data.AUTOTUNE)
    return by_epoch(one_epoch, num_crops // batch_size)
