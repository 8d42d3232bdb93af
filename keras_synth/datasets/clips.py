"""Video clips from folders of frames, video files and arrays."""

import dataclasses
import pathlib

import numpy as np

from keras_synth.datasets.files import check_channels, check_found
from keras_synth.io import (
    find_images,
    natural_order,
    read_frames,
    read_image,
)
from keras_synth.ops import scene_change
from keras_synth.ops.motion import SCENE_CUT


@dataclasses.dataclass(frozen=True)
class ClipSource:
    """A set of video clips in memory, each of one scene.

    Attributes:
        name: Name of the set.
        clips: Tuple of uint8 arrays (time, height, width, channels), each of
            at least two frames. Their sizes may differ, their channels not.
    """

    name: str
    clips: tuple

    @property
    def num_frames(self):
        """Number of frames of all clips together."""
        return sum(len(clip) for clip in self.clips)


def clip_folder(path, channels=3, split_scenes=True):
    """Video clips from a folder of frames, or a folder of such folders.

    Frames are image files, in natural order (`frame_9.png` stands before
    `frame_10.png`). Each folder with frames is a clip.

    Args:
        path: The folder.
        channels: Channels that every frame is converted to, 3 for color or 1
            for gray.
        split_scenes: Whether to split clips at cuts, with `split_at_cuts`.

    Returns:
        A `ClipSource`.

    Raises:
        FileNotFoundError: There is no such folder.
        ValueError: It holds no frames, unreadable ones, a clip of one frame,
            or a clip of several sizes.
    """
    check_channels(channels)
    root = pathlib.Path(path)
    files = sorted(find_images(root), key=natural_order)
    check_found(files, root)
    clips = {}
    for file in files:
        frame = _to_bytes(read_image(file, channels))
        clips.setdefault(file.parent, []).append(frame)
    for folder, frames in clips.items():
        _check_frames(frames, str(folder))
    clips = [np.stack(frames) for frames in clips.values()]
    return _source(str(root), clips, split_scenes)


def clip_file(
    path,
    channels=3,
    start=0,
    stop=None,
    split_scenes=True,
    accept_truncated=False,
):
    """Video clips from a video file (MP4, AVI, MKV, ... as FFmpeg reads).

    The frames stay in memory, one byte for each value: a minute of 640 x 360
    in color at 25 frames a second takes 1 GB. `start` and `stop` select a
    part.

    Args:
        path: The file.
        channels: Channels that every frame is converted to, 3 for color or 1
            for gray.
        start: Number of the first frame, counted from 0.
        stop: Number of the frame after the last one. None for all.
        split_scenes: Whether to split the video at cuts, with
            `split_at_cuts`.
        accept_truncated: Whether the file may be cut short or broken.

    Returns:
        A `ClipSource`.

    Raises:
        FileNotFoundError: There is no such file.
        ImportError: No reader is installed; the message names the package.
        ValueError: The file is no video, is cut short or broken, or the part
            has fewer than two frames.
    """
    frames = list(read_frames(path, channels, start, stop, accept_truncated))
    _check_frames(frames, str(path))
    return _source(str(path), [np.stack(frames)], split_scenes)


def clips_from_arrays(name, clips, split_scenes=True):
    """Video clips from arrays of frames.

    Args:
        name: Name of the set.
        clips: List of arrays (time, height, width, channels), or of lists of
            frames: uint8, or float in [0, 1] (stored in 8 bits), with 1 or 3
            channels, the same for all.
        split_scenes: Whether to split clips at cuts, with `split_at_cuts`.

    Returns:
        A `ClipSource`.

    Raises:
        ValueError: There are no clips, a clip has fewer than two frames or
            several sizes, or channels or values are others.

    Example:

    >>> clips = [np.zeros((7, 16, 24, 1), "uint8")]
    >>> clips_from_arrays("black", clips).num_frames
    7
    """
    stored = []
    for number, frames in enumerate(clips):
        frames = [np.asarray(frame) for frame in frames]
        _check_frames(frames, f"Clip {number} of {name!r}")
        stored.append(_to_bytes(np.stack(frames)))
    channels = {clip.shape[-1] for clip in stored}
    if len(channels) != 1:
        raise ValueError(
            "`clips` must hold clips, all of the same channels. "
            f"Received: {len(stored)} clips of channels {sorted(channels)}"
        )
    return _source(name, stored, split_scenes)


def split_at_cuts(frames, threshold=SCENE_CUT):
    """Scene detection: splits a clip at its cuts.

    A cut is where `keras_synth.ops.scene_change` of two neighboring frames is
    above the threshold. Slow fades are not found. Frames smaller than 16 x 16
    are not split.

    Args:
        frames: uint8 (time, height, width, channels).
        threshold: Scene change above which there is a cut. A lower one finds
            more cuts, and mistakes fast motion for cuts.

    Returns:
        A list of arrays, views of `frames`.

    Example:

    >>> dark_below = np.repeat(np.arange(32, dtype="uint8"), 32)
    >>> dark_below = dark_below.reshape(1, 32, 32, 1)
    >>> frames = [dark_below] * 3 + [31 - dark_below] * 2
    >>> [len(scene) for scene in split_at_cuts(8 * np.concatenate(frames))]
    [3, 2]
    """
    if min(frames.shape[1:3]) < 16:
        return [frames]
    cuts = []
    for start in range(0, len(frames) - 1, 64):  # a few frames as floats
        part = frames[start : start + 65].astype("float32") / 255.0
        change = np.asarray(scene_change(part[:-1], part[1:]))
        cuts += [start + 1 + int(i) for i in np.flatnonzero(change > threshold)]
    return np.split(frames, cuts)


def _source(name, clips, split_scenes):
    if split_scenes:
        scenes = [scene for clip in clips for scene in split_at_cuts(clip)]
        # A flash, a scene of one frame, shows no motion.
        clips = [scene for scene in scenes if len(scene) > 1]
        if not clips:
            raise ValueError(
                f"{name!r} has a cut after every frame: are its frames in "
                "order? (`split_scenes=False` takes them as they are.)"
            )
    return ClipSource(name, tuple(clips))


def _check_frames(frames, name):
    sizes = sorted({np.shape(frame) for frame in frames})
    if len(sizes) > 1:
        listed = ", ".join(str(size) for size in sizes)
        raise ValueError(
            f"{name} must have frames of one size. Received: {listed}"
        )
    if len(frames) < 2:
        raise ValueError(
            f"{name} must have at least two frames: one is an image. "
            f"Received: {len(frames)} frames"
        )
    if len(sizes[0]) != 3 or sizes[0][-1] not in (1, 3):
        raise ValueError(
            f"{name} must have frames (height, width, channels) of 1 or 3 "
            f"channels. Received: shape {sizes[0]}"
        )


def _to_bytes(frames):
    """uint8, from that or from floats in [0, 1]."""
    if frames.dtype == np.uint8:
        return frames
    floats = np.issubdtype(frames.dtype, np.floating)
    if not floats or not (0.0 <= frames.min() and frames.max() <= 1.0):
        raise ValueError(
            "Frames must be uint8, or floats in [0, 1]. Received: "
            f"{frames.dtype} from {frames.min()} to {frames.max()}"
        )
    return np.rint(255.0 * frames).astype("uint8")
