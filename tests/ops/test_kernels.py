"""Blur kernels against their definitions."""

import numpy as np
import pytest
from scipy import ndimage

from keras_synth import ops


@pytest.mark.parametrize("sigma", [0.4, 1.3, 2.7])
def test_gaussian_kernels_are_scipys(sigma):
    found = np.asarray(ops.gaussian_kernels(np.float32([sigma]), sigma))[0]
    point = np.zeros(len(found))
    point[len(found) // 2] = 1.0
    expected = ndimage.gaussian_filter1d(point, sigma, mode="constant")
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_an_even_kernel_lies_between_two_pixels():
    found = np.asarray(ops.gaussian_kernels(np.float32([1.5]), 1.5, True))[0]
    place = np.arange(len(found)) - (len(found) - 1) / 2
    assert len(found) % 2 == 0
    np.testing.assert_allclose(found, found[::-1])
    np.testing.assert_allclose(np.sum(found * place**2), 1.5**2, rtol=0.01)
    narrow = np.asarray(ops.gaussian_kernels(np.float32([0.01]), 0.01, True))
    np.testing.assert_allclose(narrow, [[0.5, 0.5]])


def test_a_line_has_its_length_and_its_angle():
    length, angle = np.float32([12.0]), np.float32([30.0])
    kernel = np.asarray(ops.line_kernels(length, angle, 12.0))[0]
    np.testing.assert_allclose(kernel.sum(), 1.0, rtol=1e-5)
    rows, columns = np.indices(kernel.shape) - kernel.shape[0] // 2
    spread = np.array(
        [
            [np.sum(kernel * a * b) for a in (columns, -rows)]
            for b in (columns, -rows)
        ]
    )
    values, vectors = np.linalg.eigh(spread)
    x, y = vectors[:, 1]
    np.testing.assert_allclose(np.rad2deg(np.arctan(y / x)), 30.0, atol=1.0)
    np.testing.assert_allclose(np.sqrt(12 * values[1]), 12.0, rtol=0.03)
