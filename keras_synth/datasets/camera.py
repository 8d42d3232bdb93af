"""Synthetic video clips: still images seen by a moving camera."""

import numpy as np
import tensorflow as tf

from keras_synth.datasets.clips import ClipSource
from keras_synth.datasets.crops import parse_size
from keras_synth.ops import sample
from keras_synth.ops.numbers import is_int


def moving_images(
    source,
    size,
    num_frames=7,
    *,
    clips_per_image=1,
    speed=2.0,
    rotation=0.5,
    zoom=0.005,
    shrink=2.0,
    seed=0,
):
    """Video clips of still images, by a camera that drifts, turns and zooms.

    In each clip the camera starts at a random place and moves along a smooth
    path: drift, turn and zoom have random values at both ends of the clip and
    change evenly between them. Each frame is read from the image by bicubic
    interpolation, at `shrink` times its size, and then made smaller with
    antialiasing, so that it is as sharp as a photograph and shifted by
    fractions of a pixel. Frames never extend beyond the image: images too
    small for the path are left out.

    Args:
        source: A `Source` of images.
        size: Side of the frames, or (height, width).
        num_frames: Frames of each clip, at least two.
        clips_per_image: Clips of each image, each with its own path.
        speed: Largest drift from one frame to the next, in pixels of a frame.
        rotation: Largest turn from one frame to the next, in degrees.
        zoom: Largest relative change of size from one frame to the next.
        shrink: Factor by which the read frames are made smaller, at least 1.
        seed: Seed of the paths, an int.

    Returns:
        A `ClipSource` in memory.

    Raises:
        ValueError: Arguments out of range, or no image is large enough.

    Example:

    >>> from keras_synth import datasets
    >>> images = np.zeros((2, 28, 28, 1), "uint8")
    >>> stills = datasets.source_from_arrays(
    ...     "black", "all", images, np.zeros(2)
    ... )
    >>> clips = moving_images(stills, 8, num_frames=3, speed=1.0)
    >>> clips.clips[0].shape
    (3, 8, 8, 1)
    """
    size = parse_size(size, "size")
    _check_moving(size, num_frames, clips_per_image, speed, shrink)
    rng = np.random.default_rng(seed)
    clips = []
    for element in source.dataset:
        image = tf.cast(element["image"], "float32") / 255.0
        for _ in range(clips_per_image):
            path = _camera_path(rng, num_frames, speed, rotation, zoom)
            clip = _film(image, size, path, shrink, rng)
            if clip is not None:
                clips.append(clip)
    if not clips:
        raise ValueError(
            f"No image of {source.name!r} is large enough for frames of "
            f"{size[0]}x{size[1]} on such a path: make `size`, `shrink`, "
            "`num_frames` or `speed` smaller."
        )
    return ClipSource(f"moving {source.name}", tuple(clips))


def _camera_path(rng, num_frames, speed, rotation, zoom):
    """(num_frames, 4): shifts in x and y, angle in radians, log of the zoom.

    Steps from frame to frame, drawn for both ends and evenly between; the
    path is at 0 in its middle.
    """
    largest = np.array([speed, speed, np.deg2rad(rotation), np.log1p(zoom)])
    ends = largest * rng.uniform(-1.0, 1.0, (2, 4))
    part = np.linspace(0.0, 1.0, num_frames - 1)[:, None]
    steps = (1.0 - part) * ends[0] + part * ends[1]
    path = np.concatenate([np.zeros((1, 4)), np.cumsum(steps, axis=0)])
    return path - path[num_frames // 2]


def _film(image, size, path, shrink, rng):
    """A clip (time, *size, channels) of an image; None if it is too small."""
    read = np.array([round(shrink * side) for side in size])
    rows, columns = (np.arange(side) - (side - 1) / 2 for side in read)
    grid = np.stack(np.meshgrid(columns, rows), axis=-1)
    places = np.stack(
        [
            np.exp(log_zoom) * grid @ _rotation(angle)
            + shrink * np.array(shift)
            for *shift, angle, log_zoom in path
        ]
    )
    low, high = places.min(axis=(0, 1, 2)), places.max(axis=(0, 1, 2))
    room = np.array(image.shape[1::-1]) - 1 - (high - low)
    corner = rng.uniform(size=2)
    if room.min() < 0:
        return None
    places = (places - low + corner * room).astype("float32")
    frames = sample(
        tf.repeat(image[None], len(path), axis=0), places, "bicubic"
    )
    if tuple(read) != size:
        frames = tf.image.resize(frames, size, "bicubic", antialias=True)
    frames = tf.clip_by_value(frames, 0.0, 1.0)
    return np.rint(255.0 * frames.numpy()).astype("uint8")


def _rotation(angle):
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([[cosine, sine], [-sine, cosine]])


def _check_moving(size, num_frames, clips_per_image, speed, shrink):
    counts = {
        "num_frames": (num_frames, 2),
        "clips_per_image": (clips_per_image, 1),
    }
    for name, (value, least) in counts.items():
        if not is_int(value) or value < least:
            raise ValueError(
                f"`{name}` must be an int of at least {least}. "
                f"Received: {name}={value!r}"
            )
    if size is None:
        raise ValueError("`size` must be an int or (height, width).")
    if not speed >= 0:
        raise ValueError(
            f"`speed` must not be negative. Received: speed={speed!r}"
        )
    if not shrink >= 1:
        raise ValueError(
            f"`shrink` must be at least 1. Received: shrink={shrink!r}"
        )
