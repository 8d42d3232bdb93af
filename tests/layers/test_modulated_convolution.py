"""Modulated convolution: one kernel per image, as in the paper."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_synth.layers import FilteredUpSampling2D, ModulatedConv2D
from tests import twins
from tests.helpers import check_layer

RNG = np.random.default_rng(0)
BINOMIAL = (1.0, 3.0, 3.0, 1.0)
LOPSIDED = (1.0, 4.0, 2.0)


def noise(*shape):
    return RNG.standard_normal(shape).astype("float32")


def built(x, styles, filters=4, size=3, **options):
    """A layer with random weights, biases too."""
    layer = ModulatedConv2D(filters, size, **options)
    layer.build([x.shape, styles.shape])
    layer.bias.assign(noise(filters))
    return layer


def scales_of(layer, styles):
    """s, from the dense layer's own weights."""
    kernel, bias = layer.style_to_scales.get_weights()
    return styles @ kernel / np.sqrt(len(kernel)) + bias


def twin(layer, x, styles):
    """Loops over images, each with its own kernel."""
    kernel = np.asarray(layer.kernel, "float64")
    kernel = kernel / np.sqrt(np.prod(kernel.shape[:3]))
    taps = layer.taps if layer.upsample else None
    return np.stack(
        [
            twins.modulated(image, scales, kernel, layer.demodulate, taps)
            + np.asarray(layer.bias)
            for image, scales in zip(x, scales_of(layer, styles), strict=True)
        ]
    )


@pytest.mark.parametrize("upsample", [False, True])
@pytest.mark.parametrize("size, demodulate", [(3, True), (1, False)])
def test_layer_contract(size, upsample, demodulate):
    layer = ModulatedConv2D(
        3, size, upsample=upsample, demodulate=demodulate, taps=BINOMIAL
    )
    # Of the style's dense layer, which has a file entry of its own, the bias.
    check_layer(layer, noise(2, 6, 4, 5), np.zeros((2, 7), "float32"))


def test_all_weights_are_saved(tmp_path):
    inputs = [keras.Input((4, 4, 3)), keras.Input((5,))]
    layer = ModulatedConv2D(2, 3, upsample=True)
    network = keras.Model(inputs, layer(inputs))
    assert len(layer.weights) == 4
    network.save(tmp_path / "network.keras")
    again = keras.saving.load_model(tmp_path / "network.keras")
    data = [noise(2, 4, 4, 3), noise(2, 5)]
    np.testing.assert_array_equal(again(data), network(data))


@pytest.mark.parametrize("upsample", [False, True])
@pytest.mark.parametrize("demodulate", [True, False])
@pytest.mark.parametrize("size", [1, 3])
def test_it_is_the_papers_kernel_for_each_image(size, demodulate, upsample):
    x, styles = noise(3, 5, 4, 6), noise(3, 7)
    layer = built(x, styles, 4, size, demodulate=demodulate, upsample=upsample)
    expected = twin(layer, x, styles)
    found = layer([x, styles])
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "taps, size",
    [
        (BINOMIAL, 5),
        (LOPSIDED, 1),
        (LOPSIDED, 3),
        ((1, 2), 3),
        ((1, 2, 3, 4, 5, 6), 3),
    ],
)
def test_upsampling_takes_filters_and_kernels_of_all_sizes(taps, size):
    x, styles = noise(2, 4, 3, 2), noise(2, 3)
    layer = built(x, styles, 3, size, upsample=True, taps=taps)
    np.testing.assert_allclose(
        layer([x, styles]), twin(layer, x, styles), rtol=1e-4, atol=1e-5
    )


