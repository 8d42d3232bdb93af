"""Generators and discriminators of a GAN: dense networks and DCGAN.

A generator maps latents, (batch, latent_dim), to images in [0, 1]; a
discriminator maps images to one logit each, (batch,). With `num_classes` both
take a label as second input, int (batch,): the generator gets a learned vector
of the class beside the latents, the discriminator adds the product of its
features with a learned vector to the logit ("projection", Miyato & Koyama,
cGANs with Projection Discriminator, 2018, equation 4). With `condition_shape`
the condition is a vector or tokens instead (see `networks.conditions`).

Inside the networks images are in [-1, 1]: a generator ends in tanh.
"""

import keras
from keras import layers

from keras_synth.layers import MinibatchStandardDeviation, SpectralNormalization
from keras_synth.networks.conditions import (
    condition_inputs,
    condition_layer,
    condition_vector,
    join_condition,
    network_inputs,
)
from keras_synth.networks.inputs import check_shape

NORMALIZATIONS = ("spectral", "batch", "layer", None)
UPSAMPLINGS = ("transposed", "nearest")


def dense_generator(
    image_shape,
    latent_dim=100,
    hidden=(128, 128),
    num_classes=None,
    condition_shape=None,
    name="generator",
):
    """Dense generator: fully connected layers from latents to pixels.

    Args:
        image_shape: (height, width, channels).
        latent_dim: Dimension of the latents.
        hidden: Units of each hidden layer.
        num_classes: Number of classes of a class-conditional network; None
            for an unconditional one.
        condition_shape: Shape of another condition: `(dim,)` of a vector,
            `(length, dim)` of tokens, which come with a mask; None for none.
        name: Name of the network.

    Returns:
        A `keras.Model` from (batch, latent_dim) to (batch, height, width,
        channels) in [0, 1].

    Example:

    >>> dense_generator((28, 28, 1)).count_params()  # 100, 128, 128, 784
    130576
    """
    height, width, channels = check_shape(image_shape, latent_dim)
    latents = keras.Input((latent_dim,), name="latents")
    condition = condition_inputs(num_classes, condition_shape)
    x = join_condition(latents, condition, num_classes)
    for units in hidden:
        x = layers.Dense(units)(x)
        x = layers.LeakyReLU(0.2)(x)
    x = layers.Dense(height * width * channels)(x)
    x = layers.Reshape((height, width, channels))(x)
    return generator_network(latents, condition, x, name)


def dense_discriminator(
    image_shape,
    hidden=(128, 128),
    normalization=None,
    num_classes=None,
    condition_shape=None,
    name="discriminator",
):
    """Dense discriminator: fully connected layers from pixels to a logit.

    Args:
        image_shape: (height, width, channels).
        hidden: Units of each hidden layer.
        normalization: "spectral", "batch", "layer" or None, see
            `dcgan_discriminator`.
        num_classes: Number of classes of a class-conditional network; None
            for an unconditional one.
        condition_shape: Shape of another condition: `(dim,)` of a vector,
            `(length, dim)` of tokens, which come with a mask; None for none.
        name: Name of the network.

    Returns:
        A `keras.Model` from (batch, height, width, channels) to (batch,).
    """
    image_shape = check_shape(image_shape)
    _check_normalization(normalization)
    image = keras.Input(image_shape, name="image")
    condition = condition_inputs(num_classes, condition_shape)
    x = layers.Rescaling(2.0, offset=-1.0)(image)
    x = layers.Flatten()(x)
    for units in hidden:
        x = _normalized(layers.Dense(units), normalization, x)
        x = layers.LeakyReLU(0.2)(x)
    return discriminator_network(
        image, condition, x, num_classes, normalization == "spectral", name
    )


def dcgan_generator(
    image_shape,
    latent_dim=100,
    width=64,
    upsampling="transposed",
    synchronized=False,
    num_classes=None,
    condition_shape=None,
    name="generator",
):
    """DCGAN generator: transposed convolutions from a small map to the image.

    The smallest map has 4 pixels on its shorter side. Each doubling of the
    sides halves the channels; the last one gives the image. Odd sizes are
    cropped (8 to 7 for an image of 28 pixels).

    Args:
        image_shape: (height, width, channels), sides of at least 8.
        latent_dim: Dimension of the latents.
        width: Channels at half resolution, doubled at each coarser one.
        upsampling: "transposed" for transposed convolutions of kernel size 4
            and stride 2, as in the paper, which can leave checkerboard
            artifacts; or "nearest" for nearest-neighbor upsampling and a
            convolution of kernel size 3, which avoids them at about twice
            the arithmetic.
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

    Reference: Radford et al., Unsupervised Representation Learning with Deep
    Convolutional Generative Adversarial Networks, 2016, section 3.
    """
    if upsampling not in UPSAMPLINGS:
        raise ValueError(
            f"`upsampling` must be one of {UPSAMPLINGS}. "
            f"Received: upsampling={upsampling!r}"
        )
    image_shape = check_shape(image_shape, latent_dim)
    channels = image_shape[-1]
    *sizes, base = halved_sizes(image_shape)
    features = width << len(sizes) - 1
    latents = keras.Input((latent_dim,), name="latents")
    condition = condition_inputs(num_classes, condition_shape)
    x = join_condition(latents, condition, num_classes)
    x = layers.Dense(base[0] * base[1] * features, use_bias=False)(x)
    x = layers.Reshape((*base, features))(x)
    for size in reversed(sizes):
        x = layers.BatchNormalization(momentum=0.9, synchronized=synchronized)(
            x
        )
        x = layers.ReLU()(x)
        features //= 2
        last = size == sizes[0]
        x = _doubled(x, channels if last else features, upsampling)
        x = crop(x, size)
    return generator_network(latents, condition, x, name)


