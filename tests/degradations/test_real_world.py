"""`RealWorldDownsample`: sizes, what it does, each image by itself."""

import numpy as np
import pytest
import skimage.data

from keras_synth.degradations import Downsample, RealWorldDownsample


@pytest.fixture(scope="module")
def photo():
    return (skimage.data.astronaut()[:96, 180:300] / 255.0).astype("float32")


@pytest.mark.parametrize("factor", [1, 2, 4])
def test_images_get_a_part_of_their_size(photo, factor):
    batch = np.stack([photo, photo[::-1]])[:, :, :117]
    small = RealWorldDownsample(factor)(batch, seed=0)
    assert small.shape == (2, 96 // factor, 117 // factor, 3)
    small = small.numpy()
    assert np.isfinite(small).all() and small.min() >= 0 and small.max() <= 1


def test_it_is_the_photograph_and_worse_than_bicubic(photo):
    """Many draws: each recognizable, each another, none clean."""
    batch = np.repeat(photo[None], 40, axis=0)
    small = RealWorldDownsample(4)(batch, seed=1).numpy()
    clean = Downsample(4)(photo, seed=0).numpy()
    error = np.sqrt(np.mean((small - clean) ** 2, axis=(1, 2, 3)))
    assert 0.01 < error.min() and error.max() < 0.25
    assert np.median(error) > 0.03
    flat = (small.mean(0) - clean).mean((0, 1))  # no shift of the colors
    assert np.abs(flat).max() < 0.02
    signatures = small.reshape(40, -1) @ np.arange(small[0].size)
    assert len(np.unique(signatures)) == 40


def test_gray_images_stay_gray(photo):
    gray = photo.mean(axis=-1, keepdims=True)
    assert RealWorldDownsample(3)(gray, seed=0).shape == (32, 40, 1)


@pytest.mark.parametrize("factor", [0, 2.0, True])
def test_factors_are_whole_numbers(factor):
    with pytest.raises(ValueError, match="`factor` must be an int"):
        RealWorldDownsample(factor)
