"""Anyone's video, upscaled: frames in, frames out."""

import collections
import dataclasses
import pathlib

import keras
import numpy as np

from keras_synth import presets, restoration
from keras_synth.inference import restore_batch, restore_video
from keras_synth.ops.color import full_range_luma
from keras_synth.tasks.saved import load_model
from keras_synth.tasks.video_files import (
    check_film_target,
    open_film,
    write_film,
)


@dataclasses.dataclass(frozen=True)
class UpscaledVideo:
    """What `upscale_video` did.

    Attributes:
        source: what was read.
        target: what was written.
        scale: how many times larger it is.
        size: (height, width) of the frames.
        num_frames: how many.
    """

    source: pathlib.Path
    target: pathlib.Path
    scale: int
    size: tuple
    num_frames: int


def upscale_frames(frames, network, scale, *, total=None, verbose=0):
    """Upscales a stream of frames by a network of brightness.

    As `upscale_images` does: a network for gray frames upscales the
    brightness, and colors are upscaled bicubically,

        x̂ = bicubic(x - Y(x)) + f(Y(x))

    In memory are the frames of one window.

    Args:
        frames: iterable of (height, width, 1 or 3), floats in [0, 1] or
            uint8, of one size.
        network: from upscaled frames (batch, num_frames, height, width, 1 or
            3) to the middle one, such as `presets.video_upscaler(scale)`;
            None for bicubic alone.
        scale: how many times larger.
        total: how many frames there are, for the progress.
        verbose: 1 shows progress, 0 does not.

    Returns:
        An iterator of float32 (scale · height, scale · width, channels) in
        [0, 1].

    Raises:
        ValueError: see `inference.restore_video`.

    Example:

    >>> frames = np.zeros((3, 16, 20, 3), "uint8")
    >>> large = upscale_frames(frames, presets.video_upscaler(4, None), 4)
    >>> [frame.shape for frame in large]
    [(64, 80, 3), (64, 80, 3), (64, 80, 3)]
    """
    bicubic = restoration.bicubic(scale)
    options = {"total": total, "verbose": verbose}
    if network is None:
        return restore_video(bicubic, frames, **options)
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
        large, small = restore_batch(network, window), waiting.popleft()
        if channels == 3 and small.shape[-1] == 1:
            return large.mean(axis=-1, keepdims=True)
        return large + bicubic(small - _with_channels(small, channels))

    return restore_video(
        upscale,
        restored_part(),
        num_frames=network.input_shape[1],
        prepare=bicubic,
        compensate=presets.compensate_upscaled,
        **options,
    )


def _with_channels(images, channels):
    """What of frames the network restores: their brightness, or all."""
    if channels == 1 and images.shape[-1] == 3:
        return np.asarray(full_range_luma(images))
    return np.repeat(images, channels // images.shape[-1], axis=-1)


def upscale_video(
    source,
    target,
    *,
    method="video_edsr",
    scale=4,
    frames_per_second=None,
    overwrite=False,
    verbose=1,
):
    """Upscales a video, in memory that does not depend on its length.

    Args:
        source: a folder of frames, images in the order of their names, or a
            video file (for which the extra `video` is needed).
        target: a folder, for PNG files of the same names, or a video file.
        method: "video_edsr", the networks that ship, for a scale of 3 or 4;
            "bicubic"; or the path of a `.keras` file with a network of
            several frames upscaled by that scale.
        scale: how many times larger, an int of at least 2.
        frames_per_second: of a video file to be written; None for that of the
            source, 25 for folders.
        overwrite: whether existing files may be replaced.
        verbose: 1 shows progress, 0 does not.

    Returns:
        An `UpscaledVideo`.

    Raises:
        FileExistsError: it is there and `overwrite` is False.
        FileNotFoundError: no such source.
        ImportError: a video file, and nothing that reads or writes such.
        PermissionError: the place cannot be written to.
        ValueError: arguments out of range; one frame, or none; frames of
            several sizes; a file that is no video.
    """
    network = _network(method, scale)
    if frames_per_second is not None and not frames_per_second > 0:
        raise ValueError(
            "`frames_per_second` must be above 0. Received: "
            f"frames_per_second={frames_per_second!r}"
        )
    film = open_film(source)
    check_film_target(target, overwrite)
    large = upscale_frames(
        film.frames, network, scale, total=film.total, verbose=verbose
    )
    num_frames, size = write_film(target, large, film, frames_per_second)
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
