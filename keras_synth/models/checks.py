"""Input checks that several models share: images, latents, labels, weights."""

import keras
import numpy as np
import tensorflow as tf

_ROUNDING = 1e-6

# No noise takes an image so far from [0, 1]; 8-bit values do.
_FURTHEST = 10.0


def check_images(images, image_shape, degraded=False):
    """Refuses what is not a batch of images.

    Shape and type are always checked, values of arrays and eager tensors
    only.

    Args:
        images: An array or a tensor.
        image_shape: The (height, width, channels) expected, None for any.
        degraded: False expects values in [0, 1]. True allows those about it
            that noise causes.
    """
    name = "Degraded images" if degraded else "Images"
    wanted = ", ".join(str(size or "any") for size in image_shape)
    fits = len(images.shape) == len(image_shape) + 1 and all(
        size is None or given in (None, size)
        for size, given in zip(image_shape, images.shape[1:], strict=True)
    )
    if not fits:
        raise ValueError(
            f"{name} must be of shape (batch, {wanted}). "
            f"Received: shape {tuple(images.shape)}"
        )
    if not tf.as_dtype(images.dtype).is_floating:
        raise ValueError(
            f"{name} must be floats in [0, 1] (divide 8-bit ones by 255). "
            f"Received: dtype {keras.backend.standardize_dtype(images.dtype)}"
        )
    if not has_values(images) or not len(images):
        return
    least, most = -_ROUNDING, 1.0 + _ROUNDING  # resizing rounds
    if degraded:
        least, most = -_FURTHEST, _FURTHEST
    low, high = float(np.min(images)), float(np.max(images))
    # Also where they are NaN.
    if not (low >= least and high <= most):
        raise ValueError(
            f"{name} must lie {'about' if degraded else 'in'} [0, 1] (divide "
            f"8-bit ones by 255). Received: values from {low:g} to {high:g}"
        )


def check_latents(latents, latent_dim):
    """Refuses what is not a batch of latents."""
    if latents.shape[-1] != latent_dim:
        raise ValueError(
            f"Latents must be of shape (batch, {latent_dim}). "
            f"Received: shape {tuple(latents.shape)}"
        )


def check_labels(labels, network):
    """Refuses labels where none are expected, missing ones, and wrong ones.

    Args:
        labels: int (batch,), one int for all, or None.
        network: The network that takes a label as second input, or does not.
    """
    conditional = len(network.inputs) == 2
    if conditional and labels is None:
        raise ValueError(
            "This model is class-conditional: give the class of each "
            "image, `labels=...` (`fit(images, labels)` when training)."
        )
    if labels is not None and not conditional:
        raise ValueError(
            "This model takes no labels: train and use it on images alone, "
            "`fit(images)`, or build a class-conditional one with "
            "networks made with `num_classes=...`."
        )
    if labels is None:
        return
    shape = labels.shape if hasattr(labels, "shape") else np.shape(labels)
    if len(shape) > 1:
        raise ValueError(
            "Labels must be ints of shape (batch,), one class an image, or "
            f"one int for all. Received: shape {tuple(shape)}"
        )
    if not has_values(labels):
        return
    for layer in network.layers:
        if isinstance(layer, keras.layers.Embedding):
            low, high = np.min(labels), np.max(labels)
            if low < 0 or high >= layer.input_dim:
                raise ValueError(
                    f"Labels must be from 0 to {layer.input_dim - 1}. "
                    f"Received: from {low} to {high}"
                )


def check_loss_weights(weights):
    """Refuses weights of losses that are not numbers of at least 0.

    Args:
        weights: `{name: weight}`.
    """
    for name, value in weights.items():
        if not is_weight(value):
            raise ValueError(
                f"`{name}` must be a number of at least 0. "
                f"Received: {name}={value!r}"
            )


def is_weight(value):
    """Whether a value is a finite number of at least 0."""
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and 0.0 <= value < float("inf")
    )


def has_values(value):
    """Whether a value is an array, a list, a number or an eager tensor."""
    return isinstance(
        value, np.ndarray | np.generic | list | tuple | int
    ) or hasattr(value, "numpy")
