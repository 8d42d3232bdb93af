"""Arguments of style transfer: layers, images, styles and steps, checked."""

import keras
import numpy as np
from keras import ops

from keras_synth.models.checks import InvalidInput, check_images, is_weight
from keras_synth.ops.numbers import is_int


def layer_weights(layers, names, argument):
    """Weights of a feature network's layers.

    Args:
        layers: Name of a layer, list of names, which share a weight of 1, or
            `{name: weight}`.
        names: Names of the network's layers.
        argument: Name of the argument, for the error message.

    Returns:
        `{name: weight}`.
    """
    layers = [layers] if isinstance(layers, str) else layers
    if isinstance(layers, list | tuple) and layers:
        layers = dict.fromkeys(layers, 1.0 / len(set(layers)))
    if (
        not isinstance(layers, dict)
        or not layers
        or not set(layers) <= set(names)
        or not all(is_weight(weight) for weight in layers.values())
    ):
        raise ValueError(
            f"`{argument}` must be layers of `features`, names or {{name: "
            f"weight of at least 0}}. The network has {names}. "
            f"Received: {argument}={layers!r}"
        )
    return {name: float(weight) for name, weight in layers.items()}


def as_images(images, channels, argument):
    """Float32 images of as many channels as a network takes.

    Args:
        images: (batch, height, width, channels), array or tensor. Gray images
            become color images where the network takes these.
        channels: Channels of the network's images. None takes 1 or 3, as they
            come.
        argument: Name of the argument, for the error message.
    """
    if not hasattr(images, "shape"):
        images = np.asarray(images)
    given = images.shape[-1] if len(images.shape) == 4 else None
    if given == 4:
        raise InvalidInput(
            f"`{argument}` has an alpha channel, which has no style. Put it "
            "on white, `io.read_image(path, channels=3)`, or cut it "
            f"off. Received: shape {tuple(images.shape)}"
        )
    if given == 3 and channels == 1:
        raise InvalidInput(
            f"`{argument}` has colors, `features` take gray images: build "
            "them with `channels=3`. Received: shape "
            f"{tuple(images.shape)}"
        )
    try:
        gray = given == 1
        check_images(images, (None, None, 1 if gray else channels or 3))
    except ValueError as error:
        raise InvalidInput(f"`{argument}`: {error}") from error
    images = ops.cast(ops.convert_to_tensor(images), "float32")
    return ops.repeat(images, 3, axis=-1) if gray and channels == 3 else images


def as_styles(style, weights, channels, num_images):
    """Styles as a list, and their weights.

    Args:
        style: (1 or num_images, height, width, channels), or a list of such.
        weights: Weight of each style. None weights them equally.
        channels: As in `as_images`.
        num_images: Number of content images.

    Returns:
        `(styles, weights)`, lists; the weights add up to 1.
    """
    styles = list(style) if isinstance(style, list | tuple) else [style]
    if not styles:
        raise ValueError("`style` must hold an image. Received: none")
    styles = [as_images(each, channels, "style") for each in styles]
    for each in styles:
        count = each.shape[0]
        if (
            count is not None
            and num_images is not None
            and (count not in (1, num_images))
        ):
            raise ValueError(
                "`style` must hold one image for all contents or one for "
                f"each of the {num_images}; give several styles to blend as "
                f"a list. Received: shape {tuple(each.shape)}"
            )
    return styles, as_style_weights(weights, len(styles))


def as_style_weights(weights, count, argument="style_weights"):
    """Weights of some styles, floats that add up to 1.

    Args:
        weights: Weight of each style. None weights them equally.
        count: Number of styles.
        argument: Name of the argument, for the error message.
    """
    if weights is None:
        weights = [1.0] * count
    if (
        len(weights) != count
        or not all(is_weight(weight) for weight in weights)
        or not sum(weights) > 0
    ):
        raise ValueError(
            f"`{argument}` must hold a number of at least 0 for each of the "
            f"{count} styles, not all 0. Received: {argument}={weights!r}"
        )
    return [float(weight) / sum(weights) for weight in weights]


