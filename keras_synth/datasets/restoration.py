"""From clean images to the degraded and clean pairs that `fit` takes."""

import tensorflow as tf

from keras_synth.datasets.batches import crop_batches
from keras_synth.datasets.crops import check_crop, check_whole, parse_size
from keras_synth.degradations import Degradation

_INPUTS = ("image", "mask", "noise_level")
#: Axes that may be reversed, and whether squares may be turned.
_SYMMETRIES = {
    "square": ((1, 2), True),
    "mirror": ((2,), False),
    "none": ((), False),
}


def restoration_pipeline(
    source,
    degradation,
    patch_size=None,
    *,
    patches_per_image=1,
    inputs="image",
    symmetry="square",
    batch_size=16,
    training=True,
    cache=True,
    seed=0,
):
    """Degraded images and the clean ones they shall become.

    Training: patches cut anywhere, mirrored and turned at random, degraded,
    all anew in each epoch. Testing (`training=False`): every image once,
    in order, whole or its middle, with the same degradation on each pass.

    Order and randomness depend on `seed` and the number of the epoch alone:
    hand `callbacks.EpochOrder(dataset)` to `fit`, so that it sees the same
    after a stop. Without it each pass is one epoch further.

    Args:
        source: a `Source`.
        degradation: a `keras_synth.degradations.Degradation` that keeps the
            size, or makes all images smaller alike.
        patch_size: int or (height, width); needed for training, where
            rectangles are mirrored but not turned. None: whole images.
        patches_per_image: patches cut from each image in an epoch.
        inputs: what the network takes: "image" alone, or a tuple out of
            "image", "mask" and "noise_level".
        symmetry: what training does to patches: "square", all turns and
            mirrors, for textures and scenes; "mirror", left and right, for
            faces; "none", for digits.
        batch_size: patches a batch; 1 where whole images differ in size.
        training: see above. Training drops an incomplete last batch.
        cache: whether decoded images stay in memory (filled here and now).
        seed: int.

    Returns:
        A `tf.data.Dataset` of `(degraded, clean)`, float32 (batch, height,
        width, channels), or, with several `inputs`, of `({"image": degraded,
        "mask": (batch, height, width, 1), "noise_level": (batch, 1, 1, 1)},
        clean)`. The noise level is a map (batch, height, width, 1) where the
        noise varies over the image.

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
    >>> degraded, clean = next(iter(pairs))
    >>> clean.shape, degraded["noise_level"].shape
    (TensorShape([16, 16, 16, 1]), TensorShape([16, 1, 1, 1]))
    """
    patch = parse_size(patch_size, "patch_size")
    several = not isinstance(inputs, str)
    names = tuple(inputs) if several else (inputs,)
    _check(source, degradation, patch, names, batch_size, training)
    if symmetry not in _SYMMETRIES:
        raise ValueError(
            f"`symmetry` must be one of {', '.join(_SYMMETRIES)}. "
            f"Received: symmetry={symmetry!r}"
        )

    def degrade(clean, key):
        seeds = tf.random.split(key, 2)
        if training:
            clean = random_symmetry(clean, seeds[0], symmetry)
        degraded, record = degradation(clean, seeds[1], return_record=True)
        known = {
            "image": degraded,
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
            degraded = {name: known[name] for name in names}
        return degraded, clean

    return crop_batches(
        source,
        patch,
        degrade,
        crops_per_image=patches_per_image,
        batch_size=batch_size,
        training=training,
        cache=cache,
        seed=seed,
    )


def random_symmetry(images, seed, symmetry="square"):
    """Mirrors images at random, and turns squares.

    Each of the eight symmetries of a square has the same chance; images
    that are no squares have the four that keep their shape.

    Args:
        images: float32 (batch, height, width, channels).
        seed: int (2,).
        symmetry: see `restoration_pipeline`.

    Returns:
        Images of the same shape.
    """
    axes, turns = _SYMMETRIES[symmetry]
    draws = tf.random.stateless_uniform((3, tf.shape(images)[0]), seed) < 0.5
    draws = draws[..., None, None, None]
    for axis in axes:
        mirrored = tf.reverse(images, [axis])
        images = tf.where(draws[axis - 1], mirrored, images)
    height, width = images.shape[1:3]
    if not turns or height is None or height != width:
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
            "Training needs a `patch_size`: images are cut into patches."
        )
    check_crop(source, patch, "patch_size")
    check_whole(source, patch, "patch_size", batch_size)
