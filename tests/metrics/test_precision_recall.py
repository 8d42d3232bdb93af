"""Precision and recall against slow loops, and their laws."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_synth.metrics import (
    KernelDistance,
    PrecisionRecall,
    precision_recall,
)

DIM = 3


def vectors(count, seed=0, mean=0.0, scale=1.0):
    rng = np.random.default_rng(seed)
    return mean + scale * rng.normal(size=(count, DIM))


def looped(real, generated, nearest_k=3, density_k=5):
    """The definitions, one pair at a time."""

    def distance(a, b):
        return np.sqrt(np.sum((a - b) ** 2))

    def radius(vectors, i, k):
        others = [
            distance(vectors[i], other)
            for j, other in enumerate(vectors)
            if j != i
        ]
        return sorted(others)[k - 1]

    count = len(real)
    precision = recall = density = coverage = 0
    for y in generated:
        inside = [
            distance(y, real[i]) <= radius(real, i, nearest_k)
            for i in range(count)
        ]
        precision += any(inside)
        density += sum(
            distance(y, real[i]) <= radius(real, i, density_k)
            for i in range(count)
        )
    for i, x in enumerate(real):
        recall += any(
            distance(x, generated[j]) <= radius(generated, j, nearest_k)
            for j in range(count)
        )
        nearest = min(distance(x, y) for y in generated)
        coverage += nearest <= radius(real, i, density_k)
    return {
        "precision": precision / count,
        "recall": recall / count,
        "density": density / (density_k * count),
        "coverage": coverage / count,
    }


def scores(real, generated, **options):
    metric = PrecisionRecall(feature_dim=DIM, num_samples=1500, **options)
    metric.update_state(real, generated)
    return {name: float(value) for name, value in metric.result().items()}


@pytest.mark.parametrize("ks", [(3, 5), (5, 3), (1, 1)])
@pytest.mark.parametrize("rows", [1000, 7])
def test_scores_equal_the_loops(ks, rows, monkeypatch):
    monkeypatch.setattr(precision_recall, "_ROWS", rows)
    real, generated = vectors(25), vectors(25, seed=1, mean=1.0)
    expected = looped(real, generated, *ks)
    assert 0 < expected["precision"] < 1 and 0 < expected["recall"] < 1
    got = scores(real, generated, nearest_k=ks[0], density_k=ks[1])
    assert got == pytest.approx(expected)


def test_identical_sets_have_scores_of_one():
    real = vectors(50)
    got = scores(real, real)
    assert got["precision"] == got["recall"] == got["coverage"] == 1.0
    assert got["density"] >= 1.0


def test_disjoint_sets_have_scores_of_zero():
    got = scores(vectors(50), vectors(50, mean=100.0))
    assert got == dict.fromkeys(
        ("precision", "recall", "density", "coverage"), 0.0
    )


def test_samples_of_the_same_distribution_have_the_expected_density():
    # Naeem et al., section 3: density 1, and coverage the chance that not
    # all of the k vectors nearest to a real one are real.
    count, k = 1200, 5
    got = scores(vectors(count), vectors(count, seed=1), density_k=k)
    i = np.arange(1, k + 1)
    coverage = 1 - np.prod((count - i) / (2 * count - i))
    assert got["density"] == pytest.approx(1.0, abs=0.05)
    assert got["coverage"] == pytest.approx(coverage, abs=0.02)


def test_a_dropped_mode_lowers_recall_and_not_precision():
    def modes(*means):
        return np.concatenate([vectors(60, seed=10 * m, mean=m) for m in means])

    real = modes(0, 40)
    dropped = np.concatenate([vectors(60, 3), vectors(60, 4)])
    whole = np.concatenate([vectors(60, 3), vectors(60, 4, mean=40)])
    less, full = scores(real, dropped), scores(real, whole)
    assert full["recall"] > 0.8 and full["coverage"] > 0.8
    assert less["recall"] < 0.55 and less["coverage"] < 0.55
    assert less["precision"] > 0.8 and full["precision"] > 0.8


def test_one_outlier_raises_precision_and_not_density():
    real = np.concatenate([vectors(49), np.full((1, DIM), 50.0)])
    wild = vectors(50, mean=25.0, scale=5.0)
    got = scores(real, wild)
    assert got["precision"] > 0.9
    assert got["density"] < 0.3


def test_batches_and_a_compiled_graph_give_the_same():
    real, generated = vectors(40), vectors(40, seed=1)
    expected = scores(real, generated)
    metric = PrecisionRecall(feature_dim=DIM, num_samples=40)
    for batch in np.array_split(real, [1, 30]):
        metric.update_real(batch)
    metric.update_generated(vectors(30, mean=9.0))
    metric.reset_generated()
    for batch in np.array_split(generated, [7]):
        metric.update_generated(batch)
    assert metric.describe()["value"] == pytest.approx(expected)
    metric.reset_state()

    @tf.function
    def score(real, generated):
        metric.update_state(real, generated)
        return metric.result()

    got = {name: float(v) for name, v in score(real, generated).items()}
    assert got == pytest.approx(expected)


def test_configuration_round_trip():
    metric = PrecisionRecall(feature_dim=2, num_samples=20, nearest_k=4)
    config = keras.saving.serialize_keras_object(metric)
    again = keras.saving.deserialize_keras_object(config)
    assert again.get_config() == metric.get_config()


@pytest.mark.parametrize("counts", [(20, 19), (5, 5), (0, 0)])
def test_unequal_or_too_few_images_are_refused(counts):
    metric = PrecisionRecall(feature_dim=DIM, num_samples=20)
    metric.update_state(*(vectors(count) for count in counts))
    message = f"more than 5 of each. Received: {counts[0]} real"
    with pytest.raises(ValueError, match=message):
        metric.result()


def test_numbers_above_num_samples_need_not_be_equal():
    metric = PrecisionRecall(feature_dim=DIM, num_samples=20)
    metric.update_state(vectors(25), vectors(20))
    assert float(metric.result()["precision"]) == 1.0


@pytest.mark.parametrize(
    "options, message",
    [
        ({"nearest_k": 0}, "nearest_k=0"),
        ({"density_k": 0}, "density_k=0"),
        ({"num_samples": 5}, "must be below `num_samples`"),
    ],
)
def test_bad_arguments_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        PrecisionRecall(feature_dim=DIM, **options)


@pytest.mark.parametrize(
    ("kind", "options"),
    [(PrecisionRecall, {}), (KernelDistance, {"subset_size": 5})],
)
def test_metrics_of_rows_compute_where_floats_have_64_bits(kind, options):
    vectors = np.random.default_rng(0).normal(size=(20, 3))
    keras.config.set_floatx("float64")
    try:
        metric = kind(feature_dim=3, num_samples=20, **options)
        metric.update_state(vectors, vectors + 1.0)
        found = metric.result()
    finally:
        keras.config.set_floatx("float32")
    found = found if isinstance(found, dict) else {"distance": found}
    assert all(np.isfinite(float(value)) for value in found.values())