def dcgan_discriminator(
    image_shape,
    width=64,
    normalization="spectral",
    minibatch_deviation=False,
    num_classes=None,
    condition_shape=None,
    name="discriminator",
):
    """DCGAN discriminator: strided convolutions down to 4 pixels, and a logit.

    Args:
        image_shape: (height, width, channels), sides of at least 8.
        width: Channels at half resolution, doubled at each coarser one.
        normalization: "spectral" normalizes every layer; "batch" is that of
            the paper, with the statistics of each replica, and not suited
            to gradient penalties, since it mixes the images of a batch;
            "layer" and None are the alternatives.
        minibatch_deviation: Whether to append
            `layers.MinibatchStandardDeviation` to the smallest map.
        num_classes: Number of classes of a class-conditional network; None
            for an unconditional one.
        condition_shape: Shape of another condition: `(dim,)` of a vector,
            `(length, dim)` of tokens, which come with a mask; None for none.
        name: Name of the network.

    Returns:
        A `keras.Model` from (batch, height, width, channels) to (batch,).

    Reference: Radford et al. 2016, section 3.
    """
    image_shape = check_shape(image_shape)
    _check_normalization(normalization)
    image = keras.Input(image_shape, name="image")
    condition = condition_inputs(num_classes, condition_shape)
    x = layers.Rescaling(2.0, offset=-1.0)(image)
    for level in range(len(halved_sizes(image_shape)) - 1):
        convolution = layers.Conv2D(
            width << level, 4, strides=2, padding="same"
        )
        # As in the paper, the first layer is not normalized.
        first = level == 0 and normalization != "spectral"
        x = _normalized(convolution, None if first else normalization, x)
        x = layers.LeakyReLU(0.2)(x)
    if minibatch_deviation:
        x = MinibatchStandardDeviation()(x)
    x = layers.Flatten()(x)
    return discriminator_network(
        image, condition, x, num_classes, normalization == "spectral", name
    )


def halved_sizes(image_shape):
    """Sizes of an image halved, rounding up, down to 4 pixels.

    Args:
        image_shape: (height, width, channels), sides of at least 8.

    Returns:
        List of (height, width), the largest first.

    Example:

    >>> halved_sizes((28, 28, 1))
    [(28, 28), (14, 14), (7, 7), (4, 4)]
    """
    sizes = [tuple(image_shape[:2])]
    if min(sizes[0]) < 8:
        raise ValueError(
            "`image_shape` must have sides of at least 8. "
            f"Received: image_shape={tuple(image_shape)}"
        )
    while min(sizes[-1]) > 4:
        height, width = sizes[-1]
        sizes.append(((height + 1) // 2, (width + 1) // 2))
    return sizes


def crop(x, size):
    """Crops the last rows and columns beyond a size."""
    surplus = [(0, x.shape[axis + 1] - size[axis]) for axis in (0, 1)]
    if surplus == [(0, 0), (0, 0)]:
        return x
    return layers.Cropping2D(surplus)(x)


def generator_network(latents, condition, x, name):
    """Output of a generator: an image in [0, 1], through tanh."""
    x = layers.Activation("tanh", dtype="float32")(x)
    x = layers.Rescaling(0.5, offset=0.5, dtype="float32")(x)
    return keras.Model(network_inputs(latents, condition), x, name=name)


def discriminator_network(image, condition, x, num_classes, spectral, name):
    """Output of a discriminator: a logit, with a projection of the labels."""
    output = layers.Dense(1, dtype="float32")
    logit = (SpectralNormalization(output) if spectral else output)(x)
    if condition:
        embedding = condition_layer(num_classes, x.shape[-1], dtype="float32")
        if spectral:
            embedding = SpectralNormalization(embedding, name="label_embedding")
        vector = condition_vector(condition, embedding)
        product = layers.Dot(axes=1, dtype="float32")([x, vector])
        logit = layers.Add(dtype="float32")([logit, product])
    logit = layers.Reshape((), dtype="float32")(logit)
    return keras.Model(network_inputs(image, condition), logit, name=name)


def _doubled(x, filters, upsampling):
    if upsampling == "transposed":
        return layers.Conv2DTranspose(filters, 4, strides=2, padding="same")(x)
    x = layers.UpSampling2D(interpolation="nearest")(x)
    return layers.Conv2D(filters, 3, padding="same")(x)


def _check_normalization(normalization):
    if normalization not in NORMALIZATIONS:
        raise ValueError(
            f"`normalization` must be one of {NORMALIZATIONS}. "
            f"Received: normalization={normalization!r}"
        )


def _normalized(layer, normalization, x):
    """Applies a layer and its normalization."""
    if normalization == "spectral":
        return SpectralNormalization(layer)(x)
    x = layer(x)
    if normalization == "batch":
        return layers.BatchNormalization(momentum=0.9)(x)
    if normalization == "layer":
        return layers.LayerNormalization(axis=(1, 2, 3)[: len(x.shape) - 1])(x)
    return x
