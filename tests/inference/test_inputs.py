"""One input protocol: what restorers take, and how they are run."""

import functools

import keras
import numpy as np
import pytest

from keras_synth import networks, restoration
from keras_synth.inference import (
    input_names,
    input_shapes,
    restoring_network,
    run_restorer,
)
from tests.models.test_restoration_gan import blind, inpainter, pairs

IMAGE = np.random.default_rng(0).uniform(size=(2, 8, 8, 1)).astype("float32")
MASK = np.zeros((2, 8, 8, 1), "float32")
MASK[:, 2:4, 3:6] = 1.0
LEVEL = np.full((2, 1, 1, 1), 0.25, "float32")
ALL = {"noise_level": LEVEL, "mask": MASK, "image": IMAGE}


class Doubled(keras.Model):
    """A model that is not functional."""

    def call(self, images):
        return 2.0 * images


class Declared:
    """A function that names its inputs, and takes them as a dict."""

    input_names = ("image", "noise_level")

    def __call__(self, inputs):
        assert set(inputs) == {"image", "noise_level"}
        return inputs["image"] + inputs["noise_level"]


def functional(*names):
    """A network with a dict of inputs, which it adds up."""
    inputs = {name: keras.Input((None, None, 1), name=name) for name in names}
    return keras.Model(inputs, keras.layers.Add()(list(inputs.values())))


def single():
    image = keras.Input((None, None, 1))
    return keras.Model(image, 0.5 * image)


def with_default(images, noise_level=0.5):
    return images + noise_level


RESTORERS = {
    "one input": (single, ("image",), 0.5 * IMAGE),
    "dict": (
        lambda: functional("noise_level", "image"),
        ("image", "noise_level"),
        IMAGE + LEVEL,
    ),
    "dict of three": (
        lambda: functional("mask", "noise_level", "image"),
        ("image", "mask", "noise_level"),
        IMAGE + MASK + LEVEL,
    ),
    "subclass": (Doubled, ("image",), 2.0 * IMAGE),
    "attribute": (Declared, ("image", "noise_level"), IMAGE + LEVEL),
    "function of a mask": (
        lambda: lambda x, *, mask: x - mask,
        ("image", "mask"),
        IMAGE - MASK,
    ),
    "function of both": (
        lambda: lambda x, noise_level, mask: x - noise_level * mask,
        ("image", "mask", "noise_level"),
        IMAGE - LEVEL * MASK,
    ),
    "function with a default": (
        lambda: with_default,
        ("image", "noise_level"),
        IMAGE + LEVEL,
    ),
    "function of a dict": (
        lambda: lambda inputs: inputs["image"] + inputs["mask"],
        ("image",),
        IMAGE + MASK,
    ),
}


@pytest.mark.parametrize("kind", RESTORERS)
def test_every_restorer_gets_the_inputs_that_it_takes(kind):
    make, names, expected = RESTORERS[kind]
    restorer = make()
    assert set(input_names(restorer)) == set(names)
    assert input_names(restorer)[0] == "image"
    assert list(input_shapes(restorer)) == list(input_names(restorer))
    restored = run_restorer(restorer, ALL)
    assert restored.dtype == np.float32
    np.testing.assert_allclose(restored, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("restorer", "expected"),
    [
        (Doubled(), 2.0 * IMAGE),
        (functional("image"), IMAGE),
        (lambda images: 2.0 * images, 2.0 * IMAGE),
        (functools.partial(np.multiply, 2.0), 2.0 * IMAGE),
    ],
    ids=["subclass", "dict of one", "function", "function in C"],
)
def test_the_image_alone_may_be_an_array(restorer, expected):
    np.testing.assert_allclose(run_restorer(restorer, IMAGE), expected)


def test_shapes_are_those_of_the_network():
    assert input_shapes(functional("mask", "image")) == {
        "image": (None, None, None, 1),
        "mask": (None, None, None, 1),
    }
    assert input_shapes(single()) == {"image": (None, None, None, 1)}
    assert input_shapes(Doubled()) == {"image": None}
    assert input_shapes(with_default) == {"image": None, "noise_level": None}


