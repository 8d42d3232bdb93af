"""Trainings that are killed go on with `--resume` to the same bits."""

import random
import time

import h5py
import numpy as np
import pytest

from tests.jobs import Job
from tests.training_helpers import image_folder

EPOCHS = 4


def train(folder, output, *words):
    return Job(
        *"train vae --architecture dense --batch-size 4 --quiet".split(),
        *("--epochs", EPOCHS, "--data", folder, "--output", output, *words),
    )


def state(output):
    """All that the last backup holds: weights, optimizer, seeds."""
    (file,) = (output / "backup").iterdir()
    arrays = {}
    with h5py.File(file) as stored:
        stored.visititems(
            lambda name, item: (
                arrays.update({name: np.asarray(item)})
                if isinstance(item, h5py.Dataset)
                else None
            )
        )
    return arrays


@pytest.mark.slow
def test_a_killed_training_resumes_to_the_same_bits(tmp_path):
    folder = image_folder(tmp_path)
    assert train(folder, tmp_path / "straight").wait()[0] == 0
    expected = state(tmp_path / "straight")
    moments = random.Random(0)
    for epoch in range(1, EPOCHS):
        output = tmp_path / f"killed_{epoch}"
        job = train(folder, output)
        # After an epoch was saved, somewhere on the way to the next save.
        while not list(output.glob(f"backup/epoch_{epoch:05d}.*")):
            time.sleep(0.001)
        time.sleep(moments.uniform(0.0, 0.1))
        job.kill()
        assert train(folder, output, "--resume").wait()[0] == 0
        resumed = state(output)
        assert resumed.keys() == expected.keys()
        for name, values in expected.items():
            np.testing.assert_array_equal(resumed[name], values, name)
        assert (output / "vae.keras").exists()
