"""Image-to-image translation: networks of pix2pix, CycleGAN and CUT."""

import keras
from keras import layers, ops

from keras_synth.layers import (
    CropLike,
    NearestUpSampling2D,
    PadToMultiple,
    ReflectionPadding2D,
)
from keras_synth.layers.nested import layer_outputs
from keras_synth.networks.inputs import check_counts
from keras_synth.ops.numbers import is_int, is_number

NORMALIZATIONS = ("instance", "batch", None)

#: The layers of `resnet_translator` whose maps CUT's authors compare: the
#: image, both downsampling convolutions, the first and the fifth block.
TRANSLATOR_LAYERS = ("pixels", "down_1", "down_2", "block_1", "block_5")


def pix2pix_generator(
    in_channels=3,
    out_channels=3,
    widths=(64, 128, 256, 512, 512, 512),
    normalization="instance",
    dropout=0.5,
    synchronized=False,
    name="generator",
):
    """pix2pix generator: a U-Net for image-to-image translation.

    Convolutions of kernel size 4 and stride 2, down to a few pixels and up
    again, with skip connections. The first and the last level of the encoder
    are not normalized; the last may have a single pixel, which instance
    normalization would set to 0.

    Dropout in the first three levels of the decoder is the only noise. In the
    paper it is active at test time; here in training only, so that an image
    always gives the same result (the paper found little variation). Call the
    network with `training=True` for random results. Dropout is the same on
    all replicas.

    Args:
        in_channels: Channels of the input images, 1 or 3.
        out_channels: Channels of the output images, 1 or 3.
        widths: Channels of the levels, at 1/2, 1/4, ... of the sides of the
            image, which are padded to a multiple of `2 ** len(widths)`.
            The paper has 64, 128, 256 and five times 512 for images of
            256 x 256.
        normalization: "instance" normalizes each channel of each image, in
            training and inference alike, as the batch normalization of the
            paper with batches of one image; "batch" or None.
        dropout: Rate of the dropout, in [0, 1).
        synchronized: Whether statistics of batch normalization are computed
            over all replicas (TensorFlow only) instead of over each
            replica's own part of the batch.
        name: Name of the network.

    Returns:
        A `keras.Model` from (batch, height, width, in_channels) to (batch,
        height, width, out_channels) in [0, 1].

    Raises:
        ValueError: Arguments are out of range.

    Example:

    >>> network = pix2pix_generator(1, 3, widths=(8, 16))
    >>> network(keras.ops.zeros((1, 9, 14, 1))).shape
    TensorShape([1, 9, 14, 3])

    Reference: Isola et al., Image-to-Image Translation with Conditional
    Adversarial Networks, 2017, sections 3.1 and 3.3, appendix 6.1.1.
    """
    check_counts(in_channels, "in_channels", widths=widths)
    _check(out_channels, normalization, dropout, synchronized)

    def normalized(x):
        if normalization == "instance":
            return layers.GroupNormalization(groups=-1, epsilon=1e-5)(x)
        if normalization == "batch":
            return layers.BatchNormalization(
                momentum=0.9, synchronized=synchronized
            )(x)
        return x

    image = keras.Input((None, None, in_channels), name="image")
    x = PadToMultiple(2 ** len(widths))(image)
    x = layers.Rescaling(2.0, offset=-1.0)(x)
    skips = []
    for level, width in enumerate(widths):
        x = _halved(x, width)
        if 0 < level < len(widths) - 1:
            x = normalized(x)
        x = layers.LeakyReLU(0.2)(x)
        skips.append(x)
    for step, width in enumerate(widths[-2::-1]):
        x = normalized(_doubled(x, width))
        if step < 3:
            x = layers.Dropout(dropout)(x)
        x = layers.ReLU()(x)
        x = layers.Concatenate()([x, skips[-2 - step]])
    x = _doubled(x, out_channels, dtype="float32")
    x = layers.Activation("tanh", dtype="float32")(x)
    x = layers.Rescaling(0.5, offset=0.5, dtype="float32")(x)
    return keras.Model(image, CropLike()([x, image]), name=name)


