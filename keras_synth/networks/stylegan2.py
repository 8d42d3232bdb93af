"""StyleGAN2: mapping, synthesis and discriminator networks.

The mapping network maps latents z to a style w. The synthesis network starts
from a learned constant of 4 x 4 pixels; at each resolution convolutions
modulated by w, with noise added, refine it, and the images of all resolutions
are summed up ("skip connections"). The discriminator is residual.

Layer i of the synthesis network uses the style `styles[:, i]`. With the same w
in all layers the image has one style; with several (style mixing), coarse
layers determine the pose and fine layers the colors.

Inside the networks images are in [-1, 1], without a final activation.
"""

import math

import keras
from keras import layers, ops

from keras_synth.layers import (
    EqualizedConv2D,
    EqualizedDense,
    FilteredDownSampling2D,
    FilteredUpSampling2D,
    LearnedConstant,
    MinibatchStandardDeviation,
    ModulatedConv2D,
    NoiseInjection,
)
from keras_synth.networks.conditions import (
    condition_inputs,
    condition_layer,
    condition_vector,
    network_inputs,
)
from keras_synth.networks.inputs import check_shape
from keras_synth.ops import scaled_leaky_relu
from keras_synth.ops.numbers import is_int

BASE = 4  # sides of the smallest resolution


def stylegan2_mapping(
    latent_dim=512,
    style_dim=512,
    num_layers=8,
    learning_rate_multiplier=0.01,
    num_classes=None,
    condition_shape=None,
    name="mapping",
):
    """StyleGAN2 mapping network: dense layers from latents to styles.

    Latents are normalized to a length of `√latent_dim`, so that only their
    direction matters. The learned vector of a class is normalized too, and
    appended.

    Args:
        latent_dim: Dimension of the latents z.
        style_dim: Dimension of the styles w and of the hidden layers.
        num_layers: Number of dense layers.
        learning_rate_multiplier: Learning rate multiplier of these layers,
            see `EqualizedDense`.
        num_classes: Number of classes of a class-conditional network; None
            for an unconditional one.
        condition_shape: Shape of another condition: `(dim,)` of a vector,
            `(length, dim)` of tokens, which come with a mask; None for none.
        name: Name of the network.

    Returns:
        A `keras.Model` from (batch, latent_dim), or `[latents, label]`, to
        (batch, style_dim).

    Reference: Karras et al., A Style-Based Generator Architecture, 2019,
    section 2 and appendix C.

    Example:

    >>> stylegan2_mapping(16, 32, num_layers=2)(ops.ones((3, 16))).shape
    TensorShape([3, 32])
    """
    _check_positive(
        latent_dim=latent_dim, style_dim=style_dim, num_layers=num_layers
    )
    latent_dim, style_dim = int(latent_dim), int(style_dim)
    latents = keras.Input((latent_dim,), name="latents")
    condition = condition_inputs(num_classes, condition_shape)
    x = ops.rms_normalization(latents)
    if condition:
        layer = condition_layer(num_classes, latent_dim, "random_normal")
        embedded = condition_vector(condition, layer)
        x = layers.Concatenate()([x, ops.rms_normalization(embedded)])
    for _ in range(num_layers):
        x = EqualizedDense(style_dim, learning_rate_multiplier)(x)
        x = scaled_leaky_relu(x)
    # The model averages and mixes styles in float32.
    x = layers.Activation("linear", dtype="float32", name="styles")(x)
    return keras.Model(network_inputs(latents, condition), x, name=name)


def stylegan2_synthesis(
    image_shape,
    style_dim=512,
    channel_multiplier=1.0,
    channel_max=512,
    name="synthesis",
):
    """StyleGAN2 synthesis network: from styles and noise to images.

    The noise of all layers is one input, `network.inputs[1]`, which is split
    into maps of 4, 8, 8, 16, 16, ... pixels a side. Zeros disable the noise.

    Args:
        image_shape: (size, size, channels), size a power of 2 from 16 to
            1024.
        style_dim: Dimension of the styles.
        channel_multiplier: Factor of the channels. A layer at s pixels a side
            has `min(channel_max, 32768 · channel_multiplier / s)`
            channels; 1 is the large network of the paper.
        channel_max: Largest number of channels of a layer.
        name: Name of the network.

    Returns:
        A `keras.Model` from `[styles, noise]`, (batch, layers, style_dim) and
        (batch, values), to (batch, size, size, channels): about [0, 1], not
        clipped. For s pixels a side there are `2 log₂ s - 2` layers.

    Reference: Karras et al., Analyzing and Improving the Image Quality of
    StyleGAN, 2020, figures 2 (c) and 7 (b, top), and appendix B.

    Example:

    >>> network = stylegan2_synthesis((16, 16, 1), 8, channel_max=4)
    >>> [tensor.shape for tensor in network.inputs]
    [(None, 6, 8), (None, 656)]
    """
    _check_positive(style_dim=style_dim)
    sizes, channels_at = _sizes(image_shape, channel_multiplier, channel_max)
    maps = [BASE, *(size for size in sizes[1:] for _ in range(2))]
    num_layers = 2 * len(sizes)
    styles = keras.Input((num_layers, style_dim), name="styles")
    noise = keras.Input((sum(side**2 for side in maps),), name="noise")
    style_of = ops.unstack(styles, axis=1)
    ends = [sum(s**2 for s in maps[: i + 1]) for i in range(len(maps) - 1)]
    noise_of = [
        layers.Reshape((side, side, 1))(part)
        for side, part in zip(maps, ops.split(noise, ends, axis=1), strict=True)
    ]

    def styled(x, index, filters, upsample=False):
        convolution = ModulatedConv2D(filters, 3, upsample=upsample)
        x = convolution([x, style_of[index]])
        return scaled_leaky_relu(NoiseInjection()([x, noise_of[index]]))

    x = LearnedConstant((BASE, BASE, channels_at[BASE]))(styles)
    index, image = 0, None
    for size in sizes:
        if size > BASE:
            image = FilteredUpSampling2D(dtype="float32")(image)
            x = styled(x, index, channels_at[size], upsample=True)
            index += 1
        x = styled(x, index, channels_at[size])
        index += 1
        # It shares the style of the next resolution's first layer.
        to_image = ModulatedConv2D(image_shape[-1], 1, demodulate=False)
        added = to_image([x, style_of[index]])
        image = (
            layers.Activation("linear", dtype="float32")(added)
            if image is None
            else layers.Add(dtype="float32")([image, added])
        )
    image = layers.Rescaling(0.5, offset=0.5, dtype="float32")(image)
    return keras.Model([styles, noise], image, name=name)


