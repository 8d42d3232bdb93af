"""Noise level estimation: known levels, and against scikit-image."""

import numpy as np
import pytest
from skimage import data, restoration

from keras_synth.ops import estimate_noise_level


def camera(noise_level=0.0, shape=(512, 512)):
    clean = data.camera()[: shape[0], : shape[1]] / 255.0
    noise = np.random.RandomState(0).normal(size=shape)
    return clean + noise_level * noise


@pytest.mark.parametrize("noise_level", [25 / 255, 50 / 255])
def test_it_is_within_five_percent_on_a_photograph(noise_level):
    images = camera(noise_level)[None, :, :, None]
    got = float(estimate_noise_level(images)[0, 0, 0, 0])
    assert got == pytest.approx(noise_level, rel=0.05)


def test_it_agrees_with_scikit_image():
    pytest.importorskip("pywt", reason="scikit-image estimates with PyWavelets")
    noisy = camera(0.1)
    expected = restoration.estimate_sigma(noisy)
    got = float(estimate_noise_level(noisy[None, :, :, None])[0, 0, 0, 0])
    assert got == pytest.approx(expected, rel=0.01)


def wavelet_twin(image):
    """The median of the diagonal coefficients, one by one."""
    root = np.sqrt(3.0)
    filter_ = np.array([1 - root, root - 3, 3 + root, -1 - root])
    filter_ /= 4 * np.sqrt(2.0)
    values = []
    for row in range(0, image.shape[0] - 3, 2):
        for column in range(0, image.shape[1] - 3, 2):
            block = image[row : row + 4, column : column + 4]
            values.append(abs(filter_ @ block @ filter_))
    values = np.array(values)
    return np.median(values[values > 0]) / 0.6744897501960817


@pytest.mark.parametrize("shape", [(4, 4), (33, 40), (34, 41)])
def test_it_is_the_median_of_wavelet_coefficients(shape):
    noisy = camera(0.1, shape).astype("float32")
    got = float(estimate_noise_level(noisy[None, :, :, None])[0, 0, 0, 0])
    assert got == pytest.approx(wavelet_twin(noisy), rel=1e-4)


def test_empty_areas_do_not_count():
    noise = 0.1 * np.random.RandomState(1).normal(size=(1, 64, 64, 1))
    noise[:, :40] = 0.0
    got = float(estimate_noise_level(noise)[0, 0, 0, 0])
    assert got == pytest.approx(0.1, rel=0.1)
    empty = estimate_noise_level(np.zeros((1, 8, 8, 1)))
    assert float(empty[0, 0, 0, 0]) == 0.0


def test_each_image_and_channel_has_its_own_level():
    levels = np.array([[0.05, 0.1, 0.2], [0.4, 0.0, 0.01]])
    noise = np.random.RandomState(2).normal(size=(2, 96, 96, 3))
    got = estimate_noise_level(noise * levels[:, None, None])
    np.testing.assert_allclose(got, levels[:, None, None], rtol=0.08)


@pytest.mark.parametrize("shape", [(1, 3, 9, 1), (9, 9, 1)])
def test_bad_shapes_are_refused(shape):
    with pytest.raises(ValueError, match="at least 4x4"):
        estimate_noise_level(np.zeros(shape))
