"""Padding by reflection, also to a multiple, and cropping back."""

import pathlib
import subprocess
import sys
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_synth import networks
from keras_synth.layers import CropLike, PadToMultiple, ReflectionPadding2D
from tests.helpers import check_layer

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("size", [(5, 8), (8, 8), (1, 3), (13, 2)])
def test_padding_equals_numpys_symmetric_mode(size):
    images = RNG.uniform(size=(2, *size, 3)).astype("float32")
    height, width = (-side % 4 for side in size)
    expected = np.pad(
        images, ((0, 0), (0, height), (0, width), (0, 0)), "symmetric"
    )
    np.testing.assert_array_equal(PadToMultiple(4)(images), expected)


def test_layer_contract():
    images = RNG.uniform(size=(2, 5, 7, 3)).astype("float32")
    check_layer(PadToMultiple(4), images)
    check_layer(PadToMultiple(4, minimum=16), images)
    check_layer(PadToMultiple(4, frame=3), images)
    check_layer(ReflectionPadding2D(3), images)
    check_layer(CropLike(), images, images[:, :3, :6, :1])
    check_layer(CropLike(frame=2), images, images[:, :3, :5, :1])


def test_the_least_length_is_kept():
    images = RNG.uniform(size=(1, 3, 11, 1)).astype("float32")
    edges = ((0, 0), (0, 5), (0, 1), (0, 0))
    layer = PadToMultiple(4, minimum=8)
    expected = np.pad(images, edges, "symmetric")
    np.testing.assert_array_equal(layer(images), expected)
    padded = tf.function(
        layer.call, input_signature=[tf.TensorSpec((None, None, None, 1))]
    )
    np.testing.assert_array_equal(padded(images), expected)
    with pytest.raises(ValueError, match="`minimum` must be a multiple of 4"):
        PadToMultiple(4, minimum=6)


@pytest.mark.parametrize("size", [(5, 8), (8, 8), (1, 3)])
def test_a_frame_is_mirrored_and_cut_off_again(size):
    images = RNG.uniform(size=(2, *size, 3)).astype("float32")
    edges = [(6, 6 + -side % 4) for side in size]
    expected = np.pad(images, ((0, 0), *edges, (0, 0)), "symmetric")
    padded = PadToMultiple(4, frame=6)(images)
    np.testing.assert_array_equal(padded, expected)
    np.testing.assert_array_equal(CropLike(6)([padded, images]), images)
    for layer in (lambda: PadToMultiple(4, frame=-1), lambda: CropLike(1.5)):
        with pytest.raises(ValueError, match="`frame` must be an int"):
            layer()


def test_reflection_is_numpys():
    images = RNG.uniform(size=(2, 4, 7, 3)).astype("float32")
    edges = ((0, 0), (3, 3), (3, 3), (0, 0))
    expected = np.pad(images, edges, "reflect")
    np.testing.assert_array_equal(ReflectionPadding2D(3)(images), expected)
    with pytest.raises(ValueError, match="`padding` must be a positive int"):
        ReflectionPadding2D(0)


def test_unknown_sizes_are_taken():
    layer = PadToMultiple(8)
    padded = tf.function(
        layer.call, input_signature=[tf.TensorSpec((None, None, None, 1))]
    )
    images = RNG.uniform(size=(1, 9, 16, 1)).astype("float32")
    np.testing.assert_array_equal(padded(images), layer(images))


def test_cropping_inverts_padding():
    image = keras.Input((None, None, 1))
    there_and_back = CropLike()([PadToMultiple(16)(image), image])
    images = RNG.uniform(size=(2, 11, 3, 1)).astype("float32")
    model = keras.Model(image, there_and_back)
    np.testing.assert_array_equal(model(images), images)


@pytest.mark.parametrize("multiple", [0, -2, 1.5])
def test_invalid_multiples_are_refused(multiple):
    with pytest.raises(ValueError, match="`multiple` must be a positive int"):
        PadToMultiple(multiple)


def onnx_and_keras(network, inputs_of, sizes, path):
    """Largest difference of a network and its ONNX export, for each size."""
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("tf2onnx")
    network(inputs_of(16, 16))  # Keras exports what has been called
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "In the future `np", FutureWarning)
        network.export(path, format="onnx", verbose=False)
    session = onnxruntime.InferenceSession(path)
    for size in sizes:
        inputs = inputs_of(*size)
        expected = np.asarray(network(inputs))
        named = inputs if isinstance(inputs, dict) else {"image": inputs}
        (got,) = session.run(None, named)
        assert got.shape == expected.shape
        yield np.abs(got - expected).max()


def test_onnx_pads_alike(tmp_path):
    """ONNX divides integers towards 0, Python downwards."""
    image = keras.Input((None, None, 1), name="image")
    padded = PadToMultiple(8)(image)
    network = keras.Model(image, CropLike()([2.0 * padded, image]))
    rng = np.random.default_rng(0)

    def inputs_of(*size):
        return rng.uniform(size=(1, *size, 1)).astype("float32")

    sizes = [(16, 16), (20, 9), (17, 23), (1, 8)]
    path = str(tmp_path / "padding.onnx")
    assert max(onnx_and_keras(network, inputs_of, sizes, path)) == 0.0
    padding = keras.Model(image, padded)
    assert max(onnx_and_keras(padding, inputs_of, sizes, path)) == 0.0
    framed = PadToMultiple(8, frame=5)(image)
    network = keras.Model(image, CropLike(5)([2.0 * framed, image]))
    assert max(onnx_and_keras(network, inputs_of, sizes, path)) == 0.0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["unet", "ffdnet", "autoencoder", "edsr"])
def test_denoisers_and_upscalers_as_onnx(name, tmp_path):
    """In a process of its own, as a user exports."""
    pytest.importorskip("onnxruntime")
    pytest.importorskip("tf2onnx")
    call = f"check_as_onnx({name!r}, {str(tmp_path / 'network.onnx')!r})"
    subprocess.run(
        [
            sys.executable,
            "-c",
            f"from tests.layers.test_padding import check_as_onnx; {call}",
        ],
        check=True,
        cwd=pathlib.Path(__file__).parents[2],
    )


def check_as_onnx(name, path):
    make = {
        "unet": lambda: networks.unet(1, (4, 4), 1, noise_conditional=True),
        "ffdnet": lambda: networks.ffdnet(1, 3, 4),
        "autoencoder": lambda: networks.autoencoder(1, (4, 4)),
        "edsr": lambda: networks.edsr(2, 1, num_blocks=1, width=4),
    }[name]
    keras.utils.set_random_seed(0)
    network = make()
    for weight in network.trainable_weights:  # the last are 0 at the start
        weight.assign(keras.random.normal(weight.shape, stddev=0.2))
    rng = np.random.default_rng(0)

    def inputs_of(*size):
        image = rng.uniform(size=(1, *size, 1)).astype("float32")
        if isinstance(network.input, dict):
            level = np.full((1, 1, 1, 1), 0.1, "float32")
            return {"image": image, "noise_level": level}
        return image

    sizes = [(16, 16), (20, 20), (17, 23), (40, 9)]
    assert max(onnx_and_keras(network, inputs_of, sizes, path)) < 1e-4
