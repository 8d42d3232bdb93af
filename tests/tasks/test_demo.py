"""The demo: a VAE on digits, a restored photograph, and what it leaves."""

import keras
import numpy as np
import pytest
import skimage.data
from skimage.metrics import peak_signal_noise_ratio

from keras_synth import tasks
from keras_synth.cli.demo import COMMAND
from keras_synth.io import image_grid, read_image
from keras_synth.tasks.demo import restore_photo

IMAGES = (
    "samples",
    "reconstructions",
    "interpolation",
    "photo",
    "photo_degraded",
    "photo_restored",
)


def test_demo_leaves_everything_it_names(tmp_path):
    pytest.importorskip("mlxtend")
    made = tasks.demo(tmp_path / "demo", epochs=1, verbose=0)
    for what in (*IMAGES, "model", "SavedModel", "log"):
        assert made[what].exists(), what
    assert (tmp_path / "demo/log/projector_config.pbtxt").exists()
    assert list((tmp_path / "demo/log/train").iterdir())
    model = keras.saving.load_model(made["model"])
    assert model.sample(2, labels=[3, 7]).shape == (2, 28, 28, 1)
    text = "\n".join(COMMAND.lines(COMMAND.facts(made, {})))
    assert f"photo:           {made['photo']}" in text
    assert f"{made['psnr_degraded']:.2f} dB (left in photo.png)" in text
    assert f"{made['psnr_restored']:.2f} dB (right)" in text
    again = {"output": tmp_path / "demo", "epochs": 1, "verbose": 0}
    with pytest.raises(FileExistsError, match="samples.png"):
        tasks.demo(**again)
    first = {what: made[what].read_bytes() for what in IMAGES}
    for what in IMAGES:
        made[what].unlink()  # a kill before it was there
    made = tasks.demo(**again, resume=True)
    assert {what: made[what].read_bytes() for what in IMAGES} == first


@pytest.mark.parametrize("name", IMAGES)
@pytest.mark.parametrize("resume", [False, True])
def test_demo_replaces_no_image_unasked(name, resume, tmp_path):
    file = tmp_path / f"{name}.png"
    file.write_bytes(b"mine")
    # Before it would have trained: no epochs are refused next.
    error, match = (ValueError, "epochs") if resume else (FileExistsError, name)
    with pytest.raises(error, match=match):
        tasks.demo(tmp_path, epochs=0, resume=resume, verbose=0)
    assert [*tmp_path.iterdir()] == [file] and file.read_bytes() == b"mine"


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    """What `restore_photo` made with seed 0."""
    return restore_photo(tmp_path_factory.mktemp("photo"), 0)


def test_the_photograph_is_better_restored_than_degraded(photo):
    clean = skimage.data.coffee()[8:392, 150:534] / np.float32(255)
    images = []
    for name in ("degraded", "restored"):
        images.append(read_image(photo[f"photo_{name}"]))
        expected = peak_signal_noise_ratio(clean, images[-1], data_range=1)
        assert photo[f"psnr_{name}"] == pytest.approx(expected, abs=0.01)
    assert photo["psnr_degraded"] < 25
    assert photo["psnr_restored"] > photo["psnr_degraded"] + 4
    np.testing.assert_allclose(
        read_image(photo["photo"]), image_grid(images, columns=2), atol=1e-6
    )


def test_files_with_a_restored_photograph_say_so(photo):
    for name, said in (
        ("photo", True),
        ("photo_restored", True),
        ("photo_degraded", False),
    ):
        data = photo[name].read_bytes()
        assert (b"algorithmicallyEnhanced" in data) == said, name


def test_the_seed_draws_the_noise_of_the_photograph(photo, tmp_path):
    other = restore_photo(tmp_path, 1)
    names = ("photo", "photo_degraded", "photo_restored")
    first = {name: photo[name].read_bytes() for name in names}
    for name in names:
        assert other[name].read_bytes() != first[name], name
    again = restore_photo(tmp_path, 0)  # files are replaced
    assert {name: again[name].read_bytes() for name in names} == first
