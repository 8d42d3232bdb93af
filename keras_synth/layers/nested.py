"""All layers of a model: those inside of nested models and wrappers too."""


def all_layers(network):
    """The layers of a model, of its nested models, wrappers and blocks.

    Keras has no public way to them: `Model.layers` stops at the first level.
    This is the only place that calls Keras' private one.

    Args:
        network: A `keras.Model` or a layer.

    Returns:
        List of layers, the network itself included.
    """
    return list(network._flatten_layers())
