"""Parts of a network: all its layers, nested ones too, input and maps."""

import keras


def all_layers(network):
    """Lists the layers of a model, of its nested models and of wrappers.

    Keras has no public way: `Model.layers` stops at the first level. This is
    the only place that calls Keras' private method.

    Args:
        network: A `keras.Model` or a layer.

    Returns:
        List of layers, the network itself included.
    """
    return list(network._flatten_layers())


def freeze_again(network):
    """Freezes the parts of frozen layers, which `.keras` files do not hold.

    A loaded layer has its own flag `trainable`. The layers that it builds
    itself, such as those of `keras.layers.MultiHeadAttention`, are trainable
    again; those of nested models have their own flags in the file.

    Args:
        network: A `keras.Model`; changed in place.
    """
    for layer in all_layers(network):
        if not layer.trainable and not isinstance(layer, keras.Model):
            for part in all_layers(layer):  # Keras skips an unchanged flag
                part.trainable = False


def network_input(network):
    """What a network takes: a symbolic tensor, or a dict of them.

    Args:
        network: A functional `keras.Model`, or a `Sequential`, which Keras
            gives no `input`.

    Returns:
        A `keras.KerasTensor`, or a dict or list of them; None where the
        network, a subclassed one, does not say.
    """
    if isinstance(network, keras.Sequential):
        return network.inputs[0] if network.built else None
    return getattr(network, "input", None)


def layer_outputs(network, names):
    """What layers of a network give: its feature maps, by the layers' names.

    `keras.Model(network_input(network), layer_outputs(network, names))` is a
    feature network that shares the layers, and so the weights, of `network`.
    Names survive saving and `keras.models.clone_model`.

    Args:
        network: A functional `keras.Model`, or a `Sequential`.
        names: Names of its layers, those of nested models excluded.

    Returns:
        `{name: symbolic tensor}`, (batch, height, width, channels) each.

    Raises:
        ValueError: No names, an unknown one, or a layer that gives no map.

    Example:

    >>> image = keras.Input((8, 8, 1))
    >>> x = keras.layers.Conv2D(4, 3, name="edges")(image)
    >>> network = keras.Model(image, keras.layers.Conv2D(1, 3)(x))
    >>> layer_outputs(network, ["edges"])["edges"].shape
    (None, 6, 6, 4)
    """
    outputs = {
        layer.name: layer.output
        for layer in network.layers
        if not isinstance(layer, keras.Model)  # its output is its own
        and len(getattr(layer.output, "shape", ())) == 4
    }
    unknown = [name for name in names if name not in outputs]
    if unknown or not names:
        raise ValueError(
            "Layers must be named that give maps (batch, height, width, "
            f"channels), some of {list(outputs)}. Received: {list(names)}"
        )
    return {name: outputs[name] for name in names}
