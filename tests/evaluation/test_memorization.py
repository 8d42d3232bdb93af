"""Memorization: copies are found, new images are not taken for copies."""

import keras
import numpy as np
import pytest
from scipy.spatial.distance import cdist

from keras_synth.evaluation import memorization, nearest_training_images
from keras_synth.io import image_grid

SHAPE = (4, 4, 1)


def random_images(count, seed=0):
    return np.random.default_rng(seed).uniform(size=(count, *SHAPE))


def mean_network():
    """A network of one feature, the mean times 100."""
    image = keras.Input(SHAPE)
    mean = keras.layers.GlobalAveragePooling2D()(image)
    return keras.Model(image, 100 * mean)


def test_neighbors_by_pixels_equal_scipy():
    samples, training = random_images(7), random_images(40, seed=1)
    grid, indices, distances = nearest_training_images(
        samples, training, features=None, num_neighbors=3, batch_size=3
    )
    expected = cdist(samples.reshape(7, -1), training.reshape(40, -1))
    np.testing.assert_array_equal(indices, np.argsort(expected, axis=1)[:, :3])
    np.testing.assert_allclose(distances, np.sort(expected, axis=1)[:, :3])
    rows = [
        [sample, *training[row]]
        for sample, row in zip(samples, indices, strict=True)
    ]
    np.testing.assert_array_equal(
        grid, image_grid(np.concatenate(rows), columns=4)
    )
    assert grid.dtype == "float32"


def test_a_network_measures_distances_of_features():
    samples, training = random_images(5), random_images(30, seed=1)
    _, indices, distances = nearest_training_images(
        samples, training, mean_network(), num_neighbors=2, batch_size=4
    )
    means = [100 * x.mean(axis=(1, 2, 3)) for x in (samples, training)]
    expected = np.abs(means[0][:, None] - means[1])
    np.testing.assert_array_equal(indices, np.argsort(expected, axis=1)[:, :2])
    np.testing.assert_allclose(
        distances, np.sort(expected, axis=1)[:, :2], atol=1e-4
    )


def test_copies_have_distance_zero():
    training = random_images(30)
    _, indices, distances = nearest_training_images(
        training[[4, 9]], training, features=None, num_neighbors=1
    )
    assert indices.tolist() == [[4], [9]]
    assert distances.tolist() == [[0.0], [0.0]]


@pytest.mark.parametrize(
    "network", [None, mean_network], ids=["pixels", "features"]
)
def test_new_images_are_not_copies(network):
    report = memorization(
        random_images(1000, seed=1),
        random_images(100),
        random_images(1000, seed=2),
        features=network and network(),
    )
    assert report["ratio"] == pytest.approx(1.0, abs=0.1)
    assert report["copies"] == pytest.approx(0.01, abs=0.012)
    assert report["ratio"] == pytest.approx(
        report["sample_distance"] / report["test_distance"]
    )


def test_the_report_equals_scipy():
    samples, training, test = (
        random_images(9),
        random_images(30, 1),
        random_images(50, 2),
    )
    flat = [x.reshape(len(x), -1) for x in (samples, training, test)]
    nearest = [cdist(x, flat[1]).min(axis=1) for x in (flat[0], flat[2])]
    medians = [np.median(x) for x in nearest]
    report = memorization(samples, training, test, features=None, batch_size=7)
    expected = {
        "sample_distance": medians[0],
        "test_distance": medians[1],
        "ratio": medians[0] / medians[1],
        "copies": np.mean(nearest[0] <= np.quantile(nearest[1], 0.01)),
    }
    for name, value in expected.items():
        assert report[name] == pytest.approx(value), name
    counts = [report[f"num_{what}"] for what in ("samples", "training", "test")]
    assert counts == [9, 30, 50]
    assert report["extractor"] == "pixels" and report["weight_hash"] is None


def test_a_share_of_copies_is_found():
    training = random_images(100)
    samples = random_images(200, seed=1)
    samples[:60] = training[:60] + 1e-3
    report = memorization(
        samples, training, random_images(500, seed=2), features=None
    )
    assert report["copies"] == pytest.approx(0.3, abs=0.03)
    assert report["ratio"] > 0.9
    report = memorization(
        training[:50], training, random_images(500, seed=2), features=None
    )
    assert report["copies"] == 1.0 and report["ratio"] == 0.0


def test_bad_arguments_are_refused():
    good, small = random_images(8), np.zeros((8, 3, 4, 1))
    for images, message in (
        (small, r"`training_images` must be .*Received: \(3, 4, 1\)"),
        (good[0], r"Received: shape \(4, 4, 1\)"),
        (good[:0], "n at least 1"),
        (np.zeros((8, *SHAPE), "uint8"), "dtype uint8"),
        (np.full((8, *SHAPE), np.nan), "values from nan to nan"),
    ):
        with pytest.raises(ValueError, match=message):
            nearest_training_images(good, images, features=None)
    with pytest.raises(ValueError, match="`test_images` must be images of"):
        memorization(good, good, small, features=None)
    with pytest.raises(ValueError, match="not trained on"):
        memorization(good, good, good[:5], features=None)
    with pytest.raises(ValueError, match="training images, 8. Received: 9"):
        nearest_training_images(good, good, None, num_neighbors=9)
    with pytest.raises(ValueError, match="num_neighbors=0"):
        nearest_training_images(good, good, None, num_neighbors=0)
    with pytest.raises(ValueError, match="batch_size=0"):
        memorization(good, good, good, None, batch_size=0)
    with pytest.raises(TypeError, match="functional keras.Model"):
        memorization(good, good, good, features=5)


def test_features_that_are_not_finite_are_refused():
    network = mean_network()
    infinite = keras.Model(network.input, network.output * np.inf)
    with pytest.raises(ValueError, match="must be finite"):
        nearest_training_images(random_images(8), random_images(8), infinite)
