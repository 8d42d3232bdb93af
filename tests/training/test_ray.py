"""Training on Ray: workers that are lost are started again."""

import json
import os
import signal
import sys
import threading
import time

import numpy as np
import pytest

from keras_synth import training
from tests.training.test_killed import state
from tests.training_helpers import image_folder

OPTIONS = {
    "architecture": "dense",
    "batch_size": 4,
    "epochs": 4,
    "latent_dim": 3,
    "verbose": 0,
}


@pytest.fixture(scope="module")
def cluster():
    """A small one on this machine alone."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray = pytest.importorskip("ray")
    ray.init(
        _node_ip_address="127.0.0.1",
        include_dashboard=False,
        num_cpus=2,
        object_store_memory=100 * 2**20,
        runtime_env={"env_vars": {"TF_NUM_INTRAOP_THREADS": "1"}},
    )
    yield
    ray.shutdown()


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # Ray's own
def test_a_worker_that_is_lost_changes_nothing(cluster, tmp_path):
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
    assert (lost / "killed").exists() and (lost / "vae.keras").exists()
    straight = training.run_on_ray(
        training.train_vae, 2, output=tmp_path / "kept", data=folder, **OPTIONS
    )
    expected, found = state(straight), state(lost)
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values, name)
    histories = [(f / "history.json").read_text() for f in (lost, straight)]
    assert histories[0] == histories[1]


def test_ray_is_asked_for_where_it_is_missing(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "ray.train", None)
    with pytest.raises(ImportError, match=r"keras_synth\[distributed\]"):
        training.run_on_ray(training.train_vae, 2, output=tmp_path)
