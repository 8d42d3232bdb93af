"""Video super-resolution: a video, or a folder of frames, upscaled."""

import collections
import dataclasses
import hashlib
import itertools
import os
import pathlib
from typing import Literal

import keras
import numpy as np

import keras_synth
from keras_synth import presets, restoration
from keras_synth.inference import restore_video, run_restorer
from keras_synth.io import (
    VIDEO_EXTENSIONS,
    Progress,
    Provenance,
    check_video_target,
    is_finished,
    open_video,
    video_writer,
)
from keras_synth.models.loading import load_model
from keras_synth.ops.color import full_range_luma
from keras_synth.ops.numbers import is_int
from keras_synth.tasks.image_files import bleed_colors


@dataclasses.dataclass(frozen=True)
class UpscaledVideo:
    """Result of `upscale_video`.

    Attributes:
        source: Path of the video or folder that was read.
        target: Path of the video or folder that was written.
        scale: Factor of each side.
        size: (height, width) of the frames written.
        num_frames: Number of frames.
        notes: Tuple of str: what of the source could not be kept.
    """

    source: pathlib.Path
    target: pathlib.Path
    scale: int
    size: tuple[int, int]
    num_frames: int
    notes: tuple[str, ...] = ()


def upscale_frames(frames, network, scale):
    """Upscales a stream of video frames (video super-resolution).

    A network f for gray frames upscales the brightness Y of a color frame x,
    and colors are upscaled bicubically, as in `upscale`:

        x̂ = bicubic(x - Y(x)) + f(Y(x))

    Transparency is upscaled bicubically. Only the frames of one window are in
    memory.

    Args:
        frames: Iterable of frames (height, width, 1, 3 or 4) of one size,
            floats in [0, 1] or uint8. The fourth channel is transparency.
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
        frames = (_joined(*_split(frame))[0] for frame in frames)
        return restore_video(bicubic, frames, verbose=0)
    channels = network.input_shape[-1]
    waiting = collections.deque()  # what the network does not restore

    def restored_part():
        for frame in frames:
            color, alpha = _split(frame)
            waiting.append((color, alpha))
            yield _with_channels(color, channels)[0]

    def upscale(window):
        large, (small, alpha) = run_restorer(network, window), waiting.popleft()
        if channels == 3 and small.shape[-1] == 1:
            large = large.mean(axis=-1, keepdims=True)
        else:
            large = large + bicubic(small - _with_channels(small, channels))
        return _joined(large, None if alpha is None else bicubic(alpha))

    return restore_video(
        upscale,
        restored_part(),
        num_frames=network.input_shape[1],
        prepare=bicubic,
        compensate=presets.compensate_upscaled,
        verbose=0,
    )


def _split(frame):
    """Color (1, height, width, 1 or 3), and transparency or None."""
    frame = np.asarray(frame)
    if frame.dtype == np.uint8:
        frame = frame / np.float32(255.0)
    if frame.ndim != 3 or frame.shape[-1] < 4:
        return frame[None], None
    color, alpha = frame[..., :3], frame[..., 3:]
    return bleed_colors(color, alpha)[None], alpha[None]


def _joined(color, alpha):
    return color if alpha is None else np.concatenate([color, alpha], axis=-1)


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
    accept_truncated: bool = False,
    strip: bool = False,
    skip_existing: bool = False,
    overwrite: bool = False,
    verbose: Literal["auto", 0, 1, 2] = "auto",
) -> UpscaledVideo:
    """Upscales a video (video super-resolution), in bounded memory.

    Of a video file the times of the frames, the shape of the pixels, color
    space and bits stay; rotation is applied. Sound, subtitles, chapters and
    tags are copied. What the target cannot hold is said in the result.

    Args:
        source: Path of a video file (which needs the extra `video`), or of
            a folder whose images are the frames, in natural order (frame2
            before frame10).
        target: Path of the video file to write, or of a folder for PNG files
            of the same names.
        method: "video_edsr" (the pretrained networks, for a scale of 3 or
            4), "bicubic", or the path of a `.keras` file with a network that
            takes windows of frames, upscaled bicubically.
        scale: Factor of each side, an int of at least 2.
        frames_per_second: Constant frame rate of a video file to be written,
            without the sound of the source. None keeps the time of each
            frame; the frames of a folder are then 25 a second.
        accept_truncated: Whether a video file that is cut short or broken is
            upscaled as far as it can be decoded.
        strip: Whether to leave out the tags of a video file, such as title,
            date and place, and the metadata of frames.
        skip_existing: Whether what exists already is left as it is: so a job
            that was stopped goes on, frame by frame in a folder, in parts of
            a hundred frames in a video file.
        overwrite: Whether existing files may be replaced.
        verbose: Progress, see `io.Progress`.

    Returns:
        An `UpscaledVideo`.

    Raises:
        FileExistsError: A file exists, or a part of it, and neither
            `overwrite` nor `skip_existing` is True.
        FileNotFoundError: There is no such source or model.
        ImportError: PyAV, which reads and writes video files, is missing.
        PermissionError: The place cannot be written to.
        ValueError: Arguments are out of range, there are no frames, frames
            differ in size, the file is no video, cut short or broken, or the
            format of the target cannot hold the frames.
    """
    network = _network(method, scale)
    if frames_per_second is not None and not 0 < frames_per_second <= 1000:
        raise ValueError(
            "`frames_per_second` must be above 0, and at most 1000. Received: "
            f"frames_per_second={frames_per_second!r}"
        )
    if overwrite and skip_existing:
        raise ValueError(
            "`overwrite` replaces what `skip_existing` leaves as it is: give "
            "one of them."
        )
    source, target = pathlib.Path(source), pathlib.Path(target)
    if frames_per_second and target.suffix.lower() not in VIDEO_EXTENSIONS:
        raise ValueError(
            "`frames_per_second` is for a video file. Received: the target "
            f"{target}"
        )
    if target.resolve() == source.resolve():
        raise ValueError(f"{source} cannot be its own target: name another.")
    video = open_video(source, accept_truncated)
    check_video_target(target, overwrite or skip_existing)
    size = (scale * video.size[0], scale * video.size[1])
    if skip_existing and is_finished(target):
        return UpscaledVideo(source, target, scale, size, video.total)
    writer = video_writer(
        target,
        video,
        size,
        frames_per_second=frames_per_second,
        settings=_settings(source, method, scale),
        skip_existing=skip_existing,
        overwrite=overwrite,
        strip=strip,
        provenance=Provenance("restored", pathlib.Path(method).name),
    )
    with writer:
        count = writer.start
        large = _upscaled_from(video, network, scale, count)
        left = max(video.total - count, 0)
        with Progress(left, "frames", verbose) as progress:
            for frame in progress.track(large):
                writer.write(count, frame)
                count += 1
    notes = (*video.notes, *writer.notes)
    return UpscaledVideo(source, target, scale, size, count, notes)


def _upscaled_from(video, network, scale, start):
    """The upscaled frames from one on, as if all had been upscaled."""
    half = 0 if network is None else network.input_shape[1] // 2
    context = min(start, max(2 * half, 1))
    frames = video.frames(start - context)
    if half and video.total == 1:  # a window is this frame again and again
        frames = (copy for frame in frames for copy in (frame, frame))
        return itertools.islice(upscale_frames(frames, network, scale), 1)
    large = upscale_frames(frames, network, scale)
    return itertools.islice(large, context, None)


def _settings(source, method, scale):
    """What decides the upscaled frames, to know a job again."""
    files = [source]
    if source.is_dir():
        files = sorted(source.iterdir())
    method = str(method)
    if method.endswith(".keras"):
        files.append(pathlib.Path(method))
    stats = [(str(f), f.stat().st_size, f.stat().st_mtime_ns) for f in files]
    return {
        "files": hashlib.sha256(repr(stats).encode()).hexdigest(),
        "method": method,
        "scale": scale,
        "version": keras_synth.__version__,
    }


def _network(method, scale):
    if not is_int(scale) or scale < 2:
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
