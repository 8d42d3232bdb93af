"""Classical restoration methods against NumPy twins and scikit-image."""

import os
import pathlib
import statistics

import numpy as np
import pytest
import skimage.restoration
from scipy import ndimage

from keras_synth.datasets import load_source
from keras_synth.degradations import Downsample, GaussianBlur
from keras_synth.evaluation import compare
from keras_synth.io import modulo_crop, read_image
from keras_synth.metrics import PSNR, SSIM
from keras_synth.restoration import (
    BM3D,
    adaptive_median,
    auto_levels,
    bicubic,
    biharmonic,
    median,
    non_local_means,
    total_variation,
    wiener,
)


def noise(*shape, seed=0):
    return np.random.default_rng(seed).uniform(size=shape)


@pytest.fixture(scope="module")
def photograph():
    """(1, 128, 128, 3) out of the first test photograph, with detail."""
    element = next(iter(load_source("photos", "test").dataset))
    image = element["image"].numpy()[80:208, 180:308] / 255.0
    return image[None].astype("float32")


def decibels(clean, restored):
    return -10 * np.log10(np.mean((clean - restored) ** 2))


def neighborhood(image, row, column, size):
    """Values of a square, borders repeated."""
    height, width = image.shape
    reach = range(-(size // 2), size // 2 + 1)
    return [
        image[
            min(max(row + down, 0), height - 1),
            min(max(column + right, 0), width - 1),
        ]
        for down in reach
        for right in reach
    ]


def adaptive_twin(image, largest):
    """Gonzalez & Woods' flow chart, pixel by pixel."""
    restored = np.empty_like(image)
    for (row, column), z in np.ndenumerate(image):
        for size in range(3, largest + 1, 2):
            values = neighborhood(image, row, column, size)
            low, high = min(values), max(values)
            middle = statistics.median(values)
            if low < middle < high:
                restored[row, column] = z if low < z < high else middle
                break
        else:
            restored[row, column] = middle
    return restored


def impulses(images, share, seed=0):
    """Salt-and-pepper on a share of the values."""
    draw = noise(*images.shape, seed=seed)
    degraded = np.where(draw < share / 2, 0.0, images)
    return np.where(draw > 1 - share / 2, 1.0, degraded).astype("float32")


def each_channel(filter_one, images):
    return np.stack(
        [
            np.stack([filter_one(x[..., c]) for c in range(x.shape[-1])], -1)
            for x in images
        ]
    )


def test_the_median_is_that_of_the_neighborhood():
    images = noise(2, 7, 9, 3).astype("float32")

    def twin(image):
        return np.array(
            [
                [
                    statistics.median(neighborhood(image, row, column, 5))
                    for column in range(image.shape[1])
                ]
                for row in range(image.shape[0])
            ]
        )

    restored = median(5)(images)
    np.testing.assert_array_equal(restored, each_channel(twin, images))
    assert restored.dtype == "float32"


@pytest.mark.parametrize("largest", [3, 5, 7])
def test_the_adaptive_median_equals_its_twin(largest):
    images = impulses(noise(2, 14, 11, 2).astype("float32"), 0.6)
    expected = each_channel(lambda x: adaptive_twin(x, largest), images)
    np.testing.assert_array_equal(adaptive_median(largest)(images), expected)


def test_the_adaptive_median_is_better_for_dense_impulses(photograph):
    degraded = impulses(photograph, 0.3)
    adaptive = decibels(photograph, adaptive_median(7)(degraded))
    plain = max(decibels(photograph, median(k)(degraded)) for k in (3, 5, 7))
    assert adaptive > plain + 2
    # And it leaves what is clean nearly alone.
    kept = adaptive_median(7)(photograph)
    assert decibels(photograph, kept) > 3 + decibels(
        photograph, median(3)(photograph)
    )


@pytest.mark.parametrize(
    "method, gain",
    [
        (non_local_means(0.1), 5),
        (non_local_means(), 5),
        (total_variation(0.1), 5),
    ],
)
def test_denoisers_gain_5_decibels_on_gaussian_noise(photograph, method, gain):
    rng = np.random.default_rng(0)
    noisy = photograph + rng.normal(0, 0.1, photograph.shape)
    noisy = np.concatenate([noisy, noisy[:, ::-1]]).astype("float32")
    restored = method(noisy)
    assert restored.shape == noisy.shape and restored.dtype == "float32"
    before, after = (decibels(photograph, x[:1]) for x in (noisy, restored))
    assert after > before + gain
    np.testing.assert_allclose(restored[1], method(noisy[1:])[0], atol=1e-6)


@pytest.mark.parametrize("channels", [1, 3])
def test_levels_of_each_channel_become_black_and_white(channels):
    rng = np.random.default_rng(0)
    low, high = rng.uniform(0.1, 0.3, channels), rng.uniform(0.6, 0.9, channels)
    images = rng.uniform(low, high, (2, 40, 50, channels))
    images[1] = 0.5 + 0.1 * images[0]  # without black and white
    restored = auto_levels(0.01)(images)
    low, high = np.percentile(images[0], (1, 99), axis=(0, 1))
    expected = np.clip((images[0] - low) / (high - low), 0, 1)
    np.testing.assert_allclose(restored[0], expected, atol=1e-6)
    np.testing.assert_array_equal(restored[1], images[1].astype("float32"))


def test_a_cast_of_sepia_becomes_gray():
    rng = np.random.default_rng(0)
    gray = rng.uniform(size=(1, 30, 30, 1))
    restored = auto_levels()(gray * [1.0, 0.9, 0.7])
    assert np.ptp(restored, axis=-1).max() < 1e-6


def test_non_local_means_estimates_the_noise_of_each_image():
    flat = np.full((1, 64, 64, 1), 0.5)
    rng = np.random.default_rng(0)
    weak, strong = (flat + rng.normal(0, s, flat.shape) for s in (0.02, 0.2))
    batch = np.concatenate([flat, weak, strong])
    restored = non_local_means()(batch)
    np.testing.assert_array_equal(restored[0], flat[0].astype("float32"))
    for image, sigma in ((1, 0.02), (2, 0.2)):
        known = non_local_means(sigma)(batch[image : image + 1])
        np.testing.assert_allclose(restored[image], known[0], atol=0.1 * sigma)
        assert restored[image].std() < 0.3 * sigma


def test_biharmonic_keeps_known_pixels(photograph):
    mask = np.zeros((2, 128, 128, 1))
    mask[0, 20:30, 40:52] = 1.0
    mask[0, 90:93] = 1.0
    images = np.concatenate([photograph, photograph[:, ::-1]])
    degraded = np.where(mask == 1, 0.0, images)
    filled = biharmonic()(degraded, mask)
    known = np.broadcast_to(mask == 0, images.shape)
    np.testing.assert_array_equal(filled[known], images[known])
    assert decibels(images, filled) > decibels(images, degraded) + 10
    assert filled.dtype == "float32"


@pytest.mark.parametrize("sigma", [0.8, 2.0, 7.0])
def test_wiener_equals_scikit_image_on_the_mirrored_image(sigma):
    images = noise(2, 11, 16, 3)

    def twin(image):
        height, width = image.shape
        mirrored = np.pad(image, ((0, height), (0, width)), "symmetric")
        point = np.zeros_like(mirrored)
        point[height, width] = 1.0
        kernel = ndimage.gaussian_filter(point, sigma, mode="wrap")
        restored = skimage.restoration.wiener(
            mirrored, kernel, 0.01, clip=False
        )
        return restored[:height, :width]

    restored = wiener(sigma, 0.01)(images)
    expected = each_channel(twin, images)
    np.testing.assert_allclose(restored, expected, atol=1e-5)
    assert restored.dtype == "float32"


def test_wiener_restores_images_of_gaussian_blur(photograph):
    blurred = np.asarray(GaussianBlur(1.0)(photograph, seed=0))
    almost = wiener(1.0, 1e-7)(blurred)
    assert decibels(photograph, almost) > decibels(photograph, blurred) + 18
    # Borders too: they are mirrored in the same way.
    assert np.abs(almost - photograph)[:, :2].max() < 0.1
    rounded = np.round(255 * blurred) / 255
    restored = wiener(1.0, 1e-4)(rounded)
    assert decibels(photograph, restored) > decibels(photograph, rounded) + 6
    np.testing.assert_allclose(
        restored.mean((1, 2)), rounded.mean((1, 2)), atol=1e-5
    )


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
def test_bicubic_equals_cubic_convolution_with_mirrored_borders(scale):
    """Keys' equation 15, pixel by pixel."""

    def kernel(distance):
        s = abs(distance)
        if s < 1:
            return 1.5 * s**3 - 2.5 * s**2 + 1
        return -0.5 * s**3 + 2.5 * s**2 - 4 * s + 2 if s < 2 else 0.0

    def matrix(size):
        weights = np.zeros((scale * size, size))
        for row in range(scale * size):
            center = (row + 0.5) / scale - 0.5  # in small pixels
            for place in range(-2, size + 2):
                mirrored = -1 - place if place < 0 else place
                if mirrored >= size:
                    mirrored = 2 * size - 1 - mirrored
                weights[row, mirrored] += kernel(center - place)
        return weights

    images = noise(2, 5, 7, 3)
    expected = np.einsum("yh,bhwc,xw->byxc", matrix(5), images, matrix(7))
    upscaled = bicubic(scale)(images)
    np.testing.assert_allclose(upscaled, expected, atol=1e-5)
    assert upscaled.dtype == "float32"


def test_bicubic_on_set5_has_the_published_scores():
    if "KERAS_SYNTH_DATA" not in os.environ:
        pytest.skip("needs the original files: KERAS_SYNTH_DATA is not set")
    folder = pathlib.Path(os.environ["KERAS_SYNTH_DATA"]) / "sr" / "Set5"
    options = {"luma": "studio", "border": 4, "round_to_8_bits": True}
    comparison = compare(
        {"bicubic": bicubic(4)},
        [modulo_crop(read_image(file), 4) for file in folder.glob("*.bmp")],
        Downsample(4),
        [PSNR(**options), SSIM(**options)],
        verbose=0,
    )
    (row,) = comparison.rows  # no row for the small images themselves
    assert row["num_images"] == 5
    assert row["psnr"] == pytest.approx(28.42, abs=0.02)
    assert row["ssim"] == pytest.approx(0.8104, abs=0.0015)


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (lambda x: 255 * x, "images / 255"),
        (lambda x: 2 * x - 1, r"\(images \+ 1\) / 2"),
        (lambda x: np.where(x == x.max(), np.nan, x), "must be finite"),
        (lambda x: (255 * x).astype("uint8"), "must be floats"),
    ],
    ids=["[0, 255]", "[-1, 1]", "NaN", "uint8"],
)
def test_images_out_of_range_are_refused(method, message):
    images = noise(1, 16, 16, 1).astype("float32")
    mask = np.zeros_like(images)
    mask[:, 4:6, 4:6] = 1.0
    inputs = {"image": method(images), "mask": mask}
    for restorer in (
        BM3D(0.1),
        adaptive_median(),
        bicubic(2),
        biharmonic(),
        median(),
        non_local_means(0.1),
        total_variation(),
        wiener(1.0),
    ):
        with pytest.raises(ValueError, match=message):
            restorer(inputs)


