"""Super-resolution networks: SRCNN, EDSR, SRResNet, RRDB.

All take images of any size in [0, 1] and return images `scale` times as high
and wide, not clipped. EDSR and SRResNet compute at the small size; at the end a
convolution gives `scale²` values for each pixel, which a pixel shuffle arranges
as a square. SRCNN and RRDB upscale by nearest neighbors.
"""

import keras
from keras import layers, ops

from keras_synth.layers import ICNR, NearestUpSampling2D
from keras_synth.networks.inputs import check_counts
from keras_synth.ops.numbers import is_int

SCALES = (2, 3, 4)


def srcnn(scale=4, channels=3, widths=(64, 32)):
    """SRCNN super-resolution: upscaling, then convolutions of 9, 1 and 5.

    The first convolutional network for super-resolution, a baseline of the
    others. The paper upscales bicubically before the network. Here upscaling
    by nearest neighbors is part of the network, so that it takes the small
    image, and the first convolution learns the interpolation.

    Args:
        scale: Factor of upscaling, 2, 3 or 4.
        channels: Channels of the images, 1 or 3.
        widths: Channels after the two hidden convolutions.

    Returns:
        A `keras.Model` from (batch, height, width, channels) to (batch,
        scale · height, scale · width, channels).

    Raises:
        ValueError: Arguments are out of range.

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
    """EDSR super-resolution: residual blocks and one pixel shuffle.

    Blocks are `x + s · W₂ relu(W₁ x)`, without normalization; the features of
    the first convolution are added again after the last block. The output is
    added to the image upscaled by nearest neighbors. The paper has no such
    sum, and shuffles twice by 2 for a scale of 4, which would take more
    arithmetic than all blocks of a small network.

    Args:
        scale: Factor of upscaling, 2, 3 or 4.
        channels: Channels of the images, 1 or 3.
        width: Channels of the hidden layers; 64 in the small model of the
            paper.
        num_blocks: Number of residual blocks; 16 in the small model of the
            paper.
        residual_scale: Factor s of the residuals; 0.1 stabilizes the
            training of wide networks.

    Returns:
        A `keras.Model` from (batch, height, width, channels) to (batch,
        scale · height, scale · width, channels).

    Raises:
        ValueError: Arguments are out of range.

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


def rescaled_edsr(network, scale):
    """EDSR for another scale, from trained weights.

    What comes before the pixel shuffle is the same for all scales, and keeps
    its weights. The last convolution starts anew.

    Args:
        network: An `edsr`.
        scale: Factor of upscaling of the other, 2, 3 or 4.

    Returns:
        An `edsr` of the same sizes.

    Raises:
        ValueError: `network` is not an EDSR; `scale` is out of range.

    Example:

    >>> given = edsr(4, width=8, num_blocks=1)
    >>> rescaled_edsr(given, 2)(ops.zeros((1, 9, 14, 3))).shape
    TensorShape([1, 18, 28, 3])

    Reference: Lim et al., Enhanced Deep Residual Networks for Single Image
    Super-Resolution, 2017, section 4.2.
    """
    known = _layers(network, layers.Conv2D)
    factors = {layer.scale for layer in _layers(network, layers.Rescaling)}
    refusal = ValueError(
        "Only a `networks.edsr` can be trained further for another scale. "
        f"Received: {network.name!r}"
    )
    if len(known) < 5 or len(known) % 2 == 0 or len(factors) > 1:
        raise refusal
    channels, width = network.output_shape[-1], known[0].filters
    twin = edsr(scale, channels, width, (len(known) - 3) // 2, *factors)
    ours = _layers(twin, layers.Conv2D)
    for layer, origin in zip(ours[:-1], known[:-1], strict=True):
        if layer.kernel.shape != origin.kernel.shape:
            raise refusal
    for layer, origin in zip(ours[:-1], known[:-1], strict=True):
        layer.set_weights(origin.get_weights())
    return twin


def _layers(network, kind):
    return [layer for layer in network.layers if isinstance(layer, kind)]


def srresnet(scale=4, channels=3, width=64, num_blocks=16):
    """SRResNet super-resolution, the generator of SRGAN.

    Residual blocks with batch normalization and PReLU, then pixel shuffles.

    Args:
        scale: Factor of upscaling, 2, 3 or 4 (4 is two shuffles by 2).
        channels: Channels of the images, 1 or 3.
        width: Channels of the hidden layers.
        num_blocks: Number of residual blocks.

    Returns:
        A `keras.Model` from (batch, height, width, channels) to (batch,
        scale · height, scale · width, channels).

    Raises:
        ValueError: Arguments are out of range.

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
    """RRDB super-resolution, the generator of ESRGAN.

    Residual-in-residual dense blocks: each holds three dense blocks of five
    convolutions, each of which takes the outputs of all before. Both kinds of
    residual are scaled by 0.2. Nearest-neighbor upscaling and convolutions
    follow.

    Args:
        scale: Factor of upscaling, 2, 3 or 4 (4 is twice 2).
        channels: Channels of the images, 1 or 3.
        width: Channels between the blocks.
        growth: Channels added by each convolution of a dense block.
        num_blocks: Number of blocks; 23 in the paper (16.7 million weights).

    Returns:
        A `keras.Model` from (batch, height, width, channels) to (batch,
        scale · height, scale · width, channels).

    Raises:
        ValueError: Arguments are out of range.

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
        x = convolve(NearestUpSampling2D(factor)(x), width)
    x = _convolution(convolve(x, width), channels, dtype="float32")
    return keras.Model(image, x, name="rrdb")


def _check(scale, channels, **counts):
    if scale not in SCALES or not is_int(scale):
        raise ValueError(f"`scale` must be 2, 3 or 4. Received: {scale!r}")
    check_counts(channels, **counts)


def _convolution(x, filters, kernel_size=3, **options):
    return layers.Conv2D(filters, kernel_size, padding="same", **options)(x)


def _shuffled(x, scale, channels, **options):
    """Pixel shuffle to `scale` times the sides and `channels` channels."""
    start = ICNR(scale)
    x = _convolution(
        x, channels * scale**2, kernel_initializer=start, **options
    )
    return ops.depth_to_space(x, scale)
