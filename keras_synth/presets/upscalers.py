"""Pretrained super-resolution networks for images and video."""

import functools

import keras

from keras_synth.networks import edsr, video_edsr
from keras_synth.networks.pretrained import float32_layers
from keras_synth.ops import compensate_motion
from keras_synth.presets.files import load_preset

#: Motion compensation of upscaled frames, as `video_upscaler` needs it in
#: training and inference. Half the size suffices for the flow of upscaled
#: frames, and their fine detail differs between frames by more than the
#: tolerance of the paper.
compensate_upscaled = functools.partial(
    compensate_motion, tolerance=0.03, window=15, finest_level=1
)


def upscaler(scale=4, weights="pretrained"):
    """Color upscaler: EDSR of 16 blocks for super-resolution.

    For images that were made smaller bicubically, without noise. Trained on
    240 color photographs (CC BY-SA 4.0 and the Unsplash license). PSNR and
    SSIM on Y: 31.54 dB / 0.8862 on Set5 (bicubic: 28.42 dB / 0.8103), 28.16 dB
    / 0.7713 on Set14 (25.99 dB / 0.7025). License of the weights: Apache-2.0.
    See `presets/upscaler_x4.md`, and `presets/upscaler_x2.md` and
    `presets/upscaler_x3.md`, whose weights were trained further from those.

    Args:
        scale: Factor of upscaling, 2, 3 or 4.
        weights: "pretrained", None for random weights, or the path of a
            `.weights.h5` file.

    Returns:
        A `keras.Model` from (batch, height, width, 3) in [0, 1] to (batch,
        scale · height, scale · width, 3), not clipped.

    Raises:
        FileNotFoundError: There is no file at that path.
        ValueError: The scale is not 2, 3 or 4; the file holds other weights.

    Example:

    >>> upscaler(4, None)(keras.ops.zeros((1, 9, 14, 3))).shape
    TensorShape([1, 36, 56, 3])
    """
    if scale not in (2, 3, 4):
        raise ValueError(f"`scale` must be 2, 3 or 4. Received: {scale!r}")
    with float32_layers():
        shape = edsr(scale, num_blocks=16)
        network = keras.Model(
            shape.input, shape.output, name=f"upscaler_x{scale}"
        )
    load_preset(network, weights, "Train one: make presets")
    return network


def photo_upscaler(scale=4, weights="pretrained"):
    """Photo upscaler: EDSR for real small images, with blur, noise and JPEG.

    On 39 held-out photographs made small by
    `degradations.RealWorldDownsample`, its perceptual distance is 0.3547
    (bicubic: 0.4303, `upscaler`: 0.4444) and its PSNR 22.03 dB (21.32 and
    21.29 dB), with the colors of the small image
    (`restoration.keep_colors`), which it moves by some 2 gray levels. Trained
    from `upscaler(4)` on 240 color photographs (CC BY-SA 4.0 and the Unsplash
    license) made small so, for the least absolute error: it removes what the
    small image suffered, and invents no detail. License of the weights:
    Apache-2.0. See `presets/photo_upscaler_x4.md`.

    Args:
        scale: Factor of upscaling, 4.
        weights: "pretrained", None for random weights, or the path of a
            `.weights.h5` file.

    Returns:
        A `keras.Model` from (batch, height, width, 3) in [0, 1] to (batch,
        4 height, 4 width, 3), not clipped.

    Raises:
        FileNotFoundError: There is no file at that path.
        ValueError: The scale is not 4; the file holds other weights.

    Example:

    >>> photo_upscaler(4, None)(keras.ops.zeros((1, 9, 14, 3))).shape
    TensorShape([1, 36, 56, 3])
    """
    if scale != 4:
        raise ValueError(f"`scale` must be 4. Received: {scale!r}")
    with float32_layers():
        shape = edsr(scale, num_blocks=16)
        network = keras.Model(
            shape.input, shape.output, name=f"photo_upscaler_x{scale}"
        )
    load_preset(network, weights, "Train one: make presets")
    return network


def video_upscaler(scale=4, weights="pretrained"):
    """Video upscaler: `video_edsr` of five gray frames, x3 or x4.

    It takes frames upscaled bicubically and aligned by `compensate_upscaled`.
    Trained on photographs before a moving camera and two videos. PSNR of x4
    on the clips calendar and city: 22.05 and 26.86 dB (bicubic: 20.36 and
    25.33 dB). License of the weights: Apache-2.0. See
    `presets/video_upscaler_x4.md` and `presets/video_upscaler_x3.md`.

    Args:
        scale: Factor of upscaling, 3 or 4.
        weights: "pretrained", None for random weights, or the path of a
            `.weights.h5` file.

    Returns:
        A `keras.Model` from upscaled frames (batch, 5, height, width, 1) in
        [0, 1] to the middle one.

    Raises:
        FileNotFoundError: There is no file at that path.
        ValueError: The scale is not 3 or 4; the file holds other weights.

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
