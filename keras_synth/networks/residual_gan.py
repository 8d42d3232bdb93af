"""Residual generator and discriminator of a GAN (SNGAN).

The inputs and outputs are those of the DCGAN networks; these are deeper and
slower.
"""

import keras
from keras import layers

from keras_synth.layers import SpectralNormalization
from keras_synth.networks.conditions import condition_inputs, join_condition
from keras_synth.networks.gan import (
    crop,
    discriminator_network,
    generator_network,
    halved_sizes,
)
from keras_synth.networks.inputs import check_shape


def residual_generator(
    image_shape,
    latent_dim=128,
    width=64,
    synchronized=False,
    num_classes=None,
    condition_shape=None,
    name="generator",
):
    """Residual generator: a residual block with each doubling, from 4 pixels.

    Args:
        image_shape: (height, width, channels), sides of at least 8.
        latent_dim: Dimension of the latents.
        width: Channels, the same at every resolution.
        synchronized: Whether statistics of batch normalization are computed
            over all replicas (TensorFlow only) instead of over each
            replica's own part of the batch.
        num_classes: Number of classes of a class-conditional network; None
            for an unconditional one.
        condition_shape: Shape of another condition: `(dim,)` of a vector,
            `(length, dim)` of tokens, which come with a mask; None for none.
        name: Name of the network.

    Returns:
        A `keras.Model` from (batch, latent_dim) to (batch, height, width,
        channels) in [0, 1].

    Reference: Miyato et al. 2018, appendix B.4, table 4.
    """
    image_shape = check_shape(image_shape, latent_dim)
    channels = image_shape[-1]
    *sizes, base = halved_sizes(image_shape)
    latents = keras.Input((latent_dim,), name="latents")
    condition = condition_inputs(num_classes, condition_shape)
    x = join_condition(latents, condition, num_classes)
    x = layers.Dense(base[0] * base[1] * width)(x)
    x = layers.Reshape((*base, width))(x)
    for size in reversed(sizes):
        x = crop(_block_up(x, synchronized), size)
    x = _batch_normalized(x, synchronized)
    x = layers.Conv2D(channels, 3, padding="same")(x)
    return generator_network(latents, condition, x, name)


def residual_discriminator(
    image_shape,
    width=64,
    num_classes=None,
    condition_shape=None,
    name="discriminator",
):
    """Residual discriminator: residual blocks down to 4 pixels, and a logit.

    Every layer has spectral normalization, the embedding of labels too.

    Args:
        image_shape: (height, width, channels), sides of at least 8.
        width: Channels, the same at every resolution.
        num_classes: Number of classes of a class-conditional network; None
            for an unconditional one.
        condition_shape: Shape of another condition: `(dim,)` of a vector,
            `(length, dim)` of tokens, which come with a mask; None for none.
        name: Name of the network.

    Returns:
        A `keras.Model` from (batch, height, width, channels) to (batch,).

    Reference: Miyato et al. 2018, appendix B.4, table 4.
    """
    image_shape = check_shape(image_shape)
    image = keras.Input(image_shape, name="image")
    condition = condition_inputs(num_classes, condition_shape)
    x = layers.Rescaling(2.0, offset=-1.0)(image)
    for level in range(len(halved_sizes(image_shape)) - 1):
        x = _block_down(x, width, first=level == 0)
    for _ in range(2):
        x = _block_down(x, width, halve=False)
    x = layers.ReLU()(x)
    height, width_, _ = x.shape[1:]
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Rescaling(height * width_)(x)  # the sum, as in the paper
    return discriminator_network(image, condition, x, num_classes, True, name)


def _block_up(x, synchronized):
    channels = x.shape[-1]
    y = _batch_normalized(x, synchronized)
    y = layers.UpSampling2D()(y)
    y = layers.Conv2D(channels, 3, padding="same")(y)
    y = _batch_normalized(y, synchronized)
    y = layers.Conv2D(channels, 3, padding="same")(y)
    # A convolution with a kernel of 1 and a doubling commute.
    shortcut = layers.UpSampling2D()(layers.Conv2D(channels, 1)(x))
    return layers.Add()([shortcut, y])


def _block_down(x, channels, first=False, halve=True):
    def convolution(x, size):
        layer = layers.Conv2D(channels, size, padding="same")
        return SpectralNormalization(layer)(x)

    y = x if first else layers.ReLU()(x)
    y = convolution(y, 3)
    y = convolution(layers.ReLU()(y), 3)
    if halve:
        y = layers.AveragePooling2D(2, padding="same")(y)
        # Pooling first, they commute too, takes a quarter of the arithmetic.
        x = convolution(layers.AveragePooling2D(2, padding="same")(x), 1)
    return layers.Add()([x, y])


def _batch_normalized(x, synchronized):
    x = layers.BatchNormalization(momentum=0.9, synchronized=synchronized)(x)
    return layers.ReLU()(x)