def resnet_translator(
    in_channels=3,
    out_channels=3,
    width=64,
    num_blocks=9,
    residual=False,
    normalization="instance",
    name="translator",
):
    """ResNet translator: the generator of CycleGAN and CUT, Johnson's network.

    A convolution of kernel size 7, two of stride 2, residual blocks of two
    convolutions at a quarter of the sides, two transposed convolutions and one
    more of kernel size 7. Each but the last is followed by an instance
    normalization without weights. Images are padded by reflection.

    It has 11.378 million weights with 9 blocks, 7.838 million with 6. Layers
    with names: "pixels" (the image in [-1, 1], padded), "down_1" and "down_2"
    (the convolutions of stride 2), "block_1", "block_2", ...

    Args:
        in_channels: Channels of the input images, 1 or 3.
        out_channels: Channels of the output images, 1 or 3.
        width: Channels of the first convolution; the residual blocks have
            four times as many.
        num_blocks: Number of residual blocks: 9 for images of 256 x 256, 6
            for smaller ones.
        residual: Whether the network makes a difference d in [-1, 1] that is
            added to the image x, `clip(x + d, 0, 1)`, which is 0 at the start.
            So what stays as it is stays sharp. Transposed convolutions, whose
            grid would be seen beside it, become repetitions of pixels and
            convolutions (Odena et al. 2016). Not in the papers.
        normalization: "instance", or None for networks that may not depend on
            how bright and how varied the rest of an image is. Instance
            normalization loses both; a `residual` network of photographs
            learns to keep them by a spot far brighter or darker than all else,
            which is then seen (Karras et al. 2020, section 2). Without
            normalization kernels are larger at the start (He et al. 2015), and
            residual blocks begin as the identity.
        name: Name of the network.

    Returns:
        A `keras.Model` from (batch, height, width, in_channels) to (batch,
        height, width, out_channels) in [0, 1].

    Raises:
        ValueError: Arguments are out of range, or the channels of a residual
            network differ.

    Example:

    >>> network = resnet_translator(1, 3, width=4, num_blocks=1)
    >>> network(keras.ops.zeros((1, 9, 14, 1))).shape
    TensorShape([1, 9, 14, 3])

    References: Johnson et al., Perceptual Losses for Real-Time Style Transfer
    and Super-Resolution, 2016; Zhu et al., Unpaired Image-to-Image Translation
    using Cycle-Consistent Adversarial Networks, 2017, appendix 7.2; Odena et
    al., Deconvolution and Checkerboard Artifacts, 2016; Karras et al.,
    Analyzing and Improving the Image Quality of StyleGAN, 2020; He et al.,
    Delving Deep into Rectifiers, 2015.
    """
    check_counts(in_channels, "in_channels", width=width, num_blocks=num_blocks)
    _check_out_channels(out_channels)
    if normalization not in ("instance", None):
        raise ValueError(
            '`normalization` must be "instance" or None. '
            f"Received: normalization={normalization!r}"
        )
    if residual and in_channels != out_channels:
        raise ValueError(
            "A `residual` network keeps the channels of images. Received: "
            f"in_channels={in_channels}, out_channels={out_channels}"
        )

    start = {} if normalization else {"kernel_initializer": "he_normal"}

    def convolution(x, width, size, **options):
        options = {"kernel_initializer": _small()} | start | options
        return layers.Conv2D(width, size, **options)(x)

    def normalized(x):
        if normalization is None:
            return x
        return layers.GroupNormalization(
            groups=-1, epsilon=1e-5, center=False, scale=False
        )(x)

    image = keras.Input((None, None, in_channels), name="image")
    # A quarter of 8 pixels can still be reflected.
    x = PadToMultiple(4, minimum=8)(image)
    x = layers.Rescaling(2.0, offset=-1.0, name="pixels")(x)
    x = convolution(ReflectionPadding2D(3)(x), width, 7)
    x = layers.ReLU()(normalized(x))
    for index, times in enumerate((2, 4), 1):
        x = convolution(
            x,
            times * width,
            3,
            strides=2,
            padding="same",
            name=f"down_{index}",
        )
        x = layers.ReLU()(normalized(x))
    zeros = {"kernel_initializer": "zeros"}
    second = {} if normalization else zeros
    for index in range(1, num_blocks + 1):
        y = convolution(ReflectionPadding2D(1)(x), 4 * width, 3)
        y = layers.ReLU()(normalized(y))
        y = convolution(ReflectionPadding2D(1)(y), 4 * width, 3, **second)
        x = layers.Add(name=f"block_{index}")([x, normalized(y)])
    for times in (2, 1):
        if residual:
            x = ReflectionPadding2D(1)(NearestUpSampling2D()(x))
            x = convolution(x, times * width, 3)
        else:
            x = _doubled(x, times * width, size=3, **start)
        x = layers.ReLU()(normalized(x))
    x = ReflectionPadding2D(3)(x)
    last = zeros if residual else {}
    x = convolution(x, out_channels, 7, dtype="float32", **last)
    x = layers.Activation("tanh", dtype="float32")(x)
    if residual:
        x = layers.Add(dtype="float32")([image, CropLike()([x, image])])
        return keras.Model(image, ops.clip(x, 0.0, 1.0), name=name)
    x = layers.Rescaling(0.5, offset=0.5, dtype="float32")(x)
    return keras.Model(image, CropLike()([x, image]), name=name)


