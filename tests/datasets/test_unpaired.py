"""`unpaired_folders` and `unpaired_pipeline`: two sets of any sizes."""

import numpy as np
import pytest

from keras_synth.datasets import unpaired_folders, unpaired_pipeline
from keras_synth.datasets.source import source_from_arrays
from keras_synth.io import write_image
from tests.datasets.test_style_pairs import levels, passed


@pytest.mark.parametrize("counts", [(7, 3), (3, 7)])
def test_an_epoch_has_each_image_of_the_larger_set_once(counts):
    batches = unpaired_pipeline(
        levels(0, counts[0]), levels(100, counts[1]), 6, jitter=1.0
    )
    assert len(batches) == 7
    drawn = set()
    for _ in range(3):
        of_a, of_b = passed(batches)
        assert max(of_a) < 100 <= min(of_b)
        larger = np.array(of_a if counts[0] == 7 else of_b) % 100
        assert sorted(larger) == list(range(7))
        drawn |= set(zip(of_a, of_b, strict=True))
    assert len(drawn) > 10  # drawn anew
    again = unpaired_pipeline(
        levels(0, counts[0]), levels(100, counts[1]), 6, jitter=1.0
    )
    again.set_epoch(3)
    assert passed(again) == passed(batches)


def test_testing_gives_images_of_a_in_order():
    batches = unpaired_pipeline(
        levels(0, 2), levels(100, 3), 6, batch_size=2, training=False
    )
    assert passed(batches) == [[0, 1], [100, 101]]


def test_two_folders_of_other_names_and_sizes(tmp_path):
    for index in range(3):
        write_image(tmp_path / f"a/x{index}.png", np.full((9, 8, 3), 0.2))
    write_image(tmp_path / "b/other.jpg", np.full((12, 20, 3), 0.8))
    write_image(tmp_path / "bb/sub.jpg", np.full((12, 20, 3), 0.8))
    assert len(unpaired_folders(tmp_path / "b", tmp_path / "bb")) == 2
    sources = unpaired_folders(tmp_path / "a", tmp_path / "b", channels=1)
    assert [source.num_images for source in sources] == [3, 1]
    for of_a, of_b in unpaired_pipeline(*sources, 8, batch_size=3):
        assert of_a.shape == of_b.shape == (3, 8, 8, 1)
        np.testing.assert_allclose(of_a, 0.2, atol=0.01)
        np.testing.assert_allclose(of_b, 0.8, atol=0.01)
    for folders in ("a", "b/../a"), ("b", "b/sub"), ("b/sub", "b"):
        with pytest.raises(ValueError, match="must be in two folders"):
            unpaired_folders(*(tmp_path / folder for folder in folders))
    with pytest.raises(FileNotFoundError):
        unpaired_folders(tmp_path / "a", tmp_path / "c")


def test_sources_of_other_channels_are_named():
    sources = [
        source_from_arrays("x", "train", np.zeros((4, 8, 8, channels), "uint8"))
        for channels in (1, 3)
    ]
    with pytest.raises(ValueError, match="`source_a` and `source_b` must have"):
        unpaired_pipeline(*sources, 8)
