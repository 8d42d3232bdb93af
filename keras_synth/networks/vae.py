"""Encoders and decoders of a variational autoencoder (VAE).

An encoder maps images in [0, 1] to `[mean, log_variance]` of the latents; a
decoder maps latents to the parameters of a likelihood. With `num_classes`
both take a label as second input, (batch,) of ints.
"""

import keras
from keras import layers

from keras_synth.networks.conditions import (
    condition_inputs,
    join_condition,
    network_inputs,
)
from keras_synth.networks.inputs import check_shape


def dense_encoder(
    image_shape,
    latent_dim,
    hidden=(512, 512),
    activation="relu",
    num_classes=None,
    condition_shape=None,
    name="encoder",
):
    """Dense encoder: fully connected layers from pixels to the posterior.

    Args:
        image_shape: (height, width, channels).
        latent_dim: Dimension of the latents.
        hidden: Units of each hidden layer.
        activation: Activation of the hidden layers, name or function.
        num_classes: Number of classes of a class-conditional network; None
            for an unconditional one.
        condition_shape: Shape of another condition: `(dim,)` of a vector,
            `(length, dim)` of tokens, which come with a mask; None for none.
        name: Name of the network.

    Returns:
        A `keras.Model` from (batch, height, width, channels) to
        `[mean, log_variance]`, each (batch, latent_dim).

    Example:

    >>> dense_encoder((28, 28, 1), latent_dim=2).count_params()
    666628
    """
    image_shape = check_shape(image_shape, latent_dim, multiple=1)
    image = keras.Input(image_shape, name="image")
    condition = condition_inputs(num_classes, condition_shape)
    x = layers.Rescaling(2.0, offset=-1.0)(image)
    x = layers.Flatten()(x)
    x = join_condition(x, condition, num_classes)
    for units in hidden:
        x = layers.Dense(units, activation=activation)(x)
    return _posterior_network(image, condition, x, latent_dim, name)


def dense_decoder(
    image_shape,
    latent_dim,
    hidden=(512, 512),
    activation="relu",
    parameters_per_channel=1,
    num_classes=None,
    condition_shape=None,
    name="decoder",
):
    """Dense generator: fully connected layers from latents to pixels.

    Args:
        image_shape: (height, width, channels) of the image.
        latent_dim: Dimension of the latents.
        hidden: Units of each hidden layer.
        activation: Activation of the hidden layers, name or function.
        parameters_per_channel: Number of parameters per channel of the
            likelihood, `likelihood.parameters_per_channel`.
        num_classes: Number of classes of a class-conditional network; None
            for an unconditional one.
        condition_shape: Shape of another condition: `(dim,)` of a vector,
            `(length, dim)` of tokens, which come with a mask; None for none.
        name: Name of the network.

    Returns:
        A `keras.Model` from (batch, latent_dim) to (batch, height, width,
        channels * parameters_per_channel), unbounded.
    """
    height, width, channels = check_shape(image_shape, latent_dim, multiple=1)
    channels *= parameters_per_channel
    latents = keras.Input((latent_dim,), name="latents")
    condition = condition_inputs(num_classes, condition_shape)
    x = join_condition(latents, condition, num_classes)
    for units in hidden:
        x = layers.Dense(units, activation=activation)(x)
    x = layers.Dense(height * width * channels, dtype="float32")(x)
    x = layers.Reshape((height, width, channels), dtype="float32")(x)
    return keras.Model(network_inputs(latents, condition), x, name=name)


