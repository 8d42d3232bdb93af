"""Video: frames in and out, of folders of images and of video files."""

import contextlib
import dataclasses
import pathlib
from collections.abc import Iterable

import numpy as np

from keras_synth.io.folders import (
    EXTENSIONS,
    check_target,
    find_images,
    written_whole,
)
from keras_synth.io.images import image_sizes, luma, read_image, write_image

#: Endings of the video files that are written.
VIDEO_EXTENSIONS = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".webm")
FRAMES_PER_SECOND = 25.0


@dataclasses.dataclass(frozen=True)
class Video:
    """A video that is read frame by frame.

    Attributes:
        frames: Iterable of frames (height, width, 1 or 3), to be read once.
        names: Names of the frames without endings; None for a video file.
        total: Approximate number of frames; None if unknown.
        frames_per_second: Frame rate; None for a folder.
    """

    frames: Iterable
    names: list | None
    total: int | None
    frames_per_second: float | None


def read_frames(path, channels=3, start=0, stop=None):
    """Reads the frames of a video file one by one, in little memory.

    Args:
        path: Path of the file (MP4, AVI, MKV, ... what FFmpeg reads).
        channels: 3 for color or 1 for gray (luma of BT.601).
        start: Number of the first frame.
        stop: Number of the frame after the last one; None reads all.

    Yields:
        uint8 arrays (height, width, channels).

    Raises:
        FileNotFoundError: There is no such file.
        ImportError: No reader is installed; the message names one.
        ValueError: The file is no video, or `channels` is not 1 or 3.
    """
    if channels not in (1, 3):
        raise ValueError(f"`channels` must be 1 or 3. Received: {channels!r}")
    path = pathlib.Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no video {path}")
    try:
        import imageio.v3
        import imageio_ffmpeg  # noqa: F401
    except ImportError as error:
        raise ImportError(
            "Reading video files needs FFmpeg: "
            "pip install 'keras_synth[video]' (folders of frames need nothing)."
        ) from error
    frames = imageio.v3.imiter(path, plugin="FFMPEG")
    try:
        for index, frame in enumerate(frames):
            if stop is not None and index >= stop:
                break
            if index < start:
                continue
            if channels == 1:
                frame = np.rint(luma(frame)).astype("uint8")
            yield frame
    except (OSError, RuntimeError) as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(f"{path} is not a readable video: {reason}") from error
    finally:
        frames.close()


def open_video(source):
    """Opens a folder of frames, or a video file.

    Args:
        source: Path of a folder, whose frames are its images in the order of
            their names, or of a video file.

    Returns:
        A `Video`.

    Raises:
        FileNotFoundError: There is no such source.
        ImportError: No reader for video files is installed.
        ValueError: The folder has no frames, one frame, unreadable ones or
            several sizes, or the file is no video.
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
    frames = read_frames(source)
    first = next(frames, None)  # says what is wrong, before any work
    if first is None:
        raise ValueError(f"{source} is not a readable video: it has no frames")
    import imageio.v3

    facts = imageio.v3.immeta(source, plugin="FFMPEG")
    rate = float(facts["fps"])
    frames.close()
    return Video(
        read_frames(source), None, round(rate * facts["duration"]) or None, rate
    )


def _open_folder(folder):
    files = [file for file in find_images(folder) if file.parent == folder]
    if not files:
        raise ValueError(f"{folder} holds no frames (images).")
    if len(files) == 1:
        raise ValueError(
            f"{folder} holds one frame, {files[0].name}: that is an image "
            "(keras-synth upscale upscales it)."
        )
    channels = read_image(files[0]).shape[-1]
    sizes = image_sizes(files, channels)
    for file, size in zip(files, sizes, strict=True):
        if isinstance(size, str):
            raise ValueError(size)
        if size != sizes[0]:
            raise ValueError(
                f"The frames in {folder} must be of one size. Received: "
                f"{sizes[0]} for {files[0].name}, {size} for {file.name}"
            )
    names = [file.stem for file in files]
    if len(set(names)) < len(names):
        raise ValueError(
            f"The frames in {folder} must have names of their own, endings "
            "apart."
        )
    frames = (read_image(file, channels) for file in files)
    return Video(frames, names, len(files), None)


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
        _import_ffmpeg()
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
            "(`overwrite`)."
        )
    check_target(target / "frame.png", overwrite=True)


def write_video(target, frames, video, frames_per_second=None):
    """Writes frames to a folder or a video file, as they come.

    A video file is written whole or not at all, as H.264 (VP9 for .webm) of
    high quality. Its sides are even, so that an odd side loses its last
    pixel.

    Args:
        target: Path of a video file, or of a folder for PNG files.
        frames: Iterable of frames (height, width, 1 or 3) in [0, 1].
        video: The `Video` they come from, for names and frame rate.
        frames_per_second: Frame rate of a video file; None takes that of
            `video`, or 25.

    Returns:
        `(number of frames, (height, width))`.
    """
    target = pathlib.Path(target)
    if target.suffix.lower() in VIDEO_EXTENSIONS:
        rate = frames_per_second or video.frames_per_second or FRAMES_PER_SECOND
        writer = _video_writer(target, rate)
    else:
        writer = _folder_writer(target, video.names)
    count, size = 0, None
    with writer as write:
        for frame in frames:
            write(count, frame)
            count, size = count + 1, frame.shape[:2]
    return count, size


@contextlib.contextmanager
def _folder_writer(folder, names):
    def write(number, frame):
        name = f"frame_{number + 1:06d}" if names is None else names[number]
        write_image(folder / f"{name}.png", frame)

    yield write


@contextlib.contextmanager
def _video_writer(target, rate):
    imageio = _import_ffmpeg()

    with written_whole(target) as unfinished:
        writer = imageio.get_writer(
            unfinished,
            format="FFMPEG",
            fps=rate,
            quality=8,
            macro_block_size=1,
            ffmpeg_log_level="error",
        )

        def write(number, frame):
            height, width, _ = frame.shape
            frame = frame[: height - height % 2, : width - width % 2]
            frame = np.broadcast_to(frame, (*frame.shape[:2], 3))
            writer.append_data(np.rint(255.0 * frame).astype("uint8"))

        # imageio's own `with` leaves FFmpeg running after an error.
        with contextlib.closing(writer):
            yield write


def _import_ffmpeg():
    try:
        import imageio.v2
        import imageio_ffmpeg  # noqa: F401
    except ImportError as error:
        raise ImportError(
            "Writing video files needs FFmpeg: "
            "pip install 'keras_synth[video]' (folders of frames need nothing)."
        ) from error
    return imageio.v2
