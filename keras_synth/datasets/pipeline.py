"""From a source of pictures to the batches that `fit` takes."""

import hashlib
import math
import pathlib

import tensorflow as tf

_SHUFFLED_BYTES = 2 * 1024**3


def synthesis_pipeline(
    source,
    image_size=None,
    *,
    crop_size=None,
    random_crop=False,
    batch_size=64,
    training=True,
    labels=False,
    augment=None,
    cache=True,
    seed=0,
):
    """Batches of pictures, in [0, 1], for a model that makes pictures.

    Each picture is cropped (`crop_size`), then resized to `image_size` with
    antialiasing; where the aspect differs, the middle is kept, never
    stretched. The result is cached as uint8, shuffled, batched, cast to
    float32, augmented and prefetched.

    The order and all randomness depend on `seed` and the number of the epoch
    alone. Models of `keras_synth.models` tell the pipeline the epoch, so that
    `fit(initial_epoch=k)` sees what it would have seen; for another
    `keras.Model` call the dataset's `set_epoch(k)` from a callback. Without
    either, each pass is one epoch further. (With `steps_per_epoch` Keras runs
    on through a pass, whatever the epoch.)

    Args:
        source: a `Source`.
        image_size: int or (height, width); the source's own by default.
        crop_size: int or (height, width) to cut before resizing; the middle,
            or with `random_crop` any place, another in each epoch.
        random_crop: whether the crop's place is drawn.
        batch_size: pictures a batch.
        training: True shuffles, drops an incomplete last batch and draws anew
            each epoch; False gives every picture once, in order, the same on
            each pass.
        labels: True gives `(images, labels)`, else images alone.
        augment: function `(images, seed) -> images` on float32 batches in
            [0, 1]; `seed`, an int tensor (2,), is for `tf.random.stateless_*`.
            See `stochastic_binarization`, `random_flip`.
        cache: True for memory (filled here and now), the start of a file
            name for sets larger than that (what is cached follows as a hash),
            False for none.
        seed: int. Memory and file caches shuffle in different orders.

    Returns:
        A `tf.data.Dataset` of float32 (batch, height, width, channels), or
        `(images, labels)` with int64 (batch,).

    Raises:
        ValueError: arguments that do not fit the source.
    """
    crop = _size(crop_size, "crop_size")
    size = _size(image_size, "image_size") or crop or source.image_shape[:2]
    _check(source, crop, size, random_crop, batch_size, labels, training)
    shape = (*size, source.image_shape[-1])
    pictures = source.dataset
    if not random_crop and (crop or size != source.image_shape[:2]):
        pictures = pictures.map(
            lambda element: {
                **element,
                "image": _to_uint8(_fit(element["image"], crop, shape)),
            },
            num_parallel_calls=tf.data.AUTOTUNE,
        )
    in_memory = cache is True and not random_crop
    if in_memory:
        stored = _as_tensors(pictures, source)
    elif cache is True:
        pictures = pictures.cache()
    elif cache:
        pictures = pictures.cache(_cache_file(cache, source, crop, shape))

    def one_epoch(epoch):
        key = tf.random.experimental.stateless_fold_in(
            tf.constant([seed, 0], "int64"), epoch
        )
        if in_memory:
            # Indices are shuffled and batched faster than pictures.
            order = tf.range(source.num_images)
            if training:
                order = tf.random.experimental.stateless_shuffle(order, key)
            elements = tf.data.Dataset.from_tensor_slices(order)
        else:
            elements = pictures
            if training:
                elements = _shuffle(elements, source, shape, random_crop, key)
        if random_crop:
            elements = elements.enumerate().map(
                lambda index, element: {
                    **element,
                    "image": _random_crop(
                        element["image"], crop, shape, _fold(key, index)
                    ),
                },
                num_parallel_calls=tf.data.AUTOTUNE,
            )
        batches = elements.batch(
            batch_size,
            drop_remainder=training,
            num_parallel_calls=None if in_memory else tf.data.AUTOTUNE,
        )

        def prepare(index, batch):
            if in_memory:
                batch = {k: tf.gather(v, batch) for k, v in stored.items()}
            images = tf.cast(batch["image"], "float32") / 255.0
            if augment is not None:
                # Crops use the indices below: no seed serves twice.
                images = augment(images, _fold(key, source.num_images + index))
            images = tf.ensure_shape(images, (None, *shape))
            return (images, batch["label"]) if labels else images

        return batches.enumerate().map(
            prepare, num_parallel_calls=tf.data.AUTOTUNE
        )

    if not training:
        return one_epoch(0).prefetch(tf.data.AUTOTUNE)
    clock = _EpochClock()
    epochs = tf.data.Dataset.from_generator(
        clock, output_signature=tf.TensorSpec((), "int64")
    )
    dataset = epochs.flat_map(one_epoch)
    dataset = dataset.apply(
        tf.data.experimental.assert_cardinality(source.num_images // batch_size)
    ).prefetch(tf.data.AUTOTUNE)
    dataset.set_epoch = clock.set
    return dataset


class _EpochClock:
    """The number of the epoch that the next pass over a pipeline is."""

    def __init__(self):
        self.epoch = 0

    def set(self, epoch):
        self.epoch = epoch

    def __call__(self):
        epoch, self.epoch = self.epoch, self.epoch + 1
        yield epoch


def stochastic_binarization(images, seed):
    """Black-and-white pictures, white with the grey level's probability.

    `x ~ Bernoulli(grey level)`, drawn anew for each batch (Salakhutdinov &
    Murray, 2008): the data on which MNIST likelihoods are quoted.

    Args:
        images: float32 (batch, height, width, channels), in [0, 1].
        seed: int (2,).

    Returns:
        Pictures of zeros and ones, of the same shape.
    """
    uniform = tf.random.stateless_uniform(tf.shape(images), seed)
    return tf.cast(uniform < images, images.dtype)


def random_flip(images, seed):
    """Mirrors each picture left to right with probability one half.

    Args:
        images: float32 (batch, height, width, channels).
        seed: int (2,).
    """
    flipped = tf.random.stateless_uniform(tf.shape(images)[:1], seed) < 0.5
    return tf.where(
        flipped[:, None, None, None], tf.reverse(images, [2]), images
    )


def _shuffle(elements, source, shape, random_crop, key):
    """Shuffles pictures that are not held as one tensor, by the whole key."""
    sides = source.image_shape if random_crop else shape
    buffer = _SHUFFLED_BYTES // math.prod(side or 1024 for side in sides)
    # Of this function's graph alone: the order shall not depend on the
    # global seed.
    tf.random.set_seed(1)
    return elements.shuffle(
        max(1, min(source.num_images, buffer)),
        # The first half of a key is the same in every epoch.
        seed=tf.random.stateless_uniform((), key, 0, 2**62, "int64"),
        reshuffle_each_iteration=False,
    )


def _as_tensors(pictures, source):
    """All pictures and labels, decoded: `{"image": ..., "label": ...}`."""
    whole = pictures.batch(
        source.num_images, num_parallel_calls=tf.data.AUTOTUNE
    )
    try:
        return whole.get_single_element()
    except tf.errors.InvalidArgumentError as error:
        raise ValueError(
            f"The pictures of {source.name!r} cannot be prepared: "
            f"{error.message}"
        ) from error


def _cache_file(cache, source, crop, shape):
    """A name that other pictures do not share: train is not served as test."""
    pathlib.Path(cache).parent.mkdir(parents=True, exist_ok=True)
    what = (source.name, source.split, source.num_images, crop, shape)
    return f"{cache}-{hashlib.sha256(repr(what).encode()).hexdigest()[:8]}"


def _fit(image, crop, shape):
    """Crops a uint8 picture and resizes it to float32 in [0, 255]."""
    height, width, _ = shape
    if crop:
        image = _crop_at(image, crop, lambda margin: margin // 2)
    full = tf.cast(tf.shape(image)[:2], "float32")
    # The largest middle part that has the aspect of the result.
    scale = tf.reduce_min(full / (height, width))
    part = tf.cast(tf.round(scale * (height, width)), "int32")
    part = tf.maximum(part, 1)
    top, left = tf.unstack((tf.shape(image)[:2] - part) // 2)
    image = image[top : top + part[0], left : left + part[1]]
    return tf.image.resize(image, (height, width), "bicubic", antialias=True)


def _to_uint8(image):
    return tf.cast(tf.round(tf.clip_by_value(image, 0, 255)), "uint8")


def _random_crop(image, crop, shape, key):
    part = tf.random.stateless_uniform((2,), key)

    def place(margin):
        corner = part * tf.cast(margin + 1, "float32")
        return tf.minimum(tf.cast(corner, "int32"), margin)

    image = _crop_at(image, crop, place)
    if tuple(crop) == shape[:2]:
        return image
    return _to_uint8(_fit(image, None, shape))


def _crop_at(image, crop, place):
    """Cuts `crop`; `place` maps the margins (2,) to the upper left corner."""
    margin = tf.shape(image)[:2] - crop
    tf.debugging.assert_non_negative(
        margin, f"A picture is smaller than the crop of {crop[0]}x{crop[1]}."
    )
    top, left = tf.unstack(place(margin))
    return image[top : top + crop[0], left : left + crop[1]]


def _fold(key, index):
    return tf.random.experimental.stateless_fold_in(key, index)


def _size(value, name):
    if value is None:
        return None
    several = isinstance(value, list | tuple)
    size = tuple(value) if several else (value, value)
    if len(size) != 2 or not all(
        isinstance(side, int) and side > 0 for side in size
    ):
        raise ValueError(
            f"`{name}` must be a positive int or two of them. "
            f"Received: {name}={value!r}"
        )
    return size


def _check(source, crop, size, random_crop, batch_size, labels, training):
    if None in size:
        raise ValueError(
            f"The pictures of {source.name!r} differ in size: give "
            "`image_size` (or `crop_size`)."
        )
    if random_crop and not crop:
        raise ValueError("`random_crop` needs a `crop_size`.")
    if (
        crop
        and source.smallest
        and (crop[0] > source.smallest[0] or crop[1] > source.smallest[1])
    ):
        height, width = source.smallest
        raise ValueError(
            f"`crop_size` {crop[0]}x{crop[1]} is larger than some pictures of "
            f"{source.name!r} (down to {height}x{width}): choose a smaller "
            "one, or `image_size`, which enlarges."
        )
    if not isinstance(batch_size, int) or batch_size < 1:
        raise ValueError(
            f"`batch_size` must be a positive int. Received: {batch_size!r}"
        )
    if training and batch_size > source.num_images:
        raise ValueError(
            f"`batch_size={batch_size}` is more than the "
            f"{source.num_images} pictures of {source.name!r}: no batch "
            "would be full."
        )
    if labels and not source.class_names:
        raise ValueError(f"{source.name!r} has no classes: use labels=False.")
