"""Orthogonal transforms against SciPy, a wavelet twin and laws."""

import numpy as np
import pytest
import scipy.fft
from scipy.signal import windows

from keras_synth.ops import transforms

SIGNAL = np.random.RandomState(0).normal(size=16)


@pytest.mark.parametrize("size", [1, 2, 7, 8, 12])
def test_dct_equals_scipy(size):
    expected = scipy.fft.dct(SIGNAL[:size], norm="ortho")
    got = transforms.dct_matrix(size) @ SIGNAL[:size]
    np.testing.assert_allclose(got, expected, atol=1e-12)


@pytest.mark.parametrize("size", [1, 2, 8, 16])
def test_haar_is_orthonormal(size):
    matrix = transforms.haar_matrix(size)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(size), atol=1e-12)


def test_haar_matrix_of_four_samples():
    half, root = 0.5, np.sqrt(0.5)
    expected = [
        [half, half, half, half],
        [half, half, -half, -half],
        [root, -root, 0.0, 0.0],
        [0.0, 0.0, root, -root],
    ]
    np.testing.assert_allclose(transforms.haar_matrix(4), expected, atol=1e-12)


# The decimals of published filter tables for "bior1.5".
MEANS = [
    0.01657281518405971,
    -0.01657281518405971,
    -0.12153397801643787,
    0.12153397801643787,
    0.7071067811865476,
]
MEANS = MEANS + MEANS[::-1]


def biorthogonal_twin(signal):
    """Level by level, sample by sample."""
    details = []
    while len(signal) > 1:
        size = len(signal)
        means = [
            sum(MEANS[t] * signal[(2 * k - 4 + t) % size] for t in range(10))
            for k in range(size // 2)
        ]
        differences = (signal[::2] - signal[1::2]) * np.sqrt(0.5)
        details = [*differences, *details]
        signal = np.array(means)
    return np.array([*signal, *details])


@pytest.mark.parametrize("size", [2, 8, 16])
def test_biorthogonal_is_the_wavelet_transform(size):
    matrix = transforms.biorthogonal_matrix(size)
    np.testing.assert_allclose(np.linalg.norm(matrix, axis=1), 1.0)
    twin = np.stack([biorthogonal_twin(e) for e in np.eye(size)], axis=1)
    twin /= np.linalg.norm(twin, axis=1, keepdims=True)
    np.testing.assert_allclose(matrix, twin, atol=1e-9)
    np.testing.assert_allclose(
        np.linalg.inv(matrix) @ matrix, np.eye(size), atol=1e-12
    )


def test_kaiser_window_equals_scipy():
    line = windows.kaiser(8, 2.0)
    np.testing.assert_allclose(
        transforms.kaiser_window(8, 2.0), np.outer(line, line), atol=1e-12
    )
    np.testing.assert_array_equal(transforms.kaiser_window(5, 0.0), 1.0)


@pytest.mark.parametrize("make", ["haar_matrix", "biorthogonal_matrix"])
@pytest.mark.parametrize("size", [0, 6, -4])
def test_sizes_other_than_powers_of_two_are_refused(make, size):
    with pytest.raises(ValueError, match=f"`size`.*size={size}"):
        getattr(transforms, make)(size)
