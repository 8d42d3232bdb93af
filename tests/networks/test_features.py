"""Feature networks: maps against twins, weight files and their origin."""

import dataclasses
import hashlib
import importlib.util
import os
import pathlib
import re
import subprocess
import sys

import h5py
import keras
import numpy as np
import pytest
import skimage.data

from keras_synth import networks, ops
from keras_synth.layers.image_scaling import ImageScaling
from keras_synth.networks import features, torchvision_weights
from keras_synth.networks.perceptual_network import ARCHITECTURES
from tests.helpers import check_layer

MEAN = np.array([123.68, 116.779, 103.939])
SQUEEZES = (16, 16, 32, 32, 48, 48, 64, 64)
WIDTHS = (64, 128, 256, 384, 384, 512, 512)
RNG = np.random.default_rng(0)


def random_images(*shape):
    return RNG.uniform(size=shape).astype("float32")


def small(weights=None, **options):
    """The shortest network that has branches."""
    layers = ("relu_conv1", "fire3")
    return networks.squeezenet_features(weights, layers, **options)


def squeezenet_arrays():
    """`{layer: (kernel, bias)}`, in the order of Caffe's file."""
    shapes = {"conv1": (3, 3, 64)}
    depth = 64
    for fire, width in enumerate(SQUEEZES, start=2):
        shapes[f"fire{fire}/squeeze1x1"] = (1, depth, width)
        shapes[f"fire{fire}/expand1x1"] = (1, width, 4 * width)
        shapes[f"fire{fire}/expand3x3"] = (3, width, 4 * width)
        depth = 8 * width
    return {
        name: (
            RNG.normal(size=(size, size, before, after), scale=0.1),
            RNG.normal(size=after),
        )
        for name, (size, before, after) in shapes.items()
    }


def write_legacy(path, arrays):
    """A file as Keras 2 wrote it."""
    with h5py.File(path, "w") as file:
        names = ["input_1", *arrays]
        file.attrs["layer_names"] = np.array(names, "S")
        for name in names:
            group = file.create_group(name)
            values = arrays.get(name, ())
            keys = [f"weight_{i}" for i in range(len(values))]
            group.attrs["weight_names"] = np.array(keys, "S")
            for key, value in zip(keys, values, strict=True):
                group[key] = value.astype("float32")
    return path


@pytest.fixture(scope="module")
def arrays():
    return squeezenet_arrays()


@pytest.fixture(scope="module")
def squeezenet_file(arrays, tmp_path_factory):
    folder = tmp_path_factory.mktemp("squeezenet")
    return write_legacy(folder / "squeezenet.h5", arrays)


