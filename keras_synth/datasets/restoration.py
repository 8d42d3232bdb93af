"""From clean pictures to the damaged and clean pairs that `fit` takes."""

import tensorflow as tf

from keras_synth.datasets.crops import (
    as_tensors,
    center_crop,
    check_batch_size,
    check_crop,
    crop_randomly,
    map_images,
    parse_size,
    shuffle_buffer,
)
from keras_synth.datasets.epochs import (
    by_epoch,
    epoch_key,
    fold,
    shuffle_by_key,
    shuffled_order,
)
from keras_synth.degradations import Degradation

_INPUTS = ("image", "mask", "noise_level")


def restoration_pipeline(
    source,
    degradation,
    patch_size=None,
    *,
    patches_per_image=1,
    inputs="image",
    batch_size=16,
    training=True,
    cache=True,
    seed=0,
):
    """Damaged pictures and the clean ones they shall become.

    Training: patches cut anywhere, turned and mirrored at random, damaged,
    all anew in each epoch. Testing (`training=False`): every picture once,
    in order, whole or its middle, with the same damage on each pass.

    Order and randomness depend on `seed` and the number of the epoch alone:
    hand `callbacks.EpochOrder(dataset)` to `fit`, so that it sees the same
    after a stop. Without it each pass is one epoch further.

    Args:
        source: a `Source`.
        degradation: a `keras_synth.degradations.Degradation` that keeps the
            size, or makes all pictures smaller alike.
        patch_size: int or (height, width); needed for training, where
            rectangles are mirrored but not turned. None: whole pictures.
        patches_per_image: patches cut from each picture in an epoch.
        inputs: what the network takes: "image" alone, or a tuple out of
            "image", "mask" and "noise_level".
        batch_size: patches a batch; 1 where whole pictures differ in size.
        training: see above. Training drops an incomplete last batch.
        cache: whether decoded pictures stay in memory (filled here and now).
        seed: int.

    Returns:
        A `tf.data.Dataset` of `(damaged, clean)`, float32 (batch, height,
        width, channels), or, with several `inputs`, of `({"image": damaged,
        "mask": (batch, height, width, 1), "noise_level": (batch, 1, 1, 1)},
        clean)`. The noise level is a map (batch, height, width, 1) where the
        noise varies over the picture.

    Raises:
        ValueError: arguments that do not fit the source.

    Example:

    >>> from keras_synth import datasets, degradations
    >>> pairs = restoration_pipeline(
    ...     datasets.load_source("digits"),
    ...     degradations.GaussianNoise((0.0, 0.3)),
    ...     patch_size=16,
    ...     inputs=("image", "noise_level"),
    ... )
    >>> damaged, clean = next(iter(pairs))
    >>> clean.shape, damaged["noise_level"].shape
    (TensorShape([16, 16, 16, 1]), TensorShape([16, 1, 1, 1]))
    """
    patch = parse_size(patch_size, "patch_size")
    several = not isinstance(inputs, str)
    names = tuple(inputs) if several else (inputs,)
    whole = patch or source.image_shape[:2]
    num_patches = source.num_images * patches_per_image
    _check(source, degradation, patch, names, batch_size, training)
    check_batch_size(source, batch_size, num_patches, training)
    shape = (*whole, source.image_shape[-1])
    pictures = source.dataset
    if patch and not training:
        pictures = map_images(pictures, lambda image: center_crop(image, patch))
    in_memory = cache and None not in source.image_shape
    if in_memory:
        stored = as_tensors(pictures, source)["image"]
    elif cache:
        pictures = pictures.cache()

    def one_epoch(epoch):
        key = epoch_key(seed, epoch)
        if in_memory:
            order = tf.range(num_patches)
            if training:
                order = shuffled_order(num_patches, key)
            elements = tf.data.Dataset.from_tensor_slices(order).map(
                lambda index: {"image": stored[index % source.num_images]}
            )
        else:
            elements = pictures
            if training:
                elements = shuffle_by_key(
                    elements.repeat(patches_per_image),
                    shuffle_buffer(source, source.image_shape),
                    key,
                )
        if training:
            elements = crop_randomly(elements, patch, key)
        batches = elements.batch(batch_size, drop_remainder=training)

        def prepare(index, batch):
            clean = tf.cast(batch["image"], "float32") / 255.0
            clean = tf.ensure_shape(clean, (None, *shape))
            # Crops use the indices below: no seed serves twice.
            seeds = tf.random.split(fold(key, num_patches + index), 2)
            if training:
                clean = random_symmetry(clean, seeds[0])
            damaged, record = degradation(clean, seeds[1], return_record=True)
            known = {
                "image": damaged,
                "mask": record["mask"],
                **record["parameters"],
            }
            missing = [name for name in names if name not in known]
            if missing:
                raise ValueError(
                    f"{type(degradation).__name__} has no {missing[0]!r} to "
                    f"give to the network: its record holds {list(known)}."
                )
            if several:
                damaged = {name: known[name] for name in names}
            return damaged, clean

        return batches.enumerate().map(
            prepare, num_parallel_calls=tf.data.AUTOTUNE
        )

    if not training:
        return one_epoch(0).prefetch(tf.data.AUTOTUNE)
    return by_epoch(one_epoch, num_patches // batch_size)


def random_symmetry(images, seed):
    """Mirrors each picture in either direction, and turns squares.

    Each of the eight symmetries of a square has the same chance; pictures
    that are no squares have the four that keep their shape.

    Args:
        images: float32 (batch, height, width, channels).
        seed: int (2,).

    Returns:
        Pictures of the same shape.
    """
    draws = tf.random.stateless_uniform((3, tf.shape(images)[0]), seed) < 0.5
    draws = draws[..., None, None, None]
    images = tf.where(draws[0], tf.reverse(images, [1]), images)
    images = tf.where(draws[1], tf.reverse(images, [2]), images)
    height, width = images.shape[1:3]
    if height is None or height != width:
        return images
    return tf.where(draws[2], tf.transpose(images, (0, 2, 1, 3)), images)


def _check(source, degradation, patch, names, batch_size, training):
    if not isinstance(degradation, Degradation):
        raise ValueError(
            "`degradation` must be one of `keras_synth.degradations`. "
            f"Received: {degradation!r}"
        )
    if not names or any(name not in _INPUTS for name in names):
        raise ValueError(
            f"`inputs` must be some of {_INPUTS}. Received: {names!r}"
        )
    if training and not patch:
        raise ValueError(
            "Training needs a `patch_size`: pictures are cut into patches."
        )
    check_crop(source, patch, "patch_size")
    if not patch and None in source.image_shape and batch_size != 1:
        raise ValueError(
            f"The pictures of {source.name!r} differ in size: give "
            "`batch_size=1` for whole pictures, or a `patch_size`."
        )
