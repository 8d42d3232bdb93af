"""Super-resolution networks: SRCNN, EDSR, SRResNet, RRDB.

All take small images of any size in [0, 1] and return images `scale`
times as high and wide, not clipped. Nearly all of their work is done at the
small size; at the end a convolution makes `scale²` values for each pixel, and
a pixel shuffle lays them out as a square.
"""

import keras
from keras import layers, ops

from keras_synth.layers import ICNR
from keras_synth.networks.inputs import check_counts

SCALES = (2, 3, 4)


def srcnn(scale=4, channels=3, widths=(64, 32)):
    """SRCNN: upscaled first, by nearest neighbors, then 9-1-5 convolutions.

    The first network of its kind and the baseline of the others. It works at
    the full size. The paper upscales bicubically before the network; here the
    first convolution has to learn that too, so that all networks of this
    file take the small image, on every backend of Keras.

    Args:
        scale: How many times larger, 2, 3 or 4.
        channels: Channels of the images, 1 or 3.
        widths: Channels after the two hidden convolutions.

    Returns:
        A `keras.Model` from (batch, height, width, channels) to (batch,
        scale · height, scale · width, channels).

    Raises:
        ValueError: Arguments out of range.

    Example:

    >>> srcnn(3, channels=1)(ops.zeros((1, 9, 14, 1))).shape
    TensorShape([1, 27, 42, 1])

    Reference: Dong et al., Image Super-Resolution Using Deep Convolutional
    Networks, 2016, section 3: 9-1-5.
    """
    _check(scale, channels, widths=widths)
    if len(widths) != 2:
        raise ValueError(f"`widths` must be two ints. Received: {widths!r}")
    image = keras.Input((None, None, channels), name="image")
    large = layers.UpSampling2D(scale)(image)
    x = layers.Conv2D(widths[0], 9, padding="same", activation="relu")(large)
    x = layers.Conv2D(widths[1], 1, activation="relu")(x)
    x = layers.Conv2D(channels, 5, padding="same", dtype="float32")(x)
    return keras.Model(image, large + x, name="srcnn")


def edsr(scale=4, channels=3, width=64, num_blocks=16, residual_scale=1.0):
    """EDSR: residual blocks without normalization, one pixel shuffle.

    Blocks are `x + s · W₂ relu(W₁ x)`; the features of the first convolution
    are added once more after the last block. What comes out is added to the
    image itself, each pixel repeated: at first the network upscales by
    nearest neighbors. The paper has no such sum, and shuffles twice by 2 for
    a scale of 4; at the size of ours that tail would cost more than all
    blocks.

    Args:
        scale: How many times larger, 2, 3 or 4.
        channels: Channels of the images, 1 or 3.
        width: Channels of the hidden layers (the paper's small model: 64).
        num_blocks: Residual blocks (the paper's small model: 16).
        residual_scale: s; wide networks need 0.1 to train steadily.

    Returns:
        A `keras.Model` from (batch, height, width, channels) to (batch,
        scale · height, scale · width, channels).

    Raises:
        ValueError: Arguments out of range.

    Example:

    >>> edsr(2, width=8, num_blocks=1)(ops.zeros((1, 9, 14, 3))).shape
    TensorShape([1, 18, 28, 3])

    Reference: Lim et al., Enhanced Deep Residual Networks for Single Image
    Super-Resolution, 2017, section 3.
    """
    _check(scale, channels, width=width, num_blocks=num_blocks)
    image = keras.Input((None, None, channels), name="image")
    first = x = _convolution(image, width)
    for _ in range(num_blocks):
        y = _convolution(_convolution(x, width, activation="relu"), width)
        if residual_scale != 1.0:
            y = layers.Rescaling(residual_scale)(y)
        x = layers.Add()([x, y])
    x = layers.Add()([_convolution(x, width), first])
    detail = _shuffled(x, scale, channels, dtype="float32")
    large = layers.UpSampling2D(scale, dtype="float32")(image)
    return keras.Model(image, large + detail, name="edsr")


