"""Feature maps and their statistics: Gram matrices, AdaIN."""

import keras
from keras import ops

from keras_synth.ops.weights import weight_hash


def gram_matrix(maps):
    """Gram matrix of feature maps: the style of an image.

    `G_cd = Σ_hw x_hwc x_hwd / (C H W)`: the mean product of two channels over
    pixels, divided by the number of channels. The positions of features are
    lost; their texture remains.

    Args:
        maps: Float (batch, height, width, channels).

    Returns:
        (batch, channels, channels).

    Raises:
        ValueError: Another number of axes.

    Reference: Gatys et al., Image Style Transfer Using Convolutional Neural
    Networks, 2016, equation 3; normalized as by Johnson et al., Perceptual
    Losses for Real-Time Style Transfer and Super-Resolution, 2016, equation 3.

    Example:

    >>> maps = ops.reshape([1.0, 0.0, 1.0, 4.0], (1, 1, 2, 2))
    >>> gram_matrix(maps).numpy()
    array([[[0.5, 1. ],
            [1. , 4. ]]], dtype=float32)
    """
    maps = _checked(maps)
    _, height, width, channels = ops.shape(maps)
    pixels = height * width
    rows = ops.reshape(maps, (-1, pixels, channels))
    products = ops.matmul(ops.transpose(rows, (0, 2, 1)), rows)
    return products / ops.cast(pixels * channels, products.dtype)


def channel_statistics(maps, epsilon=1e-5):
    """Mean and standard deviation of each channel over an image.

    `μ_c = mean_hw x_hwc`, `σ_c = √(mean_hw (x_hwc - μ_c)² + ε)`.

    Args:
        maps: Float (batch, height, width, channels).
        epsilon: The constant ε. It keeps the gradient of σ finite where the
            variance is 0.

    Returns:
        `(mean, deviation)`, (batch, 1, 1, channels) each, float32 at least.

    Raises:
        ValueError: Another number of axes.

    Reference: Huang and Belongie, Arbitrary Style Transfer in Real-Time with
    Adaptive Instance Normalization, 2017, equations 5 and 6.

    Example:

    >>> maps = ops.reshape([1.0, 5.0], (1, 2, 1, 1))
    >>> [round(float(x[0, 0, 0, 0]), 3) for x in channel_statistics(maps)]
    [3.0, 2.0]
    """
    maps = _checked(maps)
    if keras.backend.standardize_dtype(maps.dtype) in ("float16", "bfloat16"):
        maps = ops.cast(maps, "float32")  # squares overflow
    mean, variance = ops.moments(maps, axes=(1, 2), keepdims=True)
    return mean, ops.sqrt(variance + epsilon)


def adaptive_instance_normalization(content, style, epsilon=1e-5):
    """Adaptive instance normalization (AdaIN) of content by style maps.

    `σ(y) (x - μ(x)) / σ(x) + μ(y)` for each image and channel: the layout
    comes from x, the strength of each feature from y.

    Args:
        content: The maps x, float (batch, height, width, channels).
        style: The maps y, float (batch or 1, height', width', channels).
        epsilon: Constant added to the variances, see `channel_statistics`.

    Returns:
        Maps of the shape and dtype of `content`.

    Raises:
        ValueError: Another number of axes, or channels that differ.

    Reference: Huang and Belongie 2017, equation 8.

    Example:

    >>> content = ops.reshape([0.0, 2.0], (1, 2, 1, 1))
    >>> style = ops.reshape([10.0, 30.0, 10.0, 30.0], (1, 4, 1, 1))
    >>> maps = adaptive_instance_normalization(content, style)
    >>> [round(float(value), 2) for value in maps[0, :, 0, 0]]
    [10.0, 30.0]
    """
    content, style = _checked(content), _checked(style)
    if content.shape[-1] != style.shape[-1]:
        raise ValueError(
            "`content` and `style` must be maps of the same channels. "
            f"Received: shapes {tuple(content.shape)} and {tuple(style.shape)}"
        )
    mean, deviation = channel_statistics(content, epsilon)
    style_mean, style_deviation = channel_statistics(style, epsilon)
    normalized = (ops.cast(content, mean.dtype) - mean) / deviation
    result = style_deviation * normalized + style_mean
    return ops.cast(result, content.dtype)


def relative_squared_error(target, values):
    """Squared error relative to the energy of the target.

    `Σ (x - t)² / Σ t²` for each image: 0 where they are equal, 1 where
    `values` are 0. It has no unit, so that maps of large and of small values
    weigh the same.

    Args:
        target: The target t, float (batch, ...).
        values: The values x, of the same shape.

    Returns:
        (batch,).

    Example:

    >>> target = ops.ones((1, 4))
    >>> float(relative_squared_error(target, 3.0 * target)[0])
    4.0
    """
    axes = tuple(range(1, len(target.shape)))
    energy = ops.sum(ops.square(target), axes)
    error = ops.sum(ops.square(values - target), axes)
    return error / ops.maximum(energy, keras.config.epsilon())


def feature_maps(network, images):
    """Computes the feature maps of images.

    Args:
        network: A feature network, see `check_feature_network`.
        images: Float (batch, height, width, channels) in [0, 1].

    Returns:
        `{layer name: (batch, height', width', channels')}`, float32.

    Raises:
        ValueError: The images have other channels than the network takes.
    """
    wanted, received = network.input_shape[-1], images.shape[-1]
    if received != wanted:
        raise ValueError(
            f"`features` was built for images of {wanted} channels. Build "
            f"it with channels={received}. Received: shape "
            f"{tuple(images.shape)}"
        )
    maps = network(images, training=False)
    return {name: ops.cast(each, "float32") for name, each in maps.items()}


def check_feature_network(network):
    """Refuses networks that do not return a dict of feature maps.

    Args:
        network: A `keras.Model` from images to `{layer name: map}`, such as
            `networks.vgg16_features()`.

    Returns:
        The names of its maps, list of str.

    Raises:
        ValueError: The outputs are not a dict of maps.
    """
    outputs = getattr(network, "output", None)
    if not isinstance(outputs, dict) or any(
        len(each.shape) != 4 for each in outputs.values()
    ):
        raise ValueError(
            "`features` must be a network that gives {layer name: map}, such "
            f"as `networks.vgg16_features()`. Received: features={network!r}"
        )
    return list(outputs)


def feature_network_config(network):
    """Configuration of a feature network: architecture and weight hash."""
    return {
        "network": keras.saving.serialize_keras_object(network),
        "weight_hash": weight_hash(network),
    }


def feature_network_from_config(config):
    """Rebuilds the network of `feature_network_config`, with its weights.

    Args:
        config: The dict that `feature_network_config` returned.

    Returns:
        The network.

    Raises:
        ValueError: The weights cannot be loaded again, or have changed.
    """
    network = keras.saving.deserialize_keras_object(config["network"])
    try:
        network.reload_weights()
        if weight_hash(network) != config["weight_hash"]:
            raise ValueError(
                "They had been changed after loading; their hash was "
                f"{config['weight_hash']}."
            )
    except (AttributeError, ValueError, OSError) as error:
        raise ValueError(
            f"The weights of the feature network {network.name!r}, which are "
            "not saved with a loss or metric, cannot be loaded again. Load the "
            "model with compile=False, then compile it with a loss or metric "
            f"on a feature network that you build. ({error})"
        ) from error
    return network


def _checked(maps):
    maps = ops.convert_to_tensor(maps)
    if len(maps.shape) != 4:
        raise ValueError(
            "`maps` must be (batch, height, width, channels). "
            f"Received: shape {tuple(maps.shape)}"
        )
    return maps
