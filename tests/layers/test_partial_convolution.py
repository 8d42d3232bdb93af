"""Partial convolution: against loops, and the laws of masks."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_synth.layers import PartialConv2D

RNG = np.random.default_rng(0)
SEEDED = {"kernel_initializer": keras.initializers.GlorotUniform(seed=0)}


def noise(*shape):
    return RNG.standard_normal(shape).astype("float32")


def holes(*shape, share=0.6):
    return (RNG.uniform(size=shape) < share).astype("float32")


def built(filters, size, images, **options):
    """A built layer with a nonzero bias."""
    layer = PartialConv2D(filters, size, **options)
    layer.build([images.shape, (*images.shape[:-1], 1)])
    layer.bias.assign(1.0 + np.arange(filters))
    return layer


def twin(images, masks, kernel, bias, strides):
    """Equations 1 and 2, in loops; M has a value for each channel."""
    batch, height, width, channels = images.shape
    size = kernel.shape[0]
    valid = np.broadcast_to(1.0 - masks, images.shape).astype("float64")
    sides = [-(-side // strides) for side in (height, width)]
    first = [
        max((out - 1) * strides + size - side, 0) // 2
        for side, out in zip((height, width), sides, strict=True)
    ]
    made = np.zeros((batch, *sides, kernel.shape[-1]))
    left = np.ones((batch, *sides, 1))
    for image, row, column in np.ndindex(batch, *sides):
        total, seen = np.zeros(kernel.shape[-1]), 0.0
        for i, j, channel in np.ndindex(size, size, channels):
            y = row * strides - first[0] + i
            x = column * strides - first[1] + j
            if not (0 <= y < height and 0 <= x < width):
                continue  # one more hole
            m = valid[image, y, x, channel]
            total += m * images[image, y, x, channel] * kernel[i, j, channel]
            seen += m
        if seen > 0:
            made[image, row, column] = (
                total * size * size * channels / seen + bias
            )
            left[image, row, column] = 0.0
    return made, left


@pytest.mark.parametrize(("size", "strides"), [(3, 1), (3, 2), (5, 2), (4, 2)])
@pytest.mark.parametrize("mask_channels", [1, 3])
def test_it_is_equations_1_and_2(size, strides, mask_channels):
    images = noise(2, 7, 8, 3)
    masks = holes(2, 7, 8, mask_channels, share=0.8)
    masks[0, :6, :7] = 1.0
    layer = built(2, size, images, strides=strides)
    made, left = layer([images, masks])
    kernel = np.asarray(layer.convolution.kernel)
    expected, still = twin(images, masks, kernel, [1.0, 2.0], strides)
    np.testing.assert_allclose(made, expected, rtol=1e-3, atol=1e-4)
    np.testing.assert_array_equal(left, still)
    assert 0 < np.mean(still) < 0.5


@pytest.mark.parametrize(("size", "strides"), [(3, 1), (5, 2)])
def test_without_holes_it_is_a_plain_convolution_inside(size, strides):
    images = noise(2, 12, 13, 3)
    layer = built(4, size, images, strides=strides)
    made, left = layer([images, np.zeros((2, 12, 13, 1), "float32")])
    plain = keras.layers.Conv2D(4, size, strides, padding="same")
    plain.build(images.shape)
    plain.kernel.assign(layer.convolution.kernel)
    plain.bias.assign(layer.bias)
    inside = slice(2, -2)
    difference = np.asarray(made - plain(images))
    np.testing.assert_allclose(difference[:, inside, inside], 0, atol=1e-5)
    assert np.abs(difference[:, 0]).max() > 0.01  # borders are weighted up
    np.testing.assert_array_equal(left, np.zeros_like(left))


def test_uniform_images_stay_uniform_whatever_is_missing():
    images = np.full((1, 9, 9, 2), 0.7, "float32")
    layer = PartialConv2D(1, 3, kernel_initializer="ones")
    made, left = layer([images, holes(1, 9, 9, 1)])
    made = np.asarray(made)[np.asarray(left) == 0]
    np.testing.assert_allclose(made, 9 * 2 * 0.7, rtol=1e-5)


def test_masked_pixels_do_not_matter():
    images, masks = noise(2, 9, 9, 3), holes(2, 9, 9, 1)
    layer = built(4, 3, images)
    made, _ = layer([images, masks])
    other, _ = layer([images + 100 * masks, masks])
    np.testing.assert_array_equal(made, other)
    seen, _ = layer([images + 100 * (1 - masks), masks])
    assert np.abs(seen - made).max() > 1


def test_a_window_without_a_valid_pixel_gives_zero_without_the_bias():
    images, masks = noise(1, 9, 9, 3), np.ones((1, 9, 9, 1), "float32")
    masks[0, 0, 0] = 0.0
    layer = built(4, 3, images)
    made, left = (np.asarray(each)[0] for each in layer([images, masks]))
    touched = np.zeros((9, 9), bool)
    touched[:2, :2] = True
    np.testing.assert_array_equal(left[..., 0] == 0, touched)
    assert np.all(made[~touched] == 0) and np.all(made[touched] != 0)


def test_holes_shrink_by_the_window_from_layer_to_layer():
    images, masks = noise(1, 15, 15, 1), np.zeros((1, 15, 15, 1), "float32")
    masks[:, 3:12, 3:12] = 1.0
    sizes = []
    for _ in range(5):
        images, masks = PartialConv2D(1, 3)([images, masks])
        sizes.append(int(np.sum(masks)))
    assert sizes == [49, 25, 9, 1, 0]


def test_layer_contract():
    inputs = [noise(2, 5, 6, 3), holes(2, 5, 6, 1)]
    layer = PartialConv2D(4, 3, strides=2, use_bias=False, **SEEDED)
    expected = layer(inputs)
    shapes = [each.shape for each in inputs]
    assert layer.compute_output_shape(shapes) == [
        each.shape for each in expected
    ]
    config = keras.saving.serialize_keras_object(layer)
    again = keras.saving.deserialize_keras_object(config)
    assert keras.saving.serialize_keras_object(again) == config
    for one, other in zip(again(inputs), expected, strict=True):
        np.testing.assert_array_equal(one, other)
    assert len(layer.weights) == 1


def test_a_saved_network_predicts_the_same(tmp_path):
    image, mask = keras.Input((None, None, 1)), keras.Input((None, None, 1))
    network = keras.Model([image, mask], PartialConv2D(3, 3)([image, mask]))
    network.layers[-1].bias.assign([1.0, 2.0, 3.0])
    network.save(tmp_path / "network.keras")
    again = keras.saving.load_model(tmp_path / "network.keras")
    inputs = [noise(2, 5, 6, 1), holes(2, 5, 6, 1)]
    for one, other in zip(again(inputs), network(inputs), strict=True):
        np.testing.assert_array_equal(one, other)


def test_masked_pixels_have_no_gradient_and_others_have():
    images, masks = noise(1, 6, 6, 2), np.ones((1, 6, 6, 1), "float32")
    masks[:, 0, 0] = 0.0
    layer = built(3, 3, images)
    images = tf.Variable(images)
    with tf.GradientTape() as tape:
        made, _ = layer([images, masks])
    gradients = tape.gradient(
        made, [images, layer.convolution.kernel.value, layer.bias.value]
    )
    of_images, of_kernel, of_bias = (
        np.asarray(gradient) for gradient in gradients
    )
    assert np.isfinite(of_kernel).all() and np.any(of_kernel)
    np.testing.assert_array_equal(of_bias, 4.0)  # positions, once each
    np.testing.assert_array_equal(of_images != 0, masks + np.zeros(2) == 0)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_masks_are_float32_in_mixed_precision(policy):
    images, masks = noise(1, 15, 15, 6), holes(1, 15, 15, 6, share=0.9)
    layer = PartialConv2D(4, 7, dtype=policy)
    low, left = layer([tf.cast(images, layer.compute_dtype), masks])
    assert low.dtype == layer.compute_dtype == policy.removeprefix("mixed_")
    assert left.dtype == "float32"
    assert {weight.dtype for weight in layer.weights} == {"float32"}
    full = PartialConv2D(4, 7)
    full.build([images.shape, masks.shape])
    full.set_weights(layer.get_weights())
    expected, still = full([images, masks])
    np.testing.assert_array_equal(left, still)
    difference = np.asarray(low, "float32") - expected
    assert 0 < np.abs(difference).max() < 0.02 * np.abs(expected).max()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"filters": 0}, "filters"), ({"kernel_size": -3}, "kernel_size")],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        PartialConv2D(**{"filters": 2, "kernel_size": 3, **arguments})


def test_masks_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="`masks` must have one channel"):
        PartialConv2D(2, 3)([noise(1, 5, 5, 3), holes(1, 5, 5, 2)])
