"""Perceptual distance (LPIPS): a NumPy twin, photographs, its name."""

import importlib.util
import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest
from skimage import data, filters

from keras_synth import degradations, evaluation, metrics, networks
from keras_synth.metrics import PerceptualDistance, lpips_linear_weights

LAYERS = ("relu_conv1", "fire3")
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


@pytest.fixture(scope="module")
def linear():
    rng = np.random.default_rng(1)
    return {"relu_conv1": rng.uniform(size=64), "fire3": rng.uniform(size=128)}


def score(metric, *arguments, **options):
    metric.reset_state()
    metric.update_state(*arguments, **options)
    return float(metric.result())


def twin(network, linear, clean, restored):
    """The distance of each pair."""
    clean, restored = (np.clip(x, 0, 1) for x in (clean, restored))
    distances = np.zeros(len(clean))
    for name in LAYERS:
        x, y = (
            np.asarray(network(z)[name], "float64") for z in (clean, restored)
        )
        for image in range(len(clean)):
            values = []
            for i in range(x.shape[1]):
                for j in range(x.shape[2]):
                    a, b = x[image, i, j], y[image, i, j]
                    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
                    values.append((linear[name] * (a - b) ** 2).sum())
            distances[image] += np.mean(values)
    return distances


def test_distance_equals_its_formula_over_any_batches(network, linear):
    clean, restored = images(), images() * 1.6 - 0.3  # is clipped
    expected = twin(network, linear, clean, restored)
    assert np.ptp(expected) > 0
    metric = PerceptualDistance(network, linear)
    assert score(metric, clean, restored) == pytest.approx(
        expected.mean(), rel=1e-4
    )
    metric.reset_state()
    assert float(metric.result()) == 0.0
    for one, other in zip(clean, restored, strict=True):
        metric.update_state(one[None], other[None])
    assert float(metric.result()) == pytest.approx(expected.mean(), rel=1e-4)
    weights = np.array([1.0, 0.0, 3.0])
    weighted = score(metric, clean, restored, sample_weight=weights)
    assert weighted == pytest.approx((weights * expected).sum() / 4, rel=1e-4)
    # Both sides are treated alike.
    assert score(metric, restored, clean) == pytest.approx(
        expected.mean(), rel=1e-4
    )


def test_linear_weights_by_name_in_order_or_none(network, linear):
    clean, restored = images(), images()
    by_name = dict(reversed(linear.items()))
    expected = score(PerceptualDistance(network, linear), clean, restored)
    for same in (by_name, list(linear.values())):
        metric = PerceptualDistance(network, same)
        assert score(metric, clean, restored) == expected
    ones = {name: np.ones(len(w)) for name, w in linear.items()}
    expected = twin(network, ones, clean, restored).mean()
    metric = PerceptualDistance(network)
    assert score(metric, clean, restored) == pytest.approx(expected, rel=1e-4)


def test_without_weights_it_is_twice_one_minus_the_cosine():
    inputs = keras.Input((None, None, 3))
    pixels = keras.Model(inputs, {"pixels": 3.0 * inputs})
    metric = PerceptualDistance(pixels)
    vectors = np.array([[1, 0, 0], [0, 1, 0], [0.5, 0.5, 0], [0, 0, 0]])
    clean = np.tile(vectors[0], (4, 1))
    cosines = np.array([1, 0, np.sqrt(0.5), 0.5])  # black has no direction
    value = score(metric, clean[:, None, None], vectors[:, None, None])
    assert value == pytest.approx(np.mean(2 - 2 * cosines), rel=1e-5)


def photographs():
    """64 x 64 pixels of three."""
    for image in (data.astronaut(), data.coffee(), data.chelsea()):
        yield image[100:164, 100:164] / np.float32(255)


def degraded(image):
    """The image with increasing noise, and with increasing blur."""
    noise = RNG.normal(size=image.shape)
    yield [image + sigma * noise for sigma in (0.0, 0.02, 0.05, 0.1, 0.2)]
    yield [
        image if not sigma else filters.gaussian(image, sigma, channel_axis=-1)
        for sigma in (0.0, 0.5, 1.0, 2.0, 4.0)
    ]


def assert_grows_with_degradation(metric):
    for image in photographs():
        for series in degraded(image):
            clean = np.repeat(image[None], len(series), axis=0)
            values = np.asarray(metric.compare(clean, np.float32(series)))
            assert values[0] == 0.0
            assert (np.diff(values) > 0).all(), values


