"""Low contrast against its formula."""

import numpy as np
import pytest

from keras_synth.degradations import LowContrast


def test_contrast_shrinks_the_deviation_and_keeps_the_mean():
    images = np.random.default_rng(0).random((3, 16, 16, 3), "float32")
    faded, record = LowContrast((0.1, 0.6))(images, 0, return_record=True)
    contrast = record["parameters"]["contrast"].numpy()
    assert np.ptp(contrast) > 0.05
    mean = images.mean(axis=(1, 2, 3), keepdims=True)
    np.testing.assert_allclose(
        faded, mean + contrast * (images - mean), atol=1e-6
    )


def test_brightness_is_added_and_clipped():
    images = np.array([0.2, 0.6, 0.9], "float32").reshape((1, 1, 3, 1))
    for brightness, expected in (
        (0.25, [0.45, 0.85, 1.0]),
        (-0.3, [0, 0.3, 0.6]),
    ):
        result = LowContrast(1.0, brightness=brightness)(images, 0)
        np.testing.assert_allclose(result[0, 0, :, 0], expected, atol=1e-6)


@pytest.mark.parametrize(
    "arguments", [(1.5,), (-0.1,), (0.5, 1.2), (0.5, (-2, 0))]
)
def test_bad_arguments_are_refused(arguments):
    with pytest.raises(ValueError, match="must be a number"):
        LowContrast(*arguments)
