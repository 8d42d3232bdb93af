"""Pretrained networks for super-resolution of images and video."""

import functools

import keras

from keras_synth.networks import edsr, video_edsr
from keras_synth.networks.pretrained import float32_layers
from keras_synth.ops import compensate_motion
from keras_synth.presets.files import load_preset

#: Motion compensation of upscaled frames, as `video_upscaler` needs it in
#: training and use. Upscaled frames show their motion at half the size, and
#: where they have fine detail they differ from frame to frame by more than the
#: paper's tolerance.
compensate_upscaled = functools.partial(
    compensate_motion, tolerance=0.03, window=15, finest_level=1
)


def gray_upscaler(weights="pretrained"):
    """Gray upscaler: EDSR of 12 blocks for x4 super-resolution.

    The pretrained weights come from `make benchmark NAME=super_resolution`;
    `presets/gray_upscaler.md` says what they reach.

    Args:
        weights: "pretrained", None for random ones, or the path of a
            `.weights.h5` file.

    Returns:
        A `keras.Model` from (batch, height, width, 1) in [0, 1] to (batch,
        4 height, 4 width, 1).

    Raises:
        FileNotFoundError: No file at that path.
        ValueError: The file holds other weights.

    Example:

    >>> gray_upscaler()(keras.ops.zeros((1, 9, 14, 1))).shape
    TensorShape([1, 36, 56, 1])
    """
    with float32_layers():
        shape = edsr(4, channels=1, num_blocks=12)
        network = keras.Model(shape.input, shape.output, name="gray_upscaler")
    load_preset(network, weights, "Train one: keras-synth train upscaler")
    return network


def video_upscaler(scale=4, weights="pretrained"):
    """Video upscaler: `video_edsr` of five gray frames, x3 or x4.

    The pretrained weights come from `make benchmark NAME=video_x4` (and
    `video_x3`); `presets/video_upscaler_x4.md` says what they reach. They
    take frames aligned by `compensate_upscaled`.

    Args:
        scale: 3 or 4.
        weights: "pretrained", None for random ones, or the path of a
            `.weights.h5` file.

    Returns:
        A `keras.Model` from upscaled frames (batch, 5, height, width, 1) in
        [0, 1] to the middle one.

    Raises:
        FileNotFoundError: No file at that path.
        ValueError: Another scale; the file holds other weights.

    Example:

    >>> video_upscaler(4)(keras.ops.zeros((1, 5, 36, 56, 1))).shape
    TensorShape([1, 36, 56, 1])
    """
    if scale not in (3, 4):
        raise ValueError(f"`scale` must be 3 or 4. Received: {scale!r}")
    with float32_layers():
        shape = video_edsr(scale, channels=1, width=48)
        network = keras.Model(
            shape.input, shape.output, name=f"video_upscaler_x{scale}"
        )
    load_preset(
        network, weights, f"Train one: make benchmark NAME=video_x{scale}"
    )
    return network
