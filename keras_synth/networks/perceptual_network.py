"""What a network is in whose feature maps pictures are compared."""

import dataclasses
import pathlib

import h5py
import keras
import numpy as np
from keras import ops

from keras_synth.networks.feature_network import FeatureNetwork
from keras_synth.networks.pretrained import download, load_weights, md5

# Caffe's mean of ImageNet and torchvision's, of red, green and blue.
_CAFFE_MEAN = (123.68 / 255.0, 116.779 / 255.0, 103.939 / 255.0)
_TORCHVISION_MEAN = (0.485, 0.456, 0.406)
_TORCHVISION_DEVIATION = (0.229, 0.224, 0.225)


@dataclasses.dataclass(frozen=True)
class Architecture:
    """What there is to know of a network's published weights.

    Attributes:
        name: of the network; its builder is `NAME_features`.
        convolutions: how many it has.
        address: of a legacy Keras file of its ImageNet weights, without top.
        md5: of that file.
    """

    name: str
    convolutions: int
    address: str
    md5: str

    @property
    def advice(self):
        """How to get the file."""
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
class PictureScaling(keras.layers.Layer):
    """Pictures in [0, 1] as the network was shown them in its training.

    `(x - mean) * scale` for red, green and blue, after a grey picture has been
    repeated. Both are weights: a file of weights says by itself what pictures
    it belongs to. They start as Caffe's, `255 x - mean`.

    Args:
        smallest: fewest pixels a side from which every map has a pixel.

    Call arguments:
        images: (batch, height, width, 1 or 3).

    Returns:
        (batch, height, width, 3).

    Raises:
        ValueError: too small pictures, where their size is known.

    Example:

    >>> white = PictureScaling()(ops.ones((1, 1, 1, 3)))
    >>> [round(float(level), 3) for level in white[0, 0, 0]]
    [131.32, 138.221, 151.061]
    """

    def __init__(self, smallest=1, **kwargs):
        super().__init__(**kwargs)
        self.smallest = smallest

    def build(self, input_shape):
        # So that pictures of other channels fail here, by name.
        axes = {-1: input_shape[-1]}
        self.input_spec = keras.layers.InputSpec(ndim=4, axes=axes)
        self.mean = self._constant("mean", _CAFFE_MEAN)
        self.scale = self._constant("scale", (255.0,) * 3)

    def call(self, images):
        height, width = images.shape[1:3]
        if any(side and side < self.smallest for side in (height, width)):
            raise ValueError(
                f"Pictures must have at least {self.smallest} x "
                f"{self.smallest} pixels for these feature maps. "
                f"Received: {height} x {width}"
            )
        # Grey pictures become three channels by broadcasting.
        return (images - self.mean) * self.scale

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], 3)

    def set_torchvision(self):
        """Scales as torchvision does: mean 0 and deviation 1 on ImageNet."""
        self.mean.assign(_TORCHVISION_MEAN)
        self.scale.assign([1.0 / value for value in _TORCHVISION_DEVIATION])

    def get_config(self):
        return super().get_config() | {"smallest": self.smallest}

    def _constant(self, name, values):
        return self.add_weight(
            shape=(3,),
            initializer=lambda shape, dtype: ops.cast(values, dtype),
            trainable=False,
            name=name,
        )


@keras.saving.register_keras_serializable("keras_synth")
class PerceptualNetwork(FeatureNetwork):
    """A functional network from pictures in [0, 1] to maps by layer name.

    Its weights are frozen. Its configuration tells where they came from, but
    does not hold them: `reload_weights` fills a network that was built anew.

    Args:
        inputs: `keras.Input` of pictures.
        outputs: `{layer name: map}`, computed from `inputs`.
        name: of the network.

    Example:

    >>> from keras_synth import networks
    >>> network = networks.vgg16_features(None, layers=("block1_conv2",))
    >>> network(ops.zeros((1, 8, 12, 3)))["block1_conv2"].shape
    TensorShape([1, 8, 12, 64])
    """

    # Architecture, weights ("imagenet" or a path), origin and hash; None for
    # random weights.
    source = None

    @property
    def layer_names(self):
        """Names of the maps, from the picture to the depth: list of str."""
        return list(self.output)

    @property
    def origin(self):
        """Whose published weights these are: a str, or None.

        "imagenet" of the Keras file that the builder names, "torchvision" of
        torchvision's; None of any others, also where they were changed since.
        """
        if self.source is None or self.source["hash"] != self.weight_hash:
            return None
        return self.source["origin"]

    def reload_weights(self):
        """Fills the network again from where its weights came.

        Raises:
            ValueError: they came from nowhere, or are others there now.
            FileNotFoundError: the file is gone.
            OSError: the download failed.
        """
        if self.source is None:
            raise ValueError(
                f"The weights of {self.name} are random and came from no "
                "file: they cannot be loaded again."
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
    """Loads weights of any of the kinds that the builders take.

    Args:
        network: a `PerceptualNetwork`, truncated or not.
        architecture: what it is.
        weights: "imagenet" or the path of a file.

    Returns:
        Whose published weights they are: "imagenet", "torchvision", or None.

    Raises:
        FileNotFoundError: no file at that path.
        ValueError: the file holds other weights.
        OSError: the download failed.
    """
    if weights == "imagenet":
        weights = download(
            architecture.address,
            architecture.md5,
            f"{architecture.name}_features(weights={{}})",
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
    """Refuses another network's file, of which the first layers might fit."""
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
    """The layers of a Keras 2 file that have weights, by today's names."""
    names = np.asarray(file.attrs["layer_names"]).astype(str)  # bytes, or not
    return {
        name.replace("/", "_"): file[name]
        for name in names
        if len(file[name].attrs["weight_names"])
    }


def _read_legacy(file, network):
    """Kernels of Caffe's networks, which look at blue, green, red."""
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
