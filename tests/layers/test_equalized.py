"""Equalized layers: initial scale, learning speed, and twins."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_synth.layers import EqualizedConv2D, EqualizedDense
from tests import twins
from tests.helpers import check_layer

RNG = np.random.default_rng(0)
LOPSIDED = (1.0, 4.0, 2.0)


def noise(*shape):
    return RNG.standard_normal(shape).astype("float32")


def mean_square(values):
    return np.mean(np.square(values, dtype="float64"))


@pytest.mark.parametrize(
    "layer, shape",
    [
        (EqualizedDense(3), (2, 5)),
        (EqualizedDense(3, 0.01, bias_initializer="ones"), (2, 4, 5)),
        (EqualizedConv2D(3, 3), (2, 5, 6, 4)),
        (EqualizedConv2D(3, 1, use_bias=False), (2, 5, 6, 4)),
        (EqualizedConv2D(3, 3, downsample=True), (2, 8, 6, 4)),
        (EqualizedConv2D(3, 5, downsample=True, taps=LOPSIDED), (2, 8, 6, 4)),
        (EqualizedConv2D(3, 1, downsample=True, taps=(1, 1)), (2, 4, 4, 4)),
    ],
)
def test_layer_contract(layer, shape):
    check_layer(layer, noise(*shape))


@pytest.mark.parametrize("scale", [0.1, 1.0])
@pytest.mark.parametrize("multiplier", [1.0, 0.01])
@pytest.mark.parametrize("features, units", [(8, 4096), (64, 512), (512, 64)])
def test_an_initial_dense_layer_keeps_the_variance(
    features, units, multiplier, scale
):
    x = scale * noise(256, features)
    y = np.asarray(EqualizedDense(units, multiplier)(x))
    # 32,768 random weights at least: a standard error of 1%
    assert mean_square(y) / mean_square(x) == pytest.approx(1.0, rel=0.05)
    assert abs(np.mean(y)) < 0.1 * scale


@pytest.mark.parametrize("size", [1, 3, 5])
@pytest.mark.parametrize("channels, filters", [(16, 1024), (256, 64)])
def test_an_initial_convolution_keeps_the_variance(channels, filters, size):
    x = noise(4, 12, 12, channels)
    y = np.asarray(EqualizedConv2D(filters, size)(x))
    inside = y[:, 2:-2, 2:-2]  # where no zeros come in from beyond the border
    assert mean_square(inside) == pytest.approx(1.0, rel=0.06)


@pytest.mark.parametrize("multiplier", [1.0, 0.25])
def test_a_dense_layer_equals_its_formula(multiplier):
    layer = EqualizedDense(3, multiplier)
    x = noise(2, 4, 5)
    layer.build(x.shape)
    kernel, bias = noise(5, 3), noise(3)
    layer.set_weights([kernel, bias])
    expected = np.zeros((2, 4, 3))
    for batch, row, unit in np.ndindex(2, 4, 3):
        weights = multiplier / np.sqrt(5) * kernel[:, unit]
        expected[batch, row, unit] = (
            np.sum(weights * x[batch, row]) + multiplier * bias[unit]
        )
    np.testing.assert_allclose(layer(x), expected, rtol=1e-4, atol=1e-6)


def built_convolution(x, filters, size, **options):
    layer = EqualizedConv2D(filters, size, **options)
    layer.build(x.shape)
    kernel, bias = noise(size, size, x.shape[-1], filters), noise(filters)
    layer.set_weights([kernel, bias])
    return layer, kernel / np.sqrt(size * size * x.shape[-1]), bias


@pytest.mark.parametrize("size", [1, 3])
def test_a_convolution_equals_scipy(size):
    x = noise(2, 5, 6, 3)
    layer, kernel, bias = built_convolution(x, 4, size)
    expected = [twins.correlated(image, kernel) + bias for image in x]
    np.testing.assert_allclose(layer(x), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("size", [1, 3, 5])
@pytest.mark.parametrize("taps", [(1, 3, 3, 1), (1, 1), LOPSIDED])
def test_downsampling_filters_first_and_takes_every_second_value(size, taps):
    x = noise(2, 8, 6, 3)
    layer, kernel, bias = built_convolution(
        x, 4, size, downsample=True, taps=taps
    )
    expected = [twins.halved(image, taps, kernel) + bias for image in x]
    np.testing.assert_allclose(layer(x), expected, rtol=1e-4, atol=1e-5)


def test_without_bias_zeros_give_zeros():
    layer = EqualizedConv2D(4, 3, use_bias=False)
    assert not np.any(layer(np.zeros((1, 4, 4, 2))))
    assert len(layer.weights) == 1


def step(layer, x, variables):
    """One step of Adam towards smaller outputs: 0.1 for every weight."""
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(layer(x)))
    gradients = tape.gradient(loss, [v.value for v in variables])
    keras.optimizers.Adam(0.1, epsilon=1e-30).apply(gradients, variables)


@pytest.mark.parametrize("which", ["kernel", "bias"])
def test_a_step_changes_the_output_as_much_as_the_multiplier_says(which):
    x, start = noise(4, 16), noise(16, 8)
    changes = {}
    for multiplier in (1.0, 0.01):
        layer = EqualizedDense(8, multiplier)
        layer.build(x.shape)
        layer.kernel.assign(start / multiplier)
        before = np.asarray(layer(x))
        # the same at the start
        np.testing.assert_allclose(before, x @ start / 4, rtol=1e-4, atol=1e-5)
        step(layer, x, [getattr(layer, which)])
        changes[multiplier] = np.asarray(layer(x)) - before
    assert np.abs(changes[1.0]).max() > 0.05
    np.testing.assert_allclose(
        changes[0.01], 0.01 * changes[1.0], rtol=1e-2, atol=1e-5
    )


@pytest.mark.parametrize("channels", [4, 64])
def test_all_layers_change_by_the_same_relative_amount(channels):
    """A tenth of the weights' size, however many there are."""
    layer, x = EqualizedConv2D(8, 3), noise(2, 6, 6, channels)
    layer.build(x.shape)
    before = np.array(layer.kernel)
    step(layer, x, [layer.kernel])
    change = np.array(layer.kernel) - before
    assert np.sqrt(mean_square(before)) == pytest.approx(1.0, rel=0.15)
    assert np.sqrt(mean_square(change)) == pytest.approx(0.1, rel=0.01)


