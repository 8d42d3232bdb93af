"""Base classes of metrics that compare feature vectors of two image sets."""

import keras
import numpy as np
from keras import ops

from keras_synth.ops import weight_hash
from keras_synth.ops.numbers import is_int


class FeatureMetric(keras.metrics.Metric):
    """Base class of metrics that compare real and generated feature vectors.

    The state is float64 whatever the dtype policy. Subclasses define the
    state of a side (`_add_side`, `_add_vectors`, `_count`), the number of
    vectors needed (`require_samples`) and the score (`result`).

    Args:
        features: Scoring network, a `keras.Model` from images in [0, 1],
            (batch, height, width, channels), to (batch, feature_dim); None
            if feature vectors are given instead of images.
        feature_dim: Length of a feature vector; needed without `features`.
        name: Name in the logs.
    """

    # Names of the score: with the standard Inception network, and otherwise.
    published_title = title = "Feature metric"

    def __init__(self, features, feature_dim, name):
        super().__init__(dtype="float64", name=name)
        self.features = features
        self.feature_dim = _feature_dim(features, feature_dim)

    def update_state(self, real_images, generated_images, sample_weight=None):
        """Adds a batch of real and generated images, without sample weights."""
        if sample_weight is not None:
            raise ValueError(
                f"{type(self).__name__} takes no sample weights. "
                f"Received: sample_weight={sample_weight!r}"
            )
        self.update_real(real_images)
        self.update_generated(generated_images)

    def update_real(self, images):
        """Adds a batch of real images (or their feature vectors).

        Args:
            images: Float (batch, height, width, channels) in [0, 1]; without
                a network, feature vectors (batch, feature_dim).

        Raises:
            ValueError: Another shape, values of another range, NaN.
        """
        self._add_vectors(self._real, self._vectors(images, "real"))

    def update_generated(self, images):
        """Adds a batch of generated images, see `update_real`."""
        self._add_vectors(self._generated, self._vectors(images, "generated"))

    def reset_generated(self):
        """Resets the generated images and keeps the real ones."""
        for variable in self._generated.values():
            variable.assign(ops.zeros_like(variable))

    def require_samples(self, num_real, num_generated):
        """Raises if there are too few images for a result.

        Args:
            num_real: Number of real images.
            num_generated: Number of generated images.

        Raises:
            ValueError: There are too few; the message says how many are
                needed.
        """
        raise NotImplementedError

    def describe(self):
        """The score with its feature network, weight hash and sample count.

        Returns:
            dict: "metric", "value" (float, or dict of floats), "extractor",
            "weight_hash", "input_size", "resizing", "num_real" and
            "num_generated". Missing attributes of the network are None.
        """
        extractor = describe_extractor(self.features)
        # Set by `networks.inception_features` for the standard weights.
        published = getattr(self.features, "published_hash", None)
        standard = (
            published is not None
            and published == extractor["weight_hash"]
            and tuple(extractor["input_size"] or ()) == (299, 299)
        )
        return {
            "metric": self.published_title if standard else self.title,
            **self._scores(),
            **extractor,
            "num_real": int(self._count(self._real)),
            "num_generated": int(self._count(self._generated)),
        }

    def get_config(self):
        if self.features is not None:
            raise ValueError(
                f"{type(self).__name__} cannot be saved with a feature "
                "network, whose weights a configuration does not hold. Build "
                "the metric again with the network. Received: features="
                f"{self.features.name!r}"
            )
        return {"name": self.name, "feature_dim": self.feature_dim}

    def _scores(self):
        return {"value": float(self.result())}

    def _check_samples(self):
        """Calls `require_samples`, outside of compiled graphs."""
        real = _values(self._count(self._real))
        generated = _values(self._count(self._generated))
        if real is not None and generated is not None:
            self.require_samples(int(real), int(generated))

    def _vectors(self, images, side):
        if self.features is None:
            vectors = ops.convert_to_tensor(images)
            shape = tuple(vectors.shape)
            if len(shape) != 2 or shape[1] != self.feature_dim:
                raise ValueError(
                    f"{type(self).__name__} without a network takes feature "
                    f"vectors (batch, {self.feature_dim}). "
                    f"Received: shape {shape}"
                )
            vectors = ops.cast(vectors, self.dtype)
        else:
            vectors = image_features(self.features, images)
        values = _values(vectors)
        if values is not None and not np.isfinite(values).all():
            raise ValueError(
                f"Features of the {side} images must be finite. Received: "
                f"NaN or Inf in {np.sum(~np.isfinite(values).all(axis=1))} "
                f"of {len(values)} vectors"
            )
        return vectors


