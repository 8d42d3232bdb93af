"""Frechet distance against SciPy and closed forms; checks of features."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import linalg

from keras_synth.metrics import (
    FrechetDistance,
    KernelDistance,
    PrecisionRecall,
)
from keras_synth.ops import weight_hash

DIM = 5


def correlated(count, dim=DIM, seed=0, mean=0.0):
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(dim, dim))
    return mean + rng.normal(size=(count, dim)) @ mixing


def scipys(real, generated):
    """The formula, by SciPy's root of the unsymmetric product."""
    covariances = [np.cov(x, rowvar=False) for x in (real, generated)]
    root = linalg.sqrtm(covariances[0] @ covariances[1]).real
    squared = np.sum((real.mean(axis=0) - generated.mean(axis=0)) ** 2)
    return squared + np.trace(covariances[0] + covariances[1] - 2 * root)


def distance(real, generated):
    metric = FrechetDistance(feature_dim=real.shape[1])
    metric.update_state(real, generated)
    return float(metric.result())


def standardized(count, dim):
    """Vectors whose mean is 0 and whose covariance is the identity."""
    x = np.random.default_rng(3).normal(size=(count, dim))
    x = x - x.mean(axis=0)
    return x @ np.linalg.inv(np.linalg.cholesky(np.cov(x, rowvar=False))).T


def scoring_network(channels=1, name="mean_and_corner", size=8):
    """Two features of an image: its mean, and its first value."""
    image = keras.Input((size, size, channels))
    mean = keras.layers.GlobalAveragePooling2D()(image)[:, :1]
    corner = image[:, 0, 0, :1]
    features = keras.layers.Concatenate()([mean, corner])
    return keras.Model(image, features, name=name)


def random_images(count=20, seed=0):
    return np.random.default_rng(seed).uniform(size=(count, 8, 8, 1))


@pytest.mark.parametrize("dim", [1, 2, 5, 20])
def test_correlated_gaussians_equal_scipy(dim):
    real = correlated(300, dim)
    generated = correlated(200, dim, seed=1, mean=0.7)
    expected = scipys(real.reshape(-1, dim), generated) if dim > 1 else None
    if dim == 1:
        deviations = real.std(ddof=1), generated.std(ddof=1)
        expected = (real.mean() - generated.mean()) ** 2
        expected += (deviations[0] - deviations[1]) ** 2
    assert distance(real, generated) == pytest.approx(expected, rel=1e-8)


def test_a_shift_has_its_square_as_distance():
    real = correlated(100)
    shift = np.arange(DIM) - 1.0
    assert distance(real, real + shift) == pytest.approx(np.sum(shift**2))


def test_scaled_identities_have_a_closed_form():
    x = standardized(100, DIM)
    expected = DIM * (3.0 - 0.5) ** 2
    assert distance(3.0 * x, 0.5 * x) == pytest.approx(expected)


def test_identical_sets_have_distance_zero():
    real = correlated(100)
    assert distance(real, real) == pytest.approx(0.0, abs=1e-9)


def test_singular_covariances_are_taken():
    # The first two features repeat each other; the last is constant.
    x, y = correlated(100, 2), correlated(100, 2, seed=1)
    wide = [
        np.column_stack([z[:, 0], z[:, 0], z[:, 1], np.ones(100)])
        for z in (x, y)
    ]
    turned = [z @ np.diag([np.sqrt(2), 1]) for z in (x, y)]  # equal distances
    assert distance(*wide) == pytest.approx(scipys(*turned), rel=1e-6)
    assert distance(wide[0], wide[0]) == pytest.approx(0.0, abs=1e-6)


def test_features_far_from_zero_keep_precision():
    real, generated = correlated(300), correlated(300, seed=1)
    assert distance(real + 1e3, generated + 1e3) == pytest.approx(
        distance(real, generated), rel=1e-6
    )


def test_uneven_batches_equal_one_batch():
    real, generated = correlated(100), correlated(80, seed=1)
    metric = FrechetDistance(feature_dim=DIM)
    for batch in np.array_split(real, [1, 3, 70]):
        metric.update_real(batch)
    for batch in np.array_split(generated, [33]):
        metric.update_generated(batch)
    expected = distance(real, generated)
    assert float(metric.result()) == pytest.approx(expected, rel=1e-12)


