"""Training on Ray: workers that are lost are started again."""

import json
import os
import signal
import threading
import time

import numpy as np
import pytest

from keras_synth import training
from tests.training.test_killed import state
from tests.training_helpers import image_folder
from tests.worker_processes import Workers

OPTIONS = {
    "architecture": "dense",
    "batch_size": 4,
    "epochs": 4,
    "latent_dim": 3,
    "verbose": 0,
}


def train_without_ray(folder, output):
    """The same on a worker that TF_CONFIG tells of the others."""
    with training.distribution().scope():
        training.train_vae(folder, output, **OPTIONS)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # Ray's own
def test_a_worker_that_is_lost_changes_nothing(ray_cluster, tmp_path):
    folder = image_folder(tmp_path)

    def train_and_die(output, **options):
        """The second worker is killed in its third epoch, once."""

        def die():
            while not list(output.glob("backup/epoch_00002.*")):
                time.sleep(0.001)
            (output / "killed").touch()
            os.kill(os.getpid(), signal.SIGKILL)

        index = json.loads(os.environ["TF_CONFIG"])["task"]["index"]
        if index == 1 and not (output / "killed").exists():
            threading.Thread(target=die, daemon=True).start()
        training.train_vae(folder, output, **options)

    lost = training.run_on_ray(
        train_and_die, 2, output=tmp_path / "lost", **OPTIONS
    )
    assert not (lost / ".ray").exists()
    assert (lost / "killed").exists() and (lost / "vae.keras").exists()
    straight = tmp_path / "straight"
    Workers(train_without_ray, folder, straight).wait()
    expected, found = state(straight), state(lost)
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values, name)
    histories = [(f / "history.json").read_text() for f in (lost, straight)]
    assert histories[0] == histories[1]


@pytest.mark.parametrize(
    "name, options",
    [
        ("workers", {"workers": 0}),
        ("cores", {"workers": 2, "cores": 0.5}),
        ("restarts", {"workers": 2, "restarts": -1}),
    ],
)
def test_numbers_are_checked_before_any_work(name, options, tmp_path):
    with pytest.raises(ValueError, match=f"`{name}` must be an int of at"):
        training.run_on_ray(training.train_vae, output=tmp_path, **options)
    assert not list(tmp_path.iterdir())
