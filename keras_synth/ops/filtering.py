"""Upsampling and downsampling with an antialiasing FIR filter."""

import numpy as np
from keras import ops


def upfirdn(images, taps, up=1, down=1, padding=(0, 0), gain=1.0):
    """Upsample, FIR filter, downsample (upfirdn).

    Along both sides of each image, each channel by itself:

    1. insert `up - 1` zeros after every value;
    2. add `padding` zeros at both ends;
    3. convolve with the taps, `y[i] = Σ_k taps[k] x[i + K - 1 - k]`, where
       the filter fits;
    4. keep every `down`-th value, beginning with the first.

    Args:
        images: Float (batch, height, width, channels).
        taps: Numbers of the filter, the same along both sides.
        up: Factor of upsampling, a positive int.
        down: Factor of downsampling, a positive int.
        padding: Zeros added `(before, after)`, ints of at least 0.
        gain: Factor by which the result is multiplied.

    Returns:
        (batch, height', width', channels) in the same dtype, with
        `height' = (up · height + before + after - K) // down + 1` for K taps.

    Reference: Karras et al., Analyzing and Improving the Image Quality of
    StyleGAN, 2020, whose authors gave the operation its name;
    `scipy.signal.upfirdn` is the same in one dimension.

    Example:

    >>> images = ops.ones((1, 2, 2, 1))
    >>> doubled = upfirdn(images, (1, 1), up=2, padding=(1, 0))
    >>> doubled[0, :, :, 0].numpy()[0]
    array([1., 1., 1., 1.], dtype=float32)
    """
    _, height, width, channels = ops.shape(images)
    if up > 1:
        # Behind the channels of each pixel, then behind each row: LiteRT pads
        # no more than five axes.
        zeros = [(0, 0), (0, 0), (0, 0), (0, (up - 1) * channels)]
        rows = ops.reshape(
            ops.pad(images, zeros), (-1, height, up * width * channels)
        )
        zeros = [(0, 0), (0, 0), (0, (up - 1) * up * width * channels)]
        images = ops.reshape(
            ops.pad(rows, zeros), (-1, up * height, up * width, channels)
        )
    if any(padding):
        images = ops.pad(images, [(0, 0), padding, padding, (0, 0)])
    flipped = np.asarray(taps, "float32")[::-1]
    kernel = gain * np.outer(flipped, flipped)[:, :, None, None]
    kernel = ops.convert_to_tensor(np.tile(kernel, (1, 1, channels, 1)))
    return ops.depthwise_conv(
        images,
        ops.cast(kernel, images.dtype),
        strides=down,
        padding="valid",
        data_format="channels_last",
    )


def check_taps(taps):
    """Scales the taps of a filter to a sum of 1; raises on invalid ones."""
    values = np.asarray(taps, "float64")
    if values.ndim != 1 or len(values) < 2 or not values.sum() > 0:
        raise ValueError(
            "`taps` must be at least two numbers with a sum above 0. "
            f"Received: taps={taps!r}"
        )
    # Scaled taps come back from a saved configuration unchanged.
    if abs(values.sum() - 1.0) > 1e-12:
        values = values / values.sum()
    return tuple(values.tolist())
