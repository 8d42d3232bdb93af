"""Pipeline of degraded frame windows for video restoration networks."""

import itertools

import numpy as np
import tensorflow as tf

from keras_synth.datasets.clips import ClipSource
from keras_synth.datasets.crops import parse_size
from keras_synth.datasets.epochs import (
    by_epoch,
    epoch_key,
    fold,
    shuffled_order,
)
from keras_synth.datasets.restoration import random_symmetry
from keras_synth.degradations import Degradation
from keras_synth.ops import compensate_motion
from keras_synth.ops.numbers import is_int

_CHOICES = {
    "symmetry": ("square", "mirror", "none"),
    "degradation_by": ("frame", "clip"),
    "edges": ("repeat", "drop"),
}


def video_pipeline(
    source,
    degradation,
    patch_size=None,
    *,
    num_frames=5,
    edges="repeat",
    compensate=compensate_motion,
    degradation_by="frame",
    patches_per_window=1,
    symmetry="square",
    batch_size=16,
    training=True,
    seed=0,
):
    """Batches of degraded frame windows and their clean middle frames.

    A window is a frame and as many frames before as after it; windows lie
    within one clip, thus one scene. Each is degraded, and then its frames are
    aligned to the middle one by motion compensation.

    In training, the same patch is cut out of all frames of a window, at a
    random place; it is mirrored and rotated, half of the windows are reversed
    in time, and all are degraded, drawn anew in each epoch. In testing
    (`training=False`), every window comes once, in order, whole or cropped to
    its center, with the same degradation on each pass. A batch holds frames of
    one size, so it may be smaller where the size changes.

    Order and random draws depend on `seed` and the number of the epoch alone:
    pass `callbacks.EpochOrder(dataset)` to `fit`, so that a resumed training
    gets the same batches as an uninterrupted one. Without it each pass is the
    next epoch.

    Motion estimation takes about as long as training a small network. Windows
    that do not change (`symmetry="none"` and a deterministic degradation) can
    be prepared once, with `dataset.cache()` after `training=False`.

    Args:
        source: A `ClipSource`.
        degradation: A `keras_synth.degradations.Degradation`. For networks
            that keep the size: `Downsample(factor, keep_size=True)`.
        patch_size: Side of the patches, or (height, width). Training needs
            it; patches that are not square are mirrored, not rotated. None
            for whole frames.
        num_frames: Frames of a window, an odd int.
        edges: Windows around the first and last frames of a clip: "repeat"
            fills them up with the clip's edge frame, "drop" leaves them out,
            and with them clips shorter than a window.
        compensate: Motion compensation, a function from frames (batch, time,
            height, width, channels) to frames of the same shape. None for no
            compensation. Set options with
            `functools.partial(ops.compensate_motion, ...)`.
        degradation_by: "frame" draws a degradation for each frame. "clip"
            draws one strength for all frames of a window, while noise still
            differs from frame to frame; it suits blur, noise and
            downsampling, not degradations that have colors or places.
        patches_per_window: Patches cut from each window in an epoch.
        symmetry: Random symmetries of training patches, as in
            `restoration_pipeline`. "none" also reverses nothing in time.
        batch_size: Windows in a batch.
        training: Whether the batches are for training or for testing.
            Training drops an incomplete last batch.
        seed: Seed of all random draws, an int.

    Returns:
        A `tf.data.Dataset` of `(degraded, clean)`, float32 (batch, num_frames,
        height, width, channels) and (batch, height, width, channels).

    Raises:
        ValueError: Arguments that do not fit the source.

    Example:

    >>> from keras_synth import datasets, degradations
    >>> clips = [np.zeros((7, 40, 32, 1))]
    >>> source = datasets.clips_from_arrays("black", clips)
    >>> pairs = video_pipeline(
    ...     source, degradations.GaussianNoise(0.1), 24, batch_size=4
    ... )
    >>> degraded, clean = next(iter(pairs))
    >>> degraded.shape, clean.shape
    (TensorShape([4, 5, 24, 24, 1]), TensorShape([4, 24, 24, 1]))
    """
    patch = parse_size(patch_size, "patch_size")
    _check(source, degradation, patch, num_frames, training)
    _check_choices(
        symmetry=symmetry, degradation_by=degradation_by, edges=edges
    )
    windows = _windows(source, num_frames, edges)
    _check_counts(source, windows, patches_per_window, batch_size, training)
    count = len(windows) * patches_per_window

    def cut(window, part):
        """A patch of the frames (clip, *frames), at a share of the margin."""
        clip = source.clips[window[0]]
        height, width = patch or clip.shape[1:3]
        margin = np.array(clip.shape[1:3]) - (height, width)
        corner = np.minimum((part * (margin + 1)).astype(int), margin)
        if not training:
            corner = margin // 2
        top, left = corner
        return clip[window[1:], top : top + height, left : left + width]

    def batches(windows, order, key, first):
        """Batches of windows of one size."""
        clip = source.clips[windows[0, 0]]
        shape = (num_frames, *(patch or clip.shape[1:3]), clip.shape[-1])
        with tf.init_scope():  # Once, outside the dataset's graph.
            small = degradation(tf.zeros(shape[1:]), seed=0).shape
        degraded_shape = (None, num_frames, *small)

        def frames(index):
            window = tf.constant(windows)[index % len(windows)]
            part = tf.random.stateless_uniform((2,), fold(key, index))
            result = tf.numpy_function(cut, [window, part], tf.uint8)
            return tf.ensure_shape(result, shape)

        def prepare(index, frames):
            frames = tf.cast(frames, "float32") / 255.0
            # Patches use the indices below this one: no seed is used twice.
            seeds = tf.random.split(fold(key, count + first + index), 2)
            if training and symmetry != "none":
                frames = _augmented(frames, seeds[0], symmetry)
            degraded = _degraded(frames, degradation, seeds[1], degradation_by)
            degraded = tf.ensure_shape(degraded, degraded_shape)
            if compensate is not None:
                degraded = compensate(degraded)
            return degraded, frames[:, num_frames // 2]

        dataset = tf.data.Dataset.from_tensor_slices(order)
        dataset = dataset.map(frames, num_parallel_calls=tf.data.AUTOTUNE)
        dataset = dataset.batch(batch_size, drop_remainder=training)
        return dataset.enumerate().map(
            prepare, num_parallel_calls=tf.data.AUTOTUNE
        )

    def one_epoch(epoch):
        key = epoch_key(seed, epoch)
        return batches(windows, shuffled_order(count, key), key, 0)

    if training:
        return by_epoch(one_epoch, count // batch_size)
    key, first, parts = epoch_key(seed, 0), 0, []
    for alike in _runs_of_one_size(source, windows, patch):
        parts.append(batches(alike, tf.range(len(alike)), key, first))
        first += len(alike)
    dataset = parts[0]
    for part in parts[1:]:
        dataset = dataset.concatenate(part)
    return dataset.prefetch(tf.data.AUTOTUNE)


def _windows(source, num_frames, edges):
    """int32 (windows, 1 + num_frames): index of the clip, and of frames."""
    half = num_frames // 2
    offsets = np.arange(-half, half + 1)
    windows = []
    for number, clip in enumerate(source.clips):
        last = len(clip) - 1
        inner = half if edges == "drop" else 0
        for middle in range(inner, last - inner + 1):
            frames = np.clip(middle + offsets, 0, last)
            windows.append([number, *frames])
    if not windows:
        raise ValueError(
            f"No clip of {source.name!r} has {num_frames} frames: take fewer "
            '(`num_frames`), or edges="repeat".'
        )
    return np.array(windows, "int32")


def _runs_of_one_size(source, windows, patch):
    """The windows in order, in groups whose frames have one size."""
    if patch:
        return [windows]
    runs = itertools.groupby(
        windows, key=lambda window: source.clips[window[0]].shape[1:3]
    )
    return [np.stack(list(run)) for _, run in runs]


def _augmented(clips, seed, symmetry):
    """Mirrors and rotates all frames of a clip alike; reverses half in time."""
    seeds = tf.random.split(seed, 2)
    count = clips.shape[1]
    turned = random_symmetry(_as_channels(clips), seeds[0], symmetry)
    clips = _as_frames(turned, count)
    backwards = tf.random.stateless_uniform(tf.shape(clips)[:1], seeds[1]) < 0.5
    return tf.where(
        backwards[:, None, None, None, None], tf.reverse(clips, [1]), clips
    )


def _degraded(clips, degradation, seed, degradation_by):
    """Degrades frames one by one, or as the channels of one image."""
    time, height, width, channels = clips.shape[1:]
    if degradation_by == "clip":
        return _as_frames(degradation(_as_channels(clips), seed), time)
    frames = tf.reshape(clips, (-1, height, width, channels))
    frames = degradation(frames, seed)
    size = tf.shape(frames)
    return tf.reshape(frames, (-1, time, size[1], size[2], channels))


def _as_channels(clips):
    """(batch, height, width, time · channels)."""
    time, height, width, channels = clips.shape[1:]
    images = tf.transpose(clips, (0, 2, 3, 1, 4))
    return tf.reshape(images, (-1, height, width, time * channels))


def _as_frames(images, time):
    """The inverse of `_as_channels`."""
    size, channels = tf.shape(images), images.shape[-1] // time
    clips = tf.reshape(images, (-1, size[1], size[2], time, channels))
    return tf.transpose(clips, (0, 3, 1, 2, 4))


def _check(source, degradation, patch, num_frames, training):
    if not isinstance(source, ClipSource):
        raise ValueError(
            "`source` must be a `ClipSource`, as `clip_folder`, `clip_file`, "
            "`clips_from_arrays` and `moving_images` give. "
            f"Received: {source!r}"
        )
    if not isinstance(degradation, Degradation):
        raise ValueError(
            "`degradation` must be one of `keras_synth.degradations`. "
            f"Received: {degradation!r}"
        )
    if not is_int(num_frames) or num_frames < 1 or num_frames % 2 == 0:
        raise ValueError(
            "`num_frames` must be an odd int, the middle frame and as many on "
            f"both sides. Received: num_frames={num_frames!r}"
        )
    if training and not patch:
        raise ValueError(
            "Training needs a `patch_size`: frames are cut into patches."
        )
    sizes = [clip.shape[1:3] for clip in source.clips]
    smallest = np.min(sizes, axis=0)
    if patch and (patch[0] > smallest[0] or patch[1] > smallest[1]):
        raise ValueError(
            f"`patch_size` {patch[0]}x{patch[1]} is larger than some frames "
            f"of {source.name!r} (down to {smallest[0]}x{smallest[1]})."
        )


def _check_choices(**given):
    for name, value in given.items():
        if value not in _CHOICES[name]:
            raise ValueError(
                f"`{name}` must be one of {', '.join(_CHOICES[name])}. "
                f"Received: {name}={value!r}"
            )


def _check_counts(source, windows, patches_per_window, batch_size, training):
    counts = {
        "patches_per_window": patches_per_window,
        "batch_size": batch_size,
    }
    for name, value in counts.items():
        if not is_int(value) or value < 1:
            raise ValueError(
                f"`{name}` must be a positive int. Received: {name}={value!r}"
            )
    count = len(windows) * patches_per_window
    if training and batch_size > count:
        raise ValueError(
            f"`batch_size={batch_size}` is more than the {count} patches of "
            f"{source.name!r}: no batch would be full."
        )
