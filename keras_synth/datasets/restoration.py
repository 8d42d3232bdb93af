"""Pipeline of degraded and clean image pairs for restoration networks."""

import tensorflow as tf

from keras_synth.datasets.batches import crop_batches
from keras_synth.datasets.crops import check_crop, check_whole, parse_size
from keras_synth.degradations import Degradation

_INPUTS = ("image", "mask", "noise_level")
#: name: (axes that are reversed, whether squares are transposed)
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
    target="image",
    symmetry="square",
    batch_size=16,
    training=True,
    cache=True,
    seed=0,
):
    """Batches of degraded images and their clean originals.

    In training, patches are cut at random places, mirrored and rotated, and
    degraded, all drawn anew in each epoch. In testing (`training=False`),
    every image comes once, in order, whole or cropped to its center, with the
    same degradation on each pass.

    Order and random draws depend on `seed` and the number of the epoch alone:
    pass `callbacks.EpochOrder(dataset)` to `fit`, so that a resumed training
    gets the same batches as an uninterrupted one. Without it each pass is the
    next epoch.

    Args:
        source: A `Source` of clean images.
        degradation: A `keras_synth.degradations.Degradation` that keeps the
            size, or makes all images smaller by the same factor.
        patch_size: Side of the patches, or (height, width). Training needs
            it; patches that are not square are mirrored, not rotated. None
            for whole images.
        patches_per_image: Patches cut from each image in an epoch.
        inputs: Inputs of the network: "image" alone, or a tuple of some of
            "image", "mask" and "noise_level".
        target: What the network is to give: "image", the clean one, or
            "mask", where the degradation changed it.
        symmetry: Random symmetries of training patches: "square" mirrors and
            rotates (textures, scenes), "mirror" mirrors left and right
            (faces), "none" does neither (digits).
        batch_size: Patches in a batch. It must be 1 where whole images differ
            in size.
        training: Whether the batches are for training or for testing.
            Training drops an incomplete last batch.
        cache: Whether decoded images stay in memory. The cache is filled at
            once.
        seed: Seed of all random draws, an int.

    Returns:
        A `tf.data.Dataset` of `(degraded, clean)`, float32 (batch, height,
        width, channels), or, with several `inputs`, of `({"image": degraded,
        "mask": (batch, height, width, 1), "noise_level": (batch, 1, 1, 1)},
        clean)`; with `target="mask"` of `(degraded, mask)`. The noise level
        is a map (batch, height, width, 1) where the noise varies over the
        image.

    Raises:
        ValueError: Arguments that do not fit the source.

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
    if target not in ("image", "mask"):
        raise ValueError(
            f'`target` must be "image" or "mask". Received: {target!r}'
        )
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
        return degraded, clean if target == "image" else record["mask"]

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
    """Random symmetry: mirrors images, and rotates squares by 90 degrees.

    Each of the eight symmetries of a square has the same probability. Images
    that are not square have the four that keep their shape.

    Args:
        images: float32 (batch, height, width, channels).
        seed: Seed of the draws, an int tensor (2,).
        symmetry: Symmetries to draw from: "square", "mirror" or "none", as
            in `restoration_pipeline`.

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
    check_crop(source, patch)
    check_whole(source, patch, "patch_size", batch_size)
