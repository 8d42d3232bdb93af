"""Batches of crops: the same for the same seed and epoch."""

import tensorflow as tf

from keras_synth.datasets.crops import (
    as_tensors,
    center_crop,
    check_batch_size,
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
    """Crops of a source's decoded, batch by batch.

    Training: crops at places drawn anew in each epoch, shuffled, without an
    incomplete last batch. Testing: every image once, in order, whole or
    its middle, the same on each pass.

    Args:
        source: a `Source`.
        crop: (height, width); None, when testing, for whole images.
        prepare: function from float32 images (batch, height, width, channels)
            in [0, 1] and a key, int64 (2,), of that batch's own, to what
            the dataset gives.
        crops_per_image: crops cut from each image in an epoch.
        batch_size: crops a batch.
        training: see above.
        cache: whether decoded images stay in memory.
        seed: int.

    Returns:
        A `tf.data.Dataset`; of `by_epoch` when training.

    Raises:
        ValueError: no batch would be full.
    """
    num_crops = source.num_images * crops_per_image
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
            # Crops use the indices below: no seed serves twice.
            return prepare(images, fold(key, num_crops + index))

        return batches.enumerate().map(
            prepare_batch, num_parallel_calls=tf.data.AUTOTUNE
        )

    if not training:
        return one_epoch(0).prefetch(tf.data.AUTOTUNE)
    return by_epoch(one_epoch, num_crops // batch_size)
