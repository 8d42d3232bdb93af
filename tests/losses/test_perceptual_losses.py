"""Perceptual and style losses: NumPy twins, gradients, saving, training."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_synth import networks
from keras_synth.losses import Perceptual, Style

LAYERS = ("relu_conv1", "fire3")
WEIGHTS = {"relu_conv1": 0.5, "fire3": 2.0}
ALL = [
    (loss, squared) for loss in (Perceptual, Style) for squared in (False, True)
]
RNG = np.random.default_rng(0)


def images(*shape):
    return RNG.uniform(size=shape or (3, 13, 16, 3)).astype("float32")


@pytest.fixture(scope="module")
def weights_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "small.weights.h5"
    networks.squeezenet_features(None, LAYERS).save_weights(path)
    return path


@pytest.fixture(scope="module")
def network(weights_file):
    return networks.squeezenet_features(weights_file, LAYERS)


def gram_twin(maps):
    batch, height, width, channels = maps.shape
    result = np.zeros((batch, channels, channels))
    for i in range(height):
        for j in range(width):
            pixel = maps[:, i, j]
            result += pixel[:, :, None] * pixel[:, None, :]
    return result / (channels * height * width)


def twin(loss, squared, network, one, other):
    """The loss of each image, weighted by WEIGHTS."""
    one = {k: np.asarray(v, "float64") for k, v in network(one).items()}
    other = {k: np.asarray(v, "float64") for k, v in network(other).items()}
    power = 2 if squared else 1
    total = 0.0
    for name, weight in WEIGHTS.items():
        x, y = one[name], other[name]
        if loss is Perceptual:
            size = np.prod(x.shape[1:])
            each = (np.abs(x - y) ** power).sum((1, 2, 3)) / size
        else:
            x, y = gram_twin(x), gram_twin(y)
            size = 1 if squared else x.shape[1] ** 2
            each = (np.abs(x - y) ** power).sum((1, 2)) / size
        total = total + weight * each
    return total


@pytest.mark.parametrize("loss, squared", ALL)
def test_losses_equal_their_formulas_and_weigh_images(loss, squared, network):
    true, predicted = images(), images()
    expected = twin(loss, squared, network, true, predicted)
    assert np.ptp(expected) > 0
    function = loss(network, WEIGHTS, squared)
    each = function.call(tf.constant(true), tf.constant(predicted))
    np.testing.assert_allclose(each, expected, rtol=1e-4)
    value = float(function(true, predicted))
    assert value == pytest.approx(expected.mean(), rel=1e-4)
    weights = np.array([1.0, 0.0, 3.0])
    weighted = float(function(true, predicted, sample_weight=weights))
    assert weighted == pytest.approx((weights * expected).mean(), rel=1e-4)
    assert float(function(true, true)) == 0.0


@pytest.mark.parametrize("loss", [Perceptual, Style])
def test_layers_have_weight_one_or_are_left_out(loss, network):
    true, predicted = images(), images()
    parts = [
        float(loss(network, {name: 1})(true, predicted)) for name in LAYERS
    ]
    assert min(parts) > 0
    both = float(loss(network)(true, predicted))
    assert both == pytest.approx(sum(parts), rel=1e-5)


def test_feature_maps_can_be_shared(network):
    true, predicted = images(), images()
    maps = network(true), network(predicted)
    for loss in (Perceptual(network), Style(network)):
        shared = np.mean(loss.compare(*maps))
        assert shared == pytest.approx(float(loss(true, predicted)), rel=1e-5)


def test_style_loss_ignores_positions():
    """Of a network on single pixels; the perceptual loss does not."""
    inputs = keras.Input((None, None, 3))
    outputs = keras.layers.Conv2D(5, 1, activation="relu")(inputs)
    network = keras.Model(inputs, {"pixels": outputs})
    true = images(2, 6, 6, 3)
    moved = RNG.permutation(true.reshape(2, 36, 3), axis=1).reshape(true.shape)
    assert float(Style(network)(true, moved)) < 1e-6
    assert float(Perceptual(network)(true, moved)) > 1e-2


@pytest.mark.parametrize("loss, squared", ALL)
def test_gradients_are_finite_and_reach_the_prediction(loss, squared, network):
    true = tf.constant(images())
    function = loss(network, squared=squared)
    for predicted in (true, 0 * true, 1 + 0 * true, 1 - true, 9 * true - 4):
        with tf.GradientTape() as tape:
            tape.watch(predicted)
            value = function(true, predicted)
        gradient = tape.gradient(value, predicted)
        assert np.isfinite(value) and np.isfinite(gradient).all()
    assert np.mean(gradient != 0) > 0.5  # predictions are not clipped
    with tf.GradientTape() as tape:
        tape.watch(true)
        value = function(true, true)
    assert not np.any(tape.gradient(value, true))


def restorer():
    inputs = keras.Input((None, None, 3))
    residual = keras.layers.Conv2D(
        3, 3, padding="same", kernel_initializer="zeros"
    )(inputs)
    return keras.Model(inputs, keras.layers.Add()([inputs, residual]))


@pytest.mark.parametrize(
    "policy",
    ["float32", pytest.param("mixed_float16", marks=pytest.mark.slow)],
)
def test_training_changes_the_restorer_only(policy, network):
    keras.config.set_dtype_policy(policy)
    model = restorer()
    compiled = policy == "float32"
    before = network.weight_hash
    loss = Perceptual(network, {"relu_conv1": 1e-2, "fire3": 1e-2})
    assert loss.dtype == "float32"
    model.compile(keras.optimizers.Adam(1e-2), loss, jit_compile=compiled)
    clean = images(2, 16, 16, 3)
    degraded = 0.5 * clean
    history = model.fit(degraded, clean, epochs=15, verbose=0).history["loss"]
    assert np.isfinite(history).all() and history[-1] < 0.7 * history[0]
    assert network.weight_hash == before
    assert len(model.weights) == 2


@pytest.mark.parametrize("loss, squared", [(Perceptual, True), (Style, False)])
def test_saved_losses_load_their_weights_again(
    loss, squared, network, tmp_path
):
    model = restorer()
    function = loss(
        network, WEIGHTS, squared, reduction="sum", name="as_it_looks"
    )
    model.compile("sgd", function, run_eagerly=True)
    true, predicted = images(), images()
    expected = model.evaluate(predicted, true, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.evaluate(predicted, true, verbose=0) == expected
    for name in ("name", "reduction", "squared", "layer_weights"):
        assert getattr(loaded.loss, name) == getattr(function, name)
    assert loaded.loss.features.source == network.source
    assert float(loaded.loss(true, predicted)) == float(
        function(true, predicted)
    )


def test_weights_that_cannot_be_loaded_ask_for_compile_false(
    weights_file, tmp_path
):
    path = tmp_path / "model.keras"
    copied = tmp_path / "copy.weights.h5"
    copied.write_bytes(weights_file.read_bytes())
    gone = networks.squeezenet_features(copied, LAYERS)
    copied.unlink()
    changed = networks.squeezenet_features(weights_file, LAYERS)
    changed.get_layer("conv1").bias.assign(np.ones(64))
    inputs = keras.Input((None, None, 3))
    foreign = keras.Model(inputs, {"pixels": inputs * 2.0})
    for network, reason in (
        (networks.squeezenet_features(None, LAYERS), "are random"),
        (gone, "There is no weights file .*copy.weights.h5"),
        (changed, f"changed after loading.*{changed.weight_hash}"),
        (foreign, "reload_weights"),
    ):
        model = restorer()
        model.compile("sgd", Perceptual(network))
        model.save(path)
        with pytest.raises(ValueError, match=f"compile=False.*{reason}"):
            keras.saving.load_model(path)
        keras.saving.load_model(path, compile=False)


def test_losses_work_under_replicas(two_replicas, network):
    clean = images(4, 16, 16, 3)

    def fitted(strategy):
        with strategy.scope():
            model = restorer()
            model.compile(
                keras.optimizers.SGD(1e-5), Style(network), jit_compile=False
            )
        data = tf.data.Dataset.from_tensors((0.5 * clean, clean)).unbatch()
        model.fit(data.batch(4), verbose=0, shuffle=False)
        return model.get_weights()

    for one, two in zip(
        fitted(tf.distribute.get_strategy()), fitted(two_replicas), strict=True
    ):
        assert np.any(one)
        np.testing.assert_allclose(one, two, rtol=1e-3, atol=1e-7)


def test_images_that_do_not_fit_are_refused(network):
    gray = images(2, 16, 16, 1)
    for loss in (Perceptual(network), Style(network)):
        with pytest.raises(ValueError, match="3 channels.* channels=1. Rec"):
            loss(gray, gray)
        with pytest.raises(ValueError, match="same shape"):
            loss(images(2, 16, 16, 3), images(1, 16, 16, 3))


@pytest.mark.parametrize(
    "weights", [{}, {"fire9": 1.0}, {"fire3": -1.0}, [1.0, 2.0]]
)
def test_bad_layer_weights_are_refused(weights, network):
    with pytest.raises(ValueError, match="`layer_weights` must be .*fire3"):
        Style(network, weights)


def test_networks_without_maps_are_refused():
    inputs = keras.Input((4, 4, 3))
    for bad in (None, keras.Model(inputs, inputs * 2.0)):
        with pytest.raises(ValueError, match="`features` must be a network"):
            Perceptual(bad)
