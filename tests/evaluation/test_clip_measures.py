"""measure_clip: scores of frames, and flicker."""

import numpy as np
import pytest

from keras_synth import metrics
from keras_synth.evaluation import measure_clip


def drifting(length=4, speed=1.0, height=32, width=40):
    """Waves that move to the right by `speed` pixels per frame."""
    rows, columns = np.mgrid[: float(height), : float(width)]
    frames = []
    for time in range(length):
        x = columns - speed * time
        frame = 0.5 + 0.2 * np.sin(x / 2.5) + 0.2 * np.sin(rows / 3 + x / 4)
        frames.append(frame[..., None])
    return np.stack(frames).astype("float32")


def test_each_frame_has_a_score():
    clean = drifting()
    noise = np.random.default_rng(0).normal(size=clean.shape)
    restored = clean + 0.01 * noise * np.arange(1, 5).reshape(4, 1, 1, 1)
    found = measure_clip(iter(restored), iter(clean))
    expected = -10 * np.log10(((restored - clean) ** 2).mean((1, 2, 3)))
    np.testing.assert_allclose(found["psnr"], expected, atol=1e-2)
    assert list(measure_clip(restored, clean, metrics.SSIM()))[0] == "ssim"
    whole = np.rint(255 * clean).astype("uint8")
    again = measure_clip(whole, clean)
    assert again["psnr"].min() > 50.0


def test_flicker_is_the_change_along_the_motion():
    """Motion is none; brightness up and down by 0.05 is 0.1 a step; noise of
    σ is σ times the root of two, less what reading between pixels blurs."""
    clean = drifting()
    swing = 0.05 * (-1.0) ** np.arange(4).reshape(4, 1, 1, 1)
    still = measure_clip(clean, clean)
    assert still["flicker"].max() < 0.005
    np.testing.assert_array_equal(
        still["flicker"], still["flicker of the clean clip"]
    )
    swinging = measure_clip(clean + swing, clean)["flicker"]
    np.testing.assert_allclose(swinging, 0.1, atol=0.005)
    noise = np.random.default_rng(0).normal(0, 0.05, clean.shape)
    noisy = measure_clip(clean + noise, clean)["flicker"]
    assert (noisy > 0.05).all() and (noisy < 0.05 * 2**0.5 + 0.005).all()
    # Without the motion the waves themselves would count.
    frozen = measure_clip(np.stack([clean[0]] * 4), clean)["flicker"]
    assert (frozen > 5 * still["flicker"].max()).all()


def test_clips_that_do_not_match_are_refused():
    clean = drifting()
    for restored, truth, message in (
        (clean[:3], clean, "as many frames.* after 3"),
        (clean[:1], clean[:1], "at least two frames"),
        (clean[:, :20], clean, "of one size"),
        (clean[..., 0], clean[..., 0], "must be .height, width, channels"),
    ):
        with pytest.raises(ValueError, match=message):
            measure_clip(restored, truth)


@pytest.mark.parametrize(
    ("clip", "message"),
    [
        (np.full((2, 16, 16, 3), 65535, "uint16"), "uint16 for frame 0"),
        (np.full((2, 16, 16, 3), 200.0, "float32"), "Frame 0"),
        (np.full((2, 16, 16, 3), np.nan, "float32"), "Frame 0 must be finite"),
    ],
)
def test_frames_of_other_values_are_refused(clip, message):
    with pytest.raises(ValueError, match=message):
        measure_clip(clip, clip)