class FeatureSampleMetric(FeatureMetric):
    """Base class of metrics that keep the feature vectors of both sides.

    Update such a metric outside `strategy.run`, as callbacks do: vectors kept
    by several replicas of `tf.distribute` would be added up, which `result`
    refuses.

    Args:
        features: Scoring network or None, see `FeatureMetric`.
        feature_dim: Length of a vector, see `FeatureMetric`.
        num_samples: Number of vectors kept per side, the first ones.
        name: Name in the logs.
    """

    def __init__(self, features, feature_dim, num_samples, name):
        super().__init__(features, feature_dim, name)
        check_positive_int("num_samples", num_samples)
        self.num_samples = num_samples
        self._real = self._add_side("real")
        self._generated = self._add_side("generated")

    def _check_samples(self):
        for side in (self._real, self._generated):
            written = _values(side["written"])
            if written is not None and written.max() > 1:
                raise ValueError(
                    f"{type(self).__name__} must be updated outside "
                    "`strategy.run`, since vectors of several replicas cannot "
                    "be added. Received: rows of "
                    f"{int(written.max())} replicas"
                )
        super()._check_samples()

    def get_config(self):
        return {**super().get_config(), "num_samples": self.num_samples}

    def _add_side(self, side):
        count, size = self.num_samples, self.feature_dim
        return {
            "rows": self.add_variable(
                (count, size), "zeros", self.dtype, name=f"{side}_rows"
            ),
            # 1 where a row holds a vector.
            "written": self.add_variable(
                (count,), "zeros", self.dtype, name=f"{side}_written"
            ),
        }

    def _add_vectors(self, side, vectors):
        start = self._count(side)
        vectors = vectors[: self.num_samples - start]
        places = ops.arange(ops.shape(vectors)[0], dtype="int32")
        indices = (start + places)[:, None]
        for name, values in (
            ("rows", vectors),
            ("written", ops.ones_like(vectors[:, 0])),
        ):
            side[name].assign(ops.scatter_update(side[name], indices, values))

    def _count(self, side):
        return ops.cast(ops.sum(side["written"]), "int32")


def describe_extractor(network):
    """Description of a feature network: name, weight hash, input size.

    Args:
        network: A scoring network, or None for given feature vectors.

    Returns:
        dict: "extractor", "weight_hash", "input_size" and "resizing"; None for
        attributes that the network does not have.
    """
    return {
        "extractor": network.name if network else "given features",
        "weight_hash": weight_hash(network) if network else None,
        "input_size": getattr(network, "input_size", None),
        "resizing": getattr(network, "resizing", None),
    }


def image_features(network, images):
    """Feature vectors of a batch of images.

    Values slightly outside [0, 1] are clipped.

    Args:
        network: `keras.Model` from images in [0, 1] to (batch, d).
        images: Float (batch, height, width, channels), in [0, 1].

    Returns:
        float64 (batch, d).

    Raises:
        ValueError: The images have another shape than the network takes, are
            integers, or have values of another range.
    """
    images = ops.convert_to_tensor(images)
    shape, wanted = tuple(images.shape), tuple(network.input_shape)
    if len(shape) != len(wanted) or any(
        size not in (None, got)
        for size, got in zip(wanted[1:], shape[1:], strict=True)
    ):
        raise ValueError(
            f"The feature network {network.name!r} takes images of shape "
            f"{wanted}. Received: shape {shape}"
        )
    check_image_values(images)
    images = ops.clip(ops.cast(images, "float32"), 0.0, 1.0)
    return ops.cast(network(images, training=False), "float64")


def check_image_values(images):
    """Raises on integers and on values far outside [0, 1]."""
    dtype = keras.backend.standardize_dtype(images.dtype)
    if "float" not in dtype:
        raise ValueError(
            "Images must be floats in [0, 1] (divide 8-bit ones by 255). "
            f"Received: dtype {dtype}"
        )
    values = _values(images)
    if values is None or not values.size:
        return
    low, high = float(values.min()), float(values.max())
    if not (low >= -0.5 and high <= 1.5):  # also where they are NaN
        raise ValueError(
            "Images must lie in [0, 1]. "
            f"Received: values from {low:g} to {high:g}"
        )


def check_positive_int(name, value, least=1):
    """Raises unless an argument is an int of at least `least`."""
    if not is_int(value) or value < least:
        raise ValueError(
            f"`{name}` must be an int of at least {least}. "
            f"Received: {name}={value!r}"
        )


def check_feature_network(features):
    """Raises unless a network maps images to feature vectors."""
    # A Sequential model without an input raises where others have None.
    if not isinstance(features, keras.Model) or not getattr(
        features, "inputs", None
    ):
        raise TypeError(
            "`features` must be a functional keras.Model from images to "
            f"feature vectors, or None. Received: {features!r}"
        )
    if len(features.inputs) != 1 or len(features.input_shape) != 4:
        raise ValueError(
            "`features` must take images (batch, height, width, channels). "
            f"Received: a network of input shape {features.input_shape}"
        )
    if len(features.outputs) != 1 or len(features.output_shape) != 2:
        raise ValueError(
            "`features` must give feature vectors (batch, feature_dim). "
            f"Received: a network of output shape {features.output_shape}"
        )


def _feature_dim(features, feature_dim):
    if features is None:
        if feature_dim is None:
            raise ValueError(
                "`features` (a network) or `feature_dim` (the length of given "
                "feature vectors) is needed. Received neither."
            )
        check_positive_int("feature_dim", feature_dim)
        return feature_dim
    check_feature_network(features)
    length = features.output_shape[-1]
    if feature_dim not in (None, length):
        raise ValueError(
            f"The network {features.name!r} gives vectors of length {length}. "
            f"Received: feature_dim={feature_dim!r}"
        )
    return length


def _values(tensor):
    """A tensor as a NumPy array; None inside a compiled graph."""
    try:
        return ops.convert_to_numpy(tensor)
    except (NotImplementedError, TypeError):
        return None
