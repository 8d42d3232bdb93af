"""Image-to-image translation: the generator of pix2pix."""

import keras
from keras import layers

from keras_synth.layers import CropLike, PadToMultiple
from keras_synth.networks.inputs import check_counts

NORMALIZATIONS = ("instance", "batch", None)


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


def _halved(x, width):
    return layers.Conv2D(width, 4, 2, "same", kernel_initializer=_small())(x)


def _doubled(x, width, **options):
    return layers.Conv2DTranspose(
        width, 4, 2, "same", kernel_initializer=_small(), **options
    )(x)


def _small():
    return keras.initializers.RandomNormal(stddev=0.02)


def _check(out_channels, normalization, dropout, synchronized):
    if out_channels not in (1, 3):
        raise ValueError(
            "`out_channels` must be 1 or 3. "
            f"Received: out_channels={out_channels!r}"
        )
    if normalization not in NORMALIZATIONS:
        raise ValueError(
            f"`normalization` must be one of {NORMALIZATIONS}. "
            f"Received: normalization={normalization!r}"
        )
    if not 0 <= dropout < 1:
        raise ValueError(
            f"`dropout` must be in [0, 1). Received: dropout={dropout!r}"
        )
    if synchronized and normalization != "batch":
        raise ValueError(
            '`synchronized` needs `normalization="batch"`. '
            f"Received: normalization={normalization!r}"
        )
