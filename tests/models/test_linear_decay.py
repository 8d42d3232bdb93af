"""LinearDecay: constant, then a line to 0."""

import keras
import numpy as np
import pytest

from keras_synth.models import LinearDecay


@pytest.mark.parametrize(
    ("constant", "known"), [(None, 50), (0, 0), (20, 20), (99, 99)]
)
def test_it_is_constant_then_a_line_to_zero(constant, known):
    rate = LinearDecay(0.2, 100, constant)
    steps = np.arange(0, 150)
    expected = np.interp(steps, [known, 100], [0.2, 0.0])
    found = [float(rate(step)) for step in steps]
    np.testing.assert_allclose(found, expected, atol=1e-7)


def test_it_can_be_saved():
    rate = LinearDecay(0.2, 100, 30)
    config = keras.saving.serialize_keras_object(rate)
    again = keras.saving.deserialize_keras_object(config)
    assert float(again(60)) == float(rate(60)) != 0.2


@pytest.mark.parametrize("constant", [-1, 100])
def test_bad_steps_are_refused(constant):
    with pytest.raises(ValueError, match="`constant_steps` must be"):
        LinearDecay(0.2, 100, constant)
