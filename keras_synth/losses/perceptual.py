"""Perceptual and style losses on the maps of a feature network."""

import keras
from keras import ops

from keras_synth.ops import gram_matrix
from keras_synth.ops.feature_maps import (
    check_feature_network,
    feature_maps,
    feature_network_config,
    feature_network_from_config,
)
from keras_synth.ops.similarity import check_same_shape


class FeatureLoss(keras.losses.Loss):
    """Base class of losses on feature maps.

    They compute in float32. The network is not trained, and its weights are
    not among those of the model. The configuration of the loss holds their
    source (`PerceptualNetwork.source`), from which `load_model` reads them
    again; where that fails, load with `compile=False`.

    Args:
        features: Network from images in [0, 1] to `{layer name: map}`.
        layer_weights: `{layer name: weight}` of the layers that count; None
            for a weight of 1 each.
        squared: Whether differences are squared.
        reduction: Reduction over the batch, as for `keras.losses.Loss`.
        name: Name of the loss; `default_name` by default.
    """

    default_name = None

    def __init__(
        self,
        features,
        layer_weights=None,
        squared=False,
        reduction="sum_over_batch_size",
        name=None,
    ):
        names = check_feature_network(features)
        super().__init__(
            name=name or self.default_name,
            reduction=reduction,
            dtype="float32",
        )
        self.features = features
        self.layer_weights = _checked(layer_weights, names)
        self.squared = squared

    def call(self, y_true, y_pred):
        """The loss of each image, (batch,); predictions are not clipped."""
        check_same_shape(y_true, y_pred)
        return self.compare(
            feature_maps(self.features, y_true),
            feature_maps(self.features, y_pred),
        )

    def compare(self, true_maps, predicted_maps):
        """The loss of each image, from feature maps that losses can share.

        Args:
            true_maps: Feature maps of the true images, a dict.
            predicted_maps: Feature maps of the predicted images.

        Returns:
            (batch,).
        """
        return sum(
            weight * self.distance(true_maps[name], predicted_maps[name])
            for name, weight in self.layer_weights.items()
        )

    def distance(self, true_map, predicted_map):
        """The unweighted loss of one layer, (batch,)."""
        raise NotImplementedError

    def get_config(self):
        return {
            **super().get_config(),
            "features": feature_network_config(self.features),
            "layer_weights": self.layer_weights,
            "squared": self.squared,
        }

    @classmethod
    def from_config(cls, config):
        features = feature_network_from_config(config["features"])
        return cls(**{**config, "features": features})

    def _difference(self, x, y):
        return ops.square(x - y) if self.squared else ops.abs(x - y)


@keras.saving.register_keras_serializable("keras_synth")
class Perceptual(FeatureLoss):
    """Perceptual loss: mean difference of feature maps.

    `Σ_l w_l mean |φ_l(x) - φ_l(y)|`, the mean over each map's pixels and
    channels, so that it does not depend on their size; with `squared`, of the
    squared difference. It compares edges and textures and their positions
    rather than exact pixels. Its unit is that of the maps, so its weight
    relative to other losses depends on the network.

    Args:
        features: Network from images in [0, 1] to `{layer name: map}`, such
            as `networks.vgg16_features()`.
        layer_weights: `{layer name: weight}` of the layers that count; None
            (default) for a weight of 1 each.
        squared: False (default) for absolute differences (Liu), True for
            squared ones (Johnson).
        reduction: Reduction over the batch, as for `keras.losses.Loss`.
        name: Name of the loss, "perceptual" by default.

    Raises:
        ValueError: The network does not return feature maps, or the weights
            do not fit it; called with shapes that differ, or images of
            other channels.

    Reference: Liu et al., Image Inpainting for Irregular Holes Using Partial
    Convolutions, 2018, equation 4. Johnson et al., Perceptual Losses for
    Real-Time Style Transfer and Super-Resolution, 2016, equation 2.

    Example:

    >>> image = keras.Input((None, None, 1))
    >>> double = keras.Model(image, {"double": 2.0 * image})
    >>> loss = Perceptual(double)
    >>> float(loss(ops.zeros((1, 4, 4, 1)), ops.ones((1, 4, 4, 1))))
    2.0
    """

    default_name = "perceptual"

    def distance(self, true_map, predicted_map):
        """The mean difference of a layer's maps, (batch,)."""
        return ops.mean(self._difference(true_map, predicted_map), (1, 2, 3))


@keras.saving.register_keras_serializable("keras_synth")
class Style(FeatureLoss):
    """Style loss: difference of the Gram matrices of feature maps.

    `Σ_l w_l mean |G(φ_l(x)) - G(φ_l(y))|` over the entries of
    `ops.gram_matrix`; with `squared`, the sum (not the mean) over the entries
    of the squared difference, `Σ_l w_l ‖G(φ_l(x)) - G(φ_l(y))‖²`.

    Args:
        features: Network from images in [0, 1] to `{layer name: map}`, such
            as `networks.vgg16_features()`.
        layer_weights: `{layer name: weight}` of the layers that count; None
            (default) for a weight of 1 each.
        squared: False (default) for absolute differences (Liu), True for
            squared ones (Johnson).
        reduction: Reduction over the batch, as for `keras.losses.Loss`.
        name: Name of the loss, "style" by default.

    Raises:
        ValueError: As for `Perceptual`.

    Reference: Liu et al. 2018, equation 5. Johnson et al. 2016, equation 4;
    Gatys et al., Image Style Transfer Using Convolutional Neural Networks,
    2016, equation 4, is a fourth of it.

    Example:

    >>> image = keras.Input((None, None, 1))
    >>> double = keras.Model(image, {"double": 2.0 * image})
    >>> loss = Style(double)
    >>> float(loss(ops.zeros((1, 4, 4, 1)), ops.ones((1, 4, 4, 1))))
    4.0
    """

    default_name = "style"

    def distance(self, true_map, predicted_map):
        """The difference of a layer's Gram matrices, (batch,)."""
        difference = self._difference(
            gram_matrix(true_map), gram_matrix(predicted_map)
        )
        if self.squared:
            return ops.sum(difference, (1, 2))
        return ops.mean(difference, (1, 2))


def _checked(layer_weights, names):
    if layer_weights is None:
        return dict.fromkeys(names, 1.0)
    if (
        not isinstance(layer_weights, dict)
        or not layer_weights
        or not set(layer_weights) <= set(names)
        or not all(0 <= w < float("inf") for w in layer_weights.values())
    ):
        raise ValueError(
            "`layer_weights` must be {layer name: 0 or more} for layers of "
            f"{names}. Received: layer_weights={layer_weights!r}"
        )
    return {name: float(weight) for name, weight in layer_weights.items()}
