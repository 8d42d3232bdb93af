"""Motion compensation of clips, and scene changes."""

import numpy as np
import pytest

from keras_synth.ops import (
    adaptive_compensation,
    compensate_motion,
    optical_flow,
    scene_change,
    warp,
)


def clip(speed=1.5, num_frames=5, height=40, width=48, channels=1):
    """Waves that drift to the right: (1, time, height, width, channels)."""
    rows, columns = np.mgrid[: float(height), : float(width)]
    frames = []
    for time in range(num_frames):
        x = columns - speed * time
        frame = 0.5 + 0.2 * np.sin(x / 2.5) + 0.2 * np.sin(rows / 3 + x / 4)
        frames.append(np.repeat(frame[..., None], channels, axis=-1))
    return np.stack(frames).astype("float32")[None]


def test_compensated_frames_resemble_the_middle_one():
    frames = clip(channels=3)
    moved = np.asarray(compensate_motion(frames))
    assert moved.shape == frames.shape
    np.testing.assert_array_equal(moved[:, 2], frames[:, 2])
    inside = (slice(None), slice(None), slice(6, -6), slice(8, -8))
    before = np.abs(frames - frames[:, 2:3])[inside].max()
    after = np.abs(moved - frames[:, 2:3])[inside].max()
    assert before > 0.3 and after < 0.02


def test_it_is_flow_warping_and_adaptive_compensation():
    """Each frame by itself, in its own place."""
    frames = clip(num_frames=3)
    frames[:, 2] = clip(speed=-0.7)[:, 1]
    moved = compensate_motion(frames, tolerance=0.05, window=5)
    flow = optical_flow(
        np.concatenate([frames[:, 1]] * 2),
        np.concatenate([frames[:, 0], frames[:, 2]]),
    )
    for index, each in ((0, flow[:1]), (2, flow[1:])):
        warped = warp(frames[:, index], each, "bicubic")
        expected = adaptive_compensation(frames[:, 1], warped, 0.05, 5)
        np.testing.assert_allclose(moved[:, index], expected, atol=1e-4)


def test_adaptive_compensation_by_hand():
    rng = np.random.default_rng(0)
    reference, warped = rng.uniform(size=(2, 1, 7, 9, 3)).astype("float32")
    result = adaptive_compensation(reference, warped, tolerance=0.2, window=3)
    error = np.abs(warped - reference).mean(-1)[0]
    for row in range(7):
        for column in range(9):
            near = error[
                max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2
            ]
            trust = np.exp(-near.mean() / 0.2)
            expected = (
                trust * warped[0, row, column]
                + (1 - trust) * reference[0, row, column]
            )
            np.testing.assert_allclose(
                result[0, row, column], expected, atol=1e-6
            )


def test_the_share_of_the_warped_frame_falls_with_its_error():
    reference = np.full((1, 9, 9, 1), 0.25, "float32")
    same = adaptive_compensation(reference, reference)
    np.testing.assert_array_equal(same, reference)
    nearly = adaptive_compensation(reference, reference + 1e-4)
    np.testing.assert_allclose(nearly, reference + 1e-4, atol=2e-6)
    wrong = adaptive_compensation(reference, reference + 0.5)
    np.testing.assert_array_equal(wrong, reference)


def test_scene_changes_are_distinguished_from_motion():
    """Motion, light and noise are no change of scene; other waves are."""
    frames = clip(num_frames=4, speed=1.0)[0]
    np.testing.assert_allclose(scene_change(frames, frames), 0.0, atol=1e-6)
    brighter = scene_change(frames, frames + 0.3)
    np.testing.assert_allclose(brighter, 0.0, atol=1e-4)
    noise = np.random.default_rng(0).normal(0, 0.1, frames.shape)
    noisy = scene_change(frames, (frames + noise).astype("float32"))
    assert np.max(noisy) < 0.3
    assert np.max(scene_change(frames[:-1], frames[1:])) < 0.3
    turned = np.swapaxes(clip(width=40)[0, :4], 1, 2)
    assert np.min(scene_change(clip(width=40)[0, :4], turned)) > 0.55
    # Thumbnails by hand: 40 x 48 leaves parts of 2 x 3 pixels.
    parts = frames[:2, :32, :48].reshape(2, 16, 2, 16, 3).mean((2, 4))
    parts = parts - parts.mean((1, 2), keepdims=True)
    covariance = 2 * (parts[0] * parts[1]).mean() + 1e-4
    expected = 1 - covariance / ((parts**2).mean((1, 2)).sum() + 1e-4)
    result = scene_change(frames[:1], frames[1:2])[0]
    np.testing.assert_allclose(result, expected, atol=1e-5)


def test_bad_arguments_are_refused():
    frames = clip()
    with pytest.raises(ValueError, match="an odd number of frames"):
        compensate_motion(frames[:, :4])
    with pytest.raises(ValueError, match="`frames` must be"):
        compensate_motion(frames[0])
    with pytest.raises(ValueError, match="`tolerance` must be above 0"):
        compensate_motion(frames, tolerance=0.0)
    with pytest.raises(ValueError, match="`window` must be an odd int"):
        adaptive_compensation(frames[0], frames[0], window=4)
    with pytest.raises(ValueError, match="the same shape"):
        adaptive_compensation(frames[0], frames[0, :1])
    with pytest.raises(ValueError, match="at least 16 x 16"):
        scene_change(frames[0, :, :12], frames[0, :, :12])
    one = frames[:, :1]
    np.testing.assert_array_equal(compensate_motion(one), one)
