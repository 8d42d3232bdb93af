"""Video restoration as a stream: windows, scenes, bounded memory."""

import keras
import numpy as np
import pytest

from keras_synth import networks
from keras_synth.inference import restore_video
from keras_synth.ops import compensate_motion
from keras_synth.restoration import bicubic

RNG = np.random.default_rng(0)


def scene(length, height=20, width=24, channels=1):
    """Frames of one scene, each a hundredth brighter."""
    image = RNG.uniform(0.0, 0.8, (height, width, channels))
    return [(image + 0.01 * t).astype("float32") for t in range(length)]


def restored(model, frames, **options):
    return list(restore_video(model, frames, verbose=0, **options))


def seen(frames, num_frames):
    """Numbers of the frames in each window."""
    levels = np.array([frame.mean() for frame in frames])
    windows = []

    def model(window):
        assert window.shape == (1, num_frames, *frames[0].shape)
        means = window[0].mean((1, 2, 3))
        windows.append([int(np.abs(levels - m).argmin()) for m in means])
        return window[:, num_frames // 2]

    out = restored(model, frames, num_frames=num_frames, compensate=None)
    np.testing.assert_array_equal(out, frames)
    return windows


def test_windows_repeat_the_nearest_frame():
    """Windows by hand, also of clips shorter than a window."""
    assert seen(scene(4), 5) == [
        [0, 0, 0, 1, 2],
        [0, 0, 1, 2, 3],
        [0, 1, 2, 3, 3],
        [1, 2, 3, 3, 3],
    ]
    assert seen(scene(2), 5) == [[0, 0, 0, 1, 1], [0, 0, 1, 1, 1]]
    assert seen(scene(3), 1) == [[0], [1], [2]]


def test_windows_have_frames_of_one_scene():
    dark, bright = scene(2), [0.2 + 0.8 * f for f in scene(3)]
    assert seen([*dark, *bright], 5) == [
        [0, 0, 0, 1, 1],
        [0, 0, 1, 1, 1],
        [2, 2, 2, 3, 4],
        [2, 2, 3, 4, 4],
        [2, 3, 4, 4, 4],
    ]


def test_frames_are_read_when_needed():
    """No more than a window is read ahead."""
    read = []

    def film():
        for number, frame in enumerate(scene(50)):
            read.append(number)
            yield frame

    stream = restore_video(
        lambda window: window[:, 2],
        film(),
        num_frames=5,
        compensate=None,
        verbose=0,
    )
    assert not read
    for number in range(10):
        next(stream)
        assert len(read) == number + 3


def test_networks_of_several_frames_get_prepared_warped_windows():
    network = networks.video_edsr(2, 3, channels=1, width=4, num_blocks=1)
    for weight in network.weights:
        weight.assign(RNG.normal(0.0, 0.1, weight.shape))
    small = scene(3, 10, 12)
    out = restored(network, small, prepare=bicubic(2))
    window = bicubic(2)(np.stack(small))[None]
    moved = compensate_motion(window)
    assert not np.array_equal(moved, window)
    expected = np.clip(network(moved)[0], 0.0, 1.0)
    np.testing.assert_allclose(out[1], expected, atol=1e-5)
    still = restored(network, small, prepare=bicubic(2), compensate=None)
    expected = np.clip(network(window)[0], 0.0, 1.0)
    np.testing.assert_allclose(still[1], expected, atol=1e-5)
    assert len(out) == 3 and out[0].dtype == "float32"


def test_networks_of_images_restore_frame_by_frame():
    """Frames of uint8 as well; outputs are clipped to [0, 1]."""
    image = keras.Input((None, None, 3))
    brighter = keras.Model(image, 1.5 * image)
    frames = scene(3, channels=3)
    out = restored(brighter, frames)
    np.testing.assert_allclose(
        out, np.minimum(1.5 * np.stack(frames), 1.0), atol=1e-6
    )
    whole = [np.rint(255 * frame).astype("uint8") for frame in frames]
    np.testing.assert_allclose(restored(lambda x: x, whole), frames, atol=0.002)
    assert len(restored(brighter, frames[:1])) == 1


def test_progress_counts_frames(capsys):
    list(restore_video(lambda x: x, scene(3), total=3, verbose=1))
    assert "3/3 frames" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        ([], "`frames` must not be empty"),
        (scene(1), "needs at least two: one is an image"),
        (scene(2) + scene(1, 20, 25), "of one size.* for frame 2"),
        ([frame[..., 0] for frame in scene(2)], "must be frames .height"),
        ([np.full((20, 24, 1), np.nan)], "Frame 0 must be finite"),
        ([np.ones((20, 24, 1), int)], "must be uint8, or floats"),
    ],
)
def test_bad_frames_are_refused(frames, message):
    with pytest.raises(ValueError, match=message):
        restored(
            lambda window: window[:, 1], frames, num_frames=3, compensate=None
        )


def test_bad_arguments_are_refused_before_anything_runs():
    network = networks.vsrnet(3, channels=1, widths=(4, 4))
    for options, message in (
        ({"num_frames": 2}, "`num_frames` must be an odd int"),
        ({"num_frames": 5}, "vsrnet takes 3 frames"),
        ({"prepare": 4}, "`prepare` must be a function"),
        ({"compensate": True}, "`compensate` must be a function"),
    ):
        with pytest.raises(ValueError, match=message):
            restore_video(network, scene(2), **options)
    with pytest.raises(ValueError, match="must return .batch, height"):
        restored(lambda window: window, scene(3), num_frames=3)
