"""GELU and the scaled leaky ReLU: values, mean square of the results."""

import numpy as np
from scipy import stats

from keras_synth.ops import gelu, scaled_leaky_relu


def test_gelu_is_the_value_times_its_share_of_the_normal_distribution():
    values = np.linspace(-4.0, 4.0, 41).astype("float32")
    np.testing.assert_allclose(
        gelu(values), values * stats.norm.cdf(values), atol=1e-6
    )


def test_values_are_those_of_the_formula():
    root = np.sqrt(2)
    np.testing.assert_allclose(
        scaled_leaky_relu(np.array([-10.0, -1.0, 0.0, 1.0, 3.0], "float32")),
        [-2 * root, -0.2 * root, 0.0, root, 3 * root],
        rtol=1e-6,
    )


def test_it_keeps_the_mean_square_of_normal_values():
    """2 (1 + 0.2²) / 2, half of the values being negative."""
    count = 100_000
    shares = (np.arange(count) + 0.5) / count
    values = stats.norm.ppf(shares).astype("float32")
    after = np.asarray(scaled_leaky_relu(values), "float64")
    np.testing.assert_allclose(np.mean(after**2), 1.04, rtol=1e-3)
