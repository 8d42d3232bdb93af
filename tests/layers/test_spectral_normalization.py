"""Spectral normalization against NumPy's singular values; pure calls."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_synth.layers import SpectralNormalization
from tests.helpers import check_layer


def matrix(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def norm(kernel):
    """The largest singular value."""
    flat = np.reshape(kernel, (-1, np.shape(kernel)[-1]))
    return np.linalg.svd(flat.astype("float64"), compute_uv=False)[0]


def dense():
    layer = SpectralNormalization(keras.layers.Dense(5))
    return layer, np.eye(4, dtype="float32")


def conv():
    layer = SpectralNormalization(keras.layers.Conv2D(5, 3))
    # each image is 1 in one channel of one pixel under the kernel
    return layer, np.eye(18, dtype="float32").reshape(18, 3, 3, 2)


def embedding():
    return SpectralNormalization(keras.layers.Embedding(6, 5)), np.arange(6)


KINDS = {"dense": dense, "conv": conv, "embedding": embedding}


def weight(layer):
    return layer.layer.weights[0]


def effective_kernel(layer, probe):
    """The layer's results for the unit vectors, with a bias of zero."""
    return np.asarray(layer(probe)).reshape(-1, 5)


def built(kind="dense"):
    layer, probe = KINDS[kind]()
    layer(probe)
    layer.update(100)
    return layer, probe


@pytest.mark.parametrize("kind", KINDS)
def test_layer_contract(kind):
    layer, probe = KINDS[kind]()
    same_start = keras.initializers.GlorotUniform(seed=0)
    name = "embeddings" if kind == "embedding" else "kernel"
    setattr(layer.layer, f"{name}_initializer", same_start)
    check_layer(layer, probe)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scale", [1e-4, 1.0, 100.0])
def test_the_effective_kernel_is_the_kernel_over_its_norm(kind, scale):
    layer, probe = built(kind)
    values = scale * matrix(weight(layer).shape)
    weight(layer).assign(values)
    layer.update(100)
    effective = effective_kernel(layer, probe)
    assert norm(effective) == pytest.approx(1.0, abs=1e-4)
    np.testing.assert_allclose(
        effective, values.reshape(-1, 5) / norm(values), rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize("kind", KINDS)
def test_the_norm_is_accurate_from_the_start(kind):
    layer, probe = KINDS[kind]()
    assert norm(effective_kernel(layer, probe)) == pytest.approx(1, abs=0.02)


def test_updates_follow_a_new_kernel():
    layer, probe = built()
    weight(layer).assign(matrix((4, 5), seed=1))
    errors = []
    for _ in range(60):
        errors.append(norm(effective_kernel(layer, probe)) - 1)
        layer.update()
    assert errors[0] > 0.05
    assert abs(errors[-1]) < 1e-4
    # The estimate never falls: so it is with powers of a positive matrix.
    assert np.diff(errors).max() < 1e-5


def test_updates_change_only_the_vector_also_in_a_compiled_function():
    layer, _ = built()
    weight(layer).assign(matrix((4, 5), seed=1))
    kernel, bias = (np.array(v) for v in layer.layer.weights)
    before = np.array(layer.u)
    tf.function(layer.update)()
    assert np.abs(layer.u - before).max() > 1e-3
    assert np.linalg.norm(layer.u) == pytest.approx(1.0, abs=1e-5)
    np.testing.assert_array_equal(layer.layer.weights[0], kernel)
    np.testing.assert_array_equal(layer.layer.weights[1], bias)


@pytest.mark.parametrize("kind", KINDS)
def test_calls_change_no_weight_in_training_either(kind):
    layer, probe = KINDS[kind]()
    inputs = keras.Input(probe.shape[1:], dtype=str(probe.dtype))
    model = keras.Model(inputs, layer(inputs))
    weight(layer).assign(matrix(weight(layer).shape, seed=1))
    before = [np.array(value) for value in model.weights]
    assert len(before) == (2 if kind == "embedding" else 3)
    for training in (True, False):
        model(probe, training=training)
    for value, old in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(value, old)


@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_flows_through_the_norm(kind):
    layer, probe = built(kind)
    kernel = weight(layer)
    target = matrix(np.shape(layer(probe)), seed=2)

    def objective():
        return tf.reduce_sum(target * layer(probe))

    with tf.GradientTape() as tape:
        value = objective()
    gradient = np.array(
        tf.convert_to_tensor(tape.gradient(value, kernel.value))
    )
    start, step = np.array(kernel), 1e-2 * norm(kernel)
    for seed in range(3):
        direction = matrix(start.shape, seed)
        direction /= np.linalg.norm(direction)
        kernel.assign(start + step * direction)
        above = float(objective())
        kernel.assign(start - step * direction)
        below = float(objective())
        difference = (above - below) / (2 * step)
        assert np.sum(gradient * direction) == pytest.approx(
            difference, rel=0.01
        )
    # A longer kernel is the same layer.
    along = np.sum(gradient * start) / np.linalg.norm(start)
    assert abs(along) < 1e-3 * np.linalg.norm(gradient)


def test_the_vector_and_the_estimate_are_not_trained():
    layer, _ = built()
    names = [v.name for v in layer.trainable_variables]
    assert names == ["kernel", "bias"]
    assert [v.name for v in layer.non_trainable_variables] == ["u"]
    layer.trainable = False
    assert layer.trainable_variables == []
    assert np.isfinite(layer(np.eye(4))).all()


def test_the_bias_is_not_normalized():
    layer, _ = built()
    bias = 3 * matrix((5,))
    layer.layer.bias.assign(bias)
    np.testing.assert_array_equal(layer(np.zeros((1, 4)))[0], bias)


def test_a_kernel_of_zeros_stays_zero_and_can_be_trained():
    layer, probe = built()
    weight(layer).assign(np.zeros((4, 5)))
    layer.update(3)
    with tf.GradientTape() as tape:
        out = layer(probe)
    np.testing.assert_array_equal(out, np.zeros((4, 5)))
    gradient = tape.gradient(out, layer.layer.kernel.value)
    assert np.isfinite(gradient).all() and np.any(gradient)
    weight(layer).assign(matrix((4, 5), seed=1))
    layer.update(100)
    assert norm(effective_kernel(layer, probe)) == pytest.approx(1, abs=1e-4)


def functional():
    image = keras.Input((6, 6, 2))
    label = keras.Input((), dtype="int32")
    x = SpectralNormalization(keras.layers.Conv2D(3, 3))(image)
    x = keras.layers.Flatten()(x)
    x = SpectralNormalization(keras.layers.Dense(4))(x)
    x += SpectralNormalization(keras.layers.Embedding(3, 4))(label)
    return keras.Model([image, label], x)


def test_a_saved_model_continues_equally(tmp_path):
    model = functional()
    data = [matrix((2, 6, 6, 2)), np.array([0, 2])]
    model.layers[1].layer.kernel.assign(matrix((3, 3, 2, 3)))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(data), model(data))
    for each in (model, loaded):
        each.layers[1].update()
    np.testing.assert_array_equal(loaded(data), model(data))

    model.save_weights(tmp_path / "model.weights.h5")
    other = functional()
    assert np.abs(other(data) - model(data)).max() > 0.01
    other.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(other(data), model(data))


