"""Top-hat transforms: SciPy's, lines and edges, refusals."""

import numpy as np
import pytest
import scipy.ndimage

from keras_synth.layers import TopHat
from tests.helpers import check_layer

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("channels", [1, 3])
def test_maps_are_those_of_scipy(channels):
    images = RNG.uniform(size=(2, 13, 21, channels)).astype("float32")
    maps = np.asarray(TopHat((3, 7, 15))(images))
    for image, ours in zip(images.mean(-1), maps, strict=True):
        for index, size in enumerate((3, 7, 15)):
            white = scipy.ndimage.white_tophat(image, (size, size))
            black = scipy.ndimage.black_tophat(image, (size, size))
            theirs = np.stack([white, black], axis=-1)
            found = ours[..., 2 * index : 2 * index + 2]
            np.testing.assert_allclose(found, theirs, atol=1e-6)


def test_a_thin_line_is_found_and_an_edge_is_not():
    image = np.full((1, 20, 20, 1), 0.25, "float32")
    image[:, :, 10:] = 0.75  # an edge
    image[:, 4, 2:8] = 1.0  # a bright line, one pixel thick
    image[:, 14:17, 12:] = 0.0  # a dark one of three
    maps = np.asarray(TopHat((3, 5))(image))[0]
    np.testing.assert_array_equal(maps[4, 4], [0.75, 0, 0.75, 0])
    np.testing.assert_array_equal(maps[15, 15], [0, 0, 0, 0.75])
    np.testing.assert_array_equal(maps[9, 5:15], 0.0)


def test_it_is_a_layer_and_refuses_other_sizes():
    images = RNG.uniform(size=(1, 8, 9, 3)).astype("float32")
    check_layer(TopHat((3, 5)), images)
    for sizes in ((), (4,), (1,), (3.0,)):
        with pytest.raises(ValueError, match="odd numbers above 1"):
            TopHat(sizes)
