"""Files of the presets: weights and cards."""

import pathlib

from keras_synth.networks.pretrained import load_weights

_FOLDER = pathlib.Path(__file__).parent


def path(name):
    """Path of a weights file or a card of the presets.

    Args:
        name: Name of the file.

    Returns:
        The path, a `pathlib.Path`.

    Raises:
        ValueError: There is no such file.

    Example:

    >>> path("mnist_classifier.weights.h5").name
    'mnist_classifier.weights.h5'
    """
    files = sorted(
        file.name for file in _FOLDER.iterdir() if file.suffix in (".h5", ".md")
    )
    if name not in files:
        raise ValueError(
            f"`name` must be one of {', '.join(files)}. Received: {name!r}"
        )
    return _FOLDER / name


def load_preset(network, weights, advice):
    """Loads pretrained weights into a network.

    Args:
        network: A `keras.Model` with the name of the preset.
        weights: "pretrained", None to leave the network unchanged, or the
            path of a weights file.
        advice: Where to get weights, a sentence without its period.

    Raises:
        FileNotFoundError: There is no file at that path.
        ValueError: The file holds other weights.
    """
    if weights == "pretrained":
        weights = path(f"{network.name}.weights.h5")
    load_weights(network, weights, advice)
