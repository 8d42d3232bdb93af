"""Mistakes of the user's, said before any training."""

import keras
import numpy as np
import tensorflow as tf

_ROUNDING = 1e-6


def check_images(images, image_shape):
    """Refuses what is not a batch of images in [0, 1].

    Shape and type are checked always, values of eager tensors alone.

    Args:
        images: a tensor.
        image_shape: the (height, width, channels) wanted, None for any.
    """
    wanted = ", ".join(str(size or "any") for size in image_shape)
    fits = len(images.shape) == len(image_shape) + 1 and all(
        size in (None, given)
        for size, given in zip(image_shape, images.shape[1:], strict=True)
    )
    if not fits:
        raise ValueError(
            f"Images must be of shape (batch, {wanted}). "
            f"Received: shape {tuple(images.shape)}"
        )
    if not tf.as_dtype(images.dtype).is_floating:
        raise ValueError(
            "Images must be floats in [0, 1] (divide 8-bit ones by 255). "
            f"Received: dtype {keras.backend.standardize_dtype(images.dtype)}"
        )
    if not _has_values(images) or not len(images):
        return
    low, high = float(np.min(images)), float(np.max(images))
    # Resizing rounds; also where they are NaN.
    if not (low >= -_ROUNDING and high <= 1.0 + _ROUNDING):
        raise ValueError(
            "Images must lie in [0, 1] (divide 8-bit ones by 255). "
            f"Received: values from {low:g} to {high:g}"
        )


def check_latents(latents, latent_dim):
    """Refuses what is not a batch of latents."""
    if latents.shape[-1] != latent_dim:
        raise ValueError(
            f"Latents must be of shape (batch, {latent_dim}). "
            f"Received: shape {tuple(latents.shape)}"
        )


def check_labels(labels, network):
    """Refuses labels where none are wanted, none where some are, others.

    Args:
        labels: int (batch,), or None.
        network: takes a label as second input, or does not.
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
    if len(shape) != 1:
        raise ValueError(
            "Labels must be ints of shape (batch,), one class an image. "
            f"Received: shape {tuple(shape)}"
        )
    if not _has_values(labels):
        return
    for layer in network.layers:
        if isinstance(layer, keras.layers.Embedding):
            low, high = np.min(labels), np.max(labels)
            if low < 0 or high >= layer.input_dim:
                raise ValueError(
                    f"Labels must be from 0 to {layer.input_dim - 1}. "
                    f"Received: from {low} to {high}"
                )


def _has_values(value):
    """Whether it is an array, a list or an eager tensor."""
    return isinstance(value, np.ndarray | list) or hasattr(value, "numpy")


def check_objective(beta, free_bits, num_importance_samples):
    """Refuses objectives that do not exist."""
    for name, value in (("beta", beta), ("free_bits", free_bits)):
        if not value >= 0:
            raise ValueError(
                f"`{name}` must be at least 0. Received: {name}={value!r}"
            )
    if not isinstance(num_importance_samples, int) or (
        num_importance_samples < 1
    ):
        raise ValueError(
            "`num_importance_samples` must be a positive int. Received: "
            f"num_importance_samples={num_importance_samples!r}"
        )
    if num_importance_samples > 1 and (beta != 1 or free_bits != 0):
        raise ValueError(
            "The importance-weighted bound has no divergence term to weigh: "
            "use `num_importance_samples=1`, or `beta=1` and `free_bits=0`. "
            f"Received: num_importance_samples={num_importance_samples}, "
            f"beta={beta}, free_bits={free_bits}"
        )


def check_networks(encoder, decoder, likelihood):
    """Refuses networks whose shapes do not fit each other."""
    if len(encoder.outputs) != 2:
        raise ValueError(
            "`encoder` must have two outputs, mean and log-variance, each "
            f"(batch, latent_dim). Received: {len(encoder.outputs)} outputs"
        )
    if len(encoder.inputs) != len(decoder.inputs):
        raise ValueError(
            "`encoder` and `decoder` must both take a label or neither: make "
            "both with the same `num_classes`. Received: "
            f"{len(encoder.inputs)} and {len(decoder.inputs)} inputs"
        )
    mean, log_variance = encoder.outputs
    if mean.shape != log_variance.shape:
        raise ValueError(
            "Mean and log-variance of `encoder` must have the same shape. "
            f"Received: {mean.shape} and {log_variance.shape}"
        )
    latent_dim = mean.shape[-1]
    if decoder.inputs[0].shape[-1] != latent_dim:
        raise ValueError(
            f"`encoder` gives {latent_dim} latents, `decoder` takes "
            f"{decoder.inputs[0].shape[-1]}: make both with the same "
            "`latent_dim`."
        )
    *size, channels = encoder.inputs[0].shape[1:]
    per_channel = likelihood.parameters_per_channel
    wanted = (*size, channels * per_channel)
    got = tuple(decoder.outputs[0].shape[1:])
    if got != wanted:
        raise ValueError(
            f"With {type(likelihood).__name__} the decoder must give "
            f"{wanted} per image ({per_channel} parameters a channel: "
            f"`parameters_per_channel={per_channel}`). Received: {got}"
        )
