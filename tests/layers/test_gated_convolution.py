"""Gated convolution: against loops, and the laws of a gate."""

import keras
import numpy as np
import pytest

from keras_synth.layers import GatedConv2D
from tests.helpers import check_layer

RNG = np.random.default_rng(0)


def noise(*shape):
    return RNG.standard_normal(shape).astype("float32")


def twin(images, kernel, bias, strides, dilation):
    """Loops over the output; features first, then gates; ELU and sigmoid."""
    batch, height, width, _ = images.shape
    size = kernel.shape[0]
    span = dilation * (size - 1) + 1
    sides = [-(-side // strides) for side in (height, width)]
    # As "same" has it: the odd pixel at the bottom and right.
    before, after = [], []
    for side, out in zip((height, width), sides, strict=True):
        total = max((out - 1) * strides + span - side, 0)
        before.append(total // 2)
        after.append(total - total // 2)
    padded = np.pad(
        images.astype("float64"),
        ((0, 0), *zip(before, after, strict=True), (0, 0)),
    )
    out = np.zeros((batch, *sides, kernel.shape[-1] // 2))
    for row, column in np.ndindex(*sides):
        window = padded[
            :,
            row * strides : row * strides + span : dilation,
            column * strides : column * strides + span : dilation,
        ]
        both = np.einsum("bijc,ijcf->bf", window, kernel) + bias
        features, gates = np.split(both, 2, axis=-1)
        elu = np.where(features > 0, features, np.expm1(features))
        out[:, row, column] = elu / (1 + np.exp(-gates))
    return out


@pytest.mark.parametrize(
    "options",
    [{"strides": 2}, {"dilation_rate": 2, "activation": "leaky_relu"}],
)
def test_layer_contract(options):
    same_start = keras.initializers.GlorotUniform(seed=0)
    layer = GatedConv2D(4, 3, kernel_initializer=same_start, **options)
    check_layer(layer, noise(2, 5, 6, 3))


@pytest.mark.parametrize(
    ("size", "strides", "dilation"),
    [(3, 1, 1), (3, 2, 1), (3, 1, 2), (4, 2, 1)],
)
@pytest.mark.parametrize("sides", [(6, 9), (7, 8)])
def test_it_is_a_convolution_of_features_times_one_of_gates(
    size, strides, dilation, sides
):
    layer = GatedConv2D(2, size, strides=strides, dilation_rate=dilation)
    images = noise(2, *sides, 3)
    layer.build(images.shape)
    kernel, bias = layer.convolution.kernel, layer.convolution.bias
    bias.assign(noise(4))
    expected = twin(
        images, np.asarray(kernel), np.asarray(bias), strides, dilation
    )
    np.testing.assert_allclose(layer(images), expected, rtol=1e-4, atol=1e-5)


def test_open_gates_pass_the_features_and_closed_ones_give_zero():
    layer = GatedConv2D(4, 3, activation="leaky_relu")
    images = noise(1, 6, 6, 2)
    layer.build(images.shape)
    kernel = np.array(layer.convolution.kernel)
    kernel[..., 4:] = 0.0  # the gates' part
    layer.convolution.kernel.assign(kernel)
    plain = keras.layers.Conv2D(4, 3, padding="same", activation="leaky_relu")
    plain.build(images.shape)
    plain.kernel.assign(kernel[..., :4])
    for bias, openness in ((40.0, 1.0), (0.0, 0.5), (-90.0, 0.0)):
        layer.convolution.bias.assign(np.repeat([0.0, bias], 4))
        np.testing.assert_allclose(
            layer(images), openness * plain(images), rtol=1e-5, atol=1e-6
        )


@pytest.mark.parametrize("scale", [0.01, 1.0, 100.0])
def test_initial_layers_keep_the_scale_of_signals(scale):
    images = scale * noise(4, 32, 32, 16)
    x = images
    for _ in range(4):
        x = GatedConv2D(16, 3)(x)
    inside = np.asarray(x)[:, 4:-4, 4:-4]
    # Of four layers; half the variance would leave less than a tenth.
    energy = np.mean(inside**2) / np.mean(images**2)
    assert 0.1 < energy < 10


@pytest.mark.parametrize(("activation", "kept"), [("elu", 0.8), ("relu", 0.6)])
def test_energy_that_one_layer_keeps(activation, kept):
    images = noise(4, 32, 32, 64)
    keras.utils.set_random_seed(0)
    y = np.asarray(GatedConv2D(64, 3, activation=activation)(images))
    energy = np.mean(y[:, 1:-1, 1:-1] ** 2) / np.mean(images**2)
    assert energy == pytest.approx(kept, abs=0.15)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision(policy):
    layer = GatedConv2D(4, 3, dtype=policy)
    images = noise(1, 6, 6, 2)
    low = layer(images)
    assert low.dtype == layer.compute_dtype == policy.removeprefix("mixed_")
    assert {weight.dtype for weight in layer.weights} == {"float32"}
    full = GatedConv2D(4, 3)
    full.build(images.shape)
    full.set_weights(layer.get_weights())
    difference = np.asarray(low, "float32") - full(images)
    assert 0 < np.abs(difference).max() < 0.05


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"filters": 0}, "`filters` must be a positive int. Received: 0"),
        ({"filters": 2.0}, "`filters` must be a positive int"),
        ({"kernel_size": 0}, "kernel_size"),
        ({"strides": 2, "dilation_rate": 2}, "dilation_rate=.2, 2."),
        ({"activation": "nonsense"}, "nonsense"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        GatedConv2D(**{"filters": 2, "kernel_size": 3, **arguments})
