"""`train_damage_detector` learns where damage lies, and resumes."""

import keras
import numpy as np
import pytest
import skimage.data

from keras_synth import networks
from keras_synth.degradations import FilmDamage, OldPhoto
from keras_synth.io import read_image, write_image
from keras_synth.training import train_damage_detector
from tests.training_helpers import stop_after_one_epoch

SMALL = {
    "widths": (8, 8, 16, 16),
    "image_size": 32,
    "patches_per_image": 4,
    "batch_size": 4,
    "verbose": 0,
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Smooth photographs, and one kind of mask."""
    folder = tmp_path_factory.mktemp("data")
    for index in range(3):
        image = skimage.data.astronaut()[: 96 + 16 * index : 2, :128:2] / 255.0
        write_image(folder / f"photos/{index}.png", 0.3 + 0.2 * image)
    y, x = np.mgrid[:64, :64] - 32.0
    disk = np.float32(np.hypot(x, y) < 20)
    write_image(
        folder / "masks/disk.png", np.dstack([np.ones((64, 64, 3)), disk])
    )
    keras.utils.set_random_seed(0)
    encoder = networks.squeezenet_features(None)
    encoder.save_weights(folder / "encoder.weights.h5")
    return folder


def _train(folder, output, **options):
    files = {
        "masks": folder / "masks",
        "weights": folder / "encoder.weights.h5",
    }
    options = {**SMALL, **files, **options}
    return train_damage_detector(folder / "photos", output, **options)


@pytest.mark.slow
def test_it_learns_where_the_damage_lies(folders, tmp_path):
    network = _train(
        folders, tmp_path, epochs=16, learning_rate=3e-3, patches_per_image=16
    )
    again = keras.saving.load_model(tmp_path / "damage_detector.keras")
    image = read_image(folders / "photos/2.png", channels=3)[:48, :48]
    film_damage = FilmDamage(folders / "masks", 1, (0.3, 0.6))
    images = np.float32(image)[None].repeat(24, axis=0)
    old, record = OldPhoto(film_damage)(images, 1, return_record=True)
    mask = np.asarray(record["mask"]) > 0.5
    found = again.predict(old, verbose=0)
    np.testing.assert_array_equal(found, network.predict(old, verbose=0))
    inside, outside = found[mask].mean(), found[~mask].mean()
    # By initial weights and order 2 to 29 times as much.
    assert inside > 1.5 * outside, (inside, outside)


@pytest.mark.slow
def test_resumed_training_equals_uninterrupted(folders, tmp_path, monkeypatch):
    straight = _train(folders, tmp_path / "straight", epochs=2)
    stop_after_one_epoch(monkeypatch, _train, folders, tmp_path / "stopped")
    resumed = _train(folders, tmp_path / "stopped", epochs=2, resume=True)
    for ours, theirs in zip(resumed.weights, straight.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.slow
def test_the_encoder_stays_what_it_was(folders, tmp_path):
    network = _train(folders, tmp_path, epochs=1)
    given = networks.squeezenet_features(folders / "encoder.weights.h5")
    (encoder,) = (
        layer for layer in network.layers if layer.name.startswith("squeeze")
    )
    for ours, theirs in zip(encoder.weights, given.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.slow
def test_a_detector_is_trained_further_with_its_encoder(folders, tmp_path):
    first = _train(folders, tmp_path / "first", epochs=1)
    own = {"weights": None, "widths": None}
    further = {"from_": tmp_path / "first/damage_detector.keras", **own}
    nearly = _train(
        folders, tmp_path / "same", epochs=1, learning_rate=1e-12, **further
    )
    for ours, theirs in zip(
        nearly.trainable_weights, first.trainable_weights, strict=True
    ):
        np.testing.assert_allclose(ours, theirs, atol=1e-7)
    whole = _train(
        folders, tmp_path / "whole", epochs=1, train_encoder=True, **further
    )
    given = networks.squeezenet_features(folders / "encoder.weights.h5")
    given.trainable = True
    (encoder,) = (
        layer
        for layer in whole.layers
        if isinstance(layer, networks.PerceptualNetwork)
    )
    learned, before = encoder.trainable_weights, given.trainable_weights
    for ours, theirs in zip(learned, before, strict=True):
        assert np.abs(ours.numpy() - theirs.numpy()).max() > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"from_": "gray_denoiser"}, "one channel with a sigmoid, the mask"),
        ({"widths": (4, 4, 4, 4)}, "has its own `widths`"),
        ({"weights": "imagenet"}, "has its own `weights`"),
        ({"channels": 1}, "`channels=3` converts those of a folder"),
    ],
)
def test_only_a_detector_is_trained_further(
    options, message, folders, tmp_path
):
    own = {"from_": "damage_detector", "weights": None, "widths": None}
    with pytest.raises(ValueError, match=message):
        _train(folders, tmp_path / "run", **{**own, **options})
    assert not (tmp_path / "run").exists()


def test_a_missing_folder_of_masks_or_file_is_named(folders, tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no folder"):
        _train(folders, tmp_path, masks=tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="no weights file"):
        _train(folders, tmp_path, weights=tmp_path / "nowhere")
