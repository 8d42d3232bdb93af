"""Images that models take, and those that they refuse."""

import re

import numpy as np
import pytest
import tensorflow as tf

from keras_synth.models.checks import check_images


def test_rounding_errors_of_resizing_are_accepted():
    """A white image, resized, has values above 1 by a rounding error."""
    image = np.ones((1, 64, 64, 1), "float32")
    resized = tf.image.resize(image, (37, 41), antialias=True)
    assert tf.reduce_max(resized) > 1.0
    check_images(resized, (None, None, 1))


@pytest.mark.parametrize(
    "wrong, advice",
    [
        (-1e-4, "clip"),
        (1.0001, "clip"),
        (-0.9, "(images + 1) / 2"),
        (255.0, "images / 255"),
        (65535.0, "images / 65535"),
        (np.nan, "must be finite"),
        (np.inf, "must be finite"),
    ],
)
def test_values_outside_0_to_1_are_refused(wrong, advice):
    image = np.full((1, 4, 4, 1), 0.5, "float32")
    image[0, 2, 1] = wrong
    with pytest.raises(ValueError, match=re.escape(advice)):
        check_images(image, (None, None, 1))
