"""Styles of StyleGAN2: one for each layer, mixed, and noise beside them."""

import keras
import tensorflow as tf
from keras import ops

from keras_synth.models.checks import shape_of
from keras_synth.ops.numbers import is_int


def per_layer(styles, num_layers):
    """Styles w+, one for each layer, from styles w or w+.

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
    """Style mixing: first layers of one style, last layers of another.

    Args:
        coarse: (batch, layers, style_dim).
        fine: (batch, layers, style_dim).
        crossings: Index of the first layer that reads `fine`, float32
            (batch,), or (1,) for all images.

    Returns:
        (batch, layers, style_dim).
    """
    layer = ops.arange(coarse.shape[1], dtype="float32")[None, :, None]
    return ops.where(layer < crossings[:, None, None], coarse, fine)


def noise_for(noise, count, size):
    """The noise of `synthesize`, (count, size).

    Args:
        noise: "fixed", "random", "off" or the values, (count or 1, size).
        count: Number of images.
        size: Number of noise values an image.
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
    shape = shape_of(noise)
    rows = {1, None, count} if isinstance(count, int) else shape[:1]
    if len(shape) != 2 or shape[1] != size or shape[0] not in rows:
        raise ValueError(
            f"`noise` must be of shape (batch or 1, {size}). "
            f"Received: shape {tuple(noise.shape)}"
        )
    return ops.broadcast_to(noise, (count, size))


def joined(mapping, synthesis, noise=0.0):
    """Joins mapping and synthesis: latents to images.

    Args:
        mapping: Network from latents, or `[latents, label]`, to styles.
        synthesis: Network from `[styles, noise]` to images.
        noise: Noise of all images, an array (1, noise_size); 0 for none.

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
    zeros = ops.zeros_like(ops.repeat(styles[:, :1], noise_size, axis=1))
    styles = per_layer(styles, synthesis.inputs[0].shape[1])
    images = synthesis([styles, zeros + noise])
    return keras.Model(inputs, images, name="generator")


def check_style_networks(mapping, synthesis):
    """Refuses a mapping and a synthesis network that do not fit."""
    for name, network, number in (
        ("mapping", mapping, "one to three"),
        ("synthesis", synthesis, "two"),
    ):
        inputs = getattr(network, "inputs", None) or ()
        if len(inputs) not in ((2,) if number == "two" else (1, 2, 3)):
            raise ValueError(
                f"`{name}` must be a functional `keras.Model` of {number} "
                f"inputs. Received: {network!r}"
            )
    shape = tuple(synthesis.inputs[0].shape)
    if len(shape) != 3:
        raise ValueError(
            "`synthesis` must take `[styles, noise]`, (batch, layers, "
            f"style_dim) and (batch, values). Received: styles of {shape}"
        )
    made = mapping.outputs[0].shape[-1]
    if made != shape[-1]:
        raise ValueError(
            f"`mapping` makes styles of {made} dimensions, `synthesis` takes "
            f"{shape[-1]}: make both with the same `style_dim`."
        )
    if mapping.name == synthesis.name:
        raise ValueError(
            "`mapping` and `synthesis` must have names of their own. "
            f"Received: {mapping.name!r} twice"
        )


def check_styles(styles, num_layers, style_dim):
    """Refuses styles that are neither w nor w+."""
    shape = tuple(styles.shape)[1:]
    if shape not in ((style_dim,), (num_layers, style_dim)):
        raise ValueError(
            f"Styles must be of shape (batch, {style_dim}), or (batch, "
            f"{num_layers}, {style_dim}) with one for each layer. "
            f"Received: shape {tuple(styles.shape)}"
        )


def check_crossing(at, num_layers):
    """Refuses a layer that does not exist."""
    if not is_int(at) or not 0 <= at <= num_layers:
        raise ValueError(
            f"`at` must be an int from 0 to {num_layers}. Received: at={at!r}"
        )
