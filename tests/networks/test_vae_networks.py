"""Encoders and decoders: shapes, precision, labels."""

import keras
import numpy as np
import pytest

from keras_synth import networks

KINDS = {
    "dense": (networks.dense_encoder, networks.dense_decoder),
    "conv": (networks.conv_encoder, networks.conv_decoder),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(28, 28, 1), (16, 24, 3), (4, 8, 1)])
@pytest.mark.parametrize("num_classes", [None, 3])
def test_shapes_of_inputs_and_outputs(kind, shape, num_classes):
    make_encoder, make_decoder = KINDS[kind]
    encoder = make_encoder(shape, 5, num_classes=num_classes)
    decoder = make_decoder(
        shape, 5, parameters_per_channel=2, num_classes=num_classes
    )
    images = keras.random.uniform((2, *shape))
    labels = keras.ops.convert_to_tensor([0, 2])
    conditional = num_classes is not None
    mean, log_variance = encoder([images, labels] if conditional else images)
    assert mean.shape == log_variance.shape == (2, 5)
    parameters = decoder([mean, labels] if conditional else mean)
    assert parameters.shape == (2, *shape[:2], 2 * shape[2])


@pytest.mark.parametrize("kind", KINDS)
def test_labels_matter(kind):
    make_encoder, make_decoder = KINDS[kind]
    images = np.zeros((2, 8, 8, 1), "float32")
    latents = np.zeros((2, 5), "float32")
    for network, first in (
        (make_encoder((8, 8, 1), 5, num_classes=4), images),
        (make_decoder((8, 8, 1), 5, num_classes=4), latents),
    ):
        out = keras.tree.flatten(network([first, np.array([1, 3])]))[0]
        assert np.abs(out[0] - out[1]).max() > 0


@pytest.mark.parametrize("kind", KINDS)
def test_outputs_stay_in_float32_under_mixed_precision(kind):
    keras.config.set_dtype_policy("mixed_float16")
    make_encoder, make_decoder = KINDS[kind]
    encoder = make_encoder((8, 8, 1), 5)
    mean, _ = encoder(np.zeros((1, 8, 8, 1)))
    assert encoder.layers[-3].compute_dtype == "float16"
    assert mean.dtype == "float32"
    decoder = make_decoder((8, 8, 1), 5)
    assert decoder(mean).dtype == "float32"
    with_weights = [layer for layer in decoder.layers if layer.weights]
    assert with_weights[-1].compute_dtype == "float32"
    assert with_weights[0].compute_dtype == "float16"


def test_residual_blocks_are_the_identity_at_the_start():
    """More blocks give the same function at the start."""
    images = keras.random.uniform((2, 8, 8, 1))
    outputs = []
    for num_blocks in (0, 2):
        encoder = networks.conv_encoder((8, 8, 1), 2, 4, num_blocks)
        for weight in encoder.weights:
            if "kernel" in weight.path and np.any(weight):
                weight.assign(np.full(weight.shape, 0.01))
        outputs.append(encoder(images)[0])
    np.testing.assert_allclose(*outputs, rtol=1e-6)


def test_bad_shapes_are_refused():
    with pytest.raises(ValueError, match="multiples of 4"):
        networks.conv_encoder((30, 28, 1), 2)
    with pytest.raises(ValueError, match="1 or 3 channels"):
        networks.dense_decoder((28, 28, 2), 2)
    with pytest.raises(ValueError, match="`latent_dim` must be a positive"):
        networks.conv_encoder((28, 28, 1), 0)
    with pytest.raises(ValueError, match="height, width, channels"):
        networks.dense_encoder((28, 28), 2)
