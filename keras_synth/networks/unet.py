"""U-Nets: for restoration, for masks of corrupted pixels, for inpainting."""

import keras
import numpy as np
from keras import layers, ops

from keras_synth.layers import (
    CropLike,
    NearestUpSampling2D,
    PadToMultiple,
    PullPush,
    TopHat,
)
from keras_synth.networks.denoising import halved_with_noise_map
from keras_synth.networks.features import squeezenet_features
from keras_synth.networks.inputs import check_counts

# Holes of up to some 60 pixels are interpolated, the core of larger ones gets
# the mean color.
_FILL_LEVELS = 5
# Maps of SqueezeNet that a U-Net for masks takes, the largest first.
_ENCODER_LAYERS = ("relu_conv1", "fire3", "fire5", "fire9")


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


def mask_unet(channels=3, widths=(48, 64, 96, 128), weights=None):
    """U-Net for segmentation: the probability that a pixel is corrupted.

    The encoder is SqueezeNet 1.1, which is not trained further unless its
    `trainable` is set: it knows what photographs show, and so what does not
    belong there. The decoder goes up
    from its deepest map: `fire9`, `fire5`, `fire3` and `relu_conv1`, at 1/16,
    1/8, 1/4 and 1/2 of the sides. At each level a map, by 1 x 1 convolution, is
    joined to the decoder's own features, and a convolution of 3 x 3 and a
    residual block (`relu(x + W₂ relu(W₁ x))`) follow, all with batch
    normalization. The last layer gives one probability for each pixel, by a
    sigmoid.

    At 1/2 the decoder also sees the image itself, through a convolution and a
    block of its own, joined by

    - two standardized versions, of mean 0 and standard deviation 1 over the
      image: its values, and for color images the differences of red, green and
      blue from their mean. There a faded image is like any other, and what has
      another color than the image stands out. Standardized is what one call
      sees: tiles of an image each by themselves.
    - its top hats (`layers.TopHat`) of 3, 7 and 15 pixels: thin bright and
      dark objects. They come as they are, and divided by their local mean,
      over 9 x 9 blocks of 8 x 8 pixels: a hair on a smooth sky is then more
      than one among grass.

    Args:
        channels: Channels of the images, 1 or 3.
        widths: Channels of the four levels of the decoder, at 1/2, 1/4, 1/8
            and 1/16 of the sides of the image.
        weights: Weights of the encoder, as in `squeezenet_features`: None for
            random ones.

    Returns:
        A `keras.Model` from (batch, height, width, channels) to float32
        (batch, height, width, 1), from 0 to 1.

    Raises:
        FileNotFoundError: There is no file of weights at that path.
        ValueError: Arguments are out of range.

    Example:

    >>> mask_unet(widths=(8, 8, 8, 8))(ops.zeros((1, 9, 14, 3))).shape
    TensorShape([1, 9, 14, 1])

    Reference: Ronneberger et al., U-Net: Convolutional Networks for Biomedical
    Image Segmentation, 2015. Iglovikov and Shvets, TernausNet: U-Net with VGG11
    Encoder Pre-Trained on ImageNet for Image Segmentation, 2018.
    """
    check_counts(channels, widths=widths)
    if len(widths) != len(_ENCODER_LAYERS):
        raise ValueError(
            f"`widths` must be {len(_ENCODER_LAYERS)} numbers, one for each "
            f"level. Received: widths={widths!r}"
        )
    encoder = squeezenet_features(weights, _ENCODER_LAYERS, channels)
    image = keras.Input((None, None, channels), name="image")
    pad = PadToMultiple(32)  # 2 x 2 cells of the deepest map
    seen = ops.space_to_depth(_versions(image, pad), 2)
    seen = _normalized_block(_normalized(seen, widths[0]), widths[0])
    maps, x = encoder(pad(image)), None
    levels = zip(_ENCODER_LAYERS, widths, strict=True)
    for layer, width in reversed(list(levels)):
        # Each map lacks one row and column at the end.
        known = layers.ZeroPadding2D(((0, 1), (0, 1)))(maps[layer])
        known = layers.BatchNormalization(momentum=0.98)(known)
        joined = [_normalized(known, width, 1)]
        if x is not None:
            joined.append(NearestUpSampling2D(2)(_normalized(x, width, 1)))
        if layer == _ENCODER_LAYERS[0]:
            joined.append(seen)
        x = ops.concatenate(joined, axis=-1) if x is not None else joined[0]
        x = _normalized_block(_normalized(x, width), width)
    logits = _full_size(x, 1, image, {"use_bias": True})
    return keras.Model(image, ops.sigmoid(logits), name="mask_unet")


