"""Kernel distance (KID) between two sets of feature vectors."""

import keras
from keras import ops

from keras_synth.metrics.feature_metric import (
    FeatureSampleMetric,
    check_positive_int,
)


@keras.saving.register_keras_serializable("keras_synth")
class KernelDistance(FeatureSampleMetric):
    """Kernel distance (KID): squared maximum mean discrepancy of features.

    With the kernel `k(x, y) = (x · y / d + 1)³` of vectors of length d, and m
    vectors per side,

    `MMD² = 1/(m(m-1)) Σ_{i≠j} (k(x_i, x_j) + k(y_i, y_j))
    - 2/m² Σ_ij k(x_i, y_j)`,

    averaged over random subsets. It is unbiased: it may be below 0 if the two
    sets hardly differ, and its mean does not depend on the sample count. It
    is called KID if the features are those of Inception-v3 at 299x299.

    The first `num_samples` vectors of each side are kept, in float64 (2 x 164
    MB for 10,000 of length 2,048). Update it outside `strategy.run`,
    since vectors of several replicas cannot be added. Inside a compiled graph
    inputs are not checked.

    Args:
        features: Scoring network, a `keras.Model` from images in [0, 1],
            (batch, height, width, channels), to (batch, feature_dim); None
            (default) if feature vectors are given instead of images.
        feature_dim: Length of a feature vector; needed without a network.
        num_samples: Number of vectors kept per side.
        num_subsets: Number of subsets, at least 2.
        subset_size: Number m of vectors of each side in a subset, drawn
            without replacement, from 2 to `num_samples`.
        seed: Seed of the subsets, an int. The same seed gives the same
            subsets.
        name: Name in the logs.

    Raises:
        ValueError: Arguments are out of range; from `result`, there are fewer
            than `subset_size` images per side.

    Reference: Bińkowski et al., Demystifying MMD GANs, 2018, equation 4 and
    section 4.

    Example:

    >>> metric = KernelDistance(feature_dim=1, num_samples=2, subset_size=2)
    >>> metric.update_real([[0.0], [0.0]])
    >>> metric.update_generated([[1.0], [1.0]])
    >>> float(metric.result())
    7.0
    """

    published_title = "KID"
    title = "Kernel distance"

    def __init__(
        self,
        features=None,
        feature_dim=None,
        num_samples=10_000,
        num_subsets=100,
        subset_size=1_000,
        seed=0,
        name="kernel_distance",
    ):
        super().__init__(features, feature_dim, num_samples, name)
        check_positive_int("num_subsets", num_subsets, least=2)
        check_positive_int("subset_size", subset_size, least=2)
        check_positive_int("seed", seed, least=0)
        if subset_size > num_samples:
            raise ValueError(
                "`subset_size` must be at most `num_samples`. Received: "
                f"subset_size={subset_size}, num_samples={num_samples}"
            )
        self.num_subsets = num_subsets
        self.subset_size = subset_size
        self.seed = seed

    def result(self):
        """The mean over the subsets, a scalar."""
        return ops.mean(self._subset_distances())

    def standard_error(self):
        """Standard error of the mean over the subsets, a scalar.

        `s / sqrt(num_subsets)`, with s the standard deviation over subsets.
        It is too small if subsets overlap, that is, if `num_subsets *
        subset_size` exceeds the number of vectors.
        """
        return self._standard_error(self._subset_distances())

    def require_samples(self, num_real, num_generated):
        if min(num_real, num_generated) < self.subset_size:
            raise ValueError(
                f"The kernel distance on subsets of {self.subset_size} needs "
                f"at least as many images a side. Received: {num_real} real "
                f"and {num_generated} generated"
            )

    def get_config(self):
        return {
            **super().get_config(),
            "num_subsets": self.num_subsets,
            "subset_size": self.subset_size,
            "seed": self.seed,
        }

    def _scores(self):
        distances = self._subset_distances()
        return {
            "value": float(ops.mean(distances)),
            "standard_error": float(self._standard_error(distances)),
        }

    def _standard_error(self, distances):
        variance = ops.var(distances) / (self.num_subsets - 1)
        return ops.sqrt(variance)

    def _subset_distances(self):
        """MMD² of each subset, (num_subsets,)."""
        self._check_samples()
        order = keras.random.uniform(
            (2, self.num_subsets, self.num_samples),
            dtype=self.dtype,
            seed=self.seed,
        )
        subsets = (
            self._subsets(self._real, order[0]),
            self._subsets(self._generated, order[1]),
        )

        def distance(indices):
            real, generated = indices
            return _squared_discrepancy(
                ops.take(self._real["rows"], real, axis=0),
                ops.take(self._generated["rows"], generated, axis=0),
            )

        return ops.map(distance, subsets)

    def _subsets(self, side, numbers):
        """Rows with the largest numbers, (num_subsets, subset_size)."""
        numbers = ops.where(side["written"] > 0, numbers, -1.0)
        return ops.top_k(numbers, self.subset_size)[1]


def _squared_discrepancy(x, y):
    """Unbiased MMD² of two sets of vectors, (m, d) each."""
    size = x.shape[0]
    within = sum(
        ops.sum(_kernel(a, ops.transpose(a)))
        - ops.sum(_kernel(a[:, None], a[..., None]))
        for a in (x, y)
    )
    across = ops.sum(_kernel(x, ops.transpose(y)))
    return within / (size * (size - 1)) - 2.0 * across / size**2


def _kernel(x, y):
    base = ops.matmul(x, y) / x.shape[-1] + 1.0
    return base * base * base  # a power takes several times as long
