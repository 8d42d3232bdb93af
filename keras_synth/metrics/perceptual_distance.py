"""Perceptual distance (LPIPS) on the maps of a feature network."""

import hashlib

import keras
import numpy as np
from keras import ops

from keras_synth.metrics.feature_metric import describe_extractor
from keras_synth.metrics.restoration import ImageMetric
from keras_synth.ops.feature_maps import (
    check_feature_network,
    feature_maps,
    feature_network_config,
    feature_network_from_config,
)

# LPIPS v0.1: hashes of its linear weights, and their network.
_LPIPS = {"9153a2043dcc": "vgg16", "68f1b1752260": "squeezenet"}


def lpips_linear_weights(path, backbone):
    """Reads the linear weights of LPIPS from an `.npz` file.

    The PyPI package `lpips` holds them as `weights/v0.1/vgg.pth`. To convert:

        state = torch.load("vgg.pth", weights_only=True)
        np.savez("vgg.npz", **{k: v.numpy() for k, v in state.items()})

    Args:
        path: Path of the file, with arrays (1, channels, 1, 1) named
            `lin0.model.1.weight`, ..., or `BACKBONE/lin0.model.1.weight`, ...
        backbone: "vgg" for `networks.vgg16_features`, "squeeze" for
            `networks.squeezenet_features`.

    Returns:
        list of float32 arrays (channels,), from the first layer to the last.

    Raises:
        ValueError: The file has no weights for that backbone.
    """
    with np.load(path) as file:
        prefix = f"{backbone}/" if any("/" in x for x in file.files) else ""
        names = [
            f"{prefix}lin{index}.model.1.weight"
            for index in range(len(file.files))
        ]
        weights = [
            file[name].reshape(-1).astype("float32")
            for name in names
            if name in file.files
        ]
    if not weights:
        raise ValueError(
            f"{str(path)!r} must hold {names[:1]}. "
            f"Received: backbone={backbone!r}"
        )
    return weights


@keras.saving.register_keras_serializable("keras_synth")
class PerceptualDistance(ImageMetric):
    """Perceptual distance (LPIPS): distance of unit-normalized feature maps.

    `d(x, y) = Σ_l mean_hw Σ_c w_lc (x̂_lhwc - ŷ_lhwc)²`, where x̂ is the map of
    x with the vector of channels at each pixel divided by its length. It is 0
    for equal images; lower is better. Without linear weights each layer
    contributes twice the mean of 1 - cosine.

    It is LPIPS with the network of torchvision and the linear weights fitted
    to it (`networks.convert_torchvision`, `lpips_linear_weights`). With
    others `describe` calls it a perceptual distance and names the network;
    only values of the same network are comparable.

    Both images are clipped to [0, 1]. The network's weights are not saved
    with the metric, see `losses.Perceptual`.

    Args:
        features: Network from images in [0, 1] to `{layer name: map}`, such
            as `networks.vgg16_features()`.
        linear_weights: Weights w of 0 or more, as `{layer name: (channels,)}`
            or a list in the order of the layers; None (default) for 1 each.
        round_to_8_bits: Whether both images are rounded to 256 levels, as
            files are.
        name: Name in the logs.
        dtype: Dtype of the figures and their mean.

    Raises:
        ValueError: The network does not return feature maps, or the weights
            do not fit it; from `update_state`, the images do not fit.

    Reference: Zhang et al., The Unreasonable Effectiveness of Deep Features as
    a Perceptual Metric, 2018, equation 1.

    Example:

    >>> image = keras.Input((None, None, 3))
    >>> metric = PerceptualDistance(keras.Model(image, {"pixels": image}))
    >>> red, green = ops.eye(3)[0], ops.eye(3)[1]
    >>> metric.update_state([[[red]]], [[[green]]])
    >>> float(metric.result())
    2.0
    """

    def __init__(
        self,
        features,
        linear_weights=None,
        round_to_8_bits=False,
        name="perceptual_distance",
        dtype=None,
    ):
        super().__init__(1.0, None, 0, round_to_8_bits, name, dtype)
        self._direction = "down"
        check_feature_network(features)
        self.features = features
        self.linear_weights = _checked(linear_weights, features.output)

    def compare(self, clean, restored, clip=True):
        """The distance of each pair of images, (batch,).

        Args:
            clean: Images (batch, height, width, channels).
            restored: Images of the same shape.
            clip: Whether to clip both to [0, 1].
        """
        if clip:
            clean, restored = (ops.clip(x, 0.0, 1.0) for x in (clean, restored))
        one = feature_maps(self.features, clean)
        other = feature_maps(self.features, restored)
        total = 0.0
        for name in self.features.output:
            squared = ops.square(_unit(one[name]) - _unit(other[name]))
            if self.linear_weights is not None:
                squared = squared * np.asarray(self.linear_weights[name])
            total += ops.mean(ops.sum(squared, axis=-1), axis=(1, 2))
        return ops.cast(total, self.dtype)

    def describe(self):
        """The score with its feature network, weight hash and sample count.

        Returns:
            dict: "metric" ("LPIPS", or a perceptual distance with the name of
            the network), "value", "extractor", "weight_hash", "input_size",
            "resizing", "layers", "linear_weights" (a hash, or None) and
            "num_images".
        """
        linear = self._linear_hash()
        extractor = describe_extractor(self.features)
        fitted = getattr(self.features, "origin", None) == "torchvision" and (
            _LPIPS.get(linear) == self.features.source["architecture"]
        )
        return {
            "metric": "LPIPS"
            if fitted
            else f"perceptual distance ({self.features.name})",
            "value": float(self.result()),
            **extractor,
            "layers": list(self.features.output),
            "linear_weights": linear,
            "num_images": int(self.count),
        }

    def get_config(self):
        linear = self.linear_weights and {
            name: list(map(float, weights))
            for name, weights in self.linear_weights.items()
        }
        return {
            "name": self.name,
            "dtype": self.dtype,
            "features": feature_network_config(self.features),
            "linear_weights": linear,
            "round_to_8_bits": self.round_to_8_bits,
        }

    @classmethod
    def from_config(cls, config):
        features = feature_network_from_config(config["features"])
        return cls(**{**config, "features": features})

    def _linear_hash(self):
        if self.linear_weights is None:
            return None
        digest = hashlib.sha256()
        for weights in self.linear_weights.values():
            digest.update(np.asarray(weights, "float32").tobytes())
        return digest.hexdigest()[:12]


def _unit(maps):
    """Normalizes the vector of channels of each pixel to length 1."""
    return maps / (ops.norm(maps, axis=-1, keepdims=True) + 1e-10)


def _checked(linear_weights, outputs):
    """`{layer name: float32 array}` in the layers' order, or None."""
    if linear_weights is None:
        return None
    names = list(outputs)
    if not isinstance(linear_weights, dict):
        if len(linear_weights) != len(names):
            raise ValueError(
                f"`linear_weights` must have one entry for each of {names}. "
                f"Received: {len(linear_weights)} entries"
            )
        linear_weights = dict(zip(names, linear_weights, strict=True))
    if set(linear_weights) != set(names):
        raise ValueError(
            f"`linear_weights` must be for the layers {names}. "
            f"Received: {list(linear_weights)}"
        )
    checked = {}
    for name in names:
        weights = np.asarray(linear_weights[name], "float32")
        channels = outputs[name].shape[-1]
        if weights.shape != (channels,) or not (weights >= 0).all():
            raise ValueError(
                f"`linear_weights` of {name} must be {channels} numbers of 0 "
                f"or more. Received: shape {weights.shape}, {weights}"
            )
        checked[name] = weights
    return checked
