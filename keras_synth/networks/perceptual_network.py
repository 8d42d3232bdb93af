"""Perceptual network: a model from images to feature maps by layer name."""

import dataclasses
import pathlib

import h5py
import keras
import numpy as np

from keras_synth.networks.feature_network import FeatureNetwork
from keras_synth.networks.pretrained import download, load_weights, md5


@dataclasses.dataclass(frozen=True)
class Architecture:
    """Architecture of a perceptual network and its published weights.

    Attributes:
        name: Name of the network; its builder is `NAME_features`.
        convolutions: Number of convolutions.
        address: Address of the Keras file of its ImageNet weights, without
            the classifier.
        md5: MD5 of that file.
    """

    name: str
    convolutions: int
    address: str
    md5: str

    @property
    def advice(self):
        """Command that downloads the file."""
        return f"Fetch it: curl -LO {self.address}"


_KERAS = "https://storage.googleapis.com/tensorflow/keras-applications"
_FILE = "weights_tf_dim_ordering_tf_kernels_notop.h5"
_SQUEEZENET = (
    "https://raw.githubusercontent.com/DeepCognition/keras-squeezenet/"
    "a73d4339aa4d37c51a0b3ba044bed55477abec73"
)
ARCHITECTURES = {
    architecture.name: architecture
    for architecture in (
        Architecture(
            "vgg16",
            13,
            f"{_KERAS}/vgg16/vgg16_{_FILE}",
            "6d6bbae143d832006294945121d1f1fc",
        ),
        Architecture(
            "vgg19",
            16,
            f"{_KERAS}/vgg19/vgg19_{_FILE}",
            "253f8cb515780f3b799900260a226db6",
        ),
        Architecture(
            "squeezenet",
            25,
            f"{_SQUEEZENET}/squeezenet_{_FILE}",
            "80b66c92d79d4310e07fb60a297bf0d1",
        ),
    )
}


@keras.saving.register_keras_serializable("keras_synth")
class PerceptualNetwork(FeatureNetwork):
    """Perceptual network: a model from images in [0, 1] to feature maps.

    Its weights are frozen. Its configuration holds their source instead of
    the weights; `reload_weights` loads them from there.

    Args:
        inputs: `keras.Input` of images.
        outputs: `{layer name: feature map}`, computed from `inputs`.
        name: Name of the network.

    Example:

    >>> from keras_synth import networks
    >>> network = networks.vgg16_features(None, layers=("block1_conv2",))
    >>> network(keras.ops.zeros((1, 8, 12, 3)))["block1_conv2"].shape
    TensorShape([1, 8, 12, 64])
    """

    # Architecture, weights ("imagenet" or a path), origin and hash; None for
    # random weights.
    source = None

    @property
    def layer_names(self):
        """Names of the maps, from the first to the deepest, a list of str."""
        return list(self.output)

    @property
    def origin(self):
        """Origin of the weights: "imagenet", "torchvision" or None.

        "imagenet" for the file that the builder downloads, "torchvision" for
        converted weights of torchvision; None for others, and for weights
        that were changed after loading.
        """
        if self.source is None or self.source["hash"] != self.weight_hash:
            return None
        return self.source["origin"]

    def reload_weights(self):
        """Loads the weights again from their source.

        Raises:
            ValueError: The weights are random, or the file has changed.
            FileNotFoundError: The file does not exist any more.
            OSError: The download failed.
        """
        if self.source is None:
            raise ValueError(
                f"The weights of {self.name} are random, not from a file, "
                "and cannot be loaded again."
            )
        architecture = ARCHITECTURES[self.source["architecture"]]
        fill(self, architecture, self.source["weights"])
        if self.weight_hash != self.source["hash"]:
            raise ValueError(
                f"{self.source['weights']!r} no longer holds the weights "
                f"{self.source['hash']} of {self.name}. "
                f"Received: {self.weight_hash}"
            )

    def get_config(self):
        source = self.source and dict(self.source)
        return super().get_config() | {"source": source}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        source = config.pop("source", None)
        network = super().from_config(config, custom_objects)
        network.source = source
        return network


def fill(network, architecture, weights):
    """Loads weights of any kind that the builders take.

    Args:
        network: A `PerceptualNetwork`, truncated or not.
        architecture: Its `Architecture`.
        weights: "imagenet" or the path of a file.

    Returns:
        Origin of the weights: "imagenet", "torchvision", or None.

    Raises:
        FileNotFoundError: There is no file at that path.
        ValueError: The file holds other weights.
        OSError: The download failed.
    """
    if weights == "imagenet":
        weights = download(
            architecture.address,
            architecture.md5,
            "`weights` (of the command `score` --perceptual-weights, of "
            "`serve` --style-weights)",
        )
    origin = None

    def read(network, path):
        nonlocal origin
        with h5py.File(path) as file:
            _check_file(file, network, architecture)
            if "layer_names" in file.attrs:
                _read_legacy(file, network)
                if md5(path) == architecture.md5:
                    origin = "imagenet"
            else:
                network.load_weights(path)
                origin = file.attrs.get("origin")

    load_weights(network, pathlib.Path(weights), architecture.advice, read)
    return origin


def _check_file(file, network, architecture):
    """Raises on files of other networks, whose first layers may fit."""
    if "layer_names" in file.attrs:
        found = len(_legacy_groups(file))
    else:
        found = sum(name.startswith("conv2d") for name in file["layers"])
    convolutions = [x for x in network.layers if hasattr(x, "kernel")]
    if found not in (len(convolutions), architecture.convolutions):
        raise ValueError(
            f"The file must hold {architecture.convolutions} convolutions. "
            f"Received: {found}"
        )


def _legacy_groups(file):
    """The layers with weights of a Keras 2 file, by their names today."""
    names = np.asarray(file.attrs["layer_names"]).astype(str)  # bytes, or not
    return {
        name.replace("/", "_"): file[name]
        for name in names
        if len(file[name].attrs["weight_names"])
    }


def _read_legacy(file, network):
    """Reads kernels of Caffe, whose inputs are blue, green, red."""
    groups = _legacy_groups(file)
    first = True
    for layer in network.layers:
        if hasattr(layer, "kernel"):
            group = groups[layer.name]
            kernel, bias = (group[x][()] for x in group.attrs["weight_names"])
            if first:
                kernel = kernel[:, :, ::-1]
            first = False
            layer.set_weights([kernel, bias])
