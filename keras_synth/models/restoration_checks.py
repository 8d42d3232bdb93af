"""Mistakes in setting up and using a restoration GAN, said early."""

import keras
import numpy as np
import tensorflow as tf

from keras_synth.models.adversarial_checks import check_makes_and_judges

_JUDGED = {"image", "degraded", "mask"}

# No noise takes an image so far from [0, 1]; 8-bit values do.
_FURTHEST = 10.0


def check_restoration_networks(
    generator, discriminator, local_discriminator, features
):
    """Refuses networks that do not fit each other."""
    check_makes_and_judges(generator, discriminator)
    if local_discriminator is not None:
        check_makes_and_judges(generator, local_discriminator)
    takes, judged = generator.input, discriminator.input
    if isinstance(takes, dict) and set(takes) != {"image", "mask"}:
        raise ValueError(
            "`generator` must take the image alone, or "
            '`{"image": ..., "mask": ...}`. Received: a network that takes '
            f"{sorted(takes)}"
        )
    if isinstance(judged, dict) and not {"image"} <= set(judged) <= _JUDGED:
        raise ValueError(
            '`discriminator` must take the image, or a dict of it, "image", '
            'with "degraded" and "mask", or one of them. Received: a network '
            f"that takes {sorted(judged)}"
        )
    given = takes["image"] if isinstance(takes, dict) else takes
    known = judged.get("degraded") if isinstance(judged, dict) else None
    if known is not None and known.shape[-1] != given.shape[-1]:
        raise ValueError(
            f"`generator` takes degraded images of {given.shape[-1]} "
            f"channels, `discriminator` of {known.shape[-1]}: build it with "
            f"`in_channels={given.shape[-1]}`."
        )
    made = generator.outputs[0].shape[-1]
    image = judged["image"] if isinstance(judged, dict) else judged
    if image.shape[-1] != made:
        raise ValueError(
            f"`generator` makes images of {made} channels, `discriminator` "
            f"takes {image.shape[-1]}."
        )
    if local_discriminator is not None:
        window = local_discriminator.input
        if isinstance(window, dict) or None in window.shape[1:]:
            raise ValueError(
                "`local_discriminator` must take images alone, of a fixed "
                "size: that of the window it looks at."
            )
        if window.shape[-1] != made:
            raise ValueError(
                f"`generator` makes images of {made} channels, "
                f"`local_discriminator` takes {window.shape[-1]}."
            )
    if features is not None and features.inputs[0].shape[-1] != made:
        raise ValueError(
            f"`features` must take images of {made} channels, as the "
            f"generator makes them: build them with `channels={made}`. "
            f"Received: features of {features.inputs[0].shape[-1]} channels"
        )


def check_weights(weights, features, conditional, others):
    """Refuses weights of losses that cannot be."""
    for name, value in weights.items():
        if not isinstance(value, int | float) or not value >= 0:
            raise ValueError(
                f"`{name}` must be a number of at least 0. "
                f"Received: {name}={value!r}"
            )
        in_features = name in ("perceptual_weight", "style_weight")
        if in_features and features is None and value:
            raise ValueError(
                f"`{name}` needs a model with `features`, such as "
                f"`networks.vgg16_features()`. Received: {name}={value!r}"
            )
    if conditional and others.get("augmentation") is not None:
        raise ValueError(
            "An `augmentation` moves the image and not the degraded one "
            "beside it: use a discriminator that sees the image alone, "
            "`patch_discriminator(condition=())`."
        )


def check_pairs(named, clean, weights):
    """Refuses batches that are no pairs of degraded and clean images."""
    if clean is None or "image" not in named:
        raise ValueError(
            "A RestorationGAN learns from pairs: `fit(degraded, clean)`, "
            '`fit({"image": degraded, "mask": masks}, clean)`, or a dataset '
            "of such pairs."
        )
    if weights is not None:
        raise ValueError(
            "A RestorationGAN takes no sample weights, which is what Keras "
            "takes the third element of a batch for."
        )


def check_made(made, clean):
    """Refuses clean images of another size than the generator makes."""
    if _differ(made, clean):
        raise ValueError(
            "Clean images must be as large as what `generator` makes of the "
            f"degraded ones, {_size(made)}. Received: {_size(clean)}"
        )


def check_kept(made, degraded):
    """Refuses a mask where images are made larger: nothing is kept."""
    if _differ(made, degraded):
        raise ValueError(
            "Masks are for models that keep the size of images. Received: "
            f"masks for one that makes {_size(made)} of {_size(degraded)}"
        )


def check_apart(images):
    """Refuses the dict that `fit` takes where images are wanted."""
    if isinstance(images, dict):
        raise ValueError(
            "Images and masks must come apart: `restore(images, masks)`. "
            f"Received: a dict of {list(images)}"
        )


def check_degraded(images, image_shape):
    """Refuses what is no batch of degraded images: noise may leave [0, 1]."""
    wanted = ", ".join(str(size or "any") for size in image_shape)
    shape = tuple(images.shape)
    if len(shape) != 4 or any(
        size is not None and given not in (None, size)
        for size, given in zip(image_shape, shape[1:], strict=True)
    ):
        raise ValueError(
            f"Degraded images must be of shape (batch, {wanted}). "
            f"Received: shape {shape}"
        )
    if not tf.as_dtype(images.dtype).is_floating:
        raise ValueError(
            "Degraded images must be floats (divide 8-bit ones by 255). "
            f"Received: dtype {keras.backend.standardize_dtype(images.dtype)}"
        )
    if not _has_values(images) or not len(images):
        return
    values = np.asarray(images)
    low, high = values.min(), values.max()
    # Also where they are NaN.
    if not (low >= -_FURTHEST and high <= _FURTHEST):
        raise ValueError(
            "Degraded images must lie about [0, 1] (divide 8-bit ones by "
            f"255). Received: values from {low:g} to {high:g}"
        )


def check_masks(masks, images, wanted):
    """Refuses masks that are none, or of other images.

    Args:
        masks: (batch, height, width, 1) of 0 and 1, or None.
        images: the images.
        wanted: whether the model takes a mask.
    """
    if masks is None:
        if wanted:
            raise ValueError(
                "This model restores what a mask marks: give masks (batch, "
                "height, width, 1), 1 = degraded."
            )
        return
    shape = tuple(masks.shape)
    fits = len(shape) == 4 and shape[-1] == 1
    if fits:
        fits = all(
            None in (given, size) or given == size
            for given, size in zip(shape[:3], images.shape[:3], strict=True)
        )
    if not fits:
        raise ValueError(
            "Masks must be (batch, height, width, 1), as large as the "
            f"images {tuple(images.shape)}. Received: shape {shape}"
        )
    if _has_values(masks):
        values = np.asarray(masks)
        if not np.isin(values, (0, 1)).all():
            raise ValueError(
                "Masks must hold 0 (keep) and 1 (degraded) alone. Received: "
                f"values from {values.min():g} to {values.max():g}"
            )


def _differ(images, others):
    """Whether two batches are of sides that are known and not the same."""
    return any(
        None not in sides and sides[0] != sides[1]
        for sides in zip(images.shape[1:3], others.shape[1:3], strict=True)
    )


def _size(images):
    return "x".join(str(side or "any") for side in images.shape[1:3])


def _has_values(value):
    return isinstance(value, np.ndarray) or hasattr(value, "numpy")
