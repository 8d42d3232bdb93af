"""Video in and out: folders of frames, and what FFmpeg knows."""

import contextlib
import dataclasses
import os
import pathlib
from collections.abc import Iterable

import numpy as np

from keras_synth.datasets import read_frames
from keras_synth.datasets.files import image_sizes
from keras_synth.io import (
    EXTENSIONS,
    check_target,
    read_image,
    write_image,
)

#: Endings of the video files that are written.
VIDEO_EXTENSIONS = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".webm")
FRAMES_PER_SECOND = 25.0


@dataclasses.dataclass(frozen=True)
class Film:
    """A video to be read frame by frame.

    Attributes:
        frames: iterable of (height, width, 1 or 3), once.
        names: of the frames, without endings; None for a video file.
        total: how many frames, about; None if unknown.
        frames_per_second: None for a folder, which does not say.
    """

    frames: Iterable
    names: list | None
    total: int | None
    frames_per_second: float | None


def open_film(source):
    """What a folder of frames, or a video file, holds.

    Args:
        source: a folder, whose frames are its images in the order of their
            names, or a video file.

    Returns:
        A `Film`.

    Raises:
        FileNotFoundError: no such source.
        ImportError: no reader for video files is installed.
        ValueError: a folder without frames, with one, with unreadable ones or
            several sizes; a file that is no video.
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
    return Film(
        read_frames(source), None, round(rate * facts["duration"]) or None, rate
    )


def _open_folder(folder):
    files = sorted(
        file
        for file in folder.iterdir()
        if file.suffix.lower() in EXTENSIONS and file.is_file()
    )
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
    return Film(frames, names, len(files), None)


def check_film_target(target, overwrite):
    """Refuses what cannot be written, before any work.

    Args:
        target: a video file, or a folder for PNG files.
        overwrite: whether files may be there already.

    Raises:
        FileExistsError: a file is there and `overwrite` is False.
        ImportError: no writer for video files is installed.
        PermissionError: the place cannot be written to.
        ValueError: an ending of no known kind.
    """
    target = pathlib.Path(target)
    if target.suffix.lower() in VIDEO_EXTENSIONS:
        _import_ffmpeg()
        if target.exists() and not overwrite:
            raise FileExistsError(
                f"{target} is there already: ask to overwrite it."
            )
        check_target(target.with_suffix(".png"), overwrite=True)
        return
    if target.suffix or target.is_file():
        raise ValueError(
            f"{target} must be a folder for frames, or end in one of "
            f"{', '.join(VIDEO_EXTENSIONS)}."
        )
    if target.is_dir() and any(target.iterdir()) and not overwrite:
        raise FileExistsError(
            f"{target} is there already, and not empty: ask to overwrite it."
        )
    check_target(target / "frame.png", overwrite=True)


def write_film(target, frames, film, frames_per_second=None):
    """Writes frames as they come.

    A video file is written whole or not at all, as H.264 (VP9 for .webm) of
    high quality; its sides are even, so that an odd one loses its last pixel.

    Args:
        target: see `check_film_target`.
        frames: iterable of (height, width, 1 or 3) in [0, 1].
        film: the `Film` they come from, for names and speed.
        frames_per_second: of a video file; None for that of the film, or 25.

    Returns:
        `(how many frames, (height, width))`.
    """
    target = pathlib.Path(target)
    if target.suffix.lower() in VIDEO_EXTENSIONS:
        rate = frames_per_second or film.frames_per_second or FRAMES_PER_SECOND
        writer = _video_writer(target, rate)
    else:
        writer = _folder_writer(target, film.names)
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
    unfinished = target.with_name(f".{target.stem}-unfinished{target.suffix}")
    imageio = _import_ffmpeg()
    target.parent.mkdir(parents=True, exist_ok=True)
    film = imageio.get_writer(
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
        film.append_data(np.rint(255.0 * frame).astype("uint8"))

    try:
        # imageio's own `with` leaves FFmpeg running after an error.
        with contextlib.closing(film):
            yield write
        os.replace(unfinished, target)
    finally:
        unfinished.unlink(missing_ok=True)


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
