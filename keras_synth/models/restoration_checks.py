"""Checks of restoration by a GAN: networks, pairs of images, masks."""

import numpy as np

from keras_synth.layers.nested import network_input
from keras_synth.models.adversarial_checks import (
    check_generator_and_discriminator,
)
from keras_synth.models.checks import (
    InvalidInput,
    check_loss_weights,
    described,
    has_values,
    shape_of,
)


def check_restoration_networks(
    generator, discriminator, local_discriminator, features
):
    """Refuses networks that do not fit each other."""
    check_generator_and_discriminator(generator, discriminator)
    if local_discriminator is not None:
        check_generator_and_discriminator(generator, local_discriminator)
    takes, compared = map(network_input, (generator, discriminator))
    if isinstance(takes, dict) and set(takes) != {"image", "mask"}:
        raise ValueError(
            "`generator` must take the image alone, or "
            '`{"image": ..., "mask": ...}`. Received: a network that takes '
            f"{sorted(takes)}"
        )
    conditions = {"image", "degraded", "mask"}
    if isinstance(compared, dict) and not (
        {"image"} <= set(compared) <= conditions
    ):
        raise ValueError(
            '`discriminator` must take the image, or a dict of it, "image", '
            'with "degraded" and "mask", or one of them. Received: a network '
            f"that takes {sorted(compared)}"
        )
    given = takes["image"] if isinstance(takes, dict) else takes
    known = compared.get("degraded") if isinstance(compared, dict) else None
    if known is not None and known.shape[-1] != given.shape[-1]:
        raise ValueError(
            f"`generator` takes degraded images of {given.shape[-1]} "
            f"channels, `discriminator` of {known.shape[-1]}: build it with "
            f"`in_channels={given.shape[-1]}`."
        )
    made = generator.outputs[0].shape[-1]
    image = compared["image"] if isinstance(compared, dict) else compared
    if image.shape[-1] != made:
        raise ValueError(
            f"`generator` makes images of {made} channels, `discriminator` "
            f"takes {image.shape[-1]}."
        )
    if local_discriminator is not None:
        window = network_input(local_discriminator)
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
    """Refuses weights of losses that the model cannot compute."""
    check_loss_weights(weights)
    for name in ("perceptual_weight", "style_weight"):
        value = weights[name]
        if features is None and value:
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


def as_named(inputs):
    """The inputs of a restorer as a dict of "image" and, maybe, "mask"."""
    named = inputs if isinstance(inputs, dict) else {"image": inputs}
    if not {"image"} <= set(named) <= {"image", "mask"}:
        raise InvalidInput(
            'A RestorationGAN restores images, or a dict of "image" and '
            f'"mask". Received: a dict of {sorted(named)}'
        )
    return named


def check_pairs(named, clean):
    """Refuses batches that are not pairs of degraded and clean images."""
    if clean is None:
        raise InvalidInput(
            "A RestorationGAN learns from pairs: `fit(degraded, clean)`, "
            '`fit({"image": degraded, "mask": masks}, clean)`, or a dataset '
            "of such pairs."
        )


def check_made(made, clean):
    """Refuses clean images of another size than the generator makes."""
    if _differ(made, clean):
        raise InvalidInput(
            "Clean images must be as large as what `generator` makes of the "
            f"degraded ones, {_size(made)}. Received: {_size(clean)}"
        )


def check_kept(made, degraded):
    """Refuses masks in a model that changes the size of images."""
    if _differ(made, degraded):
        raise InvalidInput(
            "Masks are for models that keep the size of images. Received: "
            f"masks for one that makes {_size(made)} of {_size(degraded)}"
        )


def check_masks(masks, images, wanted):
    """Refuses missing masks, and masks of other images or values.

    Args:
        masks: (batch, height, width, 1) of 0 and 1, or None.
        images: The images.
        wanted: Whether the model needs a mask.
    """
    if masks is None:
        if wanted:
            raise InvalidInput(
                "This model restores what a mask marks: give masks (batch, "
                "height, width, 1), 1 = degraded."
            )
        return
    shape = shape_of(masks)
    fits = len(shape) == 4 and shape[-1] == 1
    if fits:
        fits = all(
            None in (given, size) or given == size
            for given, size in zip(shape[:3], shape_of(images)[:3], strict=True)
        )
    if not fits:
        raise InvalidInput(
            "Masks must be (batch, height, width, 1), as large as the "
            f"images {shape_of(images)}. Received: {described(masks)}"
        )
    if has_values(masks):
        values = np.asarray(masks)
        if not np.isin(values, (0, 1)).all():
            raise InvalidInput(
                "Masks must hold 0 (keep) and 1 (degraded) alone: divide 8-bit "
                "ones by 255, `masks / 255`. Received: values from "
                f"{values.min():g} to {values.max():g}"
            )


def _differ(images, others):
    """Whether two batches have sides that are known and differ."""
    return any(
        None not in sides and sides[0] != sides[1]
        for sides in zip(images.shape[1:3], others.shape[1:3], strict=True)
    )


def _size(images):
    return "x".join(str(side or "any") for side in images.shape[1:3])