def _versions(image, pad):
    """What `mask_unet` sees of an image, padded; about 1 in scale."""
    versions = [4.0 * (image - 0.5), 2.0 * _standardized(image)]
    if image.shape[-1] == 3:
        difference = image - ops.mean(image, axis=-1, keepdims=True)
        versions.append(_standardized(difference))
    hats = TopHat()(pad(image))
    local = ops.average_pool(hats, 8, 8)
    local = ops.average_pool(local, 9, strides=1, padding="same")
    local = NearestUpSampling2D(8)(local)
    versions = pad(ops.concatenate(versions, axis=-1))
    hats = [8.0 * hats, 0.5 * hats / (local + 0.01)]
    return ops.concatenate([versions, *hats], axis=-1)


def _standardized(images):
    """Mean 0 and standard deviation 1 of each channel of each image."""
    images = images - ops.mean(images, axis=(1, 2), keepdims=True)
    return images / (ops.std(images, axis=(1, 2), keepdims=True) + 0.01)


def _normalized(x, width, size=3, activation="relu"):
    """Convolution, batch normalization, activation."""
    x = _convolution(x, width, size=size, use_bias=False)
    x = layers.BatchNormalization(momentum=0.98)(x)
    return layers.Activation(activation)(x)


def _normalized_block(x, width):
    """Residual block with batch normalization."""
    y = _normalized(_normalized(x, width), width, activation="linear")
    return layers.ReLU()(layers.Add()([x, y]))


def unet_inpainter(channels=3, widths=(48, 96, 192), num_blocks=2):
    """Residual U-Net for inpainting: pull-push interpolation, then detail.

    Holes are first filled smoothly (`layers.PullPush`). The network of `unet`
    takes that image and the mask, and predicts what to subtract in the holes.
    Known pixels come out as they went in; the values of missing ones are not
    used.

    Args:
        channels: Channels of the images, 1 or 3.
        widths: Channels of the levels, at 1/2, 1/4, ... of the sides of the
            image.
        num_blocks: Number of residual blocks of each level, in encoder and
            decoder each.

    Returns:
        A `keras.Model` from `{"image": (batch, height, width, channels),
        "mask": (batch, height, width, 1)}` of any size, where 1 means
        missing, to (batch, height, width, channels), not clipped.

    Raises:
        ValueError: Arguments are out of range.

    Example:

    >>> network = unet_inpainter(widths=(8, 16), num_blocks=1)
    >>> degraded = {"image": ops.zeros((1, 9, 14, 3)),
    ...             "mask": ops.ones((1, 9, 14, 1))}
    >>> network(degraded).shape
    TensorShape([1, 9, 14, 3])

    Reference: Gortler et al., The Lumigraph, 1996, section 3.4: pull-push.
    """
    check_counts(channels, widths=widths, num_blocks=num_blocks)
    bias = {"use_bias": True}
    inputs = {
        "image": keras.Input((None, None, channels), name="image"),
        "mask": keras.Input((None, None, 1), name="mask"),
    }
    image, mask = inputs["image"], inputs["mask"]
    pad = PadToMultiple(max(2 ** len(widths), 2**_FILL_LEVELS))
    padded_mask = pad(mask)
    filled = PullPush(_FILL_LEVELS)([pad(image), padded_mask])
    x = ops.concatenate(
        [ops.space_to_depth(x, 2) for x in (filled, padded_mask)], axis=-1
    )
    x = _encoder_decoder(x, widths, num_blocks, bias)
    made = CropLike()([filled, image]) - _full_size(x, channels, image, bias)
    made = ops.where(mask > 0.5, made, image)
    return keras.Model(inputs, made, name="unet_inpainter")


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


def transfer_unet(network, build=unet):
    """Transfer learning: a U-Net for another task, from trained weights.

    What a denoiser knows of photographs is a good start for a restorer of
    anything else, or for an inpainter. All convolutions keep their kernels
    and biases. Of the first one, input channels that only one of both has
    start at 0 or are left out (a noise level, a mask). A blind `unet` from a
    denoiser returns what that does at a noise level of 0.

    Args:
        network: A `unet`.
        build: The function that builds the other: `unet` (without a noise
            level) or `unet_inpainter`.

    Returns:
        The network of `build`, of the same sizes, with biases.

    Raises:
        ValueError: `network` is not such a U-Net, or `build` another function.

    Example:

    >>> given = unet(widths=(8, 16), num_blocks=1, noise_conditional=True)
    >>> transfer_unet(given).input_shape
    (None, None, None, 3)
    """
    sizes, known = _sizes(network), _convolutions(network)
    if build not in (unet, unet_inpainter):
        raise ValueError(
            "`build` must be `networks.unet` or `networks.unet_inpainter`. "
            f"Received: {build!r}"
        )
    twin = build(channels=network.output_shape[-1], **sizes)
    for ours, theirs in zip(_convolutions(twin), known, strict=True):
        kernel = np.zeros(ours.kernel.shape, "float32")
        shared = min(kernel.shape[2], theirs.kernel.shape[2])
        kernel[:, :, :shared] = ops.convert_to_numpy(theirs.kernel)[
            :, :, :shared
        ]
        ours.kernel.assign(kernel)
        if theirs.use_bias:
            ours.bias.assign(theirs.bias)
    return twin


