"""Video restoration as a stream of frames, in bounded memory."""

import collections
import itertools

import numpy as np

from keras_synth.inference.inputs import input_shapes, run_restorer
from keras_synth.io import Progress
from keras_synth.ops import compensate_motion, scene_change
from keras_synth.ops.motion import SCENE_CUT
from keras_synth.ops.numbers import is_int


def restore_video(
    restorer,
    frames,
    *,
    num_frames=None,
    prepare=None,
    compensate=compensate_motion,
    total=None,
    verbose="auto",
):
    """Restores video as a stream of frames.

    A network of several frames (`networks.vsrnet`, `networks.video_edsr`)
    gets a window of frames around each frame, with the others warped to the
    middle one (motion compensation). At the ends of the video, and where the
    scene changes (`ops.scene_change` above 0.55), the nearest frame of the
    same scene replaces the missing ones, so that every frame is restored.
    Networks of images restore frame by frame. Only one window is held in
    memory.

    Args:
        restorer: A `keras.Model` or a function from (1, num_frames, height,
            width, channels) or (1, height, width, channels) to images (1,
            height', width', channels'). For a network that needs more than
            the image, give a function: `lambda images: ffdnet({"image":
            images, "noise_level": level})`.
        frames: Iterable of frames (height, width, channels), all of one size,
            floats in [0, 1] or uint8.
        num_frames: Number of frames that a function takes, an odd int, as (1,
            num_frames, height, width, channels). None for a function that
            takes images, and for a `keras.Model`, which has its own number.
        prepare: Function that is applied to each frame first, from (1, height,
            width, channels) to images, such as `restoration.bicubic(4)` for
            networks that take upscaled frames. None for none.
        compensate: Function from (1, num_frames, height, width, channels) to
            the same shape, which warps the frames to the middle one. None
            for none.
        total: Number of frames, for the progress. None if unknown.
        verbose: Progress, see `io.Progress`. 0 shows none.

    Returns:
        An iterator of float32 (height', width', channels') in [0, 1].

    Raises:
        ValueError: Arguments do not fit. While iterating: there are no
            frames, or one frame for a network of several; a frame has another
            size or type, or is not finite; or the restorer does not return
            images.

    Example:

    >>> levels = np.array([0.1, 0.2, 0.6, 0.6]).reshape(4, 1, 1, 1)
    >>> frames = np.broadcast_to(levels, (4, 16, 16, 1))
    >>> mean = lambda window: np.mean(window, axis=1)
    >>> smooth = restore_video(
    ...     mean, frames, num_frames=3, compensate=None, verbose=0
    ... )
    >>> [round(float(frame.mean()), 3) for frame in smooth]
    [0.133, 0.3, 0.467, 0.6]
    """
    num_frames = _window_size(restorer, num_frames)
    for name, function in (("prepare", prepare), ("compensate", compensate)):
        if function is not None and not callable(function):
            raise ValueError(
                f"`{name}` must be a function or None. Received: {function!r}"
            )
    return _restored(
        restorer, frames, num_frames, prepare, compensate, total, verbose
    )


def _restored(
    restorer, frames, num_frames, prepare, compensate, total, verbose
):
    progress = Progress(total, "frames", verbose)
    scenes = _in_scenes(frames, prepare)
    for window in _windows(scenes, num_frames or 1):
        if num_frames is None:
            (inputs,) = window
        else:
            inputs = np.stack(window, axis=1)
            if compensate is not None and num_frames > 1:
                inputs = np.asarray(compensate(inputs))
        (restored,) = run_restorer(restorer, inputs)
        progress.add()
        yield np.clip(restored, 0.0, 1.0)
    progress.close()


def _in_scenes(frames, prepare):
    """Yields `(number of the scene, prepared frame)` for each frame."""
    scene, before = 0, None
    for number, frame in enumerate(frames):
        frame = _checked(frame, number, before)
        if before is not None and min(frame.shape[1:3]) >= 16:
            scene += float(scene_change(before, frame)[0]) > SCENE_CUT
        before = frame
        yield scene, frame if prepare is None else np.asarray(prepare(frame))


def _windows(scenes, num_frames):
    """Yields the window of frames around each frame."""
    half = num_frames // 2
    window = collections.deque([None] * half, maxlen=num_frames)
    count = 0
    for entry in itertools.chain(scenes, [None] * half):
        count += entry is not None
        if entry is None and count < 2:
            break
        window.append(entry)
        if len(window) == num_frames:
            yield _one_scene(window, half)
    if count == 0:
        raise ValueError("`frames` must not be empty. Received: no frames")
    if count == 1 and half:
        raise ValueError(
            "A network of several frames needs at least two: one is "
            "an image. Received: one frame"
        )


def _one_scene(window, half):
    """Replaces missing frames, and those of another scene, in a window."""
    entries = list(window)
    scene = entries[half][0]
    # From the middle outwards, each is replaced by its inner neighbor.
    for index in range(half + 1, len(entries)):
        for here, inner in ((index, index - 1), (-index - 1, -index)):
            if entries[here] is None or entries[here][0] != scene:
                entries[here] = entries[inner]
    return [frame for _, frame in entries]


def _checked(frame, number, before):
    """Converts a frame to float32 (1, height, width, channels)."""
    frame = np.asarray(frame)
    if frame.ndim != 3:
        raise ValueError(
            "`frames` must be frames (height, width, channels). Received: "
            f"shape {frame.shape} for frame {number}"
        )
    if before is not None and before.shape[1:] != frame.shape:
        raise ValueError(
            f"`frames` must be of one size. Received: {frame.shape} for frame "
            f"{number}, {before.shape[1:]} before it"
        )
    if frame.dtype == np.uint8:
        frame = frame / np.float32(255.0)
    elif not np.issubdtype(frame.dtype, np.floating):
        raise ValueError(
            "`frames` must be uint8, or floats in [0, 1]. Received: "
            f"{frame.dtype} for frame {number}"
        )
    if not np.isfinite(frame).all():
        raise ValueError(f"Frame {number} must be finite: it has NaN or Inf.")
    return frame[None].astype("float32")


def _window_size(restorer, num_frames):
    """Number of frames that the restorer takes; None if it takes images."""
    if num_frames is not None and (
        not is_int(num_frames) or num_frames < 1 or num_frames % 2 == 0
    ):
        raise ValueError(
            "`num_frames` must be an odd int, or None. "
            f"Received: num_frames={num_frames!r}"
        )
    shapes = input_shapes(restorer)
    if set(shapes.values()) == {None}:  # not known
        return num_frames
    found = shapes["frames"][1] if "frames" in shapes else None
    if num_frames not in (None, found):
        raise ValueError(
            f"{restorer.name} takes {found or 'images, not'} frames. "
            f"Received: num_frames={num_frames}"
        )
    return found