def test_it_grows_with_noise_and_blur_on_photographs():
    """Also with random weights."""
    network = networks.squeezenet_features(None)
    assert_grows_with_degradation(PerceptualDistance(network))


def test_it_grows_with_real_weights():
    if "KERAS_SYNTH_DATA" not in os.environ:
        pytest.skip("needs real weights: KERAS_SYNTH_DATA is not set")
    folder = pathlib.Path(os.environ["KERAS_SYNTH_DATA"]) / "weights"
    network = networks.squeezenet_features(
        folder / "squeezenet_v1.1_notop_tf_kernels.h5"
    )
    file = folder / "lpips_lin_v0.1.npz"
    for linear in (None, lpips_linear_weights(file, "squeeze")):
        metric = PerceptualDistance(network, linear)
        assert_grows_with_degradation(metric)
    description = metric.describe()
    # Linear weights of LPIPS, but not its network.
    assert description["linear_weights"] in metrics.perceptual_distance._LPIPS
    name = "perceptual distance (squeezenet_imagenet)"
    assert description["metric"] == name
    vgg = lpips_linear_weights(file, "vgg")
    assert [len(each) for each in vgg] == [64, 128, 256, 512, 512]


def test_only_the_published_network_and_weights_are_called_lpips(
    network, linear, weights_file, monkeypatch
):
    metric = PerceptualDistance(network, linear)
    score(metric, images(), images())
    plain = metric.describe()
    assert plain == {
        "metric": "perceptual distance (squeezenet)",
        "value": float(metric.result()),
        "extractor": "squeezenet",
        "weight_hash": network.weight_hash,
        "input_size": None,
        "resizing": "none",
        "layers": list(LAYERS),
        "linear_weights": plain["linear_weights"],
        "num_images": 3,
    }
    other = PerceptualDistance(network, {k: 2 * w for k, w in linear.items()})
    assert other.describe()["linear_weights"] != plain["linear_weights"]
    assert PerceptualDistance(network).describe()["linear_weights"] is None

    torchvisions = networks.squeezenet_features(weights_file, LAYERS)
    torchvisions.source = {**network.source, "origin": "torchvision"}
    fitted = PerceptualDistance(torchvisions, linear)
    assert fitted.describe()["metric"].startswith("perceptual")
    known = metrics.perceptual_distance._LPIPS
    monkeypatch.setitem(known, plain["linear_weights"], "squeezenet")
    assert fitted.describe()["metric"] == "LPIPS"
    assert metric.describe()["metric"].startswith("perceptual")
    unfitted = PerceptualDistance(torchvisions)
    assert unfitted.describe()["metric"].startswith("perceptual")
    monkeypatch.setitem(known, plain["linear_weights"], "vgg16")
    assert fitted.describe()["metric"].startswith("perceptual")


def test_linear_weights_are_read_with_and_without_prefix(tmp_path):
    lines = {
        f"lin{index}.model.1.weight": np.full((1, 3, 1, 1), index)
        for index in range(12)
    }
    np.savez(tmp_path / "one.npz", **lines)
    several = {f"{b}/{k}": v for b in ("vgg", "alex") for k, v in lines.items()}
    np.savez(tmp_path / "several.npz", **several)
    for name in ("one.npz", "several.npz"):
        weights = lpips_linear_weights(tmp_path / name, "vgg")
        expected = np.repeat(np.arange(12)[:, None], 3, axis=1)
        np.testing.assert_array_equal(weights, expected)
    with pytest.raises(ValueError, match="must hold .'squeeze/lin0.*'squeeze'"):
        lpips_linear_weights(tmp_path / "several.npz", "squeeze")


@pytest.mark.parametrize(
    "wrong, message",
    [
        ([np.ones(64)], "one entry for each of .*fire3.* Received: 1 entries"),
        ({"fire3": np.ones(128)}, r"Received: \['fire3'\]"),
        ([np.ones(64), np.ones(64)], "fire3 must be 128 numbers"),
        ([np.ones(64), -np.ones(128)], "fire3 must be 128 numbers of 0 or"),
    ],
)
def test_bad_linear_weights_are_refused(wrong, message, network):
    with pytest.raises(ValueError, match=message):
        PerceptualDistance(network, wrong)


