"""Noise against the distributions that define it."""

import numpy as np
import pytest
from scipy import ndimage

from keras_synth.degradations import (
    CameraNoise,
    GaussianNoise,
    PoissonNoise,
    SaltAndPepper,
)
from keras_synth.degradations.noise import _demosaic

GRAY = np.full((2, 200, 200, 1), 0.5, "float32")  # 40,000 pixels each


def test_gaussian_noise_has_its_deviation():
    noise = GaussianNoise(25 / 255)(GRAY, 0).numpy() - 0.5
    # Deviation of the estimates: 0.098 / √80000 and that / √2.
    assert abs(noise.mean()) < 0.0015
    assert abs(noise.std() - 25 / 255) < 0.001
    assert abs(np.mean(noise**4) / noise.var() ** 2 - 3.0) < 0.1
    neighbors = np.mean(noise[:, 1:] * noise[:, :-1]) / noise.var()
    assert abs(neighbors) < 0.015


def test_record_holds_the_level_of_gaussian_noise():
    images = np.zeros((6, 100, 100, 1), "float32")
    noise, record = GaussianNoise((0.0, 0.4))(images, 0, return_record=True)
    level = record["parameters"]["noise_level"].numpy()[:, 0, 0, 0]
    assert np.ptp(level) > 0.1
    np.testing.assert_allclose(np.std(noise, axis=(1, 2, 3)), level, rtol=0.05)


def test_varying_gaussian_noise_follows_its_map():
    images = np.zeros((1, 300, 300, 1), "float32")
    noise, record = GaussianNoise((0.0, 0.4), spatially_varying=True)(
        images, 0, return_record=True
    )
    level = record["parameters"]["noise_level"].numpy()
    assert level.shape == images.shape and np.ptp(level) > 0.1
    ratio = (noise.numpy() / level)[level > 0.01]
    assert abs(ratio.std() - 1.0) < 0.02
    with pytest.raises(ValueError, match="needs a range"):
        GaussianNoise(0.1, spatially_varying=True)


def test_poisson_noise_counts_photons():
    peak = 40.0
    noisy = PoissonNoise(peak)(GRAY, 0).numpy()
    counts = noisy * peak
    np.testing.assert_allclose(counts, counts.round(), atol=1e-4)
    # Poisson of 20: mean and variance 20, third central moment 20.
    assert abs(counts.mean() - 20.0) < 0.1
    assert abs(counts.var() - 20.0) < 0.5
    assert abs(np.mean((counts - 20.0) ** 3) - 20.0) < 10.0


def test_poisson_noise_keeps_black_and_clips_negative_values():
    images = np.array([0.0, -0.3], "float32").reshape((1, 1, 2, 1))
    np.testing.assert_array_equal(PoissonNoise(5)(images, 0), 0.0)


def test_camera_noise_is_shot_and_read_noise_in_linear_light():
    level = 4 / 255
    for shot in (0.0, 0.6):
        deviations = []
        for gray in (0.25, 0.5, 0.75):
            images = np.full((1, 300, 300, 1), gray, "float32")
            light = CameraNoise(level, shot)(images, 0).numpy() ** 2.2
            assert abs(light.mean() / gray**2.2 - 1.0) < 0.005
            deviations.append(light.std())
        # σ of y at ½, and of u = y^2.2: the derivative is 2.2 · ½^1.2.
        middle = level * 2.2 * 0.5**1.2
        light = np.float32([0.25, 0.5, 0.75]) ** 2.2 / 0.5**2.2
        expected = middle * np.sqrt(shot * light + 1.0 - shot)
        np.testing.assert_allclose(deviations, expected, rtol=0.02)
    noise = CameraNoise(level)(GRAY, 0).numpy() - 0.5
    assert abs(noise.std() - level) < 0.02 * level


def test_camera_noise_is_that_of_a_demosaiced_image():
    mosaic = np.random.RandomState(0).normal(size=(1, 9, 12, 3))
    sites = np.zeros((9, 12, 3))
    sites[::2, ::2, 0] = 1.0
    sites[::2, 1::2, 1] = sites[1::2, ::2, 1] = 1.0
    sites[1::2, 1::2, 2] = 1.0
    cross = np.float32([[0, 1, 0], [1, 4, 1], [0, 1, 0]]) / 4.0
    tent = np.outer([0.5, 1.0, 0.5], [0.5, 1.0, 0.5])
    expected = [
        ndimage.convolve(
            mosaic[0, ..., c] * sites[..., c], kernel, mode="mirror"
        )
        for c, kernel in enumerate((tent, cross, tent))
    ]
    result = _demosaic(mosaic.astype("float32"))[0]
    np.testing.assert_allclose(result, np.stack(expected, -1), atol=1e-5)
    # A gray plane stays itself.
    plane = np.full((1, 9, 12, 3), 0.7, "float32")
    np.testing.assert_allclose(_demosaic(plane), plane, atol=1e-6)


@pytest.mark.parametrize("size", [(1, 8), (8, 1), (1, 1), (2, 2)])
def test_camera_noise_of_a_row_or_column(size):
    images = np.full((2, *size, 3), 0.5, "float32")
    noisy = CameraNoise(0.02)(images, 0).numpy()
    assert noisy.shape == images.shape and np.isfinite(noisy).all()


def test_camera_noise_stays_in_range():
    images = np.float32([0.0, 0.01, 0.99, 1.0]).repeat(3).reshape((1, 2, 2, 3))
    noisy = CameraNoise(0.3)(images, 0).numpy()
    assert noisy.min() >= 0.0 and noisy.max() <= 1.0


def test_salt_and_pepper_have_their_shares():
    degradation = SaltAndPepper(0.3, salt=0.25)
    noisy, record = degradation(GRAY, 0, return_record=True)
    # Deviation of a share: below 0.0017.
    assert abs(np.mean(noisy.numpy() == 1.0) - 0.075) < 0.006
    assert abs(np.mean(noisy.numpy() == 0.0) - 0.225) < 0.006
    np.testing.assert_array_equal(record["mask"], noisy != GRAY)


def test_salt_and_pepper_hit_all_channels_of_a_pixel():
    color = np.full((1, 50, 50, 3), 0.5, "float32")
    noisy = SaltAndPepper(0.5)(color, 0).numpy()
    np.testing.assert_array_equal(np.ptp(noisy, axis=-1), 0.0)


@pytest.mark.parametrize(
    "build, message",
    [
        (lambda: GaussianNoise(-0.1), "`noise_level` must be a number"),
        (lambda: PoissonNoise(0), "`peak` must be above 0, or None"),
        (lambda: PoissonNoise((-1, 5)), "`peak` must be a number"),
        (lambda: CameraNoise(-0.1), "`noise_level` must be a number"),
        (lambda: CameraNoise(0.1, shot=2), "`shot` must be a number"),
        (lambda: SaltAndPepper(1.2), "`amount` must be a number"),
        (lambda: SaltAndPepper(0.2, salt=-1), "`salt` must be a number"),
    ],
)
def test_bad_arguments_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()