def stylegan2_discriminator(
    image_shape,
    channel_multiplier=1.0,
    channel_max=512,
    group_size=4,
    num_classes=None,
    condition_shape=None,
    name="discriminator",
):
    """StyleGAN2 discriminator: residual blocks down to 4 pixels, and a logit.

    Args:
        image_shape: (size, size, channels), size a power of 2 from 16 to
            1024.
        channel_multiplier: Factor of the channels, see
            `stylegan2_synthesis`.
        channel_max: Largest number of channels of a layer.
        group_size: Group size of `layers.MinibatchStandardDeviation`.
        num_classes: Number of classes of a class-conditional network; None
            for an unconditional one. The logit is then the product of the
            last features with a learned vector of the class, divided by
            the root of their number.
        condition_shape: Shape of another condition: `(dim,)` of a vector,
            `(length, dim)` of tokens, which come with a mask; None for none.
        name: Name of the network.

    Returns:
        A `keras.Model` from (batch, size, size, channels) in [0, 1], or
        `[image, label]`, to logits, (batch,).

    Reference: Karras et al. 2020, figure 7 (c, bottom) and appendix B; the
    conditional one: Miyato & Koyama, cGANs with Projection Discriminator,
    2018, as in Karras et al., Training Generative Adversarial Networks with
    Limited Data, 2020, appendix D.

    Example:

    >>> network = stylegan2_discriminator((16, 16, 1), channel_max=4)
    >>> network(ops.ones((3, 16, 16, 1))).shape
    TensorShape([3])
    """
    sizes, channels_at = _sizes(image_shape, channel_multiplier, channel_max)
    image = keras.Input(image_shape, name="image")
    condition = condition_inputs(num_classes, condition_shape)
    x = layers.Rescaling(2.0, offset=-1.0)(image)
    x = scaled_leaky_relu(EqualizedConv2D(channels_at[sizes[-1]], 1)(x))
    for size in reversed(sizes[1:]):
        x = _residual_block(x, channels_at[size // 2])
    x = MinibatchStandardDeviation(group_size)(x)
    x = scaled_leaky_relu(EqualizedConv2D(channels_at[BASE], 3)(x))
    x = layers.Flatten()(x)
    x = scaled_leaky_relu(EqualizedDense(channels_at[BASE])(x))
    if not condition:
        logit = EqualizedDense(1, dtype="float32")(x)
    else:
        layer = condition_layer(num_classes, channels_at[BASE], "random_normal")
        embedded = ops.rms_normalization(condition_vector(condition, layer))
        product = layers.Dot(axes=-1, dtype="float32")([x, embedded])
        logit = product / math.sqrt(channels_at[BASE])
    logit = layers.Reshape((), dtype="float32")(logit)
    return keras.Model(network_inputs(image, condition), logit, name=name)


def _residual_block(x, filters):
    """`(convolutions + shortcut) / √2`, at half the sides."""
    shortcut = FilteredDownSampling2D()(x)
    shortcut = EqualizedConv2D(filters, 1, use_bias=False)(shortcut)
    y = scaled_leaky_relu(EqualizedConv2D(x.shape[-1], 3)(x))
    y = EqualizedConv2D(filters, 3, downsample=True)(y)
    y = scaled_leaky_relu(y)
    return layers.Add()([y, shortcut]) * math.sqrt(0.5)


def _sizes(image_shape, channel_multiplier, channel_max):
    """All resolutions, and the number of channels of each."""
    height, width, _ = check_shape(image_shape)
    if height != width or height not in (16, 32, 64, 128, 256, 512, 1024):
        raise ValueError(
            "`image_shape` must be square, with sides that are a power of 2 "
            f"from 16 to 1024. Received: image_shape={tuple(image_shape)}"
        )
    sizes = [BASE]
    while sizes[-1] < height:
        sizes.append(2 * sizes[-1])
    channels = {
        size: min(channel_max, int(32768 * channel_multiplier / size))
        for size in sizes
    }
    if min(channels.values()) < 1:
        raise ValueError(
            "`channel_multiplier` and `channel_max` must leave every layer at "
            "least one channel. Received: channel_multiplier="
            f"{channel_multiplier!r}, channel_max={channel_max!r}"
        )
    return sizes, channels


def _check_positive(**counts):
    for name, value in counts.items():
        if not is_int(value) or value < 1:
            raise ValueError(
                f"`{name}` must be a positive int. Received: {name}={value!r}"
            )
