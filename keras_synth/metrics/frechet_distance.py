"""Frechet distance (FID) between two sets of feature vectors."""

import keras
from keras import ops

from keras_synth.metrics.feature_metric import FeatureMetric


@keras.saving.register_keras_serializable("keras_synth")
class FrechetDistance(FeatureMetric):
    """Frechet distance of Gaussians fitted to real and generated features.

    `|m₁ - m₂|² + tr(S₁ + S₂ - 2 (S₁ S₂)^½)`, with means m and unbiased
    covariances S; 0 if both sets have the same. The trace of the root is
    computed as `tr((S₁^½ S₂ S₁^½)^½)`, which is defined for singular
    covariances too, so nothing is added to their diagonals.

    It is called FID if the features are those of Inception-v3 at 299x299. The
    estimate is biased upwards, and more so with fewer samples: compare scores
    of equal sample counts only.

    Means and covariances are computed from sums in float64, which are added
    over batches and over replicas of `tf.distribute`. Inside a compiled graph
    inputs are not checked.

    Args:
        features: Scoring network, a `keras.Model` from images in [0, 1],
            (batch, height, width, channels), to (batch, feature_dim); None
            (default) if feature vectors are given instead of images.
        feature_dim: Length of a feature vector; needed without a network.
        name: Name in the logs.

    Raises:
        ValueError: Neither network nor length is given; from `result`, there
            are fewer than `feature_dim + 1` images per side, too few for a
            covariance of full rank.

    Reference: Heusel et al., GANs Trained by a Two Time-Scale Update Rule,
    2017, equation 6.

    Example:

    >>> metric = FrechetDistance(feature_dim=1)
    >>> metric.update_real([[0.0], [2.0]])
    >>> metric.update_generated([[3.0], [5.0]])
    >>> float(metric.result())
    9.0
    """

    published_title = "FID"
    title = "Frechet distance"

    def __init__(
        self, features=None, feature_dim=None, name="frechet_distance"
    ):
        super().__init__(features, feature_dim, name)
        self._real = self._add_side("real")
        self._generated = self._add_side("generated")

    def result(self):
        """The distance of the images so far, a scalar."""
        self._check_samples()
        mean_1, covariance_1 = _moments(self._real)
        mean_2, covariance_2 = _moments(self._generated)
        root = _square_root(covariance_1)
        eigenvalues, _ = ops.linalg.eigh(root @ covariance_2 @ root)
        distance = (
            ops.sum(ops.square(mean_1 - mean_2))
            + ops.trace(covariance_1)
            + ops.trace(covariance_2)
            - 2.0 * ops.sum(_clipped_root(eigenvalues))
        )
        return ops.maximum(distance, 0.0)

    def require_samples(self, num_real, num_generated):
        least = self.feature_dim + 1
        if min(num_real, num_generated) < least:
            raise ValueError(
                f"The Frechet distance of {self.feature_dim} features needs "
                f"at least {least} images a side. Received: {num_real} real "
                f"and {num_generated} generated"
            )

    def _add_side(self, side):
        size = self.feature_dim
        shapes = {"count": (), "total": (size,), "products": (size, size)}
        return {
            name: self.add_variable(
                shape, "zeros", self.dtype, name=f"{side}_{name}"
            )
            for name, shape in shapes.items()
        }

    def _add_vectors(self, side, vectors):
        side["count"].assign_add(ops.cast(ops.shape(vectors)[0], self.dtype))
        side["total"].assign_add(ops.sum(vectors, axis=0))
        side["products"].assign_add(ops.matmul(ops.transpose(vectors), vectors))

    def _count(self, side):
        return ops.cast(side["count"], "int32")


def _moments(side):
    """Mean (d,) and unbiased covariance (d, d)."""
    count = ops.maximum(side["count"], 2.0)
    mean = side["total"] / count
    products = side["products"] - count * ops.outer(mean, mean)
    return mean, products / (count - 1.0)


def _square_root(matrix):
    """The symmetric root of a symmetric positive semi-definite matrix."""
    eigenvalues, vectors = ops.linalg.eigh(matrix)
    return (vectors * _clipped_root(eigenvalues)) @ ops.transpose(vectors)


def _clipped_root(eigenvalues):
    # Rounding makes zeros slightly negative.
    return ops.sqrt(ops.maximum(eigenvalues, 0.0))
