"""Video: frames in and out, of folders of images and of video files."""

import dataclasses
import itertools
import pathlib
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from keras_synth.io.decoding import open_decoded
from keras_synth.io.folders import check_target, find_images
from keras_synth.io.formats import EXTENSIONS
from keras_synth.io.images import luma, read_image
from keras_synth.io.video_encoder import CONTAINERS
from keras_synth.io.video_reader import (
    VideoFile,
    decode_frames,
    import_av,
    probe_video,
)
from keras_synth.io.video_writers import FileWriter, FolderWriter

#: Endings of the video files that are written.
VIDEO_EXTENSIONS = tuple(CONTAINERS)


@dataclasses.dataclass(frozen=True)
class Video:
    """A video that is read frame by frame.

    Attributes:
        frames: Function from the number of the first frame to an iterator of
            frames (height, width, channels), uint8 or floats in [0, 1].
        files: Paths of the frames, in natural order; None for a video file.
        total: Number of frames; of a video file that of its packets.
        size: (height, width) of the frames.
        channels: 1 for gray, 3 for color, 4 for color with transparency. One
            frame in color makes all of them color.
        bits: Bits of a channel.
        file: A `VideoFile`; None for a folder.
        times: List that gets the time of each frame of a video file as it is
            read, in units of `file.time_base`.
        notes: List that gets what was done to the frames, in words.
    """

    frames: Callable
    files: list | None
    total: int
    size: tuple[int, int]
    channels: int
    bits: int
    file: VideoFile | None = None
    times: list = dataclasses.field(default_factory=list)
    notes: list = dataclasses.field(default_factory=list)


def natural_order(path):
    """Sort key of the natural order, in which frame2 stands before frame10.

    Args:
        path: Path of a file.

    Returns:
        A key for `sorted`.

    Example:

    >>> sorted(["frame10.png", "frame9.png", "a.png"], key=natural_order)
    ['a.png', 'frame9.png', 'frame10.png']
    """
    path = pathlib.Path(path)
    # Every other piece is a number.
    pieces = re.split(r"(\d+)", path.name)
    pieces[1::2] = map(int, pieces[1::2])
    return path.parent, pieces, path.name


def read_frames(path, channels=3, start=0, stop=None, accept_truncated=False):
    """Reads the frames of a video file one by one, in little memory.

    Frames come as they are to be shown, rotated, in 8 bits.

    Args:
        path: Path of the file (MP4, AVI, MKV, ... what FFmpeg reads).
        channels: 3 for color or 1 for gray (luma of BT.601).
        start: Number of the first frame.
        stop: Number of the frame after the last one; None reads all.
        accept_truncated: Whether the file may be cut short or broken.

    Yields:
        uint8 arrays (height, width, channels).

    Raises:
        FileNotFoundError: There is no such file.
        ImportError: No reader is installed; the message names one.
        ValueError: The file is no video, is cut short or broken, or
            `channels` is not 1 or 3.
    """
    if channels not in (1, 3):
        raise ValueError(f"`channels` must be 1 or 3. Received: {channels!r}")
    path = pathlib.Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no video {path}")
    file = probe_video(path, accept_truncated)
    frames = decode_frames(file, start, accept_truncated=accept_truncated)
    length = None if stop is None else max(stop - start, 0)
    for frame in itertools.islice(frames, length):
        if frame.dtype == np.uint16:
            frame = np.rint(frame / 257.0).astype("uint8")
        frame = frame[..., :3]
        if channels == 1:
            frame = np.rint(luma(frame)).astype("uint8")
        yield np.broadcast_to(frame, (*frame.shape[:2], channels))


def open_video(source, accept_truncated=False):
    """Opens a folder of frames, or a video file.

    Args:
        source: Path of a folder, whose frames are its images in natural
            order (frame2 before frame10), or of a video file.
        accept_truncated: Whether a video file may be cut short or broken.

    Returns:
        A `Video`.

    Raises:
        FileNotFoundError: There is no such source.
        ImportError: No reader for video files is installed.
        ValueError: The folder has no frames, one frame, unreadable ones or
            several sizes, or the file is no video, cut short or broken.
    """
    source = pathlib.Path(source)
    if source.is_dir():
        return _open_folder(source)
    if not source.is_file():
        raise FileNotFoundError(f"There is no video or folder {source}")
    if source.suffix.lower() in EXTENSIONS:
        raise ValueError(
            f"{source} is an image: give a folder of frames, or a video "
            "(keras-synth upscale upscales images)."
        )
    file = probe_video(source, accept_truncated)
    times, notes = [], []

    def frames(start=0):
        times.clear()
        for frame in decode_frames(file, start, times, notes, accept_truncated):
            if frame.dtype == np.uint16:
                frame = frame / np.float32(65535.0)
            yield frame

    return Video(
        frames,
        None,
        len(file.pts),
        file.size,
        file.channels,
        file.bits,
        file,
        times,
        notes,
    )