def test_images_and_networks_that_do_not_fit_are_refused(network):
    metric = PerceptualDistance(network)
    gray = images(1, 16, 16, 1)
    with pytest.raises(ValueError, match="3 channels.* channels=1"):
        metric.update_state(gray, gray)
    with pytest.raises(ValueError, match="same shape"):
        metric.update_state(images(), images(1, 13, 16, 3))
    with pytest.raises(ValueError, match="floats in"):
        metric.update_state(*np.zeros((2, 1, 16, 16, 3), "uint8"))
    with pytest.raises(ValueError, match="`features` must be a network"):
        PerceptualDistance(None)


def test_rounding_to_8_bits_ignores_smaller_differences(network):
    clean = np.rint(255 * images()) / np.float32(255)
    near = clean + np.float32(0.4 / 255)
    assert score(PerceptualDistance(network), clean, near) > 1e-5
    rounded = PerceptualDistance(network, round_to_8_bits=True)
    assert score(rounded, clean, near) < 1e-9


def test_it_is_compiled_saved_and_loaded(network, linear, tmp_path):
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, keras.layers.Conv2D(3, 1)(inputs))
    metric = PerceptualDistance(
        network, linear, round_to_8_bits=True, name="look"
    )
    model.compile("sgd", "mse", metrics=[metric], jit_compile=False)
    clean = images(4, 13, 16, 3)
    logs = model.evaluate(
        clean, clean, batch_size=2, verbose=0, return_dict=True
    )
    expected = score(metric, clean, np.asarray(model(clean)))
    assert logs["look"] == pytest.approx(expected, rel=1e-4)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    again = loaded.evaluate(
        clean, clean, batch_size=2, verbose=0, return_dict=True
    )
    assert again == logs
    stop = keras.callbacks.EarlyStopping("val_look", patience=1)
    loaded.fit(
        clean,
        clean,
        validation_data=(clean, clean),
        callbacks=[stop],
        verbose=0,
    )
    assert stop.monitor_op(1.0, 2.0)  # lower is better


def test_it_is_float32_in_mixed_precision(network):
    clean, restored = images(), images()
    expected = score(PerceptualDistance(network), clean, restored)
    keras.config.set_dtype_policy("mixed_float16")
    metric = PerceptualDistance(network)
    assert score(metric, clean, restored) == expected


def test_methods_are_compared_by_it(network):
    images = list(photographs())[:2]
    comparison = evaluation.compare(
        {"half": lambda degraded: 0.5 * degraded},
        images,
        degradations.GaussianNoise(0.1),
        metrics=[PerceptualDistance(network)],
    )
    rows = {row["method"]: row for row in comparison.rows}
    assert 0 < rows["degraded"]["perceptual_distance"]
    assert set(rows) == {"degraded", "half"}


LPIPS_SCRIPT = """
import sys
import lpips, numpy as np, torch
torch.manual_seed(0)
metric = lpips.LPIPS(net="squeeze", pnet_rand=True, verbose=False).eval()
state = {
    "features." + name.split(".", 1)[1]: value
    for name, value in metric.net.state_dict().items()
}
torch.save(state, sys.argv[1] + "/state.pth")
linear = {
    name: value.numpy()
    for name, value in metric.state_dict().items() if name.startswith("lin")
}
np.savez(sys.argv[1] + "/linear.npz", **{
    name: value for name, value in linear.items() if "lins" not in name
})
pair = np.load(sys.argv[1] + "/pair.npy").transpose(0, 1, 4, 2, 3)
with torch.no_grad():
    distances = metric(*(2 * torch.tensor(each) - 1 for each in pair))
np.save(sys.argv[1] + "/distances.npy", distances.numpy().reshape(-1))
"""


def test_it_equals_the_authors_lpips(tmp_path):
    """Their package on random weights, converted."""
    if importlib.util.find_spec("lpips") is None:
        pytest.skip("lpips is not installed")
    pair = images(2, 3, 40, 53, 3)
    np.save(tmp_path / "pair.npy", pair)
    subprocess.run(
        [sys.executable, "-c", LPIPS_SCRIPT, str(tmp_path)], check=True
    )
    path = tmp_path / "state.weights.h5"
    networks.convert_torchvision(tmp_path / "state.pth", path)
    network = networks.squeezenet_features(path)
    linear = lpips_linear_weights(tmp_path / "linear.npz", "squeeze")
    value = score(PerceptualDistance(network, linear), *pair)
    expected = np.load(tmp_path / "distances.npy").mean()
    assert value == pytest.approx(expected, rel=1e-4)