def srresnet(scale=4, channels=3, width=64, num_blocks=16):
    """SRResNet, the generator of SRGAN: with batch normalization and PReLU.

    Args:
        scale: How many times larger, 2, 3 or 4 (two shuffles by 2).
        channels: Channels of the images, 1 or 3.
        width: Channels of the hidden layers.
        num_blocks: Residual blocks.

    Returns:
        A `keras.Model` from (batch, height, width, channels) to (batch,
        scale · height, scale · width, channels).

    Raises:
        ValueError: Arguments out of range.

    Example:

    >>> srresnet(2, width=8, num_blocks=1)(ops.zeros((1, 9, 14, 3))).shape
    TensorShape([1, 18, 28, 3])

    Reference: Ledig et al., Photo-Realistic Single Image Super-Resolution
    Using a Generative Adversarial Network, 2017, figure 4.
    """
    _check(scale, channels, width=width, num_blocks=num_blocks)

    def activate(x):
        return layers.PReLU(shared_axes=(1, 2))(x)

    image = keras.Input((None, None, channels), name="image")
    first = x = activate(_convolution(image, width, 9))
    for _ in range(num_blocks):
        y = _convolution(x, width, use_bias=False)
        y = activate(layers.BatchNormalization()(y))
        y = _convolution(y, width, use_bias=False)
        x = layers.Add()([x, layers.BatchNormalization()(y)])
    y = layers.BatchNormalization()(_convolution(x, width, use_bias=False))
    x = layers.Add()([y, first])
    for factor in (2, 2) if scale == 4 else (scale,):
        x = activate(_shuffled(x, factor, width))
    x = _convolution(x, channels, 9, dtype="float32")
    return keras.Model(image, x, name="srresnet")


def rrdb(scale=4, channels=3, width=64, growth=32, num_blocks=23):
    """RRDB, the generator of ESRGAN: residuals in residuals, densely wired.

    Each block holds three dense blocks, and each of those five convolutions
    that see all before them; both kinds of residual are scaled by 0.2. The
    image is upscaled by nearest neighbors and convolutions.

    Args:
        scale: How many times larger, 2, 3 or 4 (twice by 2).
        channels: Channels of the images, 1 or 3.
        width: Channels between the blocks.
        growth: Channels that each convolution of a dense block adds.
        num_blocks: How many (the paper: 23, of 16.7 million weights).

    Returns:
        A `keras.Model` from (batch, height, width, channels) to (batch,
        scale · height, scale · width, channels).

    Raises:
        ValueError: Arguments out of range.

    Example:

    >>> network = rrdb(2, width=8, growth=4, num_blocks=1)
    >>> network(ops.zeros((1, 9, 14, 3))).shape
    TensorShape([1, 18, 28, 3])

    Reference: Wang et al., ESRGAN: Enhanced Super-Resolution Generative
    Adversarial Networks, 2018, section 3.1 and figure 4.
    """
    _check(scale, channels, width=width, growth=growth, num_blocks=num_blocks)
    # Residual branches start small (section 3.1).
    small = keras.initializers.VarianceScaling(0.02, "fan_in")

    def convolve(x, filters, **options):
        x = _convolution(x, filters, **options)
        return layers.LeakyReLU(negative_slope=0.2)(x)

    def dense_block(x):
        known = [x]
        for _ in range(4):
            joined = known[0]
            if len(known) > 1:
                joined = layers.Concatenate()(known)
            known.append(convolve(joined, growth, kernel_initializer=small))
        y = layers.Concatenate()(known)
        y = _convolution(y, width, kernel_initializer=small)
        return layers.Add()([x, layers.Rescaling(0.2)(y)])

    image = keras.Input((None, None, channels), name="image")
    first = x = _convolution(image, width)
    for _ in range(num_blocks):
        y = dense_block(dense_block(dense_block(x)))
        x = layers.Add()([x, layers.Rescaling(0.2)(y)])
    x = layers.Add()([_convolution(x, width), first])
    for factor in (2, 2) if scale == 4 else (scale,):
        x = convolve(layers.UpSampling2D(factor)(x), width)
    x = _convolution(convolve(x, width), channels, dtype="float32")
    return keras.Model(image, x, name="rrdb")


def _check(scale, channels, **counts):
    if scale not in SCALES or not isinstance(scale, int):
        raise ValueError(f"`scale` must be 2, 3 or 4. Received: {scale!r}")
    check_counts(channels, **counts)


def _convolution(x, filters, kernel_size=3, **options):
    return layers.Conv2D(filters, kernel_size, padding="same", **options)(x)


def _shuffled(x, scale, channels, **options):
    """`scale` times as large, `channels` channels."""
    start = ICNR(scale)
    x = _convolution(
        x, channels * scale**2, kernel_initializer=start, **options
    )
    return ops.depth_to_space(x, scale)