def convolved(x, kernel, bias, stride=1, padding=0):
    """Convolution and ReLU in loops."""
    edges = (padding, padding)
    x = np.pad(x, ((0, 0), edges, edges, (0, 0)))
    size = kernel.shape[0]
    height, width = (1 + (side - size) // stride for side in x.shape[1:3])
    total = np.zeros((len(x), height, width, kernel.shape[-1])) + bias
    for i in range(size):
        for j in range(size):
            part = x[:, i : i + stride * (height - 1) + 1 : stride]
            part = part[:, :, j : j + stride * (width - 1) + 1 : stride]
            total += part @ kernel[i, j]
    return np.maximum(total, 0)


def pooled(x):
    """Max pooling of 3 x 3, stride 2, with incomplete windows at the edge."""
    height, width = x.shape[1:3]
    rows = [
        [x[:, i : i + 3, j : j + 3].max((1, 2)) for j in range(0, width - 1, 2)]
        for i in range(0, height - 1, 2)
    ]
    return np.stack([np.stack(row, axis=1) for row in rows], axis=1)


def squeezenet_twin(x, arrays):
    """The seven maps of images that are scaled already."""
    x = convolved(x, *arrays["conv1"], stride=2)
    maps = [x]
    for fire in range(2, 10):
        if fire in (2, 4, 6):
            x = pooled(x)
        x = convolved(x, *arrays[f"fire{fire}/squeeze1x1"])
        near = convolved(x, *arrays[f"fire{fire}/expand3x3"], padding=1)
        point = convolved(x, *arrays[f"fire{fire}/expand1x1"])
        x = np.concatenate([point, near], axis=-1)
        if fire not in (2, 4):
            maps.append(x)
    return maps


def assert_maps(found, expected):
    for (name, ours), theirs in zip(found.items(), expected, strict=True):
        scale = np.abs(theirs).max()
        assert scale > 0
        np.testing.assert_allclose(
            ours, theirs, atol=2e-5 * scale, rtol=0, err_msg=name
        )


@pytest.mark.parametrize("size", [(17, 20), (34, 37)])
def test_squeezenet_equals_its_twin_on_caffes_scaling(
    size, arrays, squeezenet_file
):
    network = networks.squeezenet_features(squeezenet_file)
    images = random_images(2, *size, 3)
    maps = network(images)
    assert list(maps) == network.layer_names
    assert network.layer_names == list(features.SQUEEZENET_LAYERS)
    assert tuple(x.shape[-1] for x in maps.values()) == WIDTHS
    scaled = (255 * images.astype("float64") - MEAN)[..., ::-1]
    assert_maps(maps, squeezenet_twin(scaled, arrays))


@pytest.mark.parametrize(
    "name, builder, original",
    [
        ("vgg16", networks.vgg16_features, keras.applications.vgg16),
        ("vgg19", networks.vgg19_features, keras.applications.vgg19),
    ],
)
def test_vgg_equals_keras_applications(name, builder, original, tmp_path):
    network_class = getattr(original, name.upper())
    theirs = network_class(include_top=False, weights=None)
    for layer in theirs.layers:
        if layer.weights:
            layer.bias.assign(RNG.normal(size=layer.bias.shape))
    path = write_legacy(
        tmp_path / "notop.h5",
        {x.name: x.get_weights() for x in theirs.layers if x.weights},
    )
    ours = builder(path)
    assert ours.name == name
    wanted = [theirs.get_layer(x).output for x in ours.layer_names]
    assert [x.shape[-1] for x in wanted] == [64, 128, 256, 512, 512]
    images = random_images(1, 35, 48, 3)
    prepared = original.preprocess_input(255 * images)
    expected = keras.Model(theirs.input, wanted)(prepared)
    assert_maps(ours(images), map(np.asarray, expected))
    # The same file fills a part of the network.
    part = builder(path, layers="block2_pool")
    assert len(part.weights) == 2 + 2 * 4
    expected = keras.Model(
        theirs.input, theirs.get_layer("block2_pool").output
    )(prepared)
    assert_maps(part(images), [np.asarray(expected)])


def torchvision_state(arrays):
    """The same weights as torchvision names and orders them."""
    places = [0, *(3, 4, 6, 7, 9, 10, 11, 12)]
    state = {}
    for name, (kernel, bias) in arrays.items():
        fire, _, part = name.partition("/")
        place = places[0 if fire == "conv1" else int(fire[4:]) - 1]
        part = "squeeze" if part == "squeeze1x1" else part
        key = f"features.{place}" + (part and f".{part}")
        state[f"{key}.weight"] = kernel.transpose(3, 2, 0, 1)
        state[f"{key}.bias"] = bias
    state["classifier.1.weight"] = np.zeros((1000, 512, 1, 1))
    state["classifier.1.bias"] = np.zeros(1000)
    return {key: value.astype("float32") for key, value in state.items()}


def test_converted_weights_include_torchvisions_scaling(arrays, tmp_path):
    path = tmp_path / "squeezenet.weights.h5"
    state = torchvision_state(arrays)
    assert torchvision_weights.write_converted(state, path) == "squeezenet"
    network = networks.squeezenet_features(path)
    images = random_images(2, 21, 26, 3)
    mean, deviation = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    scaled = (images.astype("float64") - mean) / deviation
    expected = squeezenet_twin(scaled, arrays)
    assert_maps(network(images), expected)
    # Its border is that of an image's mean color, as torchvision's is.
    part = networks.squeezenet_features(path, layers=["fire3"])
    assert_maps(part(images), [expected[1]])


def test_published_torchvision_files_are_recognized(
    arrays, tmp_path, monkeypatch
):
    """By the SHA-256 that their names carry."""
    source = tmp_path / "squeezenet1_1.pth"
    source.write_bytes(b"weights")
    digest = hashlib.sha256(b"weights").hexdigest()
    monkeypatch.setattr(
        torchvision_weights, "_state", lambda path: torchvision_state(arrays)
    )
    destination = tmp_path / "converted.weights.h5"
    for known, origin in (("0" * 8, None), (digest[:8], "torchvision")):
        monkeypatch.setitem(torchvision_weights._PUBLISHED, "squeezenet", known)
        path = networks.convert_torchvision(source, destination)
        network = networks.squeezenet_features(path)
        assert network.origin == origin
        assert network.name == "squeezenet" + (origin and "_torchvision" or "")
    monkeypatch.setitem(
        torchvision_weights._PUBLISHED, "squeezenet", digest[:8]
    )
    torchvision_weights.convert_torchvision(source, destination)
    network = networks.squeezenet_features(destination, name="mine")
    assert network.name == "mine" and network.origin == "torchvision"
    network.get_layer("conv1").bias.assign(np.zeros(64))
    assert network.origin is None
    with pytest.raises(ValueError, match="not hold weights of vgg16"):
        networks.vgg16_features(destination)


def test_files_of_pytorch_are_read(arrays, tmp_path):
    torch = pytest.importorskip("torch")
    state = torchvision_state(arrays)
    tensors = {key: torch.tensor(value) for key, value in state.items()}
    torch.save(tensors, tmp_path / "state.pth")
    path = tmp_path / "converted.weights.h5"
    networks.convert_torchvision(tmp_path / "state.pth", path)
    direct = tmp_path / "direct.weights.h5"
    torchvision_weights.write_converted(state, direct)
    hashes = {
        networks.squeezenet_features(x).weight_hash for x in (path, direct)
    }
    assert len(hashes) == 1


def test_the_converter_refuses_what_it_cannot_convert(
    arrays, tmp_path, monkeypatch
):
    convert = networks.convert_torchvision
    good = tmp_path / "out.weights.h5"
    with pytest.raises(FileNotFoundError, match="curl -LO https://download"):
        convert(tmp_path / "missing.pth", good)
    with pytest.raises(ValueError, match="must end with .weights.h5"):
        convert(tmp_path / "missing.pth", tmp_path / "out.h5")
    (tmp_path / "some.pth").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match="pip install torch"):
        convert(tmp_path / "some.pth", good)
    state = torchvision_state(arrays)
    shorter = dict(list(state.items())[:-6])
    state["features.0.weight"] = np.zeros((64, 3, 7, 7), "float32")
    for wrong in (shorter, state):
        with pytest.raises(ValueError, match="vgg16, vgg19 or squeezenet1_1"):
            torchvision_weights.write_converted(wrong, good)
    assert not good.exists()


