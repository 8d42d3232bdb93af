"""Denoising networks: DnCNN, FFDNet, autoencoder.

All take images of any size in [0, 1] (noise may leave it) and return images
of the same size, not clipped. DnCNN and FFDNet predict the degradation and
subtract it; untrained, they return their input.
"""

import keras
from keras import layers, ops

from keras_synth.layers import CropLike, PadToMultiple
from keras_synth.networks.inputs import check_counts


def autoencoder(channels=3, widths=(32, 64)):
    """Denoising autoencoder: a convolutional encoder and decoder.

    The simplest restoration network: noise does not pass the bottleneck, but
    neither do the finest details. It predicts the image instead of the noise.

    Args:
        channels: Channels of the images, 1 or 3.
        widths: Channels of the levels. Each level halves the sides.

    Returns:
        A `keras.Model` from (batch, height, width, channels) to the same.

    Raises:
        ValueError: `channels` is not 1 or 3, or `widths` are not positive ints.

    Example:

    >>> autoencoder(channels=1)(ops.zeros((1, 9, 14, 1))).shape
    TensorShape([1, 9, 14, 1])

    Reference: Vincent et al., Extracting and Composing Robust Features with
    Denoising Autoencoders, 2008, section 2.
    """
    check_counts(channels, widths=widths)
    image = keras.Input((None, None, channels), name="image")
    x = PadToMultiple(2 ** len(widths))(image)
    for width in widths:
        x = _convolution(x, width)
        x = layers.MaxPooling2D(2)(x)
    for width in reversed(widths):
        x = layers.Conv2DTranspose(width, 4, 2, "same", activation="relu")(x)
    x = layers.Conv2D(channels, 3, padding="same", dtype="float32")(x)
    return keras.Model(image, CropLike()([x, image]), name="autoencoder")


def dncnn(channels=3, num_layers=17, width=64):
    """DnCNN denoiser: convolutions that predict the noise, `x̂ = y - R(y)`.

    Trained on one noise level it is DnCNN-S (17 layers in the paper), on a
    range of levels the blind DnCNN-B (20 layers).

    Args:
        channels: Channels of the images, 1 or 3.
        num_layers: Number of convolutions, at least 2. The receptive field
            is `2 num_layers + 1` pixels.
        width: Channels of the hidden layers.

    Returns:
        A `keras.Model` from (batch, height, width, channels) to the same.

    Raises:
        ValueError: Arguments are out of range.

    Example:

    >>> dncnn(channels=1, num_layers=3, width=8)(ops.zeros((1, 9, 14, 1))).shape
    TensorShape([1, 9, 14, 1])

    Reference: Zhang et al., Beyond a Gaussian Denoiser: Residual Learning of
    Deep CNN for Image Denoising, 2017, section 3.
    """
    check_counts(channels, num_layers=num_layers, width=width)
    image = keras.Input((None, None, channels), name="image")
    x = _convolution(image, width)
    for _ in range(num_layers - 2):
        x = layers.Conv2D(
            width,
            3,
            padding="same",
            use_bias=False,
            kernel_initializer="he_normal",
        )(x)
        x = layers.BatchNormalization()(x)
        x = layers.ReLU()(x)
    noise = _last_convolution(x, channels)
    return keras.Model(image, image - noise, name="dncnn")


def ffdnet(channels=3, num_layers=15, width=64):
    """FFDNet denoiser: half resolution, conditioned on the noise level.

    2 x 2 pixels become channels, which takes a quarter of the arithmetic of
    DnCNN and doubles the receptive field. A map of the noise level is a
    further input channel, so that one network serves all levels and noise
    that varies over the image. Unlike that of the paper, the network predicts
    the noise, which trains faster on small sets.

    Args:
        channels: Channels of the images, 1 or 3.
        num_layers: Number of convolutions, at least 2 (in the paper 15 for
            gray and 12 for color images).
        width: Channels of the hidden layers (in the paper 64 and 96).

    Returns:
        A `keras.Model` from `{"image": (batch, height, width, channels),
        "noise_level": (batch, 1, 1, 1) or (batch, height, width, 1)}` to
        (batch, height, width, channels). The noise level is σ in units of
        [0, 1].

    Raises:
        ValueError: Arguments are out of range.

    Example:

    >>> network = ffdnet(channels=1, num_layers=3, width=8)
    >>> noisy = ops.zeros((2, 9, 14, 1))
    >>> network({"image": noisy, "noise_level": ops.ones((2, 1, 1, 1))}).shape
    TensorShape([2, 9, 14, 1])

    Reference: Zhang et al., FFDNet: Toward a Fast and Flexible Solution for
    CNN-Based Image Denoising, 2018, section 3.
    """
    check_counts(channels, num_layers=num_layers, width=width)
    inputs, x = halved_with_noise_map(channels)
    x = _convolution(x, width)
    for _ in range(num_layers - 2):
        x = _convolution(x, width)
    noise = _last_convolution(x, 4 * channels)
    noise = CropLike()([ops.depth_to_space(noise, 2), inputs["image"]])
    return keras.Model(inputs, inputs["image"] - noise, name="ffdnet")


def halved_with_noise_map(channels, multiple=2):
    """Inputs of a noise-conditional network, at half resolution.

    Args:
        channels: Channels of the images.
        multiple: Number that both padded sides are divisible by.

    Returns:
        `(inputs, x)`: the two `keras.Input`s by name, and the 2 x 2 blocks of
        the image with the noise level, (batch, height / 2, width / 2,
        4 channels + 1).
    """
    inputs = {
        "image": keras.Input((None, None, channels), name="image"),
        "noise_level": keras.Input((None, None, 1), name="noise_level"),
    }
    image = inputs["image"]
    level = inputs["noise_level"] + ops.zeros_like(image[..., :1])
    pad = PadToMultiple(multiple)
    halved = ops.space_to_depth(pad(image), 2)
    # The layer: the op of a functional model fails on JAX.
    level = layers.AveragePooling2D(2)(pad(level))
    return inputs, ops.concatenate([halved, level], axis=-1)


def _convolution(x, width):
    return layers.Conv2D(
        width,
        3,
        padding="same",
        activation="relu",
        kernel_initializer="he_normal",
    )(x)


def _last_convolution(x, channels):
    """Last convolution: zeros at the start, float32 in mixed precision."""
    return layers.Conv2D(
        channels, 3, padding="same", kernel_initializer="zeros", dtype="float32"
    )(x)
