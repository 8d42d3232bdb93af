"""Filtered up- and downsampling: SciPy, bilinear resizing, and laws."""

import keras
import numpy as np
import pytest

from keras_synth.layers import (
    EqualizedConv2D,
    FilteredDownSampling2D,
    FilteredUpSampling2D,
    ModulatedConv2D,
)
from tests import twins
from tests.helpers import check_layer

RNG = np.random.default_rng(0)
TAPS = {
    "binomial": (1, 3, 3, 1),
    "pair": (1, 1),
    "odd": (1, 2, 1),
    "lopsided": (1, 4, 2, 0, 5),
    "long": (1, 5, 10, 10, 5, 1),
}
BOTH = [FilteredUpSampling2D, FilteredDownSampling2D]


def noise(*shape):
    return RNG.standard_normal(shape).astype("float32")


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("taps", TAPS.values(), ids=TAPS)
def test_layer_contract(kind, taps):
    check_layer(kind(taps), noise(2, 6, 8, 3))


@pytest.mark.parametrize("taps", TAPS.values(), ids=TAPS)
def test_upsampling_equals_scipy(taps):
    x = noise(2, 5, 4, 3)
    expected = [twins.doubled(image, taps) for image in x]
    found = FilteredUpSampling2D(taps)(x)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("taps", TAPS.values(), ids=TAPS)
def test_downsampling_equals_scipy(taps):
    x = noise(2, 6, 8, 3)
    expected = [twins.halved(image, taps) for image in x]
    found = FilteredDownSampling2D(taps)(x)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("taps", ["binomial", "pair", "long"])
@pytest.mark.parametrize("kind", BOTH)
def test_constants_are_unchanged_away_from_the_border(kind, taps):
    color = np.array([0.3, -2.0], "float32")
    found = np.asarray(kind(TAPS[taps])(np.broadcast_to(color, (1, 16, 16, 2))))
    inside = found[:, 2:-2, 2:-2]
    np.testing.assert_allclose(
        inside, np.broadcast_to(color, inside.shape), rtol=1e-5
    )
    if taps != "pair":  # beyond the border lie zeros
        assert np.all(np.abs(found[0, 0, 0]) < 0.95 * np.abs(color))


def test_upsampling_is_bilinear_away_from_the_border():
    x = noise(2, 6, 8, 3)
    bilinear = keras.ops.image.resize(x, (12, 16), "bilinear")
    np.testing.assert_allclose(
        FilteredUpSampling2D()(x)[:, 1:-1, 1:-1],
        bilinear[:, 1:-1, 1:-1],
        rtol=1e-4,
        atol=1e-5,
    )


def test_upsampling_and_downsampling_keep_linear_ramps():
    rows, columns = np.mgrid[:12, :12]
    x = (2 + 0.5 * rows - 0.25 * columns).astype("float32")[None, :, :, None]
    again = FilteredDownSampling2D()(FilteredUpSampling2D()(x))
    inside = (slice(None), slice(2, -2), slice(2, -2))
    np.testing.assert_allclose(again[inside], x[inside], rtol=1e-5)


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("axis", [1, 2])
def test_they_do_not_shift(kind, axis):
    x = noise(1, 8, 8, 2)
    np.testing.assert_allclose(
        kind()(np.flip(x, axis)),
        np.flip(kind()(x), axis),
        rtol=1e-4,
        atol=1e-5,
    )


def test_downsampling_removes_frequencies_above_its_limit():
    x = np.ones((1, 16, 16, 1), "float32")
    x[:, :, ::2] = -1.0  # the finest stripes there are
    found = np.asarray(FilteredDownSampling2D()(x))
    np.testing.assert_allclose(found[:, :, 1:-1], 0.0, atol=1e-6)


@pytest.mark.parametrize("kind", BOTH)
def test_half_precision_and_a_batch_of_unknown_size(kind):
    inputs = keras.Input((8, 6, 2))
    layer = kind(dtype="mixed_float16")
    network = keras.Model(inputs, layer(inputs))
    assert network.output.dtype == "float16"
    x = noise(3, 8, 6, 2)
    np.testing.assert_allclose(
        network.predict(x, verbose=0), kind()(x), atol=5e-3
    )


@pytest.mark.parametrize("kind", BOTH)
def test_bad_taps_are_refused(kind):
    for taps in ((1,), (1, -1), "1331"):
        with pytest.raises(ValueError):
            kind(taps)


@pytest.mark.parametrize(
    "layer",
    [
        FilteredUpSampling2D(),
        FilteredDownSampling2D(),
        EqualizedConv2D(4, 3),
        EqualizedConv2D(4, 3, downsample=True),
        ModulatedConv2D(4, 3),
        ModulatedConv2D(4, 3, upsample=True),
    ],
)
def test_images_may_be_of_any_size(layer):
    images = keras.random.normal((2, 8, 12, 3), seed=1)
    inputs, unknown = images, keras.Input((None, None, 3))
    if isinstance(layer, ModulatedConv2D):
        styles = keras.random.normal((2, 3), seed=2)
        inputs = [images, styles]
        unknown = [unknown, keras.Input((3,))]
    network = keras.Model(unknown, layer(unknown))
    assert network.output_shape[:3] == (None, None, None)
    expected = layer(inputs).numpy()
    np.testing.assert_allclose(
        network.predict(inputs, verbose=0), expected, atol=1e-6
    )