def test_resetting_one_side_or_both():
    real, generated = correlated(100), correlated(80, seed=1)
    metric = FrechetDistance(feature_dim=DIM)
    metric.update_state(real, correlated(50, seed=2, mean=9.0))
    metric.reset_generated()
    metric.update_generated(generated)
    expected = distance(real, generated)
    assert float(metric.result()) == pytest.approx(expected, rel=1e-12)
    metric.reset_state()
    with pytest.raises(ValueError, match="0 real and 0 generated"):
        metric.result()


def test_two_replicas_add_up(two_replicas):
    real, generated = correlated(100), correlated(100, seed=1)
    with two_replicas.scope():
        metric = FrechetDistance(feature_dim=DIM)

    @tf.function
    def update(batches):
        two_replicas.run(metric.update_state, args=batches)

    data = tf.data.Dataset.from_tensor_slices((real, generated)).batch(20)
    for batches in two_replicas.experimental_distribute_dataset(data):
        update(batches)
    assert int(metric.describe()["num_real"]) == 100
    expected = distance(real, generated)
    assert float(metric.result()) == pytest.approx(expected, rel=1e-12)


def test_state_is_float64_whatever_the_policy():
    keras.config.set_dtype_policy("mixed_float16")
    for metric in (
        FrechetDistance(feature_dim=2),
        KernelDistance(feature_dim=2, num_samples=4, subset_size=2),
        PrecisionRecall(feature_dim=2, num_samples=9),
    ):
        assert {variable.dtype for variable in metric.variables} == {"float64"}


def test_a_compiled_graph_gives_the_same():
    real, generated = correlated(100), correlated(80, seed=1)
    metric = FrechetDistance(feature_dim=DIM)

    @tf.function
    def score(real, generated):
        metric.update_state(real, generated)
        return metric.result()

    expected = distance(real, generated)
    assert float(score(real, generated)) == pytest.approx(expected, rel=1e-9)


def test_keras_trains_with_it_as_a_metric():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    model.compile(loss="mse", metrics=[FrechetDistance(feature_dim=2)])
    x = correlated(64, 2)
    y = correlated(64, 2, seed=1)
    logs = model.evaluate(x, y, batch_size=16, verbose=0, return_dict=True)
    expected = distance(y, np.asarray(model(x)))
    assert logs["frechet_distance"] == pytest.approx(expected, rel=1e-4)


def test_a_network_gives_the_features():
    real, generated = random_images(), random_images(seed=1)
    metric = FrechetDistance(scoring_network())
    metric.update_real(real[:7])
    metric.update_real(real[7:])
    metric.update_generated(generated)
    vectors = [
        np.column_stack([x.mean(axis=(1, 2, 3)), x[:, 0, 0, 0]])
        for x in (real, generated)
    ]
    assert metric.feature_dim == 2
    assert float(metric.result()) == pytest.approx(scipys(*vectors), rel=1e-4)


def test_the_network_runs_as_in_prediction():
    image = keras.Input((8, 8, 1))
    x = keras.layers.Dropout(0.9)(image)
    network = keras.Model(image, keras.layers.Flatten()(x)[:, :2])
    metric = FrechetDistance(network)
    metric.update_state(random_images(), random_images())
    assert float(metric.result()) == pytest.approx(0.0, abs=1e-9)


def test_values_slightly_outside_the_range_are_clipped():
    images = random_images()
    images[:, 0, 0] = 1.2
    metric = FrechetDistance(scoring_network())
    metric.update_state(images, np.clip(images, 0, 1))
    assert float(metric.result()) == pytest.approx(0.0, abs=1e-6)


def test_the_description_names_network_and_sample_counts():
    network = scoring_network()
    metric = FrechetDistance(network)
    metric.update_state(random_images(20), random_images(15, seed=1))
    assert metric.describe() == {
        "metric": "Frechet distance",
        "value": float(metric.result()),
        "extractor": "mean_and_corner",
        "weight_hash": weight_hash(network),
        "input_size": None,
        "resizing": None,
        "num_real": 20,
        "num_generated": 15,
    }
    metric = FrechetDistance(feature_dim=DIM)
    metric.update_state(correlated(9), correlated(9))
    described = metric.describe()
    assert described["extractor"] == "given features"
    assert described["weight_hash"] is None


@pytest.mark.parametrize(
    "name, size, title",
    [
        ("inception_v3_imagenet", (299, 299), "FID"),
        ("inception_v3_imagenet", [299, 299], "FID"),
        ("inception_v3_imagenet", (75, 75), "Frechet distance"),
        ("inception_v3", (299, 299), "Frechet distance"),
    ],
)
def test_only_the_distance_of_inception_is_called_fid(name, size, title):
    network = scoring_network(name=name)
    if name == "inception_v3_imagenet":
        network.published_hash = weight_hash(network)
    network.input_size = size
    network.resizing = "bilinear"
    metric = FrechetDistance(network)
    metric.update_state(random_images(), random_images())
    described = metric.describe()
    assert described["metric"] == title
    assert tuple(described["input_size"]) == tuple(size)
    assert described["resizing"] == "bilinear"