def unet_features(network):
    """Feature network of a perceptual loss: the maps of a trained U-Net.

    What a network that restores photographs learned to see of them: the maps
    at the end of each level of its encoder.

    Args:
        network: A `unet` without a noise level, such as
            `presets.photo_restorer()`.

    Returns:
        A `keras.Model` from images (batch, height, width, channels) to
        `{"level1": (batch, height / 2, width / 2, widths[0]), "level2": ...}`,
        with the weights of the network itself.

    Raises:
        ValueError: `network` is not such a U-Net.

    Example:

    >>> maps = unet_features(unet(1, widths=(8, 16), num_blocks=1))
    >>> maps(ops.zeros((1, 8, 12, 1)))["level2"].shape
    TensorShape([1, 2, 3, 16])
    """
    sizes, known = _sizes(network), _convolutions(network)
    if len(network.inputs) > 1:
        raise ValueError(
            "A feature network takes images alone, and so must the U-Net. "
            f"Received: {network.name!r}, which takes a noise level"
        )
    strided = [layer for layer in known[1:] if layer.strides == (2, 2)]
    num_levels = len(sizes["widths"])
    added = [x for x in network.layers if isinstance(x, layers.Add)]
    # Each level but the deepest ends where the next one begins.
    ends = [layer.input for layer in strided[: num_levels - 1]]
    ends.append(added[num_levels * sizes["num_blocks"] - 1].output)
    maps = {f"level{index}": end for index, end in enumerate(ends, 1)}
    return keras.Model(network.input, maps, name=f"{network.name}_features")


def gray_unet(network):
    """Gray U-Net that does what a color one does to gray images.

    The image is taken for three equal channels, and the mean of the channels
    is returned. To a color denoiser, noise of σ that is the same in all three
    has a mean that is √3 times that of independent noise, so that is the level
    that it is given.

    Args:
        network: A `unet` of three channels, with a noise level or without.

    Returns:
        A `unet` of one channel and the same sizes.

    Raises:
        ValueError: `network` is not such a U-Net.

    Example:

    >>> gray_unet(unet(widths=(8, 16), num_blocks=1)).input_shape
    (None, None, None, 1)
    """
    sizes, known = _sizes(network), _convolutions(network)
    if network.output_shape[-1] != 3:
        raise ValueError(
            "A gray U-Net is made of one for color images. Received: "
            f"{network.name!r} of {network.output_shape[-1]} channel"
        )
    twin = unet(
        channels=1,
        noise_conditional=len(network.inputs) > 1,
        use_bias=known[0].use_bias,
        **sizes,
    )
    ours = _convolutions(twin)
    for layer, origin in zip(ours, known, strict=True):
        values = [ops.convert_to_numpy(value) for value in origin.weights]
        if layer is ours[0]:  # 2 x 2 pixels of three channels, and the level
            values[0] = _summed(values[0], 2, np.sum)
            values[0][:, :, 4:] *= np.sqrt(3.0)
        elif layer is ours[-1]:
            values = [
                _summed(value, value.ndim - 1, np.mean) for value in values
            ]
        layer.set_weights(values)
    return twin


def _summed(values, axis, reduce):
    """`reduce` over the channels of 4 pixels; what comes after is kept."""
    pixels, rest = np.split(np.moveaxis(values, axis, -1), [12], axis=-1)
    pixels = reduce(pixels.reshape(*pixels.shape[:-1], 4, 3), axis=-1)
    return np.moveaxis(np.concatenate([pixels, rest], -1), -1, axis)


def is_unet(network):
    """Whether a network was built by `unet`."""
    known = _convolutions(network)
    kinds = {type(layer) for layer in network.layers}
    num_levels = 1 + sum(layer.strides == (2, 2) for layer in known[1:]) // 2
    num_pairs = (len(known) - 2 * num_levels) // 2
    return (
        layers.Add in kinds
        and PullPush not in kinds
        and num_pairs >= 2 * num_levels - 1
        # 2 x 2 pixels, and perhaps a noise level.
        and known[0].kernel.shape[2] // 4 == network.output_shape[-1]
    )


def _sizes(network):
    """Arguments `widths` and `num_blocks` that a `unet` was built with."""
    if not is_unet(network):
        raise ValueError(
            "Only a `networks.unet` can be transferred to another task. "
            f"Received: {network.name!r}"
        )
    known = _convolutions(network)
    strided = [layer for layer in known[1:] if layer.strides == (2, 2)]
    num_levels = 1 + len(strided) // 2
    # First and last one, strided ones; the others are pairs in blocks.
    num_pairs = (len(known) - 2 - len(strided)) // 2
    return {
        "widths": [
            layer.filters for layer in (known[0], *strided[: num_levels - 1])
        ],
        "num_blocks": num_pairs // (2 * num_levels - 1),
    }


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


def _convolution(x, width, initializer="glorot_uniform", size=3, **options):
    return layers.Conv2D(
        width,
        size,
        padding="same",
        kernel_initializer=initializer,
        **options,
    )(x)
