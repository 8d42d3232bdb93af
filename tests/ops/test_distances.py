"""Pairwise distances against SciPy, and their precision."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from keras_synth.ops import pairwise_distances


def vectors(count, dtype="float64", seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(count, 6)).astype(dtype)


@pytest.mark.parametrize(
    "dtype, tolerance", [("float64", 1e-12), ("float32", 1e-5)]
)
def test_distances_equal_scipy(dtype, tolerance):
    a, b = vectors(7, dtype), vectors(5, dtype, seed=1)
    distances = pairwise_distances(a, b)
    assert distances.dtype == dtype
    np.testing.assert_allclose(distances, cdist(a, b), rtol=tolerance)


def test_vectors_far_from_the_origin_keep_precision():
    a, b = vectors(7) + 1e6, vectors(5, seed=1) + 1e6
    np.testing.assert_allclose(pairwise_distances(a, b), cdist(a, b), rtol=1e-9)


def test_equal_vectors_have_distance_near_zero_and_never_nan():
    a = vectors(200)
    diagonal = np.diag(pairwise_distances(a, a))
    assert (diagonal >= 0).all() and diagonal.max() < 1e-6


@pytest.mark.parametrize(
    "a, b", [((3, 2), (3, 4)), ((3,), (3, 3)), ((3, 2, 2), (3, 2))]
)
def test_other_shapes_are_refused(a, b):
    with pytest.raises(ValueError, match="Received: shapes"):
        pairwise_distances(np.zeros(a), np.zeros(b))