def test_scaling_layer_contract():
    check_layer(ImageScaling(), random_images(2, 4, 5, 3))
    gray = random_images(2, 4, 5, 1)
    check_layer(ImageScaling(), gray)
    layer = ImageScaling()
    np.testing.assert_allclose(
        layer(gray), 255 * np.repeat(gray, 3, axis=-1) - MEAN, atol=1e-3
    )


def test_gray_images_are_repeated_to_three_channels(squeezenet_file):
    gray, color = small(squeezenet_file, channels=1), small(squeezenet_file)
    images = random_images(1, 12, 15, 1)
    expected = color(np.repeat(images, 3, axis=-1))
    assert_maps(gray(images), map(np.asarray, expected.values()))
    assert gray.weight_hash == color.weight_hash
    with pytest.raises(ValueError, match="axis -1 .* value 3"):
        color(images)


SMALLEST = {
    "relu_conv1": 3,
    "pool1": 5,
    "fire3": 5,
    "pool3": 9,
    "fire5": 9,
    "fire6": 17,
    "fire9": 17,
}


@pytest.mark.parametrize("layer, side", SMALLEST.items())
def test_the_smallest_image_of_squeezenets_layers(layer, side):
    network = networks.squeezenet_features(None, layer)
    assert network(random_images(1, side, side, 3))[layer].shape[1:3] == (1, 1)
    message = f"at least {side} x {side} .* {side} x {side - 1}"
    with pytest.raises(ValueError, match=message):
        network(random_images(1, side, side - 1, 3))


@pytest.mark.parametrize(
    "layer, side",
    {"block1_conv1": 1, "block1_pool": 2, "block3_conv3": 4}.items(),
)
def test_the_smallest_image_of_vggs_layers(layer, side):
    network = networks.vgg16_features(None, layer)
    assert network(random_images(1, side, side, 3))[layer].shape[1:3] == (1, 1)
    assert network.get_layer("scaling").smallest == side