def test_upsampling_equals_filtered_upsampling_and_a_convolution():
    """Away from the border, and the kernel turned, as transposing has it."""
    x, styles = noise(2, 6, 6, 4), noise(2, 7)
    layer = built(x, styles, upsample=True)
    plain = ModulatedConv2D(4, 3)
    plain.build([x.shape, styles.shape])
    plain.set_weights(layer.get_weights())
    plain.kernel.assign(np.asarray(layer.kernel)[::-1, ::-1])
    expected = plain([FilteredUpSampling2D()(x), styles])
    inside = (slice(None), slice(2, -2), slice(2, -2))
    np.testing.assert_allclose(
        layer([x, styles])[inside], expected[inside], rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("upsample", [False, True])
def test_gradients_are_those_of_the_papers_kernel(upsample):
    x, styles = (tf.Variable(noise(*shape)) for shape in [(2, 4, 4, 3), (2, 5)])
    layer = built(x, styles, upsample=upsample)
    weight = noise(2, *([8, 8] if upsample else [4, 4]), 4)
    flipped = np.outer(BINOMIAL, BINOMIAL)[::-1, ::-1, None, None] / 16
    flipped = np.tile(flipped, (1, 1, 4, 1)).astype("float32")

    def papers(image, style):
        dense = layer.style_to_scales
        scales = style @ dense.kernel / 5**0.5 + dense.bias
        kernel = layer.kernel / 27**0.5 * scales[0][:, None]
        squares = tf.reduce_sum(kernel**2, axis=(0, 1, 2), keepdims=True)
        kernel = kernel / tf.sqrt(squares)
        if not upsample:
            return tf.nn.conv2d(image, kernel, 1, "SAME") + layer.bias
        image = tf.nn.conv2d_transpose(
            image, tf.transpose(kernel, (0, 1, 3, 2)), (1, 9, 9, 4), 2, "VALID"
        )
        image = tf.pad(image, [(0, 0), (1, 1), (1, 1), (0, 0)])
        image = tf.nn.depthwise_conv2d(image, flipped, [1] * 4, "VALID")
        return image + layer.bias

    variables = [x, styles, *(w.value for w in layer.trainable_weights)]
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(weight * layer([x, styles]))
    found = tape.gradient(value, variables)
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(
            [
                tf.reduce_sum(
                    weight[i] * papers(x[i : i + 1], styles[i : i + 1])
                )
                for i in range(2)
            ]
        )
    expected = tape.gradient(value, variables)
    for ours, theirs in zip(found, expected, strict=True):
        assert np.abs(theirs).max() > 1e-2
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("factor", [1e-2, 1e3])
def test_the_scale_of_a_style_cancels_with_demodulation_alone(factor):
    x, styles = noise(2, 6, 6, 5), noise(2, 7)
    for demodulate in (True, False):
        layer = built(x, styles, demodulate=demodulate)
        layer.bias.assign(np.zeros(4))
        layer.style_to_scales.bias.assign(np.zeros(5))
        ratio = layer([x, factor * styles]) / layer([x, styles])
        expected = 1.0 if demodulate else factor
        np.testing.assert_allclose(ratio, expected, rtol=1e-3)


@pytest.mark.parametrize("size", [1, 3])
def test_unit_variance_is_kept(size):
    """Whatever the style is; each channel by itself."""
    x, styles = noise(2, 64, 64, 8), 3.0 * noise(2, 7)
    y = np.asarray(ModulatedConv2D(16, size)([x, styles]))[:, 2:-2, 2:-2]
    np.testing.assert_allclose(np.var(y, axis=(1, 2)), 1.0, rtol=0.15)
    assert np.var(y) == pytest.approx(1.0, rel=0.02)


def test_upsampling_keeps_the_variance_of_smooth_maps_and_filters_noise():
    """White noise keeps (1² + 3²) / 4² a side, as zeros come in between."""
    x, styles = noise(2, 64, 64, 8), 3.0 * noise(2, 7)
    layer = ModulatedConv2D(256, 3, upsample=True)
    white = np.asarray(layer([x, styles]))[:, 4:-4, 4:-4]
    assert np.var(white) == pytest.approx((10 / 16) ** 2, rel=0.03)
    flat = np.broadcast_to(noise(64, 1, 1, 8), (64, 8, 8, 8))
    styles = 3.0 * noise(64, 7)
    smooth = np.asarray(layer([flat, styles]))[:, 4:-4, 4:-4]
    weights = np.square(scales_of(layer, styles))
    of_each = np.sum(weights * flat[:, 0, 0] ** 2, 1) / np.sum(weights, 1)
    assert np.mean(smooth**2) == pytest.approx(np.mean(of_each), rel=0.1)


def test_images_do_not_depend_on_each_other():
    x, styles = noise(3, 6, 6, 5), noise(3, 7)
    layer = built(x, styles)
    whole = layer([x, styles])
    for i in range(3):
        alone = layer([x[i : i + 1], styles[i : i + 1]])
        np.testing.assert_allclose(alone[0], whole[i], rtol=1e-4, atol=1e-5)


def test_scales_are_one_on_average_at_the_start():
    layer = ModulatedConv2D(3, 3)
    styles = noise(500, 64)
    layer.build([(500, 4, 4, 32), styles.shape])
    scales = layer.style_to_scales(styles)
    assert np.mean(scales) == pytest.approx(1.0, abs=0.05)
    assert np.var(scales) == pytest.approx(1.0, rel=0.05)


@pytest.mark.parametrize("upsample", [False, True])
@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
def test_half_precision_is_finite_and_accurate(size, upsample):
    x, styles = 100.0 * noise(2, 8, 8, 64), size * noise(2, 16)
    full = built(x, styles, 8, upsample=upsample)
    full.style_to_scales.bias.assign(np.zeros(64))
    half = ModulatedConv2D(8, 3, upsample=upsample, dtype="mixed_float16")
    half.build([x.shape, styles.shape])
    half.set_weights(full.get_weights())
    found = half([x, styles])
    assert found.dtype == "float16" and np.isfinite(found).all()
    np.testing.assert_allclose(found, full([x, styles]), atol=4.0)  # of 100


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_a_style_of_zero_scales_gives_the_bias(policy):
    x, styles = noise(2, 4, 4, 3), np.zeros((2, 5), "float32")
    layer = built(x, styles, dtype=policy)
    layer.style_to_scales.bias.assign(np.zeros(3))
    expected = np.broadcast_to(layer.bias, (2, 4, 4, 4))
    np.testing.assert_allclose(layer([x, styles]), expected, rtol=1e-3)


def test_a_batch_of_unknown_size_is_taken():
    inputs = [keras.Input((4, 4, 3)), keras.Input((5,))]
    layer = ModulatedConv2D(2, 3, upsample=True)
    outputs = layer(inputs)
    assert outputs.shape == (None, 8, 8, 2)
    x, styles = noise(3, 4, 4, 3), noise(3, 5)
    np.testing.assert_allclose(
        keras.Model(inputs, outputs).predict([x, styles], verbose=0),
        layer([x, styles]),
        rtol=1e-4,
        atol=1e-5,
    )


@pytest.mark.parametrize(
    "options, message",
    [
        ({"filters": 0}, "`filters` must be a positive int"),
        ({"kernel_size": 2}, "`kernel_size` must be an odd positive int"),
        ({"taps": (1,)}, "`taps` must be at least two numbers"),
        (
            {"kernel_size": 5, "upsample": True, "taps": (1, 2, 1)},
            "at least 4 `taps`. Received: taps=.1, 2, 1.",
        ),
    ],
)
def test_bad_arguments_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        ModulatedConv2D(**{"filters": 2, "kernel_size": 3, **options})
