"""Copies are found, new pictures are not taken for copies."""

import keras
import numpy as np
import pytest
from scipy.spatial.distance import cdist

from keras_synth.evaluation import memorisation, nearest_training_pictures
from keras_synth.pictures import picture_grid

SHAPE = (4, 4, 1)


def pictures(count, seed=0):
    return np.random.default_rng(seed).uniform(size=(count, *SHAPE))


def mean_network():
    """One feature, a hundred times the mean."""
    picture = keras.Input(SHAPE)
    mean = keras.layers.GlobalAveragePooling2D()(picture)
    return keras.Model(picture, 100 * mean)


def test_the_nearest_pixels_are_scipys():
    samples, training = pictures(7), pictures(40, seed=1)
    grid, indices, distances = nearest_training_pictures(
        samples, training, features=None, num_neighbours=3, batch_size=3
    )
    expected = cdist(samples.reshape(7, -1), training.reshape(40, -1))
    np.testing.assert_array_equal(indices, np.argsort(expected, axis=1)[:, :3])
    np.testing.assert_allclose(distances, np.sort(expected, axis=1)[:, :3])
    rows = [
        [sample, *training[row]]
        for sample, row in zip(samples, indices, strict=True)
    ]
    np.testing.assert_array_equal(
        grid, picture_grid(np.concatenate(rows), columns=4)
    )
    assert grid.dtype == "float32"


def test_a_network_measures_in_its_features():
    samples, training = pictures(5), pictures(30, seed=1)
    _, indices, distances = nearest_training_pictures(
        samples, training, mean_network(), num_neighbours=2, batch_size=4
    )
    means = [100 * x.mean(axis=(1, 2, 3)) for x in (samples, training)]
    expected = np.abs(means[0][:, None] - means[1])
    np.testing.assert_array_equal(indices, np.argsort(expected, axis=1)[:, :2])
    np.testing.assert_allclose(
        distances, np.sort(expected, axis=1)[:, :2], atol=1e-4
    )


def test_copies_lie_at_exactly_zero():
    training = pictures(30)
    _, indices, distances = nearest_training_pictures(
        training[[4, 9]], training, features=None, num_neighbours=1
    )
    assert indices.tolist() == [[4], [9]]
    assert distances.tolist() == [[0.0], [0.0]]


@pytest.mark.parametrize(
    "network", [None, mean_network], ids=["pixels", "features"]
)
def test_new_pictures_are_no_copies(network):
    report = memorisation(
        pictures(1000, seed=1),
        pictures(100),
        pictures(1000, seed=2),
        features=network and network(),
    )
    assert report["ratio"] == pytest.approx(1.0, abs=0.1)
    assert report["copies"] == pytest.approx(0.01, abs=0.012)
    assert report["ratio"] == pytest.approx(
        report["sample_distance"] / report["test_distance"]
    )


def test_the_report_is_that_of_scipys_distances():
    samples, training, test = pictures(9), pictures(30, 1), pictures(50, 2)
    flat = [x.reshape(len(x), -1) for x in (samples, training, test)]
    nearest = [cdist(x, flat[1]).min(axis=1) for x in (flat[0], flat[2])]
    medians = [np.median(x) for x in nearest]
    report = memorisation(samples, training, test, features=None, batch_size=7)
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
    training = pictures(100)
    samples = pictures(200, seed=1)
    samples[:60] = training[:60] + 1e-3
    report = memorisation(
        samples, training, pictures(500, seed=2), features=None
    )
    assert report["copies"] == pytest.approx(0.3, abs=0.03)
    assert report["ratio"] > 0.9
    report = memorisation(
        training[:50], training, pictures(500, seed=2), features=None
    )
    assert report["copies"] == 1.0 and report["ratio"] == 0.0


def test_mistakes_are_refused():
    good, small = pictures(8), np.zeros((8, 3, 4, 1))
    for images, message in (
        (small, r"`training_images` must be .*Received: \(3, 4, 1\)"),
        (good[0], r"Received: shape \(4, 4, 1\)"),
        (good[:0], "n at least 1"),
        (np.zeros((8, *SHAPE), "uint8"), "dtype uint8"),
        (np.full((8, *SHAPE), np.nan), "values from nan to nan"),
    ):
        with pytest.raises(ValueError, match=message):
            nearest_training_pictures(good, images, features=None)
    with pytest.raises(ValueError, match="`test_images` must be pictures of"):
        memorisation(good, good, small, features=None)
    with pytest.raises(ValueError, match="not trained on"):
        memorisation(good, good, good[:5], features=None)
    with pytest.raises(ValueError, match="training pictures, 8. Received: 9"):
        nearest_training_pictures(good, good, None, num_neighbours=9)
    with pytest.raises(ValueError, match="num_neighbours=0"):
        nearest_training_pictures(good, good, None, num_neighbours=0)
    with pytest.raises(ValueError, match="batch_size=0"):
        memorisation(good, good, good, None, batch_size=0)
    with pytest.raises(TypeError, match="functional keras.Model"):
        memorisation(good, good, good, features=5)


def test_features_that_are_not_finite_are_refused():
    network = mean_network()
    infinite = keras.Model(network.input, network.output * np.inf)
    with pytest.raises(ValueError, match="must be finite"):
        nearest_training_pictures(pictures(8), pictures(8), infinite)
