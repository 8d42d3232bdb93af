"""Loading `.keras` files: what is corrupted is refused."""

import random
import zipfile

import numpy as np
import pytest

from keras_synth.cli.main import main
from keras_synth.tasks import load_model
from keras_synth.training import build_vae


@pytest.fixture(scope="module")
def model_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "vae.keras"
    build_vae((4, 4, 1), 2, architecture="dense").save(path)
    return path


def flipped(path, position, bit, target):
    data = bytearray(path.read_bytes())
    data[position] ^= 1 << bit
    target.write_bytes(data)


def weights_part(path):
    """Where the weights begin and end in the file."""
    with zipfile.ZipFile(path) as archive:
        entry = archive.getinfo("model.weights.h5")
        return entry.header_offset + 64, entry.header_offset + entry.file_size


def test_one_flipped_bit_of_the_weights_is_refused(model_file, tmp_path):
    """Keras would load other weights, and say nothing."""
    start, stop = weights_part(model_file)
    for seed in range(20):
        draw = random.Random(seed)
        path = tmp_path / f"{seed}.keras"
        flipped(model_file, draw.randrange(start, stop), seed % 8, path)
        with pytest.raises(ValueError, match=f"{path} is corrupted"):
            load_model(path)


def check_flips(model_file, tmp_path, seeds):
    """A changed file is refused in one line, or is read as it was."""
    expected = load_model(model_file).get_weights()
    size = model_file.stat().st_size
    refused = 0
    for seed in seeds:
        draw = random.Random(seed)
        path = tmp_path / f"{seed}.keras"
        if seed % 4:
            flipped(model_file, draw.randrange(size), draw.randrange(8), path)
        else:
            path.write_bytes(model_file.read_bytes()[: draw.randrange(size)])
        try:
            weights = load_model(path).get_weights()
        except ValueError as error:
            assert str(path) in str(error)
            refused += 1
        else:
            for ours, theirs in zip(weights, expected, strict=True):
                np.testing.assert_array_equal(ours, theirs)
    return refused


def test_flipped_and_cut_files_are_refused_or_harmless(model_file, tmp_path):
    assert check_flips(model_file, tmp_path, range(40)) > 30


@pytest.mark.slow
def test_two_thousand_flipped_and_cut_files(model_file, tmp_path):
    assert check_flips(model_file, tmp_path, range(1000, 3000)) > 1800


def test_a_corrupted_model_is_one_line(model_file, tmp_path, capsys):
    start, _ = weights_part(model_file)
    flipped(model_file, start + 99, 0, tmp_path / "a.keras")
    for command in ("sample", "export"):
        words = [command, str(tmp_path / "a.keras"), str(tmp_path / "b.png")]
        assert main(words) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1 and "a.keras is corrupted" in error
        assert not (tmp_path / "b.png").exists()


def test_a_model_file_without_weights_is_named(model_file, tmp_path):
    broken = tmp_path / "broken.keras"
    with (
        zipfile.ZipFile(model_file) as whole,
        zipfile.ZipFile(broken, "w") as part,
    ):
        for name in whole.namelist():
            if "weights" not in name:
                part.writestr(name, whole.read(name))
    with pytest.raises(ValueError, match="broken.keras holds no model"):
        load_model(broken)
