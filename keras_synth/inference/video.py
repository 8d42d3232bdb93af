"""Running a restorer on video, frame after frame, in bounded memory."""

import collections
import itertools

import numpy as np

from keras_synth.inference.inputs import input_shapes, run_restorer
from keras_synth.io import Progress
from keras_synth.ops import compensate_motion, scene_change
from keras_synth.ops.motion import SCENE_CUT


def restore_video(
    model,
    frames,
    *,
    num_frames=None,
    prepare=None,
    compensate=compensate_motion,
    total=None,
    verbose=1,
):
    """Restores video as a stream: frames in, frames out.

    Of a network for several frames (`networks.vsrnet`, `video_edsr`) the
    window around each frame is kept, no more: the others are moved to where
    things are in the middle one. At the ends of the video, and where its
    scene changes (`ops.scene_change` above 0.55), the nearest frame of the
    same scene stands for those missing, so that there are as many frames out
    as in. Networks for images restore frame by frame.

    Args:
        model: a `keras.Model`, from (batch, num_frames, height, width,
            channels) or (batch, height, width, channels) to the latter; or
            such a function, which may hand on more: `lambda images:
            ffdnet({"image": images, "noise_level": level})`.
        frames: iterable of frames (height, width, channels), all of one size
            and scale: floats in [0, 1], or uint8.
        num_frames: odd int, for functions: how many frames it takes as
            (1, num_frames, height, width, channels). None: what a
            `keras.Model` takes; a function takes images.
        prepare: function on each frame beforehand, from (1, height, width,
            channels) to such: `restoration.bicubic(4)` for networks that
            start from upscaled frames.
        compensate: function from (1, num_frames, height, width, channels) to
            the same, which moves the frames; None leaves things where they
            are.
        total: how many frames there are, for the progress; None: unknown.
        verbose: Progress, see `io.Progress`: 0 shows none.

    Returns:
        An iterator of float32 (height', width', channels') in [0, 1].

    Raises:
        ValueError: arguments that do not fit; while iterating: no frames, one
            frame for a network of several, frames of another size or values,
            or a model that returns something else.

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
    num_frames = _window_size(model, num_frames)
    for name, function in (("prepare", prepare), ("compensate", compensate)):
        if function is not None and not callable(function):
            raise ValueError(
                f"`{name}` must be a function or None. Received: {function!r}"
            )
    return _restored(
        model, frames, num_frames, prepare, compensate, total, verbose
    )


def _restored(model, frames, num_frames, prepare, compensate, total, verbose):
    progress = Progress(total, "frames", verbose)
    scenes = _in_scenes(frames, prepare)
    for window in _windows(scenes, num_frames or 1):
        if num_frames is None:
            (inputs,) = window
        else:
            inputs = np.stack(window, axis=1)
            if compensate is not None and num_frames > 1:
                inputs = np.asarray(compensate(inputs))
        (restored,) = run_restorer(model, inputs)
        progress.add()
        yield np.clip(restored, 0.0, 1.0)
    progress.close()


def _in_scenes(frames, prepare):
    """`(number of its scene, prepared frame)`, one by one."""
    scene, before = 0, None
    for number, frame in enumerate(frames):
        frame = _checked(frame, number, before)
        if before is not None and min(frame.shape[1:3]) >= 16:
            scene += float(scene_change(before, frame)[0]) > SCENE_CUT
        before = frame
        yield scene, frame if prepare is None else np.asarray(prepare(frame))


def _windows(scenes, num_frames):
    """The frames around each, as many as there are frames."""
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
    """A window's frames; those of another scene, or none, are replaced."""
    entries = list(window)
    scene = entries[half][0]
    # From the middle outwards: what is missing is its inner neighbor.
    for index in range(half + 1, len(entries)):
        for here, inner in ((index, index - 1), (-index - 1, -index)):
            if entries[here] is None or entries[here][0] != scene:
                entries[here] = entries[inner]
    return [frame for _, frame in entries]


def _checked(frame, number, before):
    """(1, height, width, channels), float32 in [0, 1]."""
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


def _window_size(model, num_frames):
    """How many frames the model takes, None where it takes images."""
    if num_frames is not None and (
        not isinstance(num_frames, int) or num_frames < 1 or num_frames % 2 == 0
    ):
        raise ValueError(
            "`num_frames` must be an odd int, or None. "
            f"Received: num_frames={num_frames!r}"
        )
    shapes = input_shapes(model)
    if set(shapes.values()) == {None}:  # it does not say
        return num_frames
    found = shapes["frames"][1] if "frames" in shapes else None
    if num_frames not in (None, found):
        raise ValueError(
            f"{model.name} takes {found or 'images, not'} frames. "
            f"Received: num_frames={num_frames}"
        )
    return found