def test_video_networks_take_frames():
    network = networks.vsrnet(channels=1, num_frames=3, widths=(2, 2))
    frames = np.repeat(IMAGE[:, None], 3, axis=1)
    assert input_names(network) == ("frames",)
    assert input_shapes(network)["frames"] == (None, 3, None, None, 1)
    expected = network.predict_on_batch(frames)
    np.testing.assert_array_equal(run_restorer(network, frames), expected)
    named = run_restorer(network, {"frames": frames})
    np.testing.assert_array_equal(named, expected)


def test_a_restoration_gan_takes_what_its_generator_takes():
    degraded, _ = pairs(2)
    model = inpainter(local=False, with_features=False)
    assert input_names(model) == ("image", "mask")
    assert input_shapes(model)["mask"][-1] == 1
    expected = model(degraded)
    np.testing.assert_allclose(
        run_restorer(model, degraded), expected, atol=1e-6
    )
    without_mask = blind()
    assert input_names(without_mask) == ("image",)
    np.testing.assert_allclose(
        run_restorer(without_mask, degraded),
        without_mask(degraded["image"]),
        atol=1e-6,
    )
    network = restoring_network(model)
    assert network.count_params() == model.generator.count_params()
    assert restoring_network(network) is network


@pytest.mark.parametrize(
    "method",
    [
        restoration.median(),
        restoration.adaptive_median(),
        restoration.non_local_means(0.1),
        restoration.total_variation(),
        restoration.wiener(1.0),
        restoration.bicubic(2),
    ],
)
def test_classical_methods_take_an_array_or_a_dict(method):
    assert input_names(method) == ("image",)
    expected = method(IMAGE)
    np.testing.assert_array_equal(method(ALL), expected)
    np.testing.assert_array_equal(run_restorer(method, ALL), expected)
    with pytest.raises(ValueError, match=r"as \"image\". Received: \['mask'\]"):
        method({"mask": MASK})


def test_biharmonic_takes_arrays_or_a_dict():
    method = restoration.biharmonic()
    expected = method(IMAGE, MASK)
    assert np.abs(expected - IMAGE).max() > 0.01
    for restored in (
        method(ALL),
        method(IMAGE, mask=MASK),
        run_restorer(method, ALL),
    ):
        np.testing.assert_array_equal(restored, expected)
    for inputs in (IMAGE, {"image": IMAGE}):
        with pytest.raises(ValueError, match="needs a mask"):
            method(inputs)


@pytest.mark.slow
def test_bm3d_takes_an_array_or_a_dict():
    model = restoration.BM3D(noise_level=0.1)
    assert input_names(model) == ("image",)
    expected = np.asarray(model(IMAGE))
    named = {"image": IMAGE}
    for restored in (
        model(named),
        model.predict(named, verbose=0),
        run_restorer(model, ALL),
        run_restorer(model, IMAGE),
    ):
        np.testing.assert_allclose(restored, expected, atol=1e-6)
    with pytest.raises(ValueError, match="dtype uint8"):
        model.predict({"image": np.zeros((1, 8, 8, 1), "uint8")}, verbose=0)


@pytest.mark.parametrize(
    ("restorer", "inputs", "message"),
    [
        (functional("image", "mask"), IMAGE, "'mask'. Received: image"),
        (lambda x, mask: x, IMAGE, "needs image, mask: .*'mask'"),
        (lambda x, mask: x, {"mask": MASK}, "'image'. Received: mask"),
        (Declared(), {"image": IMAGE}, "'noise_level'. Received: image"),
        (Doubled(), {"mask": MASK}, "'image'. Received: mask"),
        (lambda x: x[:1], IMAGE, r"shape \(1, 8, 8, 1\) for"),
        (
            lambda x: x[0],
            IMAGE,
            r"must return \(batch, height",
        ),
    ],
)
def test_missing_inputs_and_wrong_outputs_are_refused(
    restorer, inputs, message
):
    with pytest.raises(ValueError, match=message):
        run_restorer(restorer, inputs)


def test_an_input_with_a_default_may_be_left_out():
    restored = run_restorer(with_default, IMAGE)
    np.testing.assert_allclose(restored, IMAGE + 0.5)


def test_what_cannot_be_called_is_refused():
    for use in (input_names, input_shapes, lambda x: run_restorer(x, IMAGE)):
        with pytest.raises(TypeError, match="keras.Model or a function"):
            use("median")