def conv_encoder(
    image_shape,
    latent_dim,
    width=16,
    num_blocks=1,
    hidden=256,
    num_classes=None,
    condition_shape=None,
    name="encoder",
):
    """Convolutional encoder: a residual network from images to the posterior.

    Args:
        image_shape: (height, width, channels), sides divisible by 4.
        latent_dim: Dimension of the latents.
        width: Channels at half resolution; twice that at a quarter.
        num_blocks: Number of residual blocks at each resolution.
        hidden: Units of the dense layer before the posterior.
        num_classes: Number of classes of a class-conditional network; None
            for an unconditional one.
        condition_shape: Shape of another condition: `(dim,)` of a vector,
            `(length, dim)` of tokens, which come with a mask; None for none.
        name: Name of the network.

    Returns:
        A `keras.Model` from (batch, height, width, channels) to
        `[mean, log_variance]`, each (batch, latent_dim).
    """
    image_shape = check_shape(image_shape, latent_dim, multiple=4)
    image = keras.Input(image_shape, name="image")
    condition = condition_inputs(num_classes, condition_shape)
    x = layers.Rescaling(2.0, offset=-1.0)(image)
    for channels in (width, 2 * width):
        x = layers.Conv2D(channels, 4, strides=2, padding="same")(x)
        for _ in range(num_blocks):
            x = _residual_block(x)
    x = layers.Activation("elu")(x)
    x = layers.Flatten()(x)
    x = join_condition(x, condition, num_classes)
    x = layers.Dense(hidden, activation="elu")(x)
    return _posterior_network(image, condition, x, latent_dim, name)


def conv_decoder(
    image_shape,
    latent_dim,
    width=16,
    num_blocks=1,
    hidden=256,
    parameters_per_channel=1,
    num_classes=None,
    condition_shape=None,
    name="decoder",
):
    """Convolutional decoder: a residual network from latents to images.

    Args:
        image_shape: (height, width, channels), sides divisible by 4.
        latent_dim: Dimension of the latents.
        width: Channels at half resolution; twice that at a quarter.
        num_blocks: Number of residual blocks at each resolution.
        hidden: Units of the first dense layer.
        parameters_per_channel: Number of parameters per channel of the
            likelihood, `likelihood.parameters_per_channel`.
        num_classes: Number of classes of a class-conditional network; None
            for an unconditional one.
        condition_shape: Shape of another condition: `(dim,)` of a vector,
            `(length, dim)` of tokens, which come with a mask; None for none.
        name: Name of the network.

    Returns:
        A `keras.Model` from (batch, latent_dim) to (batch, height, width,
        channels * parameters_per_channel), unbounded.
    """
    height, breadth, channels = check_shape(image_shape, latent_dim, multiple=4)
    latents = keras.Input((latent_dim,), name="latents")
    condition = condition_inputs(num_classes, condition_shape)
    x = join_condition(latents, condition, num_classes)
    x = layers.Dense(hidden, activation="elu")(x)
    quarter = (height // 4, breadth // 4, 2 * width)
    x = layers.Dense(quarter[0] * quarter[1] * quarter[2])(x)
    x = layers.Reshape(quarter)(x)
    for outputs, dtype in (
        (width, None),
        (channels * parameters_per_channel, "float32"),
    ):
        for _ in range(num_blocks):
            x = _residual_block(x)
        x = layers.Activation("elu")(x)
        x = layers.Conv2DTranspose(
            outputs, 4, strides=2, padding="same", dtype=dtype
        )(x)
    return keras.Model(network_inputs(latents, condition), x, name=name)


def _residual_block(x):
    """x + conv(elu(conv(elu(x)))), the identity at first (He et al. 2016)."""
    channels = x.shape[-1]
    y = layers.Activation("elu")(x)
    y = layers.Conv2D(channels, 3, padding="same", activation="elu")(y)
    y = layers.Conv2D(channels, 3, padding="same", kernel_initializer="zeros")(
        y
    )
    return layers.Add()([x, y])


def _posterior_network(image, condition, x, latent_dim, name):
    latent_dim = int(latent_dim)
    mean = layers.Dense(latent_dim, dtype="float32", name="mean")(x)
    log_variance = layers.Dense(
        latent_dim, dtype="float32", name="log_variance"
    )(x)
    return keras.Model(
        network_inputs(image, condition), [mean, log_variance], name=name
    )