@pytest.mark.parametrize(
    "layer, shape",
    [(EqualizedDense, (2, 4)), (EqualizedConv2D, (2, 4, 4, 3))],
)
def test_mixed_precision(layer, shape):
    options = {} if layer is EqualizedDense else {"kernel_size": 3}
    half = layer(4, dtype="mixed_float16", **options)
    x = noise(*shape)
    found = half(x)
    assert found.dtype == "float16"
    assert {weight.dtype for weight in half.weights} == {"float32"}
    full = layer(4, **options)
    full.build(shape)
    full.set_weights(half.get_weights())
    np.testing.assert_allclose(found, full(x), atol=1e-2)


@pytest.mark.parametrize(
    "build, message",
    [
        (lambda: EqualizedDense(0), "`units` must be a positive int"),
        (lambda: EqualizedDense(2.5), "units=2.5"),
        (lambda: EqualizedDense(2, 0.0), "learning_rate_multiplier=0.0"),
        (lambda: EqualizedDense(2, -1), "must be above 0"),
        (lambda: EqualizedConv2D(0, 3), "`filters` must be a positive int"),
        (lambda: EqualizedConv2D(2, 4), "`kernel_size` must be an odd"),
        (lambda: EqualizedConv2D(2, -1), "kernel_size=-1"),
        (lambda: EqualizedConv2D(2, 3.0), "kernel_size=3.0"),
        (lambda: EqualizedConv2D(2, 3, taps=(1,)), "`taps` must be"),
    ],
)
def test_bad_arguments_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()