def image_pairs(data):
    """Contents and styles of a batch.

    Args:
        data: `(contents, styles)`, or these as one input, `[contents,
            styles]`.

    Returns:
        `(contents, styles)`.
    """
    contents, styles, _ = keras.utils.unpack_x_y_sample_weight(data)
    if styles is None and isinstance(contents, list | tuple):
        contents, *styles = contents
        styles = styles[0] if len(styles) == 1 else None
    if styles is None:
        raise InvalidInput(
            "Images must come in pairs, contents and styles: `fit(contents, "
            "styles)`, `predict([contents, styles])`, or a dataset of pairs."
        )
    return contents, styles


def as_step_counts(steps):
    """Numbers of steps, a tuple with one for each level of the pyramid."""
    counts = tuple(steps) if isinstance(steps, list | tuple) else (steps,)
    if not counts or not all(is_int(count) and count > 0 for count in counts):
        raise ValueError(
            "`steps` must be a positive int, or one a level of the pyramid. "
            f"Received: steps={steps!r}"
        )
    return counts


def check_alpha(alpha):
    """Refuses a strength of the style outside [0, 1]; tensors pass."""
    if isinstance(alpha, int | float) and not 0 <= alpha <= 1:
        raise ValueError(
            f"`alpha` must be from 0 to 1. Received: alpha={alpha!r}"
        )


def check_is_compiled(model):
    """Refuses a model that was not compiled and has no loss weights."""
    if not model.compiled:
        raise ValueError(
            f"Call `compile()` before: it sets the loss of "
            f"{type(model).__name__}. Its defaults will do."
        )


def as_start(start, content):
    """The start of the optimization: "content", "noise" or an image."""
    if isinstance(start, str):
        if start not in ("content", "noise"):
            raise ValueError(
                '`start` must be "content", "noise" or an image. '
                f"Received: start={start!r}"
            )
        return start
    start = as_images(start, content.shape[-1], "start")
    if start.shape != content.shape:
        raise ValueError(
            "`start` must be as large as `content`, "
            f"{tuple(content.shape)}. Received: shape {tuple(start.shape)}"
        )
    return start


def default_content_layer(features, names, preferred):
    """The preferred layer, or the deepest of at least 1/8 of the sides."""
    if preferred in names:
        return preferred
    side = 512
    shape = (None, side, side, features.input_shape[-1])
    shapes = features.compute_output_shape(shape)
    # Some networks lose a pixel or two at the edges.
    fine = [name for name in names if shapes[name][1] >= side // 8 - 2]
    return (fine or names)[-1]


def decoder_geometry(features, layer, decoder):
    """Stride and margin of a decoder and the encoder before it.

    Args:
        features: Network from images to `{layer name: map}`.
        layer: Name of the map that the decoder takes.
        decoder: Network from that map to images.

    Returns:
        `(stride, margin)`: a side of a map times `stride` is that of an
        image; images of a multiple of `stride`, and `margin` more at the
        right and bottom, make maps that suffice for the whole image (nets
        such as SqueezeNet lose pixels at the edges).
    """
    maps, channels = features.output[layer], features.input_shape[-1]
    taken, made = decoder.input_shape[-1], decoder.output_shape[-1]
    if taken != maps.shape[-1] or made != channels:
        raise ValueError(
            f"`decoder` must take the {maps.shape[-1]} channels of {layer!r} "
            f"and make images of {channels}, as "
            "`networks.style_decoder(features)` does. Received: a network "
            f"from {taken} to {made} channels"
        )

    def side_after(network, side, depth):
        shape = network.compute_output_shape((None, side, side, depth))
        return (shape[layer] if isinstance(shape, dict) else shape)[1]

    stride = side_after(decoder, 8, taken) // 8
    side = 32 * stride
    for margin in range(0, 5 * stride, stride):
        made = stride * side_after(features, side + margin, channels)
        if side <= made <= side + margin:
            return stride, margin
    raise ValueError(
        f"`decoder` upscales {stride} times, which is not how much smaller "
        f"the map {layer!r} of `features` is than the image."
    )
