"""Inpainting networks: gated and partial convolutions.

All take `{"image": (batch, height, width, channels), "mask": (batch, height,
width, 1)}` of any size, mask 1 = missing or corrupted, and return a whole
image, not clipped. The values of masked pixels are not used. Inside the
networks images are in [-1, 1], so that a missing pixel, 0, is mid-gray.
"""

import keras
from keras import layers, ops

from keras_synth.layers import (
    CropLike,
    GatedConv2D,
    NearestUpSampling2D,
    PadToMultiple,
    PartialConv2D,
)
from keras_synth.networks.inputs import check_counts


def gated_inpainter(channels=3, widths=(32, 64, 128), dilations=(2, 4)):
    """Gated inpainting network: a U-Net of gated and dilated convolutions.

    2 x 2 pixels of image and mask become channels; each further level halves
    the sides. At the lowest resolution dilated convolutions propagate known
    pixels into the holes. The decoder upsamples by nearest neighbors, with
    skip connections, the last one from the image and its mask.

    An image of 64 x 64 takes 0.3 billion multiply-adds.

    Args:
        channels: Channels of the images, 1 or 3.
        widths: Channels of the levels, at 1/2, 1/4, ... of the sides of the
            image, which are padded to a multiple of `2 ** len(widths)`.
        dilations: Dilation rates of the convolutions at the lowest
            resolution. With three levels a rate of 8 spans 128 pixels, for
            large images.

    Returns:
        A `keras.Model` from `{"image": ..., "mask": ...}` to (batch, height,
        width, channels).

    Raises:
        ValueError: Arguments are out of range.

    Example:

    >>> network = gated_inpainter(channels=1, widths=(8, 16), dilations=(2,))
    >>> degraded = {"image": ops.zeros((1, 9, 14, 1)),
    ...            "mask": ops.ones((1, 9, 14, 1))}
    >>> network(degraded).shape
    TensorShape([1, 9, 14, 1])

    Reference: Yu et al., Free-Form Image Inpainting with Gated Convolution,
    2019, sections 3.1 and 3.3: the gated and dilated convolutions, here in one
    network instead of two, and with skip connections.
    """
    check_counts(channels, widths=widths, dilations=dilations)
    inputs, known, mask = _known(channels, 2 ** len(widths))
    full = ops.concatenate([known, mask], axis=-1)
    # (batch, height / 2, width / 2, 4 channels + 4)
    x = GatedConv2D(widths[0], 3)(ops.space_to_depth(full, 2))
    skips = [full]
    for level, width in enumerate(widths):
        if level:
            x = GatedConv2D(width, 3, strides=2)(x)
        x = GatedConv2D(width, 3)(x)
        skips.append(x)
    for rate in dilations:
        far = GatedConv2D(widths[-1], 3, dilation_rate=rate)(x)
        x = layers.Add()([x, far])
    for width, skip in zip(widths[-2::-1], skips[-2:0:-1], strict=True):
        x = _doubled_beside(x, skip)
        x = GatedConv2D(width, 3)(GatedConv2D(width, 3)(x))
    x = GatedConv2D(max(1, widths[0] // 2), 3)(_doubled_beside(x, full))
    x = layers.Conv2D(channels, 3, padding="same", **_last())(x)
    return _image_network(inputs, x, "gated_inpainter")


def partial_inpainter(channels=3, widths=(32, 64, 128, 128)):
    """Partial-convolution inpainting network: a U-Net.

    Only valid pixels enter a convolution. Each level halves the sides, with
    kernels of 7, 5, 5 and then 3 pixels, and shrinks the holes. The decoder
    upsamples features and masks and concatenates those of the encoder. Unlike
    in the paper there is no normalization, whose statistics would depend on
    the masks.

    Holes of up to `2 ** (len(widths) + 1)` pixels are filled; the core of a
    larger hole stays mid-gray and needs more `widths`.

    Args:
        channels: Channels of the images, 1 or 3.
        widths: Channels of the levels, at 1/2, 1/4, ... of the sides of the
            image, which are padded to a multiple of `2 ** len(widths)`.
            The paper has 64, 128, 256 and five times 512 for images of
            512 x 512.

    Returns:
        A `keras.Model` from `{"image": ..., "mask": ...}` to (batch, height,
        width, channels).

    Raises:
        ValueError: Arguments are out of range.

    Example:

    >>> degraded = {"image": ops.zeros((1, 9, 14, 1)),
    ...            "mask": ops.ones((1, 9, 14, 1))}
    >>> partial_inpainter(channels=1, widths=(8, 16))(degraded).shape
    TensorShape([1, 9, 14, 1])

    Reference: Liu et al., Image Inpainting for Irregular Holes Using Partial
    Convolutions, 2018, section 3.2 and the appendix's table.
    """
    check_counts(channels, widths=widths)
    inputs, x, mask = _known(channels, 2 ** len(widths))
    skips = [(x, mask)]
    for level, width in enumerate(widths):
        size = (7, 5, 5)[level] if level < 3 else 3
        x, mask = PartialConv2D(width, size, strides=2)([x, mask])
        x = layers.ReLU()(x)
        skips.append((x, mask))
    for width, (skip, skip_mask) in zip(
        widths[-2::-1], skips[-2:0:-1], strict=True
    ):
        x, mask = _doubled_with_holes(x, mask, skip, skip_mask)
        x, mask = PartialConv2D(width, 3)([x, mask])
        x = layers.LeakyReLU(0.2)(x)
    x, mask = _doubled_with_holes(x, mask, *skips[0])
    x, _ = PartialConv2D(channels, 3, **_last())([x, mask])
    return _image_network(inputs, x, "partial_inpainter")


def _known(channels, multiple):
    """The inputs by name; and the padded image without masked pixels."""
    inputs = {
        "image": keras.Input((None, None, channels), name="image"),
        "mask": keras.Input((None, None, 1), name="mask"),
    }
    image = inputs["image"]
    pad = PadToMultiple(multiple)
    mask = pad(inputs["mask"] + ops.zeros_like(image[..., :1]))
    known = (2.0 * pad(image) - 1.0) * (1.0 - mask)
    return inputs, known, mask


def _doubled_beside(x, skip):
    return layers.Concatenate()([NearestUpSampling2D()(x), skip])


def _doubled_with_holes(x, mask, skip, skip_mask):
    """Two concatenated feature maps, each channel with its own mask."""
    both = _doubled_beside(x, skip)
    x_mask = NearestUpSampling2D(dtype="float32")(mask)
    masks = [
        x_mask + ops.zeros_like(both[..., : x.shape[-1]]),
        skip_mask + ops.zeros_like(skip),
    ]
    return both, ops.concatenate(masks, axis=-1)


def _last():
    """Options of the last layer: starts near mid-gray, float32."""
    small = keras.initializers.VarianceScaling(0.1)
    return {"kernel_initializer": small, "dtype": "float32"}


def _image_network(inputs, x, name):
    """Maps [-1, 1] to an image of the size of the input."""
    x = layers.Rescaling(0.5, offset=0.5, dtype="float32")(x)
    return keras.Model(inputs, CropLike()([x, inputs["image"]]), name=name)