def test_a_clone_has_weights_of_its_own():
    model = functional()
    clone = keras.models.clone_model(model)
    data = [matrix((2, 6, 6, 2)), np.array([0, 2])]
    assert np.abs(clone(data) - model(data)).max() > 0.01
    clone.set_weights(model.get_weights())
    before = np.array(model(data))
    np.testing.assert_array_equal(clone(data), before)
    for variable in clone.weights:
        variable.assign(variable + 1.0)
    np.testing.assert_array_equal(model(data), before)


def test_mixed_precision_normalizes_in_float32():
    keras.config.set_dtype_policy("mixed_float16")
    layer, probe = built()
    assert layer(probe).dtype == "float16"
    assert {v.dtype for v in layer.variables} == {"float32"}
    # The smallest number in half precision is 6e-8.
    weight(layer).assign(1e-6 * matrix((4, 5)))
    layer.update(100)
    expected = matrix((4, 5)) / norm(matrix((4, 5)))
    np.testing.assert_allclose(layer(probe), expected, rtol=1e-3, atol=1e-4)


def test_a_layer_keeps_its_own_precision():
    keras.config.set_dtype_policy("mixed_float16")
    inner = keras.layers.Dense(5, dtype="float32")
    layer = SpectralNormalization(inner)
    outputs = np.asarray(layer(np.full((1, 4), 1.0001, "float32")))
    assert outputs.dtype == "float32"
    inner.kernel.assign(matrix((4, 5)))
    layer.update(100)
    effective = np.asarray(layer(np.eye(4)))
    assert norm(effective) == pytest.approx(1.0, abs=1e-5)
    half = np.asarray(layer(np.eye(4, dtype="float16")))
    np.testing.assert_array_equal(half, effective)


def test_layers_without_a_kernel_are_refused():
    layer = SpectralNormalization(keras.layers.Dropout(0.1))
    with pytest.raises(ValueError, match="`embeddings`. Received: Dropout"):
        layer(np.ones((1, 2)))


def test_replicas_update_their_vectors_alike(two_replicas):
    with two_replicas.scope():
        layer = SpectralNormalization(keras.layers.Dense(5))
        layer.build((None, 4))
        layer.layer.kernel.assign(matrix((4, 5)))

    @tf.function
    def update():
        two_replicas.run(layer.update)

    for _ in range(60):
        update()
    for copy in two_replicas.experimental_local_results(layer.u.value):
        product = np.linalg.norm(matrix((4, 5)) @ np.asarray(copy))
        assert product == pytest.approx(norm(matrix((4, 5))), rel=1e-4)
