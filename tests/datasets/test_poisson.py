"""Poisson sampling: rates, independence, order by epoch."""

import numpy as np
import pytest

from keras_synth.datasets import poisson_batches, synthesis_pipeline
from keras_synth.datasets.source import source_from_arrays


def drawn(dataset):
    return [batch.tolist() for batch in dataset.as_numpy_iterator()]


def test_each_element_is_drawn_independently_at_the_rate():
    dataset = poisson_batches(np.arange(100), batch_size=2)
    assert len(dataset) == 50 and dataset.sampling_rate == 0.02
    found = np.zeros((400, 100))
    for epoch in range(8):
        for step, batch in enumerate(drawn(dataset)):
            found[50 * epoch + step, batch] = 1
    # Means of 400 draws of variance 0.0196, within four standard errors.
    assert np.abs(found.mean(axis=0) - 0.02).max() < 4 * 0.007
    sizes = found.sum(axis=1)
    assert sizes.mean() == pytest.approx(2, abs=0.25)
    assert sizes.var() == pytest.approx(1.96, abs=0.5)


def test_draws_follow_from_seed_and_epoch():
    def epochs(seed):
        dataset = poisson_batches(np.arange(40), 10, seed)
        return dataset, [drawn(dataset) for _ in range(2)]

    dataset, (first, second) = epochs(1)
    assert first != second and epochs(1)[1] == [first, second]
    assert epochs(2)[1][0] != first
    dataset.set_epoch(1)
    assert drawn(dataset) == second


def test_structures_keep_their_rows_together():
    x = np.arange(20.0)
    for x_part, named in poisson_batches((x, {"y": 2 * x}), 5):
        np.testing.assert_array_equal(2 * x_part, named["y"])


def test_images_of_a_source():
    images = np.arange(24, dtype="uint8")[:, None, None, None]
    source = source_from_arrays(
        "numbers",
        "train",
        images,
        np.arange(24),
        tuple(map(str, range(24))),
    )
    dataset = synthesis_pipeline(
        source, batch_size=6, labels=True, poisson=True
    )
    assert dataset.sampling_rate == 0.25 and len(dataset) == 4
    seen = [(np.ravel(i), np.asarray(label)) for i, label in dataset]
    assert len({len(label) for _, label in seen}) > 1
    for values, labels in seen:
        np.testing.assert_allclose(values * 255, labels, rtol=1e-6)
    for options in ({"cache": False}, {"training": False}):
        with pytest.raises(ValueError, match="Poisson sampling needs"):
            synthesis_pipeline(source, batch_size=6, poisson=True, **options)


def test_bad_arguments_are_refused():
    for arrays, size in (((np.ones(3), np.ones(4)), 2), (np.ones(3), 4)):
        with pytest.raises(ValueError, match="`arrays` must have the same"):
            poisson_batches(arrays, size)
