"""Motion compensation: neighboring frames aligned with the middle one."""

from keras import ops

from keras_synth.ops.flow import optical_flow
from keras_synth.ops.numbers import is_int
from keras_synth.ops.warping import check_images, warp

#: A `scene_change` above this value counts as a cut between scenes.
SCENE_CUT = 0.55
_THUMBNAIL = 16


def compensate_motion(
    frames,
    *,
    tolerance=0.006,
    window=37,
    interpolation="bicubic",
    attachment=100.0,
    finest_level=0,
):
    """Motion compensation of a clip towards its middle frame.

    The flow from the middle frame to each other frame is estimated on the
    frames as given (degraded ones too), all pairs at once. Each frame is then
    warped, and replaced by the middle frame where warping fails.

    Args:
        frames: Float (batch, time, height, width, channels) in [0, 1], an odd
            number of frames of at least 16 x 16, of 1 or 3 channels.
        tolerance: Error above which a warped pixel is replaced, see
            `adaptive_compensation`; None keeps all warped pixels.
        window: Side of the window of that error in pixels, an odd int.
        interpolation: "bilinear" or "bicubic", see `warp`.
        attachment: Weight λ of the flow's data term, see `optical_flow`.
        finest_level: Level at which the flow stops, see `optical_flow`; 1
            suits frames upscaled by 2 or more, in a quarter of the time.

    Returns:
        float32 (batch, time, height, width, channels); the middle frame is
        unchanged.

    Raises:
        ValueError: Another shape, an even number of frames, options out of
            range.

    Example:

    >>> clip = ops.ones((1, 3, 16, 16, 1))
    >>> compensate_motion(clip).shape
    TensorShape([1, 3, 16, 16, 1])

    Reference: Kappeler et al., Video Super-Resolution with Convolutional
    Neural Networks, 2016, sections III-D and III-E.
    """
    frames = ops.convert_to_tensor(frames)
    shape = tuple(frames.shape)
    if len(shape) != 5 or shape[1] is None or shape[1] % 2 == 0:
        raise ValueError(
            "`frames` must be (batch, time, height, width, channels), an odd "
            f"number of frames. Received: shape {shape}"
        )
    frames = ops.cast(frames, "float32")
    middle = shape[1] // 2
    others = [index for index in range(shape[1]) if index != middle]
    if not others:
        return frames
    moving = ops.concatenate([frames[:, index] for index in others])
    reference = ops.concatenate([frames[:, middle]] * len(others))
    flow = optical_flow(
        reference, moving, attachment=attachment, finest_level=finest_level
    )
    moved = warp(moving, flow, interpolation)
    if tolerance is not None:
        moved = adaptive_compensation(reference, moved, tolerance, window)
    moved = ops.split(moved, len(others))
    return ops.stack(
        [*moved[:middle], frames[:, middle], *moved[middle:]], axis=1
    )


def adaptive_compensation(reference, warped, tolerance=0.006, window=37):
    """Adaptive motion compensation: the warped frame where it fits.

    `y = r y_warped + (1 - r) y_reference`, `r = exp(-k e)`, k = 1 / tolerance.
    Fast motion, occlusion and blur leave large errors e after warping. Here e
    is the mean of |y_warped - y_reference| over the channels and a square
    window around the pixel.

    Args:
        reference: The middle frames, float (batch, height, width, channels).
        warped: Other frames warped to them, of the same shape.
        tolerance: Error at which the warped frame has a share of 1 / e = 0.37,
            in the unit of the images. The paper uses k = 1 / 8 on the sum
            of the error over 37 x 37 pixels, which is 0.006 here.
        window: Side of the window in pixels, odd.

    Returns:
        float32 (batch, height, width, channels).

    Raises:
        ValueError: Shapes that differ, options out of range.

    Example:

    >>> black, gray = ops.zeros((1, 4, 4, 1)), ops.full((1, 4, 4, 1), 0.5)
    >>> float(ops.max(adaptive_compensation(black, gray, tolerance=0.01)))
    9.6...e-23

    Reference: Kappeler et al. 2016, equations 8 and 9.
    """
    reference = check_images(reference, "reference")
    warped = check_images(warped, "warped")
    if tuple(reference.shape) != tuple(warped.shape):
        raise ValueError(
            "`reference` and `warped` must have the same shape. Received: "
            f"{tuple(reference.shape)} and {tuple(warped.shape)}"
        )
    if not tolerance > 0:
        raise ValueError(
            "`tolerance` must be above 0, or None for no adaptation. "
            f"Received: tolerance={tolerance!r}"
        )
    if not is_int(window) or window < 1 or window % 2 == 0:
        raise ValueError(
            f"`window` must be an odd int. Received: window={window!r}"
        )
    error = ops.abs(warped - reference)
    error = ops.mean(error, axis=-1, keepdims=True)
    for side in ((window, 1), (1, window)):  # cut at the border, not padded
        error = ops.average_pool(
            error, side, strides=1, padding="same", data_format="channels_last"
        )
    trust = ops.exp(-error / tolerance)
    return reference + trust * (warped - reference)


def scene_change(images, others):
    """Scene change measure: 0 for the same scene, about 1 for unrelated ones.

    `1 - (2 s_xy + c) / (s_x² + s_y² + c)` of thumbnails of 16 x 16 pixels,
    each the mean of its part: variances, covariance, c = 1e-4. Motion of a
    few percent of the image changes little; brightness does not count. A
    cut between shots gives above 0.55 in all but a few cases.

    Args:
        images: Float (batch, height, width, channels) in [0, 1], of 1 or 3
            channels (the mean of them counts), at least 16 x 16.
        others: The images compared with them, of the same shape.

    Returns:
        (batch,), from 0 to 2.

    Raises:
        ValueError: Shapes that differ or are too small.

    Example:

    >>> rows = ops.broadcast_to(ops.arange(32.0)[:, None] / 32, (32, 32))
    >>> image = rows[None, :, :, None]
    >>> float(scene_change(image, image)[0])
    0.0
    >>> float(scene_change(image, ops.flip(image, axis=1))[0]) > 1.9
    True
    """
    images = check_images(images, "images")
    others = check_images(others, "others")
    shape = tuple(images.shape)
    if shape != tuple(others.shape) or min(shape[1:3]) < _THUMBNAIL:
        raise ValueError(
            "`images` and `others` must have the same shape, at least 16 x 16 "
            f"pixels. Received: {shape} and {tuple(others.shape)}"
        )
    x, y = _thumbnails(images), _thumbnails(others)
    covariance = ops.mean(x * y, axis=(1, 2))
    variances = ops.mean(x * x + y * y, axis=(1, 2))
    return 1.0 - (2.0 * covariance + 1e-4) / (variances + 1e-4)


def _thumbnails(images):
    """(batch, 16, 16), of mean 0."""
    _, height, width, channels = images.shape
    rows, columns = height // _THUMBNAIL, width // _THUMBNAIL
    parts = images[:, : rows * _THUMBNAIL, : columns * _THUMBNAIL]
    parts = ops.reshape(
        parts, (-1, _THUMBNAIL, rows, _THUMBNAIL, columns, channels)
    )
    means = ops.mean(parts, axis=(2, 4, 5))
    return means - ops.mean(means, axis=(1, 2), keepdims=True)
