"""Conversion of torchvision weights to Keras, for VGG and SqueezeNet."""

import hashlib
import pathlib

import h5py
import numpy as np

from keras_synth.networks.features import (
    squeezenet_features,
    vgg16_features,
    vgg19_features,
)

# First digits of the SHA-256 of torchvision's files, part of their names.
_PUBLISHED = {
    "vgg16": "397923af",
    "vgg19": "dcbb9e9d",
    "squeezenet": "b8a52dc0",
}
_BUILDERS = {
    "vgg16": vgg16_features,
    "vgg19": vgg19_features,
    "squeezenet": squeezenet_features,
}


def convert_torchvision(path, destination):
    """Converts a torchvision weights file for the feature networks.

    The linear weights of LPIPS were fitted to the networks of torchvision,
    whose training differs from that of Keras' weights. The converted file
    includes their scaling of images (mean and deviation of ImageNet), so that
    `vgg16_features(destination)` returns the features of torchvision.

    Args:
        path: Path of the file, `vgg16-397923af.pth`, `vgg19-dcbb9e9d.pth`,
            `squeezenet1_1-b8a52dc0.pth`, or another of the same networks
            saved by `torch.save(network.state_dict(), path)`.
        destination: Path of the file to write, which ends in `.weights.h5`.

    Returns:
        `destination`, a `pathlib.Path`.

    Raises:
        FileNotFoundError: There is no file at `path`.
        ImportError: PyTorch, which reads the file, is not installed.
        ValueError: The weights are those of another network, or the
            destination has another ending.
    """
    path, destination = pathlib.Path(path), pathlib.Path(destination)
    if not destination.name.endswith(".weights.h5"):
        raise ValueError(
            "`destination` must end with .weights.h5. "
            f"Received: {str(destination)!r}"
        )
    if not path.is_file():
        raise FileNotFoundError(
            f"There is no weights file {str(path)!r}. Fetch it: curl -LO "
            "https://download.pytorch.org/models/vgg16-397923af.pth"
        )
    architecture = write_converted(_state(path), destination)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest.startswith(_PUBLISHED[architecture]):
        with h5py.File(destination, "a") as file:
            file.attrs["origin"] = "torchvision"
    return destination


def write_converted(state, destination):
    """Writes weights of torchvision, given as arrays, as a Keras file.

    Args:
        state: `{name: array}`, with the names of torchvision.
        destination: Path of the file to write, which ends in `.weights.h5`.

    Returns:
        The name of the network: "vgg16", "vgg19" or "squeezenet".

    Raises:
        ValueError: The weights are those of another network.
    """
    kernels = [
        name
        for name in state
        if name.startswith("features.") and name.endswith(".weight")
    ]
    squeezes = any(".squeeze." in name for name in kernels)
    counts = {
        (13, False): "vgg16",
        (16, False): "vgg19",
        (25, True): "squeezenet",
    }
    architecture = counts.get((len(kernels), squeezes))
    refusal = (
        "The weights must be torchvision's of vgg16, vgg19 or squeezenet1_1. "
        f"Received: {len(kernels)} convolutions, the first {kernels[:3]}"
    )
    if architecture is None:
        raise ValueError(refusal)
    network = _BUILDERS[architecture](None)
    layers = [x for x in network.layers if hasattr(x, "kernel")]
    try:
        for layer, name in zip(layers, kernels, strict=True):
            kernel = np.transpose(state[name], (2, 3, 1, 0))
            layer.set_weights([kernel, state[name[:-6] + "bias"]])
    except (ValueError, KeyError) as error:
        raise ValueError(refusal) from error
    network.get_layer("scaling").set_torchvision()
    network.save_weights(destination)
    return architecture


def _state(path):
    try:
        import torch
    except ImportError as error:
        raise ImportError(
            "Reading torchvision's files needs PyTorch, in any environment: "
            "pip install torch"
        ) from error
    state = torch.load(path, map_location="cpu", weights_only=True)
    return {name: np.asarray(value) for name, value in state.items()}
