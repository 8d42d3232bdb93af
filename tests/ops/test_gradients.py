"""Gradient norms of discriminators and path lengths, where known."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_synth.ops import path_lengths, squared_gradient_norms

SHAPE = (3, 4, 2, 1)


def random_images(seed=0, shape=SHAPE):
    rng = np.random.default_rng(seed)
    return rng.uniform(size=shape).astype("float32")


def weights(seed=1):
    rng = np.random.default_rng(seed)
    return rng.normal(size=SHAPE[1:]).astype("float32")


def total(values):
    return keras.ops.sum(values, axis=(1, 2, 3))


def test_a_linear_discriminator_has_the_gradient_of_its_weights():
    a = weights()
    norms = squared_gradient_norms(
        lambda x: total(a * (2 * x - 1)), random_images()
    )
    np.testing.assert_allclose(norms, 3 * [np.sum(a**2)], rtol=1e-5)


def test_each_image_has_its_own_gradient_norm():
    a, images = weights(), random_images()
    norms = squared_gradient_norms(
        lambda x: total(0.5 * a * (2 * x - 1) ** 2), images
    )
    expected = np.sum((a * (2 * images - 1)) ** 2, axis=(1, 2, 3))
    assert expected.std() > 0.1
    np.testing.assert_allclose(norms, expected, rtol=1e-5)


def test_the_logits_of_an_image_are_added_up():
    a, images = weights(), random_images()
    by_patch = squared_gradient_norms(lambda x: a * (2 * x - 1) ** 2, images)
    by_image = squared_gradient_norms(
        lambda x: total(a * (2 * x - 1) ** 2), images
    )
    np.testing.assert_allclose(by_patch, by_image, rtol=1e-6)


def test_a_networks_gradient_equals_finite_differences():
    network = keras.Sequential(
        [
            keras.layers.Flatten(),
            keras.layers.Dense(8, activation="tanh"),
            keras.layers.Dense(1),
        ]
    )
    images, step = random_images(), 1e-2
    differences = []
    for pixel in np.eye(8, dtype="float32").reshape(8, *SHAPE[1:]):
        # a pixel of [-1, 1] moves by `step` where one of [0, 1] does by half
        above = network(images + 0.5 * step * pixel)
        below = network(images - 0.5 * step * pixel)
        differences.append((above - below) / (2 * step))
    expected = np.sum(np.square(differences), axis=(0, 2))
    np.testing.assert_allclose(
        squared_gradient_norms(network, images), expected, rtol=1e-3
    )


def test_norms_can_be_differentiated_again():
    a, images = weights(), tf.Variable(random_images())
    with tf.GradientTape() as tape:
        norms = squared_gradient_norms(
            lambda x: total(0.5 * a * (2 * x - 1) ** 2), images
        )
    # ‖a y‖² with y = 2x - 1
    np.testing.assert_allclose(
        tape.gradient(norms, images), 4 * a**2 * (2 * images - 1), rtol=1e-4
    )


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_norms_are_float32_for_images_and_discriminators_of_any_dtype(dtype):
    a, images = weights(), random_images()
    norms = squared_gradient_norms(
        lambda x: total(tf.cast(a, dtype) * tf.cast(2 * x - 1, dtype)),
        images.astype(dtype),
    )
    assert norms.dtype == "float32"
    np.testing.assert_allclose(norms, 3 * [np.sum(a**2)], rtol=5e-3)


def test_a_batch_of_unknown_size_is_taken():
    a = weights()

    @tf.function(input_signature=[tf.TensorSpec((None, *SHAPE[1:]))])
    def norms(images):
        return squared_gradient_norms(
            lambda x: total(a * (2 * x - 1) ** 2), images
        )

    images = random_images()
    expected = np.sum((2 * a * (2 * images - 1)) ** 2, axis=(1, 2, 3))
    np.testing.assert_allclose(norms(images), expected, rtol=1e-5)
    np.testing.assert_allclose(norms(images[:1]), expected[:1], rtol=1e-5)


LAYERS, STYLE_DIM = 3, 5


def styles(count=4, seed=2):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(count, LAYERS, STYLE_DIM)).astype("float32")


def directions(count=4, shape=SHAPE[1:], seed=3):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(count, *shape)).astype("float32")


def linear_synthesizer(seed=4):
    """`x = ½ + ½ A w`, and A, (height, width, channels, layers, dim)."""
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(*SHAPE[1:], LAYERS, STYLE_DIM)).astype("float32")

    def synthesize(w):
        return 0.5 + 0.5 * tf.einsum("hwcld,bld->bhwc", matrix, w)

    return synthesize, matrix


def test_path_lengths_of_a_linear_synthesizer():
    synthesize, matrix = linear_synthesizer()
    y = directions()
    lengths = path_lengths(synthesize, styles(), y)
    products = np.einsum("hwcld,bhwc->bld", matrix, y) / np.sqrt(4 * 2)
    expected = np.sqrt(np.mean(np.sum(products**2, axis=2), axis=1))
    assert lengths.dtype == "float32" and expected.std() > 0.1
    np.testing.assert_allclose(lengths, expected, rtol=1e-5)


def test_path_lengths_average_to_the_norms_of_the_jacobians_rows():
    """Over many directions; the standard error is about 1%."""
    synthesize, matrix = linear_synthesizer()
    count = 4000
    lengths = path_lengths(synthesize, styles(count), directions(count))
    rows = np.sum(matrix**2, axis=(2, 3, 4)) / LAYERS  # of each pixel
    assert np.mean(lengths**2) == pytest.approx(np.mean(rows), rel=0.04)


def test_path_lengths_equal_finite_differences():
    network = keras.Sequential(
        [
            keras.layers.Flatten(),
            keras.layers.Dense(16, activation="tanh"),
            keras.layers.Dense(12, activation="sigmoid"),
            keras.layers.Reshape((2, 2, 3)),
        ]
    )
    w, step = styles(), 1e-2
    y = directions(shape=(2, 2, 3))
    products = np.zeros(w.shape)
    for layer, dimension in np.ndindex(LAYERS, STYLE_DIM):
        moved = np.zeros(w.shape, "float32")
        moved[:, layer, dimension] = step
        # Images of [-1, 1] move twice as far as those of [0, 1].
        change = 2 * (network(w + moved) - network(w - moved)) / (2 * step)
        products[:, layer, dimension] = np.sum(change * y, axis=(1, 2, 3)) / 2
    expected = np.sqrt(np.mean(np.sum(products**2, axis=2), axis=1))
    np.testing.assert_allclose(path_lengths(network, w, y), expected, rtol=1e-3)


def test_path_lengths_can_be_differentiated_again_also_at_zero():
    base, _ = linear_synthesizer()
    unit = path_lengths(base, styles(), directions())
    for size in (3.0, 0.0):
        factor = tf.Variable(size)
        with tf.GradientTape() as tape:
            lengths = path_lengths(
                lambda w, factor=factor: factor * base(w),
                styles(),
                directions(),
            )
        gradient = tape.gradient(lengths, factor)
        expected = np.sum(unit) if size else 0.0
        assert float(gradient) == pytest.approx(expected, rel=1e-4)


def test_path_lengths_through_half_precision_are_float32():
    synthesize, _ = linear_synthesizer()
    lengths = path_lengths(
        lambda w: tf.cast(synthesize(w), "float16"),
        styles().astype("float16"),
        directions(),
    )
    assert lengths.dtype == "float32"
    np.testing.assert_allclose(
        lengths, path_lengths(synthesize, styles(), directions()), rtol=5e-3
    )
