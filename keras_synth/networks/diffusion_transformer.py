"""Diffusion transformer (DiT): a transformer on patches of a noisy image."""

import keras
from keras import layers, ops

from keras_synth.layers import LearnedConstant
from keras_synth.networks.conditions import attended_tokens, condition_inputs
from keras_synth.networks.diffusion_unet import time_embedding
from keras_synth.networks.inputs import check_counts, check_shape
from keras_synth.ops import gelu


def dit(
    image_shape,
    patch_size=4,
    width=128,
    num_blocks=6,
    num_heads=4,
    num_classes=None,
    condition_shape=None,
    name="dit",
):
    """Diffusion transformer (DiT), for `models.FlowMatching`.

    Patches of the image become tokens with learned positions. Time and
    condition scale, shift and gate each block (adaLN-Zero), so that every
    block starts as the identity. With tokens as the condition each block has
    a cross-attention besides.

    Args:
        image_shape: (height, width, channels), sides divisible by
            `patch_size`.
        patch_size: Side of the patches.
        width: Channels of the tokens, divisible by `num_heads`.
        num_blocks: Number of transformer blocks.
        num_heads: Number of attention heads.
        num_classes: As in `diffusion_unet`.
        condition_shape: As in `diffusion_unet`.
        name: Name of the network.

    Returns:
        A `keras.Model` with the inputs and the output of `diffusion_unet`.

    Raises:
        ValueError: Arguments are out of range.

    Reference: Peebles & Xie, Scalable Diffusion Models with Transformers,
    2023, section 3; cross-attention: Chen et al., PixArt-α, 2024, section 2.3.

    Example:

    >>> network = dit((28, 28, 1), width=16, num_blocks=2, num_heads=2)
    >>> network([ops.zeros((2, 28, 28, 1)), ops.zeros(2)]).shape
    TensorShape([2, 28, 28, 1])
    """
    check_counts(
        image_shape[-1],
        patch_size=patch_size,
        width=width,
        num_blocks=num_blocks,
        num_heads=num_heads,
    )
    if width % num_heads:
        raise ValueError(
            "`width` must be divisible by `num_heads`. "
            f"Received: width={width}, num_heads={num_heads}"
        )
    height, side, channels = check_shape(image_shape, multiple=patch_size)
    rows, columns = height // patch_size, side // patch_size
    image = keras.Input(image_shape, name="image")
    time = keras.Input((), name="time")
    condition = condition_inputs(num_classes, condition_shape)
    embedding = time_embedding(time, condition, num_classes, width)
    tokens = attended_tokens(condition)
    x = layers.Conv2D(width, patch_size, strides=patch_size)(image)
    x = layers.Reshape((rows * columns, width))(x)
    x = layers.Add()([x, positions(x)])
    for _ in range(num_blocks):
        shift, scale, gate = _modulation(embedding, width, 3)
        y = modulated(x, shift, scale)
        y = _attention(width, num_heads)(y, y)
        x = x + gate * y
        if tokens is not None:
            known, mask = tokens
            y = layers.LayerNormalization()(x)
            y = _attention(width, num_heads)(y, known, attention_mask=mask)
            x = layers.Add()([x, y])
        shift, scale, gate = _modulation(embedding, width, 3)
        y = modulated(x, shift, scale)
        y = gelu(layers.Dense(4 * width)(y))
        x = x + gate * layers.Dense(width)(y)
    x = modulated(x, *_modulation(embedding, width, 2))
    last = layers.Dense(
        patch_size**2 * channels, kernel_initializer="zeros", dtype="float32"
    )
    x = ops.reshape(last(x), (-1, rows, columns, patch_size**2 * channels))
    if patch_size > 1:
        x = ops.depth_to_space(x, patch_size)
    return keras.Model([image, time, *condition], x, name=name)


def positions(x):
    """Learned positions of tokens, (batch, length, width) like x."""
    return LearnedConstant(x.shape[1:], stddev=0.02, name="positions")(x)


def modulated(x, shift, scale):
    """Layer normalization, scaled by 1 + scale and shifted."""
    x = layers.LayerNormalization(center=False, scale=False)(x)
    return x * (1.0 + scale) + shift


def _modulation(embedding, width, count):
    """Vectors that modulate a block, each (batch, 1, width), 0 at first."""
    both = layers.Dense(count * width, kernel_initializer="zeros")(embedding)
    return ops.split(both[:, None, :], count, axis=-1)


def _attention(width, num_heads):
    return layers.MultiHeadAttention(num_heads, width // num_heads)