def projection_head(
    generator, layer_names=None, units=256, name="projection_head"
):
    """Projection head: from features of a generator to vectors of length 1.

    Each layer of the generator has an MLP of its own. A feature z, the
    channels of a map at one place, becomes

        v / ‖v‖,   v = W₂ relu(W₁ z + b₁) + b₂

    (0 where v is 0) for the contrastive loss of `models.CUT`. The names of
    the inputs say which layers of the generator are compared.

    Args:
        generator: The network whose maps are compared, such as
            `resnet_translator()`. It gives the channels alone.
        layer_names: Names of its layers. None takes those of the paper, as
            far as a `resnet_translator` of few blocks has them: "pixels",
            "down_1", "down_2", "block_1" and "block_5".
        units: Units of both layers of each MLP.
        name: Name of the network.

    Returns:
        A `keras.Model` from `{layer name: (batch, places, channels)}` to
        `{layer name: (batch, places, units)}`, computed in float32.

    Raises:
        ValueError: The generator has no such layers, or `units` is no
            positive int.

    Reference: Park et al., Contrastive Learning for Unpaired Image-to-Image
    Translation, 2020, section 3 and appendix C.1.

    Example:

    >>> from keras_synth import networks
    >>> generator = networks.resnet_translator(width=8, num_blocks=2)
    >>> head = projection_head(generator, units=16)
    >>> list(head.output)
    ['pixels', 'down_1', 'down_2', 'block_1']
    >>> head.output["down_2"].shape
    (None, None, 16)
    """
    if not is_int(units) or units < 1:
        raise ValueError(
            f"`units` must be a positive int. Received: units={units!r}"
        )
    if layer_names is None:
        known = {layer.name for layer in generator.layers}
        layer_names = [each for each in TRANSLATOR_LAYERS if each in known]
    inputs, outputs = {}, {}
    for each, maps in layer_outputs(generator, layer_names).items():
        inputs[each] = keras.Input((None, maps.shape[-1]), name=each)
        x = inputs[each]
        for part, activation in (("hidden", "relu"), ("projection", None)):
            x = layers.Dense(
                units,
                activation,
                kernel_initializer=_small(),
                dtype="float32",  # at the start v is short
                name=f"{each}_{part}",
            )(x)
        squares = ops.sum(ops.square(x), axis=-1, keepdims=True)
        # A feature of 0 (a mid-gray pixel) has no direction at the start, and
        # UnitNormalization a gradient of NaN there.
        short = squares < 1e-14
        inverse = ops.rsqrt(ops.where(short, 1.0, squares))
        outputs[each] = ops.where(short, 0.0, x * inverse)
    return keras.Model(inputs, outputs, name=name)


def _halved(x, width):
    return layers.Conv2D(width, 4, 2, "same", kernel_initializer=_small())(x)


def _doubled(x, width, size=4, **options):
    options = {"kernel_initializer": _small()} | options
    return layers.Conv2DTranspose(width, size, 2, "same", **options)(x)


def _small():
    return keras.initializers.RandomNormal(stddev=0.02)


def _check_out_channels(out_channels):
    if out_channels not in (1, 3):
        raise ValueError(
            "`out_channels` must be 1 or 3. "
            f"Received: out_channels={out_channels!r}"
        )


def _check(out_channels, normalization, dropout, synchronized):
    _check_out_channels(out_channels)
    if normalization not in NORMALIZATIONS:
        raise ValueError(
            f"`normalization` must be one of {NORMALIZATIONS}. "
            f"Received: normalization={normalization!r}"
        )
    if not (is_number(dropout) and 0 <= dropout < 1):
        raise ValueError(
            f"`dropout` must be in [0, 1). Received: dropout={dropout!r}"
        )
    if synchronized and normalization != "batch":
        raise ValueError(
            '`synchronized` needs `normalization="batch"`. '
            f"Received: normalization={normalization!r}"
        )
