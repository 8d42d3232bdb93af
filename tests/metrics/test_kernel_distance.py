"""Kernel distance against a double loop; it is unbiased."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_synth.metrics import KernelDistance

DIM = 4
SMALL = {"num_samples": 100, "num_subsets": 10, "subset_size": 10}


def vectors(count, seed=0, mean=0.0):
    rng = np.random.default_rng(seed)
    return mean + rng.normal(size=(count, DIM))


def looped(x, y):
    """Unbiased MMD², term by term."""

    def kernel(a, b):
        return (a @ b / DIM + 1) ** 3

    size = len(x)
    total = 0.0
    for i in range(size):
        for j in range(size):
            if i != j:
                within = kernel(x[i], x[j]) + kernel(y[i], y[j])
                total += within / (size * (size - 1))
            total -= 2 * kernel(x[i], y[j]) / size**2
    return total


def filled(real, generated, **options):
    options = {**SMALL, **options}
    metric = KernelDistance(feature_dim=DIM, **options)
    metric.update_state(real, generated)
    return metric


def test_one_subset_of_everything_is_the_double_loop():
    real, generated = vectors(30), vectors(30, seed=1, mean=0.3)
    metric = filled(real, generated, subset_size=30, num_samples=30)
    expected = looped(real, generated)
    assert float(metric.result()) == pytest.approx(expected, rel=1e-10)
    assert float(metric.standard_error()) == pytest.approx(0.0, abs=1e-10)


def test_subsets_are_drawn_from_each_side_without_repeats():
    metric = filled(vectors(30), vectors(40), num_subsets=50)
    numbers = keras.random.uniform((50, 100), dtype="float64", seed=1)
    for side, count in ((metric._real, 30), (metric._generated, 40)):
        subsets = np.asarray(metric._subsets(side, numbers))
        assert subsets.shape == (50, 10)
        assert set(subsets.ravel()) == set(range(count))
        assert all(len(set(subset)) == 10 for subset in subsets)


def test_result_and_standard_error_come_from_the_subsets():
    metric = filled(vectors(60), vectors(60, seed=1, mean=0.3))
    distances = np.asarray(metric._subset_distances())
    assert distances.shape == (10,)
    error = distances.std(ddof=1) / np.sqrt(10)
    assert float(metric.result()) == pytest.approx(distances.mean())
    assert float(metric.standard_error()) == pytest.approx(error)
    described = metric.describe()
    assert described["metric"] == "Kernel distance"
    assert described["value"] == pytest.approx(distances.mean())
    assert described["standard_error"] == pytest.approx(error)
    assert described["num_real"] == described["num_generated"] == 60


def test_it_is_unbiased():
    draws = []
    for seed in range(40):
        metric = filled(
            vectors(40, seed=2 * seed),
            vectors(40, seed=2 * seed + 1),
            num_subsets=2,
            num_samples=40,
            subset_size=40,
        )
        draws.append(float(metric.result()))
    assert min(draws) < 0 < max(draws)
    assert abs(np.mean(draws)) < 3 * np.std(draws) / np.sqrt(len(draws))


def test_another_mean_differs_by_more_than_the_error():
    metric = filled(vectors(100), vectors(100, seed=1, mean=1.0))
    assert float(metric.result()) > 4 * float(metric.standard_error())


def test_the_seed_determines_the_subsets():
    real, generated = vectors(60), vectors(60, seed=1)
    metric = filled(real, generated)
    assert float(metric.result()) == float(metric.result())
    assert float(metric.result()) == float(filled(real, generated).result())
    other = filled(real, generated, seed=1)
    assert float(metric.result()) != float(other.result())


def test_batches_and_a_compiled_graph_give_the_same():
    real, generated = vectors(60), vectors(50, seed=1)
    expected = float(filled(real, generated).result())
    metric = KernelDistance(feature_dim=DIM, **SMALL)
    for batch in np.array_split(real, [1, 40]):
        metric.update_real(batch)
    for batch in np.array_split(generated, [7]):
        metric.update_generated(batch)
    assert float(metric.result()) == pytest.approx(expected, rel=1e-12)
    metric.reset_state()

    @tf.function
    def score(real, generated):
        metric.update_state(real, generated)
        return metric.result()

    assert float(score(real, generated)) == pytest.approx(expected, rel=1e-12)


def test_the_first_vectors_are_kept():
    real, generated = vectors(150), vectors(150, seed=1)
    metric = filled(real[:80], generated)
    metric.update_real(real[80:])
    metric.update_real(vectors(5, mean=9.0))
    first = filled(real[:100], generated[:100])
    assert float(metric.result()) == float(first.result())
    assert metric.describe()["num_real"] == 100


def test_one_side_can_be_reset():
    metric = filled(vectors(60), vectors(60, mean=5.0))
    metric.reset_generated()
    metric.update_generated(vectors(50, seed=1))
    expected = filled(vectors(60), vectors(50, seed=1))
    assert float(metric.result()) == float(expected.result())


def test_rows_of_several_replicas_are_refused(two_replicas):
    with two_replicas.scope():
        metric = KernelDistance(feature_dim=DIM, num_samples=9, subset_size=2)
    two_replicas.run(metric.update_state, args=(vectors(4), vectors(4)))
    with pytest.raises(ValueError, match="outside `strategy.run`"):
        metric.result()


def test_configuration_round_trip():
    metric = filled(vectors(20), vectors(20), num_subsets=7, seed=3)
    config = keras.saving.serialize_keras_object(metric)
    again = keras.saving.deserialize_keras_object(config)
    assert again.get_config() == metric.get_config()
    again.update_state(vectors(20), vectors(20))
    assert float(again.result()) == float(metric.result())


def test_too_few_images_are_refused():
    metric = filled(vectors(20), vectors(9))
    for score in (metric.result, metric.standard_error, metric.describe):
        with pytest.raises(ValueError, match="20 real and 9 generated"):
            score()


@pytest.mark.parametrize(
    "options, message",
    [
        ({"num_samples": 0}, "num_samples=0"),
        ({"num_subsets": 1}, "num_subsets=1"),
        ({"subset_size": 1}, "subset_size=1"),
        ({"subset_size": 2.0}, "subset_size=2.0"),
        ({"seed": -1}, "seed=-1"),
        ({"num_samples": 99, "subset_size": 100}, "at most `num_samples`"),
    ],
)
def test_bad_arguments_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        KernelDistance(feature_dim=DIM, **options)
