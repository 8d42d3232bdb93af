"""U-Nets: for image restoration, and for masks of corrupted pixels."""

import keras
from keras import layers, ops

from keras_synth.layers import CropLike, PadToMultiple
from keras_synth.networks.denoising import halved_with_noise_map
from keras_synth.networks.inputs import check_counts


def unet(
    channels=3,
    widths=(32, 64, 128),
    num_blocks=2,
    noise_conditional=False,
    use_bias=True,
):
    """Residual U-Net for image restoration, for images of any size.

    2 x 2 pixels become channels; each further level halves the sides. Each
    level of encoder and decoder has residual blocks (`x + W₂ relu(W₁ x)`), and
    the decoder adds the features of the encoder. The network predicts the
    degradation, which is subtracted from the image. No layer normalizes, which
    would lose the scale of the degradation.

    Args:
        channels: Channels of the images, 1 or 3.
        widths: Channels of the levels, at 1/2, 1/4, ... of the sides of the
            image.
        num_blocks: Number of residual blocks of each level, in encoder and
            decoder each.
        noise_conditional: Whether the network takes the noise level as a
            second input, as `ffdnet` does.
        use_bias: Whether convolutions have biases. Without them the network
            scales with its input, so that it generalizes to noise levels
            beyond those of the training. Degradations that are recognized by
            their values (pepper is 0) need biases.

    Returns:
        A `keras.Model` from (batch, height, width, channels) to the same shape;
        with `noise_conditional` from `{"image": ..., "noise_level": (batch,
        1, 1, 1) or (batch, height, width, 1)}`.

    Raises:
        ValueError: Arguments are out of range.

    Example:

    >>> unet(widths=(8, 16), num_blocks=1)(ops.zeros((1, 9, 14, 3))).shape
    TensorShape([1, 9, 14, 3])

    Reference: Zhang et al., Plug-and-Play Image Restoration with Deep Denoiser
    Prior, 2022, section 3.1: DRUNet, wider and at full resolution.
    Mohan et al., Robust and Interpretable Blind Image Denoising via Bias-Free
    Convolutional Neural Networks, 2020, section 4: biases.
    """
    check_counts(channels, widths=widths, num_blocks=num_blocks)
    bias = {"use_bias": use_bias}
    multiple = 2 ** len(widths)
    if noise_conditional:
        inputs, x = halved_with_noise_map(channels, multiple)
        image = inputs["image"]
    else:
        inputs = image = keras.Input((None, None, channels), name="image")
        x = ops.space_to_depth(PadToMultiple(multiple)(image), 2)
    x = _encoder_decoder(x, widths, num_blocks, bias)
    degradation = _full_size(x, channels, image, bias)
    return keras.Model(inputs, image - degradation, name="unet")


def mask_unet(channels=3, widths=(32, 64, 128), num_blocks=2):
    """U-Net for segmentation: the probability that a pixel is corrupted.

    The network of `unet`, whose last layer gives one probability for each
    pixel, by a sigmoid.

    Args:
        channels: Channels of the images, 1 or 3.
        widths: Channels of the levels, at 1/2, 1/4, ... of the sides of the
            image.
        num_blocks: Number of residual blocks of each level, in encoder and
            decoder each.

    Returns:
        A `keras.Model` from (batch, height, width, channels) to float32
        (batch, height, width, 1), from 0 to 1.

    Raises:
        ValueError: Arguments are out of range.

    Example:

    >>> mask_unet(widths=(8, 16), num_blocks=1)(ops.zeros((1, 9, 14, 3))).shape
    TensorShape([1, 9, 14, 1])

    Reference: Ronneberger et al., U-Net: Convolutional Networks for Biomedical
    Image Segmentation, 2015.
    """
    check_counts(channels, widths=widths, num_blocks=num_blocks)
    bias = {"use_bias": True}
    image = keras.Input((None, None, channels), name="image")
    x = ops.space_to_depth(PadToMultiple(2 ** len(widths))(image), 2)
    x = _encoder_decoder(x, widths, num_blocks, bias)
    probability = ops.sigmoid(_full_size(x, 1, image, bias))
    return keras.Model(image, probability, name="mask_unet")


def _encoder_decoder(x, widths, num_blocks, bias):
    x = _convolution(x, widths[0], **bias)
    known = []
    for level, width in enumerate(widths):
        if level:
            x = layers.Conv2D(width, 2, strides=2, **bias)(x)
        x = _blocks(x, width, num_blocks, **bias)
        known.append(x)
    for width, skip in zip(widths[-2::-1], known[-2::-1], strict=True):
        x = layers.Conv2DTranspose(width, 2, strides=2, **bias)(x)
        x = _blocks(layers.Add()([x, skip]), width, num_blocks, **bias)
    return x


def _full_size(x, channels, image, bias):
    """Features at half resolution to `channels` of the size of the image."""
    x = _convolution(x, 4 * channels, "zeros", dtype="float32", **bias)
    return CropLike()([ops.depth_to_space(x, 2), image])


def blind_unet(network):
    """U-Net without the noise level, from the weights of one that takes it.

    A denoiser of known noise is a good start for the training of a restorer of
    anything else. The channel of the noise level leaves the first convolution;
    all convolutions get biases, of 0. At a noise level of 0 the given network
    returns the same.

    Args:
        network: A `unet(..., noise_conditional=True)`.

    Returns:
        A `unet(...)` with `noise_conditional=False`.

    Raises:
        ValueError: `network` is not such a U-Net.

    Example:

    >>> given = unet(widths=(8, 16), num_blocks=1, noise_conditional=True)
    >>> blind_unet(given).input_shape
    (None, None, None, 3)
    """
    has_blocks = any(isinstance(layer, layers.Add) for layer in network.layers)
    if not (isinstance(network.input, dict) and has_blocks):
        raise ValueError(
            "Only a `networks.unet(..., noise_conditional=True)` has a blind "
            f"twin. Received: {network.name!r}"
        )
    known = _convolutions(network)
    first, *others = known
    strided = [layer for layer in others if layer.strides == (2, 2)]
    num_levels = 1 + len(strided) // 2
    # First and last one, strided ones; the others are pairs in blocks.
    num_pairs = (len(known) - 2 - len(strided)) // 2
    twin = unet(
        channels=network.output_shape[-1],
        widths=[
            first.filters,
            *(layer.filters for layer in strided[: num_levels - 1]),
        ],
        num_blocks=num_pairs // (2 * num_levels - 1),
    )
    for ours, theirs in zip(_convolutions(twin), known, strict=True):
        kernel = theirs.kernel[:, :, :-1] if theirs is first else theirs.kernel
        ours.kernel.assign(kernel)
        if theirs.use_bias:
            ours.bias.assign(theirs.bias)
    return twin


def _convolutions(network):
    kinds = (layers.Conv2D, layers.Conv2DTranspose)
    return [layer for layer in network.layers if isinstance(layer, kinds)]


def _blocks(x, width, num_blocks, use_bias):
    for _ in range(num_blocks):
        y = layers.ReLU()(
            _convolution(x, width, "he_normal", use_bias=use_bias)
        )
        # Small weights, so that a deep stack starts near the identity.
        small = keras.initializers.VarianceScaling(0.1)
        y = _convolution(y, width, small, use_bias=use_bias)
        x = layers.Add()([x, y])
    return x


def _convolution(x, width, initializer="glorot_uniform", **options):
    return layers.Conv2D(
        width,
        3,
        padding="same",
        kernel_initializer=initializer,
        **options,
    )(x)