def test_networks_end_at_the_deepest_given_layer():
    network = networks.vgg16_features(None, ("block2_conv1", "block1_conv1"))
    assert network.layer_names == ["block1_conv1", "block2_conv1"]
    assert sum(hasattr(x, "kernel") for x in network.layers) == 3
    assert network.output["block2_conv1"].shape == (None, None, None, 128)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"channels": 2}, "`channels` must be 1 or 3"),
        ({"layers": ()}, "`layers` must be of block1_conv1, block1_conv2"),
        ({"layers": ("block1_conv3",)}, "Received: .*'block1_conv3'"),
    ],
)
def test_bad_arguments_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        networks.vgg16_features(None, **options)


def test_frozen_and_float32_whatever_the_policy(squeezenet_file):
    images = random_images(1, 9, 9, 3)
    expected = small(squeezenet_file)(images)
    keras.config.set_dtype_policy("mixed_float16")
    network = small(squeezenet_file)
    assert not network.trainable_weights
    for name, each in network(images).items():
        assert each.dtype == "float32"
        np.testing.assert_array_equal(each, expected[name])


def test_a_missing_file_gives_the_command_that_fetches_it(tmp_path):
    for builder, name, first in (
        (networks.vgg16_features, "vgg16", "block1_conv1"),
        (networks.vgg19_features, "vgg19", "block1_conv1"),
        (networks.squeezenet_features, "squeezenet", "relu_conv1"),
    ):
        address = re.escape(ARCHITECTURES[name].address)
        for path in (tmp_path / "missing.h5", "pretrained"):
            with pytest.raises(FileNotFoundError, match=f"curl -LO {address}"):
                builder(path, layers=first)


def test_files_of_other_networks_are_refused(tmp_path, arrays):
    (tmp_path / "text.h5").write_text("no weights")
    tiny = [np.zeros((1, 1, 1, 1)), np.zeros(1)]
    vgg19 = [
        f"block{block}_conv{index}"
        for block, count in enumerate((2, 2, 4, 4, 4), start=1)
        for index in range(1, count + 1)
    ]
    write_legacy(tmp_path / "vgg19.h5", dict.fromkeys(vgg19, tiny))
    write_legacy(tmp_path / "shapes.h5", dict.fromkeys(arrays, tiny))
    small().save_weights(tmp_path / "part.weights.h5")
    for path in tmp_path.iterdir():
        with pytest.raises(ValueError, match="weights of vgg16. F") as error:
            networks.vgg16_features(path, layers="block1_conv1")
        # Its first layers would fit.
        if path.name == "vgg19.h5":
            assert "Received: 16" in str(error.value.__cause__)
        if "part" not in path.name:
            with pytest.raises(ValueError, match="hold weights of squeezenet"):
                small(path)


def test_downloads_are_those_of_keras_and_named(squeezenet_file, monkeypatch):
    asked = []

    def get_file(name, address, cache_subdir, file_hash):
        asked.append((name, address, cache_subdir, file_hash))
        return str(squeezenet_file)

    digest = hashlib.md5(squeezenet_file.read_bytes()).hexdigest()
    known = dataclasses.replace(ARCHITECTURES["squeezenet"], md5=digest)
    monkeypatch.setitem(ARCHITECTURES, "squeezenet", known)
    monkeypatch.setattr(keras.utils, "get_file", get_file)
    for weights in ("imagenet", squeezenet_file):
        network = small(weights)
        assert network.name == "squeezenet_imagenet"
        assert network.origin == "imagenet"
    assert asked == [
        (known.address.split("/")[-1], known.address, "models", digest)
    ]
    assert small("imagenet", name="other").name == "other"


def test_a_failed_download_names_the_file_to_fetch(monkeypatch):
    def get_file(*args, **kwargs):
        raise Exception("URL fetch failure: no route to host")

    monkeypatch.setattr(keras.utils, "get_file", get_file)
    with pytest.raises(OSError, match="no route to host") as error:
        networks.vgg16_features()
    address = ARCHITECTURES["vgg16"].address
    options = "`weights` (of the command `score` --perceptual-weights"
    for words in (f"curl -LO {address}", options, "--style-weights"):
        assert words in str(error.value)


