"""Noise level estimation: known levels, clipped, shared by neighbors."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage, stats
from skimage import data, restoration

from keras_synth.ops import estimate_noise_level, opponent_noise_levels
from keras_synth.ops.noise_estimation import _clipped_variance


def camera(noise_level=0.0, shape=(512, 512)):
    clean = data.camera()[: shape[0], : shape[1]] / 255.0
    noise = np.random.RandomState(0).normal(size=shape)
    return clean + noise_level * noise


def eight_bit(images):
    """As a file holds them: clipped and rounded."""
    return np.round(255 * np.clip(images, 0, 1)).astype("float32") / 255


def estimate(image):
    """σ of a gray image (height, width), in gray levels."""
    return 255 * float(estimate_noise_level(image[None, ..., None])[0, 0, 0, 0])


@pytest.mark.parametrize("sigma", [5, 10, 25, 50])
def test_it_is_within_five_percent_on_a_clipped_photograph(sigma):
    noisy = eight_bit(camera(sigma / 255))
    assert np.mean((noisy == 0) | (noisy == 1)) > (0.1 if sigma > 25 else 0)
    assert estimate(noisy) == pytest.approx(sigma, rel=0.05)


def test_a_photograph_without_noise_has_less_than_a_gray_level():
    assert estimate(camera()) < 1.0


def test_noise_in_color():
    photograph = data.astronaut()[None] / 255.0
    noise = np.random.RandomState(0).normal(size=photograph.shape)
    noisy = eight_bit(photograph + 25 / 255 * noise)
    levels = 255 * np.ravel(estimate_noise_level(noisy))
    np.testing.assert_allclose(levels, 25, rtol=0.05)
    levels = 255 * np.ravel(estimate_noise_level(noisy, opponent=True))
    np.testing.assert_allclose(levels, 25 / np.sqrt(3), rtol=0.05)


def test_it_agrees_with_scikit_image():
    """Noise that is not clipped, where all of an image is flat."""
    pytest.importorskip("pywt", reason="scikit-image estimates with PyWavelets")
    noisy = 0.5 + 0.1 * np.random.RandomState(0).normal(size=(256, 256))
    expected = 255 * restoration.estimate_sigma(noisy)
    assert estimate(noisy) == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize("value", [-0.5, 0.0, 1.0, 1.5])
def test_saturated_areas_do_not_count(value):
    image = np.full((256, 256), 0.5)
    image[:, :128] = value  # without noise where it is beyond 0 or 1
    noise = np.random.RandomState(0).normal(size=image.shape)
    noisy = eight_bit(image + 20 / 255 * noise)
    assert estimate(noisy) == pytest.approx(20, rel=0.05)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_noise_is_found_where_half_of_it_is_clipped(value):
    noise = np.random.RandomState(0).normal(size=(256, 256))
    noisy = eight_bit(value + 20 / 255 * noise)
    assert estimate(noisy) == pytest.approx(20, rel=0.2)


@pytest.mark.parametrize(("low", "high"), [(-9, 9), (0, 9), (-1, 0.5), (1, 2)])
def test_variance_of_clipped_noise(low, high):
    """Against the integral over the normal density."""
    x = np.linspace(-10, 10, 200_001)
    clipped, density = np.clip(x, low, high), stats.norm.pdf(x)
    mean, square = (
        np.trapezoid(clipped**power * density, x) for power in (1, 2)
    )
    shares = np.float32([stats.norm.cdf(low), stats.norm.sf(high)])
    got = float(_clipped_variance(*shares))
    assert got == pytest.approx(square - mean**2, abs=2e-4)


def test_texture_is_no_noise():
    """A weave of threads covers three quarters of the image."""
    image = camera(5 / 255)
    image[:, 128:] += 0.1 * (np.indices((512, 384)) % 3).prod(axis=0)
    assert 255 * wavelet_twin(image) > 8
    assert estimate(eight_bit(image)) < 5.5


def test_noise_that_neighbors_share_counts_more_than_its_finest_details():
    """A denoiser for white noise restores best with about 32."""
    noise = ndimage.gaussian_filter(
        np.random.RandomState(0).normal(size=(512, 512)), 0.7
    )
    noisy = eight_bit(camera() + 20 / 255 * noise / noise.std())
    assert 24 < estimate(noisy) < 40


def test_small_images_are_as_their_mirror_images():
    noisy = camera(0.1, (9, 40))
    back = noisy[::-1]
    larger = np.concatenate([noisy, back, noisy, back[:5]])
    assert estimate(noisy) == pytest.approx(estimate(larger), rel=1e-5)
    assert estimate(noisy) == pytest.approx(25.5, rel=0.3)


def test_of_large_images_every_second_block_counts():
    image = np.full((1, 2050, 2000, 1), 0.5, "float32")
    noise = np.random.default_rng(0).normal(size=image.shape)
    image += np.float32(0.05) * noise.astype("float32")
    blocks = [np.arange(side) // 256 % 2 == 0 for side in image.shape[1:3]]
    few = image[:, blocks[0]][:, :, blocks[1]]
    image[:, ~blocks[0]] = 0.5  # nobody looks there
    found = estimate_noise_level(image)
    np.testing.assert_array_equal(found, estimate_noise_level(few))
    assert float(found[0, 0, 0, 0]) == pytest.approx(0.05, rel=0.02)


@pytest.mark.slow
def test_graphs_of_unknown_size_give_the_same():
    noisy = camera(0.1)[None, :60, :70, None].astype("float32")
    spec = tf.TensorSpec((None, None, None, 1))
    graph = tf.function(estimate_noise_level, input_signature=[spec])
    for images in (noisy, noisy[:, :9, :14]):
        np.testing.assert_allclose(
            graph(images), estimate_noise_level(images), rtol=1e-4
        )


@pytest.fixture(scope="module")
def noise():
    """Standard normal, (1, 128, 128, 3)."""
    return np.random.RandomState(0).normal(size=(1, 128, 128, 3))


def test_levels_of_opponent_channels(noise):
    independent = 0.5 + 0.1 * noise
    common = 0.5 + 0.1 * noise[..., :1] + np.zeros(3)
    for images, expected in (
        (independent, np.full(3, 0.1 / np.sqrt(3))),
        (common, [0.1, 0.0, 0.0]),
    ):
        for level in (None, 0.1):
            got = opponent_noise_levels(images, level)
            np.testing.assert_allclose(
                np.ravel(got), expected, rtol=0.1, atol=1e-4
            )
            if level:
                assert np.linalg.norm(got) == pytest.approx(0.1, rel=1e-5)


def test_a_given_level_is_divided_as_the_noise_is(noise):
    """Color noise of a third of the brightness', as JPEG leaves it."""
    brightness = 0.1 * noise[..., :1]
    images = 0.5 + brightness + 0.02 * noise * [-1, 0, 1]
    levels = np.ravel(opponent_noise_levels(images, 0.2))
    assert np.linalg.norm(levels) == pytest.approx(0.2, rel=1e-5)
    ratios = levels[1:] / levels[0]
    found = np.ravel(opponent_noise_levels(images))
    np.testing.assert_allclose(ratios, found[1:] / found[0], rtol=1e-4)
    assert 0.1 < ratios[0] < 0.3 and ratios[1] < 0.15


def test_gray_images_have_the_level_that_is_given():
    levels = opponent_noise_levels(np.zeros((2, 8, 9, 1)), 0.2)
    np.testing.assert_allclose(levels, np.full((2, 1, 1, 1), 0.2), rtol=1e-6)


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


@pytest.mark.parametrize("shape", [(33, 40), (34, 41)])
def test_of_small_images_it_is_the_median_of_all_wavelet_coefficients(shape):
    noisy = camera(0.1, shape).astype("float32")
    got = float(estimate_noise_level(noisy[None, :, :, None])[0, 0, 0, 0])
    assert got == pytest.approx(wavelet_twin(noisy), rel=1e-4)


def test_empty_areas_do_not_count():
    noise = 0.1 * np.random.RandomState(1).normal(size=(1, 128, 128, 1))
    noise[:, :60] = 0.37
    got = float(estimate_noise_level(noise)[0, 0, 0, 0])
    assert got == pytest.approx(0.1, rel=0.1)
    noise[:, :120] = 0.37  # drawn, with noise in a corner
    assert float(estimate_noise_level(noise)[0, 0, 0, 0]) == 0.0
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
