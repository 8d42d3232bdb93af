"""AdaIN from style maps and from style vectors."""

import keras
import numpy as np
import pytest

from keras_synth.layers import (
    AdaptiveInstanceNormalization,
    StyledInstanceNormalization,
)
from keras_synth.ops import adaptive_instance_normalization
from tests.helpers import check_layer

RNG = np.random.default_rng(0)


def maps(*shape):
    return (3.0 * RNG.normal(size=shape) + 5.0).astype("float32")


def statistics(maps):
    maps = np.asarray(maps, "float64")
    return maps.mean((1, 2)), maps.std((1, 2))


def test_the_content_gets_the_styles_mean_and_deviation():
    content, style = maps(2, 7, 5, 4), 40.0 * maps(2, 3, 9, 4)
    result = np.asarray(AdaptiveInstanceNormalization()([content, style]))
    for ours, wanted in zip(statistics(result), statistics(style), strict=True):
        np.testing.assert_allclose(ours, wanted, rtol=1e-4)
    for image in range(2):
        for channel in range(4):
            before = content[image, ..., channel].ravel()
            after = result[image, ..., channel].ravel()
            correlation = np.corrcoef(before, after)[0, 1]
            assert correlation == pytest.approx(1.0, abs=1e-5)
    np.testing.assert_allclose(
        adaptive_instance_normalization(content, content), content, atol=1e-4
    )
    one = adaptive_instance_normalization(content, style[:1])
    np.testing.assert_allclose(one[0], result[0], rtol=1e-5)
    np.testing.assert_allclose(
        statistics(one)[0][1], statistics(style)[0][0], rtol=1e-4
    )


def test_constant_channels_get_the_mean_of_the_style():
    content, style = np.ones((1, 4, 4, 2), "float32"), maps(1, 4, 4, 2)
    result = adaptive_instance_normalization(content, style)
    mean = style.mean((1, 2), keepdims=True)
    np.testing.assert_allclose(result, 0 * content + mean, rtol=1e-4)


def test_styled_normalization_equals_its_formula():
    x, w = maps(3, 6, 5, 4), RNG.normal(size=(3, 7)).astype("float32")
    layer = StyledInstanceNormalization(epsilon=1e-3)
    result = layer([x, w])
    kernel, bias = (np.asarray(v) for v in layer.affine.weights)
    assert kernel.shape == (7, 8)
    bias = np.linspace(-1, 1, 8, dtype="float32")
    layer.affine.bias.assign(bias)
    result = layer([x, w])
    affine = w @ kernel / np.sqrt(7) + bias
    for index in range(3):
        for channel in range(4):
            plane = x[index, ..., channel]
            normal = (plane - plane.mean()) / np.sqrt(plane.var() + 1e-3)
            scale, shift = affine[index, channel], affine[index, channel + 4]
            np.testing.assert_allclose(
                result[index, ..., channel],
                (1 + scale) * normal + shift,
                atol=1e-5,
            )


def test_layer_contract():
    check_layer(
        AdaptiveInstanceNormalization(epsilon=1e-3),
        maps(2, 5, 7, 3),
        maps(1, 4, 4, 3),
    )


def test_styled_normalization_is_saved(tmp_path):
    inputs = [keras.Input((None, None, 3)), keras.Input((6,))]
    layer = StyledInstanceNormalization(epsilon=1e-3)
    network = keras.Model(inputs, layer(inputs))
    assert layer.compute_output_shape([(2, 5, 7, 3), (2, 6)]) == (2, 5, 7, 3)
    data = [maps(2, 5, 7, 3), maps(2, 6)]
    network.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras")
    assert loaded.layers[-1].epsilon == 1e-3
    np.testing.assert_array_equal(loaded(data), network(data))


def test_statistics_are_float32():
    """Squares of such maps are beyond float16."""
    content = 1e3 * RNG.normal(size=(1, 8, 8, 2))
    style = 3e3 * RNG.normal(size=(1, 8, 8, 2))
    layer = AdaptiveInstanceNormalization(dtype="mixed_float16")
    result = layer([content.astype("float32"), style.astype("float32")])
    assert result.dtype == "float16"
    for ours, wanted in zip(statistics(result), statistics(style), strict=True):
        np.testing.assert_allclose(ours, wanted, rtol=1e-2)
    styled = StyledInstanceNormalization(dtype="mixed_float16")
    result = styled([content.astype("float32"), np.zeros((1, 3), "float32")])
    assert result.dtype == "float16"
    np.testing.assert_allclose(statistics(result)[1], 1.0, rtol=1e-2)


def test_bad_arguments_and_shapes_are_refused():
    layer = AdaptiveInstanceNormalization()
    with pytest.raises(ValueError, match=r"same channels.*\(1, 4, 4, 3\)"):
        layer([maps(1, 4, 4, 2), maps(1, 4, 4, 3)])
    with pytest.raises(ValueError, match="`maps` must be"):
        adaptive_instance_normalization(maps(4, 4, 2), maps(4, 4, 2))
    for kind in (AdaptiveInstanceNormalization, StyledInstanceNormalization):
        with pytest.raises(ValueError, match="`epsilon` must be above 0"):
            kind(epsilon=0.0)


def test_in_a_functional_network():
    x, y = keras.Input((None, None, 3)), keras.Input((None, None, 3))
    network = keras.Model([x, y], AdaptiveInstanceNormalization()([x, y]))
    content, style = maps(1, 5, 6, 3), maps(1, 7, 4, 3)
    np.testing.assert_allclose(
        network([content, style]),
        adaptive_instance_normalization(content, style),
        rtol=1e-5,
    )
