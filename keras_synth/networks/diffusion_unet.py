"""Diffusion U-Net: from a noisy image and its time to a velocity."""

import keras
from keras import layers, ops

from keras_synth.layers import SinusoidalEmbedding
from keras_synth.networks.conditions import (
    attended_tokens,
    condition_inputs,
    optional_condition_vector,
)
from keras_synth.networks.gan import crop
from keras_synth.networks.inputs import check_counts, check_shape


def diffusion_unet(
    image_shape,
    widths=(64, 128, 128),
    num_blocks=2,
    attention_resolution=16,
    head_width=32,
    dropout=0.0,
    patch_size=1,
    num_classes=None,
    condition_shape=None,
    name="diffusion_unet",
):
    """Diffusion U-Net with attention, for `models.FlowMatching`.

    Each level has residual blocks; their second group normalization is scaled
    and shifted by the embedding of time and condition. Levels of at most
    `attention_resolution` pixels attend to themselves, and to the tokens of
    the condition (cross-attention). The last convolution starts at 0.

    Args:
        image_shape: (height, width, channels), of 28 to 128 pixels, say.
        widths: Channels of the levels, at 1, 1/2, 1/4, ... of the sides of
            the image.
        num_blocks: Number of residual blocks of each level of the encoder.
            The decoder has one more.
        attention_resolution: Longer side of the largest level with attention.
        head_width: Channels of each attention head.
        dropout: Rate of dropout in the residual blocks, in [0, 1).
        patch_size: Side p of the patches of pixels that become channels, at
            both ends, so that the first level has 1/p of the sides. It divides
            both sides of the image. 2 takes half the time of 1 or less.
        num_classes: Number of classes of a class-conditional network; None
            for none. A label of -1 stands for no class.
        condition_shape: `(dim,)` of a condition that is a vector, `(length,
            dim)` of tokens; None for none. A vector of zeros, or a mask of
            zeros, stands for no condition.
        name: Name of the network.

    Returns:
        A `keras.Model` from `[image, time]`, (batch, height, width, channels)
        and (batch,), to the shape of the image; with a condition from
        `[image, time, label]`, `[image, time, vector]` or `[image, time,
        tokens, mask]`.

    Raises:
        ValueError: Arguments are out of range.

    Reference: Ho et al., Denoising Diffusion Probabilistic Models, 2020,
    appendix B; Dhariwal & Nichol, Diffusion Models Beat GANs on Image
    Synthesis, 2021, section 3: scale and shift; Rombach et al.,
    High-Resolution Image Synthesis with Latent Diffusion Models, 2022,
    section 3.3: cross-attention.

    Example:

    >>> network = diffusion_unet((28, 28, 1), widths=(8, 16), num_blocks=1)
    >>> network([keras.ops.zeros((2, 28, 28, 1)), keras.ops.zeros(2)]).shape
    TensorShape([2, 28, 28, 1])
    """
    *size, channels = check_shape(image_shape)
    check_counts(
        channels,
        widths=widths,
        num_blocks=num_blocks,
        attention_resolution=attention_resolution,
        head_width=head_width,
        patch_size=patch_size,
    )
    if size[0] % patch_size or size[1] % patch_size:
        raise ValueError(
            "`patch_size` must divide both sides of the image. Received: "
            f"patch_size={patch_size}, image_shape={tuple(image_shape)}"
        )
    image = keras.Input(image_shape, name="image")
    time = keras.Input((), name="time")
    condition = condition_inputs(num_classes, condition_shape)
    embedding = time_embedding(time, condition, num_classes, 4 * widths[0])
    tokens = attended_tokens(condition)

    def block(x, width):
        x = _residual_block(x, width, embedding, dropout)
        return attended(x)

    def attended(x):
        if max(x.shape[1:3]) > attention_resolution:
            return x
        x = _attention(x, head_width)
        return x if tokens is None else _attention(x, head_width, tokens)

    x = image if patch_size == 1 else ops.space_to_depth(image, patch_size)
    x = _convolution(x, widths[0])
    known = [x]
    for level, width in enumerate(widths):
        if level:
            x = _convolution(x, x.shape[-1], strides=2)
            known.append(x)
        for _ in range(num_blocks):
            x = block(x, width)
            known.append(x)
    x = block(x, widths[-1])
    x = _residual_block(x, widths[-1], embedding, dropout)
    for level, width in reversed([*enumerate(widths)]):
        for _ in range(num_blocks + 1):
            x = block(layers.Concatenate()([x, known.pop()]), width)
        if level:
            x = layers.UpSampling2D(interpolation="nearest")(x)
            x = _convolution(crop(x, known[-1].shape[1:3]), width)
    x = _normalized(x)
    x = _convolution(
        x,
        channels * patch_size**2,
        kernel_initializer="zeros",
        dtype="float32",
    )
    if patch_size > 1:
        x = ops.depth_to_space(x, patch_size)
    return keras.Model([image, time, *condition], x, name=name)


def time_embedding(time, condition, num_classes, dim):
    """Embedding of time and condition, after its activation.

    Args:
        time: Input (batch,).
        condition: What `condition_inputs` gave.
        num_classes: Number of classes of a label; None for no label.
        dim: Dimension of the embedding.

    Returns:
        (batch, dim).
    """
    x = SinusoidalEmbedding(max(dim // 4, 2) * 2)(time)
    x = layers.Dense(dim, activation="silu")(x)
    x = layers.Dense(dim)(x)
    if condition:
        added = optional_condition_vector(condition, num_classes, dim)
        x = layers.Add()([x, added])
    return layers.Activation("silu")(x)


def _residual_block(x, width, embedding, dropout):
    y = _convolution(_normalized(x), width)
    # With the zeros below, a block starts as the identity.
    scale_and_shift = layers.Dense(2 * width, kernel_initializer="zeros")
    both = scale_and_shift(embedding)[:, None, None, :]
    y = layers.GroupNormalization(_groups(width))(y)
    y = y * (1.0 + both[..., :width]) + both[..., width:]
    y = layers.Activation("silu")(y)
    if dropout:
        y = layers.Dropout(dropout)(y)
    y = _convolution(y, width, kernel_initializer="zeros")
    if x.shape[-1] != width:
        x = layers.Conv2D(width, 1)(x)
    return layers.Add()([x, y])


def _attention(x, head_width, tokens=None):
    """Self-attention, or cross-attention to tokens."""
    height, width, channels = x.shape[1:]
    heads = max(channels // head_width, 1)
    y = layers.GroupNormalization(_groups(channels))(x)
    y = layers.Reshape((height * width, channels))(y)
    attention = layers.MultiHeadAttention(heads, channels // heads)
    if tokens is None:
        y = attention(y, y)
    else:
        known, mask = tokens
        y = attention(y, known, attention_mask=mask)
    return layers.Add()([x, layers.Reshape((height, width, channels))(y)])


def _normalized(x):
    x = layers.GroupNormalization(_groups(x.shape[-1]))(x)
    return layers.Activation("silu")(x)


def _groups(channels):
    """At most 8 groups, as many as divide the channels."""
    return next(n for n in (8, 4, 2, 1) if channels % n == 0)


def _convolution(x, width, **options):
    return layers.Conv2D(width, 3, padding="same", **options)(x)
