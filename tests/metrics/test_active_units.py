"""Active units: the variance of posterior means, over batches."""

import keras
import numpy as np

from keras_synth.metrics import ActiveUnits


def test_it_counts_dimensions_whose_variance_is_above_the_threshold():
    deviations = np.array([0.0, 0.05, 0.09, 0.11, 0.2, 1.0])
    means = np.random.default_rng(0).normal(size=(3000, 6)) * deviations
    metric = ActiveUnits(6)
    for batch in np.array_split(means, [10, 500, 501]):  # unequal batches
        metric.update_state(batch)
    expected = (means.var(axis=0) > 0.01).sum()
    assert expected == 3
    assert float(metric.result()) == expected


def test_a_constant_mean_far_from_zero_is_not_active():
    metric = ActiveUnits(1)
    metric.update_state(np.full((100, 1), 30.0))
    assert float(metric.result()) == 0.0


def test_reset_and_configuration():
    metric = ActiveUnits(2, threshold=0.5)
    metric.update_state([[5.0, 5.0], [-5.0, -5.0]])
    assert float(metric.result()) == 2.0
    metric.reset_state()
    assert float(metric.result()) == 0.0
    config = keras.saving.serialize_keras_object(metric)
    again = keras.saving.deserialize_keras_object(config)
    assert again.get_config() == metric.get_config()


def test_means_of_many_batches_far_from_zero_are_not_active():
    metric = ActiveUnits(4)
    for _ in range(50):
        metric.update_state(np.full((300, 4), 100.1, "float32"))
    assert float(metric.result()) == 0.0
