"""Precision, recall, density and coverage of generated images."""

import keras
from keras import ops

from keras_synth.metrics.feature_metric import (
    FeatureSampleMetric,
    check_positive_int,
)
from keras_synth.ops import pairwise_distances

_ROWS = 1_000  # rows of the distance matrix in memory at a time


@keras.saving.register_keras_serializable("keras_synth")
class PrecisionRecall(FeatureSampleMetric):
    """Precision, recall, density and coverage of generated features.

    The ball B_k(x_i) around each real vector x_i reaches to its k-th nearest
    other real vector; B_k(y_j) around each generated vector y_j is defined
    alike. With n vectors per side,

    - `precision = 1/n Σ_j 1[y_j in any B_k(x_i)]`: quality, the share of
      generated vectors within the real ones;
    - `recall = 1/n Σ_i 1[x_i in any B_k(y_j)]`: diversity, the share of real
      vectors within the generated ones;
    - `density = 1/(kn) Σ_j Σ_i 1[y_j in B_k(x_i)]`: like precision, but robust
      to outliers. About 1 for equal distributions; it may exceed 1;
    - `coverage = 1/n Σ_i 1[any y_j in B_k(x_i)]`: like recall, but robust to
      outliers.

    Balls are closed. The first `num_samples` vectors of each side are kept,
    in float64 (2 x 164 MB for 10,000 of length 2,048), and distances are
    computed for 1,000 rows at a time. Update it outside `strategy.run`, since
    vectors of several replicas cannot be added. Inside a compiled graph
    inputs are not checked.

    Args:
        features: Scoring network, a `keras.Model` from images in [0, 1],
            (batch, height, width, channels), to (batch, feature_dim); None
            (default) if feature vectors are given instead of images.
        feature_dim: Length of a feature vector; needed without a network.
        num_samples: Number of vectors kept per side.
        nearest_k: The k of precision and recall; 3 in the paper.
        density_k: The k of density and coverage; 5 in the paper.
        name: Name of the metric. The four results have their own names in
            the logs.

    Raises:
        ValueError: Arguments are out of range; from `result`, the numbers of
            images differ, or are not above k.

    Reference: Kynkäänniemi et al., Improved Precision and Recall Metric,
    2019, equations 1 and 2; Naeem et al., Reliable Fidelity and Diversity
    Metrics, 2020, section 3.

    Example:

    >>> metric = PrecisionRecall(feature_dim=1, nearest_k=1, density_k=1)
    >>> metric.update_real([[0.0], [1.0], [8.0], [9.0]])
    >>> metric.update_generated([[0.4], [0.5], [0.6], [0.7]])
    >>> {name: float(value) for name, value in metric.result().items()}
    {'precision': 1.0, 'recall': 0.0, 'density': 2.0, 'coverage': 0.5}
    """

    published_title = title = "Precision and recall"

    def __init__(
        self,
        features=None,
        feature_dim=None,
        num_samples=10_000,
        nearest_k=3,
        density_k=5,
        name="precision_recall",
    ):
        super().__init__(features, feature_dim, num_samples, name)
        check_positive_int("nearest_k", nearest_k)
        check_positive_int("density_k", density_k)
        if max(nearest_k, density_k) >= num_samples:
            raise ValueError(
                "`nearest_k` and `density_k` must be below `num_samples`. "
                f"Received: nearest_k={nearest_k}, density_k={density_k}, "
                f"num_samples={num_samples}"
            )
        self.nearest_k = nearest_k
        self.density_k = density_k

    def result(self):
        """The four scores so far.

        Returns:
            dict of scalars: "precision", "recall", "density", "coverage".
        """
        self._check_samples()
        real, generated = (
            side["rows"][: self._count(side)]
            for side in (self._real, self._generated)
        )
        real_radii = _radii(real, (self.nearest_k, self.density_k))
        wide, narrow = real_radii[:, 0], real_radii[:, 1]
        generated_radii = _radii(generated, (self.nearest_k,))[:, 0]

        def compare(rows):
            distances = pairwise_distances(
                ops.take(generated, rows, axis=0), real
            )
            radii = ops.take(generated_radii, rows)[:, None]
            dense = distances <= narrow
            return {
                "precision": ops.any(distances <= wide, axis=1),
                "recall": ops.any(distances <= radii, axis=0),
                "density": ops.sum(ops.cast(dense, self.dtype), axis=1),
                "coverage": ops.any(dense, axis=0),
            }

        count = ops.shape(generated)[0]
        blocks = ops.map(compare, _row_blocks(count))
        density = ops.reshape(blocks["density"], (-1,))[:count]
        precision = ops.reshape(blocks["precision"], (-1,))[:count]
        return {
            "precision": self._share(precision),
            "recall": self._share(ops.any(blocks["recall"], axis=0)),
            "density": ops.mean(density) / self.density_k,
            "coverage": self._share(ops.any(blocks["coverage"], axis=0)),
        }

    def require_samples(self, num_real, num_generated):
        num_real = min(num_real, self.num_samples)
        num_generated = min(num_generated, self.num_samples)
        k = max(self.nearest_k, self.density_k)
        if num_real != num_generated or num_real <= k:
            raise ValueError(
                "Precision and recall need equal numbers of real and "
                f"generated images, more than {k} of each. Received: "
                f"{num_real} real and {num_generated} generated"
            )

    def get_config(self):
        return {
            **super().get_config(),
            "nearest_k": self.nearest_k,
            "density_k": self.density_k,
        }

    def _scores(self):
        scores = self.result()
        return {"value": {name: float(scores[name]) for name in scores}}

    def _share(self, flags):
        return ops.mean(ops.cast(flags, self.dtype))


def _radii(vectors, ks):
    """Distances to the k-th nearest other vector, (n, len(ks))."""
    count = ops.shape(vectors)[0]

    def nearest(rows):
        distances = pairwise_distances(ops.take(vectors, rows, axis=0), vectors)
        # The nearest of all is the vector itself.
        closest = -ops.top_k(-distances, max(ks) + 1)[0]
        return ops.stack([closest[:, k] for k in ks], axis=1)

    blocks = ops.map(nearest, _row_blocks(count))
    return ops.reshape(blocks, (-1, len(ks)))[:count]


def _row_blocks(count):
    """Row numbers in blocks, (blocks, rows), padded with the last row."""
    blocks = (count + _ROWS - 1) // _ROWS
    rows = ops.arange(blocks * _ROWS, dtype="int32")
    rows = ops.minimum(rows, count - 1)
    return ops.reshape(rows, (-1, _ROWS))