def test_other_weights_under_that_name_are_not_called_fid():
    network = scoring_network(name="inception_v3_imagenet")
    network.input_size = (299, 299)
    network.published_hash = "of other weights"
    metric = FrechetDistance(network)
    metric.update_state(random_images(), random_images())
    assert metric.describe()["metric"] == "Frechet distance"


def test_sample_weights_are_refused():
    metric = FrechetDistance(feature_dim=DIM)
    with pytest.raises(ValueError, match="no sample weights"):
        metric.update_state(correlated(9), correlated(9), np.ones(9))


def test_configuration_round_trip():
    metric = FrechetDistance(feature_dim=3, name="distance")
    config = keras.saving.serialize_keras_object(metric)
    again = keras.saving.deserialize_keras_object(config)
    assert type(again) is FrechetDistance
    assert again.get_config() == metric.get_config()
    assert [v.shape for v in again.variables] == [
        v.shape for v in metric.variables
    ]


def test_a_configuration_with_a_network_is_refused():
    with pytest.raises(ValueError, match="a configuration does not hold"):
        FrechetDistance(scoring_network()).get_config()


@pytest.mark.parametrize("count", [0, 1, DIM])
def test_too_few_images_are_refused(count):
    metric = FrechetDistance(feature_dim=DIM)
    metric.update_state(correlated(50), correlated(50)[:count])
    with pytest.raises(ValueError, match=f"at least {DIM + 1} images a side"):
        metric.result()
    metric.update_generated(correlated(DIM + 1 - count))
    assert np.isfinite(metric.result())


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("side", ["real", "generated"])
def test_features_that_are_not_finite_are_refused(value, side):
    metric = FrechetDistance(feature_dim=DIM)
    vectors = correlated(9)
    vectors[3, 1] = value
    with pytest.raises(ValueError, match=f"the {side} images .* 1 of 9"):
        getattr(metric, f"update_{side}")(vectors)


@pytest.mark.parametrize(
    "images, message",
    [
        (np.zeros((4, DIM)), r"takes images of shape \(None, 8, 8, 1\)"),
        (np.zeros((4, 8, 8, 3)), r"Received: shape \(4, 8, 8, 3\)"),
        (np.zeros((4, 9, 8, 1)), r"Received: shape \(4, 9, 8, 1\)"),
        (np.zeros((4, 8, 8, 1), "uint8"), "Received: dtype uint8"),
        (np.full((4, 8, 8, 1), 255.0), "values from 255 to 255"),
        (np.full((4, 8, 8, 1), -1.0), "values from -1 to -1"),
        (np.full((4, 8, 8, 1), np.nan), "values from nan to nan"),
    ],
)
def test_images_that_the_network_does_not_take_are_refused(images, message):
    with pytest.raises(ValueError, match=message):
        FrechetDistance(scoring_network()).update_real(images)


@pytest.mark.parametrize("shape", [(4, 8, 8, 1), (4, DIM + 1), (DIM,)])
def test_other_than_feature_vectors_are_refused(shape):
    with pytest.raises(ValueError, match=rf"feature vectors \(batch, {DIM}\)"):
        FrechetDistance(feature_dim=DIM).update_generated(np.zeros(shape))


@pytest.mark.parametrize(
    "build, message",
    [
        (lambda: FrechetDistance(), "`features` .a network. or `feature_dim`"),
        (lambda: FrechetDistance(feature_dim=0), "feature_dim=0"),
        (lambda: FrechetDistance(scoring_network(), 3), "feature_dim=3"),
        (
            lambda: FrechetDistance(
                keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
            ),
            "must take images",
        ),
        (
            lambda: FrechetDistance(
                keras.Sequential(
                    [keras.Input((8, 8, 1)), keras.layers.Conv2D(2, 3)]
                )
            ),
            "must give feature vectors",
        ),
    ],
)
def test_bad_arguments_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()


@pytest.mark.parametrize("features", [5, lambda x: x, keras.Sequential()])
def test_other_than_networks_are_refused(features):
    with pytest.raises(TypeError, match="functional keras.Model"):
        FrechetDistance(features)
