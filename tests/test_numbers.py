"""Numbers of another kind are refused in words, those of NumPy are taken."""

import numpy as np
import pytest

from keras_synth import callbacks, losses, models, networks, restoration
from keras_synth.ops.numbers import is_int, is_number


def test_kinds_of_numbers():
    for value in (3, np.int64(3), np.uint8(3)):
        assert is_int(value) and is_number(value)
    for value in (0.5, np.float32(0.5)):
        assert is_number(value) and not is_int(value)
    for value in (True, np.bool_(True), "3", None, 1j, [3]):
        assert not is_number(value) and not is_int(value)


@pytest.mark.parametrize("wrong", ["1", None, True, [1.0], float("nan")])
@pytest.mark.parametrize(
    ("name", "build"),
    [
        ("weight", lambda x: losses.R1(weight=x)),
        ("label_smoothing", lambda x: losses.NonSaturating(x)),
        ("minimum", lambda x: losses.Gaussian(minimum=x)),
        ("epsilon", lambda x: losses.Charbonnier(x)),
        ("temperature", lambda x: losses.PatchNCE(x)),
        ("decay", lambda x: losses.PathLength(decay=x)),
        ("steps", lambda x: callbacks.KLWarmup(x)),
        ("learning_rate", lambda x: models.LinearDecay(x, 10)),
        ("clip_norm", lambda x: models.DifferentialPrivacy(1.0, x, 5, 100)),
        ("share", lambda x: networks.interpolate_networks(None, None, x)),
        ("share", lambda x: restoration.auto_levels(share=x)),
    ],
)
def test_other_kinds_are_refused(name, build, wrong):
    with pytest.raises(ValueError, match=f"`{name}`"):
        build(wrong)


def test_numbers_of_numpy_are_taken():
    losses.R1(weight=np.float32(2.0), interval=np.int64(4))
    callbacks.KLWarmup(np.int64(100), "cyclical", cycles=np.int64(2))
    models.LinearDecay(np.float32(0.1), np.int64(10))
    models.DifferentialPrivacy(np.float32(1.0), 1.0, np.int64(5), 100)
    restoration.total_variation(np.float32(0.1))
    restoration.BM3D(np.float32(0.1))


def test_steps_that_are_no_ints_are_refused():
    for steps in (10.5, "10", 0):
        with pytest.raises(ValueError, match="`steps`"):
            models.LinearDecay(0.1, steps)
    with pytest.raises(ValueError, match="`constant_steps`"):
        models.LinearDecay(0.1, 10, 2.5)
    with pytest.raises(ValueError, match="`cycles` must be"):
        callbacks.KLWarmup(10, "cyclical", cycles="x")
