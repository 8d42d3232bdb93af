"""Video super-resolution: a video, or a folder of frames, upscaled."""

import collections
import dataclasses
import os
import pathlib
from typing import Literal

import keras
import numpy as np

from keras_synth import presets, restoration
from keras_synth.inference import restore_video, run_restorer
from keras_synth.io import (
    Progress,
    check_video_target,
    open_video,
    write_video,
)
from keras_synth.ops.color import full_range_luma
from keras_synth.tasks.loading import load_model


@dataclasses.dataclass(frozen=True)
class UpscaledVideo:
    """Result of `upscale_video`.

    Attributes:
        source: Path of the video or folder that was read.
        target: Path of the video or folder that was written.
        scale: Factor of each side.
        size: (height, width) of the frames written.
        num_frames: Number of frames.
    """

    source: pathlib.Path
    target: pathlib.Path
    scale: int
    size: tuple[int, int]
    num_frames: int


def upscale_frames(frames, network, scale):
    """Upscales a stream of video frames (video super-resolution).

    A network f for gray frames upscales the brightness Y of a color frame x,
    and colors are upscaled bicubically, as in `upscale`:

        x̂ = bicubic(x - Y(x)) + f(Y(x))

    Only the frames of one window are in memory.

    Args:
        frames: Iterable of frames (height, width, 1 or 3) of one size,
            floats in [0, 1] or uint8.
        network: Network from upscaled frames (batch, num_frames, height,
            width, 1 or 3) to the middle one, such as
            `presets.video_upscaler(scale)`; None upscales bicubically.
        scale: Factor of each side, an int.

    Returns:
        An iterator of float32 (scale · height, scale · width, channels) in
        [0, 1].

    Raises:
        ValueError: The frames are not as above, see
            `inference.restore_video`.

    Example:

    >>> frames = np.zeros((3, 16, 20, 3), "uint8")
    >>> large = upscale_frames(frames, presets.video_upscaler(4, None), 4)
    >>> [frame.shape for frame in large]
    [(64, 80, 3), (64, 80, 3), (64, 80, 3)]
    """
    bicubic = restoration.bicubic(scale)
    if network is None:
        return restore_video(bicubic, frames, verbose=0)
    channels = network.input_shape[-1]
    waiting = collections.deque()  # frames whose colors are to come

    def restored_part():
        for frame in frames:
            frame = np.asarray(frame)
            if frame.dtype == np.uint8:
                frame = frame / np.float32(255.0)
            waiting.append(frame[None])
            yield _with_channels(waiting[-1], channels)[0]

    def upscale(window):
        large, small = run_restorer(network, window), waiting.popleft()
        if channels == 3 and small.shape[-1] == 1:
            return large.mean(axis=-1, keepdims=True)
        return large + bicubic(small - _with_channels(small, channels))

    return restore_video(
        upscale,
        restored_part(),
        num_frames=network.input_shape[1],
        prepare=bicubic,
        compensate=presets.compensate_upscaled,
        verbose=0,
    )


def _with_channels(images, channels):
    """What of frames the network restores: their brightness, or all."""
    if channels == 1 and images.shape[-1] == 3:
        return np.asarray(full_range_luma(images))
    return np.repeat(images, channels // images.shape[-1], axis=-1)


def upscale_video(
    source: str | os.PathLike,
    target: str | os.PathLike,
    *,
    method: str | os.PathLike = "video_edsr",
    scale: int = 4,
    frames_per_second: float | None = None,
    overwrite: bool = False,
    verbose: Literal["auto", 0, 1, 2] = "auto",
) -> UpscaledVideo:
    """Upscales a video (video super-resolution), in bounded memory.

    Args:
        source: Path of a video file (which needs the extra `video`), or of
            a folder whose images are the frames, in the order of their
            names.
        target: Path of the video file to write, or of a folder for PNG files
            of the same names.
        method: "video_edsr" (the pretrained networks, for a scale of 3 or
            4), "bicubic", or the path of a `.keras` file with a network that
            takes windows of frames, upscaled bicubically.
        scale: Factor of each side, an int of at least 2.
        frames_per_second: Frame rate of a video file to be written. None
            takes that of the source, or 25 for a folder.
        overwrite: Whether existing files may be replaced.
        verbose: Progress, see `io.Progress`.

    Returns:
        An `UpscaledVideo`.

    Raises:
        FileExistsError: A file exists and `overwrite` is False.
        FileNotFoundError: There is no such source or model.
        ImportError: FFmpeg, which reads and writes video files, is missing.
        PermissionError: The place cannot be written to.
        ValueError: Arguments are out of range, there are less than two
            frames, frames differ in size, or the file is no video.
    """
    network = _network(method, scale)
    if frames_per_second is not None and not frames_per_second > 0:
        raise ValueError(
            "`frames_per_second` must be above 0. Received: "
            f"frames_per_second={frames_per_second!r}"
        )
    video = open_video(source)
    check_video_target(target, overwrite)
    large = upscale_frames(video.frames, network, scale)
    with Progress(video.total, "frames", verbose) as progress:
        num_frames, size = write_video(
            target, progress.track(large), video, frames_per_second
        )
    return UpscaledVideo(
        pathlib.Path(source), pathlib.Path(target), scale, size, num_frames
    )


def _network(method, scale):
    if type(scale) is not int or scale < 2:
        raise ValueError(
            f"`scale` must be an int, at least 2. Received: scale={scale!r}"
        )
    if method == "bicubic":
        return None
    if method == "video_edsr":
        if scale not in (3, 4):
            raise ValueError(
                f"video_edsr upscales 3 or 4 times. Received: scale={scale}"
            )
        return presets.video_upscaler(scale)
    if not str(method).endswith(".keras"):
        raise ValueError(
            "`method` must be video_edsr, bicubic or a .keras file. "
            f"Received: {method!r}"
        )
    network = load_model(method, keras.Model)
    shape = getattr(network, "input_shape", None)
    if not isinstance(shape, tuple) or len(shape) != 5:
        raise ValueError(
            f"{method} takes no windows of frames (batch, num_frames, height, "
            "width, channels): it cannot restore video."
        )
    return network
