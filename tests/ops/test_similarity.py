"""PSNR, SSIM and MS-SSIM against scikit-image, TensorFlow and laws."""

import numpy as np
import pytest
import tensorflow as tf
from skimage.metrics import peak_signal_noise_ratio
from skimage.metrics import structural_similarity as skimage_similarity

from keras_synth.ops import (
    multi_scale_structural_similarity,
    peak_signal_to_noise_ratio,
    structural_similarity,
)
from keras_synth.ops.similarity import _positive_power

TWO_SCALES = (0.4, 0.6)


def two_scales(images, others):
    return multi_scale_structural_similarity(
        images, others, power_factors=TWO_SCALES
    )


SCORES = [structural_similarity, two_scales]


def images(shape=(2, 24, 29, 3), dtype="float32", seed=0):
    """Smooth waves with a little grain, in [0, 1]."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[: shape[1], : shape[2]]
    phase = rng.uniform(0, 6, size=(shape[0], 1, 1, shape[3]))
    waves = np.sin(0.3 * rows + 0.2 * columns)[None, ..., None]
    images = 0.5 + 0.4 * waves * np.cos(phase) + 0.03 * rng.normal(size=shape)
    return np.clip(images, 0, 1).astype(dtype)


def noisy(images, sigma=0.1):
    noise = np.random.default_rng(9).normal(size=images.shape)
    return (images + sigma * noise).astype(images.dtype)


def skimage_ssim(images, others, max_value=1.0):
    return [
        skimage_similarity(
            x.astype("float64"),
            y.astype("float64"),
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            data_range=max_value,
            channel_axis=-1,
        )
        for x, y in zip(images, others, strict=True)
    ]


@pytest.mark.parametrize("max_value", [1.0, 255.0])
def test_psnr_of_each_image_equals_scikit_image(max_value):
    clean = max_value * images()
    restored = clean + max_value * 0.1 * images(seed=1)
    expected = [
        peak_signal_noise_ratio(x, y, data_range=max_value)
        for x, y in zip(clean, restored, strict=True)
    ]
    scores = peak_signal_to_noise_ratio(clean, restored, max_value)
    np.testing.assert_allclose(scores, expected, atol=1e-4)
    assert abs(expected[0] - expected[1]) > 0.1  # two figures, not one


def test_equal_images_have_infinite_psnr():
    scores = peak_signal_to_noise_ratio(images(), images())
    np.testing.assert_array_equal(scores, [np.inf, np.inf])


@pytest.mark.parametrize("shape", [(2, 24, 29, 3), (1, 11, 11, 1)])
@pytest.mark.parametrize("max_value", [1.0, 255.0])
def test_ssim_equals_scikit_image(shape, max_value):
    clean = max_value * images(shape)
    restored = noisy(clean, 0.1 * max_value)
    np.testing.assert_allclose(
        structural_similarity(clean, restored, max_value),
        skimage_ssim(clean, restored, max_value),
        atol=1e-5,
    )


@pytest.mark.parametrize("brightness", [0.5, 0.95])
def test_ssim_keeps_precision_on_bright_flat_images(brightness):
    clean = noisy(np.full((1, 64, 64, 1), brightness, "float32"), 0.005)
    restored = noisy(clean[:, ::-1].copy(), 0.005)[:, ::-1]
    expected = skimage_ssim(clean, restored)
    assert expected[0] < 0.99
    np.testing.assert_allclose(
        structural_similarity(clean, restored), expected, atol=5e-5
    )
    double = structural_similarity(
        clean.astype("float64"), restored.astype("float64")
    )
    assert double.dtype == "float64"
    np.testing.assert_allclose(double, expected, atol=1e-10)


# Sizes that halve without a remainder, and with one at every scale.
@pytest.mark.parametrize("size", [(176, 176), (161, 161), (183, 214)])
def test_multi_scale_ssim_equals_tensorflow(size):
    clean = images((2, *size, 2))
    restored = noisy(clean, 0.2)
    expected = tf.image.ssim_multiscale(clean, restored, 1.0)
    scores = multi_scale_structural_similarity(clean, restored)
    np.testing.assert_allclose(scores, expected, atol=1e-4)
    assert 0.3 < scores[0] < 0.95
    np.testing.assert_allclose(
        multi_scale_structural_similarity(255 * clean, 255 * restored, 255),
        scores,
        atol=1e-5,
    )


def test_multi_scale_takes_other_exponents():
    clean, restored = images(), noisy(images())
    np.testing.assert_allclose(
        two_scales(clean, restored),
        tf.image.ssim_multiscale(clean, restored, 1.0, TWO_SCALES),
        atol=1e-4,
    )
    one_scale = multi_scale_structural_similarity(
        clean, restored, power_factors=[1.0]
    )
    expected = structural_similarity(clean, restored)
    np.testing.assert_allclose(one_scale, expected, rtol=1e-6)


@pytest.mark.parametrize("score", SCORES)
def test_scores_are_one_for_equal_images_and_symmetric(score):
    clean, restored = images(), noisy(images())
    np.testing.assert_allclose(score(clean, clean), [1.0, 1.0], atol=1e-6)
    np.testing.assert_allclose(
        score(clean, restored), score(restored, clean), rtol=1e-6
    )
    worse = score(clean, noisy(clean, 0.3))
    assert np.all(worse < score(clean, restored))


def test_inverted_images_have_negative_ssim_and_zero_multi_scale_ssim():
    clean = images()
    assert np.all(structural_similarity(clean, 1 - clean) < -0.1)
    np.testing.assert_array_equal(two_scales(clean, 1 - clean), [0.0, 0.0])


@pytest.mark.parametrize("score", SCORES)
def test_nan_gives_nan(score):
    broken = images()
    broken[0, 12, 12, 0] = np.nan
    scores = np.asarray(score(images(), broken))
    assert np.isnan(scores[0]) and scores[1] > 0.99


def constant(value):
    return np.full((1, 24, 24, 1), value, "float32")


@pytest.mark.parametrize(
    "clean, restored",
    [
        (images(), images()),
        (images(), 1 - images()),
        (images(), -images()),
        (constant(0.0), constant(0.0)),
        (constant(0.7), constant(0.7)),
        (constant(0.0), constant(1.0)),
        (images((1, 24, 24, 1)), constant(0.5)),
    ],
    ids="equal inverted negative black gray contrary flat".split(),
)
@pytest.mark.parametrize("score", SCORES)
def test_gradients_are_finite(score, clean, restored):
    clean, restored = tf.constant(clean), tf.constant(restored)
    with tf.GradientTape() as tape:
        tape.watch([clean, restored])
        total = tf.reduce_sum(score(clean, restored))
    assert np.isfinite(total)
    for gradient in tape.gradient(total, [clean, restored]):
        assert np.isfinite(gradient).all()


def test_a_scale_that_is_exactly_zero_has_no_infinite_gradient():
    values = tf.constant([-0.5, 0.0, 0.25])
    with tf.GradientTape() as tape:
        tape.watch(values)
        powers = _positive_power(values, 0.5)
    np.testing.assert_allclose(powers, [0.0, 0.0, 0.5])
    gradient = tape.gradient(powers, values)
    np.testing.assert_allclose(gradient, [0.0, 0.0, 1.0])


@pytest.mark.parametrize("score", SCORES)
def test_gradients_equal_finite_differences(score):
    clean = tf.constant(images((1, 24, 24, 1), "float64"))
    restored = tf.constant(noisy(clean.numpy(), 0.05))
    direction = np.random.default_rng(3).normal(size=clean.shape)
    with tf.GradientTape() as tape:
        tape.watch(restored)
        total = tf.reduce_sum(score(clean, restored))
    derivative = np.sum(direction * tape.gradient(total, restored).numpy())
    high = score(clean, restored + 1e-6 * direction)
    low = score(clean, restored - 1e-6 * direction)
    difference = float(tf.reduce_sum(high - low)) / 2e-6
    np.testing.assert_allclose(derivative, difference, rtol=1e-5)


@pytest.mark.parametrize("score", [peak_signal_to_noise_ratio, *SCORES])
def test_sizes_may_be_unknown_in_a_graph(score):
    spec = tf.TensorSpec((None, None, None, 3))
    graph = tf.function(score, input_signature=[spec, spec])
    for shape in [(2, 24, 29, 3), (1, 33, 22, 3)]:
        clean, restored = images(shape), noisy(images(shape))
        np.testing.assert_allclose(
            graph(clean, restored), score(clean, restored), rtol=1e-5
        )


def test_half_precision_is_computed_in_float32():
    clean, restored = images(dtype="float16"), noisy(images(), 0.1)
    scores = structural_similarity(clean, restored.astype("float16"))
    assert scores.dtype == "float32"
    np.testing.assert_allclose(
        scores, structural_similarity(images(), restored), atol=1e-3
    )


@pytest.mark.parametrize(
    "score, least",
    [(structural_similarity, 11), (two_scales, 21)]
    + [(multi_scale_structural_similarity, 161)],
)
def test_images_that_are_too_small_are_refused(score, least):
    small = np.zeros((1, 400, least - 1, 1), "float32")
    message = f"at least {least} x {least} .* Received: 400 x {least - 1}"
    with pytest.raises(ValueError, match=message):
        score(small, small)
    if least < 100:
        fits = np.zeros((1, least, least, 1), "float32")
        np.testing.assert_allclose(score(fits, fits), [1.0], atol=1e-6)


@pytest.mark.parametrize("score", [peak_signal_to_noise_ratio, *SCORES])
@pytest.mark.parametrize(
    "shape, other",
    [
        ((2, 24, 24, 3), (2, 24, 24, 1)),
        ((2, 24, 24, 1), (1, 24, 24, 1)),
        ((24, 24, 1), (24, 24, 1)),
    ],
)
def test_other_shapes_are_refused(score, shape, other):
    with pytest.raises(ValueError, match="Received: shape"):
        score(np.zeros(shape), np.zeros(other))


@pytest.mark.parametrize("power_factors", [(), (0.5, 0.0), 0.5, ("a",), None])
def test_invalid_exponents_are_refused(power_factors):
    with pytest.raises(ValueError, match="`power_factors` must be numbers"):
        multi_scale_structural_similarity(
            images(), images(), power_factors=power_factors
        )
