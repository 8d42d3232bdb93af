"""PatchGAN discriminator: a logit for every patch of an image."""

import keras
from keras import layers, ops

from keras_synth.layers import SpectralNormalization
from keras_synth.networks.inputs import check_counts
from keras_synth.ops.numbers import is_int

CONDITIONS = ("degraded", "mask")


def patch_discriminator(
    out_channels=3,
    condition=CONDITIONS,
    in_channels=None,
    widths=(64, 128, 256),
    spectral_normalization=True,
    size=None,
    name="discriminator",
):
    """PatchGAN discriminator: a map of logits, one for each patch.

    Convolutions of kernel size 4, all but the last of them with stride 2, and
    one more to the logits. With n = `len(widths)` the receptive field of a
    logit is a square of

        9 · 2ⁿ⁻¹ - 2

    pixels a side: 16, 34 and 70 for the paper's (64, 128), (64, 128, 256) and
    (64, 128, 256, 512). There is a logit for every `2ⁿ⁻¹` pixels a side,
    rounded up. Images are padded with 0, mid-gray.

    A conditional discriminator classifies whether an image is a plausible
    restoration of the degraded image, and not only a plausible image.

    Args:
        out_channels: Channels of the images that are classified (the outputs
            of a generator), 1 or 3.
        condition: Further inputs, a tuple of "degraded" (the image before
            restoration) and "mask" (1 = missing or corrupted); `()` for
            none.
        in_channels: Channels of the degraded images (the inputs of a
            generator), 1 or 3; `out_channels` by default.
        widths: Channels of the convolutions.
        spectral_normalization: Whether every convolution has
            `layers.SpectralNormalization`. There is no other normalization.
        size: Side of the images, or (height, width), at least 2ⁿ⁻¹; None
            for any size.
        name: Name of the network.

    Returns:
        A `keras.Model` to logits (batch, rows, columns, 1), from `{"image":
        (batch, height, width, out_channels), "degraded": (batch, height, width,
        in_channels), "mask": (batch, height, width, 1)}`, the
        last two as given by `condition`. Without a condition the input is the
        image alone.

    Raises:
        ValueError: Arguments are out of range.

    Example:

    >>> discriminator = patch_discriminator(1, ("mask",), widths=(8, 16))
    >>> discriminator({"image": ops.zeros((2, 9, 14, 1)),
    ...        "mask": ops.ones((2, 9, 14, 1))}).shape
    TensorShape([2, 5, 7, 1])

    Reference: Isola et al., Image-to-Image Translation with Conditional
    Adversarial Networks, 2017, section 3.2.2 and appendix 6.1.2; Yu et al.,
    Free-Form Image Inpainting with Gated Convolution, 2019, section 3.4:
    spectrally normalized.
    """
    check_counts(out_channels, "out_channels", widths=widths)
    condition = _check_condition(condition, in_channels)
    if in_channels is None:
        in_channels = out_channels
    height, width = _check_size(size, 2 ** (len(widths) - 1))
    depths = {"image": out_channels, "degraded": in_channels, "mask": 1}
    inputs = {
        key: keras.Input((height, width, depths[key]), name=key)
        for key in ("image", *condition)
    }
    x = ops.concatenate(
        [
            each if key == "mask" else 2.0 * each - 1.0
            for key, each in inputs.items()
        ],
        axis=-1,
    )

    def convolution(x, width, **options):
        layer = layers.Conv2D(width, 4, padding="same", **options)
        if spectral_normalization:
            layer = SpectralNormalization(layer)
        return layer(x)

    for width in widths[:-1]:
        x = layers.LeakyReLU(0.2)(convolution(x, width, strides=2))
    x = layers.LeakyReLU(0.2)(convolution(x, widths[-1]))
    logits = convolution(x, 1, dtype="float32")
    if not condition:
        inputs = inputs["image"]
    return keras.Model(inputs, logits, name=name)


def _check_condition(condition, in_channels):
    if isinstance(condition, str) or (
        sorted(set(condition).intersection(CONDITIONS)) != sorted(condition)
    ):
        raise ValueError(
            f"`condition` must name some of {CONDITIONS}, or none: (). "
            f"Received: condition={condition!r}"
        )
    if in_channels is not None and (
        "degraded" not in condition or in_channels not in (1, 3)
    ):
        raise ValueError(
            '`in_channels` must be 1 or 3, or None without "degraded" '
            f"in `condition`. Received: {in_channels!r}"
        )
    return tuple(condition)


def _check_size(size, least):
    if size is None:
        return None, None
    sides = (size, size) if isinstance(size, int) else size
    if (
        not isinstance(sides, list | tuple)
        or len(sides) != 2
        or not all(is_int(side) and side >= least for side in sides)
    ):
        raise ValueError(
            "`size` must be None, an int or (height, width), of at least "
            f"{least} with so many `widths`. Received: size={size!r}"
        )
    return sides
