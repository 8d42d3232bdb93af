"""The demo: a VAE on digits, and what it leaves."""

import keras
import pytest

from keras_synth import tasks


def test_demo_leaves_everything_it_names(tmp_path):
    pytest.importorskip("mlxtend")
    paths = tasks.demo(tmp_path / "demo", epochs=1, verbose=0)
    for what in (
        "samples",
        "reconstructions",
        "interpolation",
        "model",
        "SavedModel",
        "log",
    ):
        assert paths[what].exists(), what
    assert (tmp_path / "demo/log/projector_config.pbtxt").exists()
    assert list((tmp_path / "demo/log/train").iterdir())
    model = keras.saving.load_model(paths["model"])
    assert model.sample(2, labels=[3, 7]).shape == (2, 28, 28, 1)
    again = {"output": tmp_path / "demo", "epochs": 1, "verbose": 0}
    with pytest.raises(FileExistsError, match="samples.png"):
        tasks.demo(**again)
    first = paths["samples"].read_bytes()
    paths["samples"].unlink()  # a kill before it was there
    assert tasks.demo(**again, resume=True)["samples"].read_bytes() == first
