"""Orthogonal transforms as NumPy matrices: DCT, Haar, biorthogonal."""

import numpy as np


def dct_matrix(size):
    """The orthonormal discrete cosine transform, type II.

    `T[k, n] = c_k cos(π (2 n + 1) k / (2 size))`, with `c_0 = √(1 / size)`
    and `c_k = √(2 / size)` otherwise.

    Args:
        size: Number of samples, at least 1.

    Returns:
        float64 (size, size); `T @ x` transforms a column.

    Example:

    >>> dct_matrix(2).round(4).tolist()
    [[0.7071, 0.7071], [0.7071, -0.7071]]
    """
    frequency, position = np.mgrid[:size, :size]
    matrix = np.cos(np.pi * (2 * position + 1) * frequency / (2 * size))
    matrix[0] /= np.sqrt(2.0)
    return matrix * np.sqrt(2.0 / size)


def opponent_matrix():
    """Opponent color transform: luma and two color differences.

    Rows: luminance, red against blue, green against both. They are orthogonal
    and all of norm 1/√3, so luminance is the mean of the three, and each has
    a third of the variance of white noise.

    Returns:
        float64 (3, 3).

    Example:

    >>> opponent_matrix().round(4).tolist()[0]
    [0.3333, 0.3333, 0.3333]
    """
    return dct_matrix(3) / np.sqrt(3.0)


def haar_matrix(size):
    """The orthonormal Haar wavelet transform, down to a single mean.

    Rows go from coarse to fine: the mean, then the differences of halves,
    quarters and so on to those of neighbors.

    Args:
        size: Number of samples, a power of two.

    Returns:
        float64 (size, size).

    Raises:
        ValueError: `size` is no power of two.

    Example:

    >>> haar_matrix(4).round(2).tolist()[1]
    [0.5, 0.5, -0.5, -0.5]
    """
    return _dyadic(_HAAR, size)


def biorthogonal_matrix(size):
    """The biorthogonal wavelet transform 1.5 with rows of unit norm.

    Differences are those of Haar; means take ten samples, periodically:
    `(3, -3, -22, 22, 128, 128, 22, -22, -3, 3) / 256 * √2`. The rows are not
    orthogonal to each other: `np.linalg.inv` gives the inverse. With unit norms
    white noise has the same deviation in each coefficient.

    Args:
        size: Number of samples, a power of two.

    Returns:
        float64 (size, size), rows from coarse to fine.

    Raises:
        ValueError: `size` is no power of two.

    Reference: Cohen, Daubechies and Feauveau, Biorthogonal bases of compactly
    supported wavelets, 1992, table 6.1, N = 1, Ñ = 5.

    Example:

    >>> np.linalg.norm(biorthogonal_matrix(8), axis=1).round(6).tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    """
    matrix = _dyadic(_BIORTHOGONAL_MEANS, size)
    return matrix / np.linalg.norm(matrix, axis=1, keepdims=True)


def kaiser_window(size, beta):
    """A separable Kaiser window over a square, highest in the middle.

    Args:
        size: Side of the square.
        beta: Shape parameter β; 0 gives a window of ones.

    Returns:
        float64 (size, size).

    Example:

    >>> kaiser_window(3, 2.0).round(2).tolist()[1]
    [0.44, 1.0, 0.44]
    """
    window = np.kaiser(size, beta)
    return np.outer(window, window)


_HAAR = np.array([1.0, 1.0]) / np.sqrt(2.0)
_BIORTHOGONAL_MEANS = np.array(
    [3.0, -3.0, -22.0, 22.0, 128.0, 128.0, 22.0, -22.0, -3.0, 3.0]
) * (np.sqrt(2.0) / 256.0)


def _dyadic(means, size):
    """Wavelet transform: recursive means, and differences of Haar."""
    if size < 1 or size & (size - 1):
        raise ValueError(
            f"`size` must be a power of two. Received: size={size}"
        )
    if size == 1:
        return np.ones((1, 1))
    coarse, fine = np.zeros((2, size // 2, size))
    for row in range(size // 2):
        fine[row, 2 * row : 2 * row + 2] = [_HAAR[0], -_HAAR[1]]
        first = 2 * row + 1 - len(means) // 2
        for tap, value in enumerate(means):
            coarse[row, (first + tap) % size] += value
    return np.concatenate([_dyadic(means, size // 2) @ coarse, fine])