def test_biharmonic_takes_anything_under_the_mask():
    ramp = np.tile(np.linspace(0.0, 1.0, 9), (9, 1))[None, :, :, None]
    mask = np.zeros_like(ramp)
    mask[:, 3:6, 3:6] = 1.0
    holed = np.where(mask, np.nan, ramp)
    np.testing.assert_array_equal(
        biharmonic()(holed, mask), biharmonic()(ramp, mask)
    )


def test_bad_arguments_are_refused():
    for make, message in (
        (lambda: median(4), "size=4"),
        (lambda: median(1), "size=1"),
        (lambda: adaptive_median(6.0), "largest=6.0"),
        (lambda: auto_levels(0.5), "Received: 0.5"),
        (lambda: auto_levels(-0.1), "Received: -0.1"),
        (lambda: non_local_means(0), "noise_level=0"),
        (lambda: total_variation(-1), "weight=-1"),
        (lambda: wiener(0.0), "sigma=0.0"),
        (lambda: wiener(1.0, -1.0), "balance=-1.0"),
        (lambda: wiener(float("inf")), "sigma=inf"),
        (lambda: non_local_means(0.1, patch_size=0), "patch_size=0"),
        (lambda: non_local_means(0.1, patch_distance=0.5), "distance=0.5"),
        (lambda: bicubic(0), "scale=0"),
        (lambda: bicubic(2.0), "scale=2.0"),
        (lambda: bicubic(2)(np.zeros((8, 8, 1))), r"shape \(8, 8, 1\)"),
        (lambda: median()(np.zeros((8, 8, 1))), r"shape \(8, 8, 1\)"),
        (lambda: median()(np.zeros((1, 8, 8, 1), "uint8")), "uint8"),
    ):
        with pytest.raises(ValueError, match=message):
            make()
    images = np.zeros((1, 8, 8, 3))
    with pytest.raises(ValueError, match=r"must be \(1, 8, 8, 1\)"):
        biharmonic()(images, images)
    with pytest.raises(ValueError, match="a mask of ones"):
        biharmonic()(images, np.ones((1, 8, 8, 1)))