@pytest.mark.parametrize("name", ["vgg16", "vgg19"])
def test_addresses_and_hashes_are_those_of_keras(name):
    module = importlib.util.find_spec(f"keras.src.applications.{name}")
    source = pathlib.Path(module.origin).read_text()
    source = re.sub(r'"\s+"', "", source)  # strings that go on
    assert f'"{ARCHITECTURES[name].address}"' in source
    assert f'"{ARCHITECTURES[name].md5}"' in source


def test_weights_are_loaded_again_from_their_source(squeezenet_file, tmp_path):
    path = tmp_path / "own.weights.h5"
    small(squeezenet_file).save_weights(path)
    for weights in (squeezenet_file, path):
        network = small(weights)
        config = keras.saving.serialize_keras_object(network)
        again = keras.saving.deserialize_keras_object(config)
        assert isinstance(again, networks.PerceptualNetwork)
        assert again.source == network.source
        assert again.source["weights"] == str(weights)
        assert again.weight_hash != network.weight_hash
        again.reload_weights()
        assert again.weight_hash == network.weight_hash
    small().save_weights(path)
    with pytest.raises(ValueError, match="no longer holds the weights"):
        again.reload_weights()
    path.unlink()
    with pytest.raises(FileNotFoundError, match="own.weights.h5.* curl"):
        again.reload_weights()
    with pytest.raises(ValueError, match="are random, not from a file"):
        small().reload_weights()


def test_saved_networks_keep_weights_and_source(squeezenet_file, tmp_path):
    network = small(squeezenet_file, channels=1)
    network.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras")
    assert loaded.weight_hash == network.weight_hash == ops.weight_hash(loaded)
    assert loaded.source == network.source and loaded.name == network.name
    assert loaded.layer_names == network.layer_names
    assert not loaded.trainable_weights
    images = random_images(1, 20, 11, 1)
    expected = network(images)
    for name, each in loaded(images).items():
        np.testing.assert_array_equal(each, expected[name])


BACKEND_SCRIPT = """
import sys
import numpy as np, keras
from keras_synth import losses, metrics, networks
backend, folder = sys.argv[1:]
assert keras.backend.backend() == backend
layers = ("relu_conv1", "fire3")
network = networks.squeezenet_features(f"{folder}/a.weights.h5", layers)
data = np.load(f"{folder}/data.npz")
for name, each in network(data["one"]).items():
    each = keras.ops.convert_to_numpy(each)
    np.testing.assert_allclose(each, data[name], rtol=1e-3, atol=1e-2)
loss = losses.Style(network)(data["one"], data["other"])
np.testing.assert_allclose(float(loss), data["style"], rtol=1e-3)
metric = metrics.PerceptualDistance(network)
metric.update_state(data["one"], data["other"])
np.testing.assert_allclose(float(metric.result()), data["distance"], rtol=1e-3)
assert "tensorflow" not in sys.modules
"""


@pytest.mark.slow  # JAX is installed by the extra test-all
@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_maps_are_the_same_on_other_backends(backend, tmp_path):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    from keras_synth import losses, metrics

    network = small()
    network.save_weights(tmp_path / "a.weights.h5")
    one, other = random_images(2, 14, 20, 3), random_images(2, 14, 20, 3)
    metric = metrics.PerceptualDistance(network)
    metric.update_state(one, other)
    np.savez(
        tmp_path / "data.npz",
        one=one,
        other=other,
        style=losses.Style(network)(one, other),
        distance=metric.result(),
        **network(one),
    )
    subprocess.run(
        [sys.executable, "-c", BACKEND_SCRIPT, backend, str(tmp_path)],
        check=True,
        env=os.environ | {"KERAS_BACKEND": backend},
    )


def test_the_published_squeezenet_is_recognized_and_works():
    if "KERAS_SYNTH_DATA" not in os.environ:
        pytest.skip("needs real weights: KERAS_SYNTH_DATA is not set")
    folder = pathlib.Path(os.environ["KERAS_SYNTH_DATA"]) / "weights"
    network = networks.squeezenet_features(
        folder / "squeezenet_v1.1_notop_tf_kernels.h5"
    )
    assert network.name == "squeezenet_imagenet"
    assert network.weight_hash == "7931abef4d6d"
    photo = skimage.data.astronaut()[None] / np.float32(255)
    for name, each in network(photo).items():
        each = np.asarray(each)
        assert 0.02 < np.mean(each > 0) < 0.6, name
        assert np.mean(each.max((0, 1, 2)) > 0) > 0.9, name  # channels
