"""Styles of all layers, and the noise beside them."""

import keras
import tensorflow as tf
from keras import ops


def per_layer(styles, num_layers):
    """The same style for every layer, unless there is one for each.

    Args:
        styles: (batch, style_dim) or (batch, num_layers, style_dim).
        num_layers: int.

    Returns:
        (batch, num_layers, style_dim).
    """
    if len(styles.shape) == 3:
        return styles
    return ops.repeat(styles[:, None], num_layers, axis=1)


def mixed(coarse, fine, crossings):
    """The first layers of some styles, the last of others.

    Args:
        coarse: (batch, layers, style_dim).
        fine: likewise.
        crossings: float32 (batch,), or (1,) for all: the first layer that is
            `fine`'s.

    Returns:
        (batch, layers, style_dim).
    """
    layer = ops.arange(coarse.shape[1], dtype="float32")[None, :, None]
    return ops.where(layer < crossings[:, None, None], coarse, fine)


def noise_for(noise, count, size):
    """The noise that a user asks for, (count, size).

    Args:
        noise: "fixed", "random", "off" or the values, (count or 1, size).
        count: images.
        size: values an image.
    """
    if isinstance(noise, str):
        if noise == "off":
            return ops.zeros((count, size))
        if noise == "random":
            return tf.random.normal((count, size))
        if noise == "fixed":
            fixed = keras.random.normal((1, size), dtype="float32", seed=0)
            return ops.broadcast_to(fixed, (count, size))
        raise ValueError(
            '`noise` must be "fixed", "random", "off" or an array. '
            f"Received: noise={noise!r}"
        )
    noise = ops.convert_to_tensor(noise, "float32")
    if len(noise.shape) != 2 or noise.shape[1] != size:
        raise ValueError(
            f"`noise` must be of shape (batch or 1, {size}). "
            f"Received: shape {tuple(noise.shape)}"
        )
    return ops.broadcast_to(noise, (count, size))


def joined(mapping, synthesis):
    """One network from latents to images, without noise.

    Args:
        mapping: from latents, or `[latents, label]`, to styles.
        synthesis: from `[styles, noise]` to images.

    Returns:
        A `keras.Model` that holds both as layers.
    """
    inputs = [
        keras.Input(batch_shape=x.shape, dtype=x.dtype, name=x.name)
        for x in mapping.inputs
    ]
    inputs = inputs if len(inputs) > 1 else inputs[0]
    styles = mapping(inputs)
    noise_size = synthesis.inputs[1].shape[-1]
    silence = ops.zeros_like(ops.repeat(styles[:, :1], noise_size, axis=1))
    styles = per_layer(styles, synthesis.inputs[0].shape[1])
    return keras.Model(inputs, synthesis([styles, silence]), name="generator")