def _open_folder(folder):
    files = [file for file in find_images(folder) if file.parent == folder]
    files.sort(key=natural_order)
    if not files:
        raise ValueError(f"{folder} holds no frames (images).")
    if len(files) == 1:
        raise ValueError(
            f"{folder} holds one frame, {files[0].name}: that is an image "
            "(keras-synth upscale upscales it)."
        )
    with ThreadPoolExecutor() as pool:
        shapes, depths = zip(*pool.map(_shape_and_depth, files), strict=True)
    for file, shape in zip(files, shapes, strict=True):
        if shape[:2] != shapes[0][:2]:
            raise ValueError(
                f"The frames in {folder} must be of one size. Received: "
                f"{shapes[0][:2]} for {files[0].name}, {shape[:2]} for "
                f"{file.name}"
            )
    if len({file.stem for file in files}) < len(files):
        raise ValueError(
            f"The frames in {folder} must have names of their own, endings "
            "apart."
        )
    found = {shape[-1] for shape in shapes}
    channels = 4 if found & {2, 4} else max(found)

    def frames(start=0):
        for file in files[start:]:
            yield _with_channels(read_image(file, alpha="keep"), channels)

    return Video(
        frames,
        files,
        len(files),
        shapes[0][:2],
        channels,
        max(depths),
    )


def _shape_and_depth(file):
    """Shape and bits of a frame, decoded, so that a bad one is known."""
    decoded = open_decoded(file)
    if decoded.num_frames > 1:
        raise ValueError(
            f"{file} holds {decoded.num_frames} images: a frame must be one."
        )
    return decoded.read(0)[0].shape, decoded.depth


def _with_channels(frame, channels):
    """Color where other frames have color, opaque where they do not."""
    count = frame.shape[-1]
    color, alpha = frame, np.ones_like(frame[..., :1])
    if count in (2, 4):
        color, alpha = frame[..., :-1], frame[..., -1:]
    if channels > 1 and color.shape[-1] == 1:
        color = np.repeat(color, 3, axis=-1)
    return np.concatenate([color, alpha], axis=-1) if channels == 4 else color


def check_video_target(target, overwrite):
    """Checks that a video can be written, before any work is done for it.

    Args:
        target: Path of a video file, or of a folder for PNG files.
        overwrite: Whether files may exist already.

    Raises:
        FileExistsError: A file exists and `overwrite` is False.
        ImportError: No writer for video files is installed.
        PermissionError: The place cannot be written to.
        ValueError: The ending is of no known format.
    """
    target = pathlib.Path(target)
    if target.suffix.lower() in VIDEO_EXTENSIONS:
        import_av()
        check_target(target, overwrite, VIDEO_EXTENSIONS)
        return
    if target.suffix or target.is_file():
        raise ValueError(
            f"{target} must be a folder for frames, or end in one of "
            f"{', '.join(VIDEO_EXTENSIONS)}."
        )
    if target.is_dir() and any(target.iterdir()) and not overwrite:
        raise FileExistsError(
            f"{target} exists already, and is not empty: ask to overwrite it "
            "(`overwrite`), or to go on with it (`skip_existing`)."
        )
    check_target(target / "frame.png", overwrite=True)


def video_writer(
    target,
    video,
    size,
    *,
    frames_per_second=None,
    settings=None,
    skip_existing=False,
    overwrite=False,
    strip=False,
    provenance=None,
):
    """Video writer: a folder of PNG files or a video file, frame by frame.

    It is a context manager with a method `write(number, frame)`, and with the
    number of the first frame to write as `start`.

    Args:
        target: Path of a video file, or of a folder for PNG files.
        video: The `Video` that the frames come from.
        size: (height, width) of the frames to write.
        frames_per_second: See `FileWriter`.
        settings: Dict of what decides the frames, see `FileWriter`.
        skip_existing: Whether to go on with what is there.
        overwrite: Whether what is there may be replaced.
        strip: Whether to leave out tags.
        provenance: `io.Provenance` for the tags of a video file or the
            metadata of PNG files, unless they are left out; or None.

    Returns:
        A `FolderWriter` or a `FileWriter`.

    Raises:
        ValueError: The format does not hold such frames.
    """
    if pathlib.Path(target).suffix.lower() not in VIDEO_EXTENSIONS:
        return FolderWriter(target, video, skip_existing, strip, provenance)
    return FileWriter(
        target,
        video,
        size,
        frames_per_second=frames_per_second,
        settings=settings,
        skip_existing=skip_existing,
        overwrite=overwrite,
        strip=strip,
        provenance=provenance,
    )
