"""Parts of a network: all its layers, nested ones too, and its input."""

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
