"""All layers of a model, including those of nested models and wrappers."""


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
