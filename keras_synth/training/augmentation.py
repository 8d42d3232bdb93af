"""Augmentation of what a GAN's discriminator sees, for small data sets."""

from keras_synth import layers

# Adaptive augmentation grows five times as fast as in the paper, whose
# trainings are long.
AUGMENTATIONS = {
    "none": lambda: None,
    "diff": layers.DiffAugment,
    "adaptive": lambda: layers.AdaptiveAugment(ramp=100),
    "upright": lambda: layers.AdaptiveAugment(
        flips=False, rotations=False, ramp=100
    ),
}


def build_augmentation(augmentation):
    """An augmentation layer by name.

    Args:
        augmentation: A key of `AUGMENTATIONS`, or a layer, which is returned
            as it is.

    Returns:
        A `keras.layers.Layer`, or None for "none".

    Raises:
        ValueError: An unknown name.
    """
    if not isinstance(augmentation, str):
        return augmentation
    if augmentation not in AUGMENTATIONS:
        raise ValueError(
            f"`augmentation` must be one of {', '.join(AUGMENTATIONS)}, "
            f"or a layer. Received: augmentation={augmentation!r}"
        )
    return AUGMENTATIONS[augmentation]()
