"""Warping of images along an optical flow."""

import keras
from keras import ops


def warp(images, flow, interpolation="bilinear"):
    """Backward warping along a flow: `result(p) = image(p + f(p))`.

    A flow of whole pixels moves images exactly. Beyond its border an image
    continues with its edge pixels.

    Args:
        images: Float (batch, height, width, channels).
        flow: Float (batch, height, width, 2), (to the right, down) in pixels,
            finite.
        interpolation: "bilinear", or "bicubic", which keeps more detail:
            Keys' kernel with a = -1/2, the one of image resizing.

    Returns:
        (batch, height, width, channels), differentiable by both.

    Raises:
        ValueError: Shapes that do not fit, another interpolation.

    Example:

    >>> image = ops.reshape([1.0, 2.0, 3.0, 4.0], (1, 1, 4, 1))
    >>> flow = ops.tile(ops.reshape([0.5, 0.0], (1, 1, 1, 2)), (1, 1, 4, 1))
    >>> warp(image, flow)[0, 0, :, 0].numpy()
    array([1.5, 2.5, 3.5, 4. ], dtype=float32)

    Reference: Keys, Cubic Convolution Interpolation for Digital Image
    Processing, 1981, equation 15.
    """
    images = check_images(images, "images")
    flow = check_flow(flow, images)
    return sample(images, flow + _grid(flow), interpolation)


def sample(images, places, interpolation="bilinear"):
    """Interpolates images at given positions.

    Args:
        images: Float (batch, height, width, channels).
        places: Positions, float (batch, rows, columns, 2): (column, row) in
            pixels, finite; (0, 0) is the middle of the first pixel.
        interpolation: "bilinear" or "bicubic", see `warp`.

    Returns:
        (batch, rows, columns, channels), differentiable by both.

    Raises:
        ValueError: Shapes that do not fit, another interpolation.

    Example:

    >>> image = ops.reshape([1.0, 2.0, 3.0, 4.0], (1, 2, 2, 1))
    >>> float(sample(image, [[[[0.5, 0.5]]]])[0, 0, 0, 0])
    2.5
    """
    images = check_images(images, "images")
    places = check_images(places, "places")
    if places.shape[-1] != 2 or images.shape[0] != places.shape[0]:
        raise ValueError(
            "`places` must be (batch, rows, columns, 2), of the batch of the "
            f"images, {tuple(images.shape)}. Received: shape "
            f"{tuple(places.shape)}"
        )
    if interpolation not in _WEIGHTS:
        raise ValueError(
            f"`interpolation` must be one of {', '.join(_WEIGHTS)}. "
            f"Received: interpolation={interpolation!r}"
        )
    return reader(images, interpolation)(places[..., 0], places[..., 1])


def reader(images, interpolation="bilinear"):
    """Prepares images that are sampled more than once, see `sample`.

    Args:
        images: float32 (batch, height, width, channels).
        interpolation: "bilinear" or "bicubic", see `warp`.

    Returns:
        A function of columns and rows, float32 (batch, ...) each, that gives
        (batch, ..., channels).
    """
    weigh = _WEIGHTS[interpolation]
    count, height, width, channels = ops.shape(images)
    # A value depends on `margin` pixels before it and `reach` after it.
    taps = len(weigh(0.0))
    margin, reach = taps // 2 - 1, taps // 2
    images = extend(images, 1, 2 * margin, margin + reach)
    images = extend(images, 2, 2 * margin, margin + reach)
    # Each pixel, with those to its right as further channels.
    columns, rows = width + 2 * margin, height + 3 * margin + reach
    beside = ops.concatenate(
        [images[:, :, tap : tap + columns] for tap in range(taps)], axis=-1
    )
    beside = ops.reshape(beside, (-1, taps * channels))

    def read(x, y):
        column, part_x = _pixel(x, width, margin)
        row, part_y = _pixel(y, height, margin)
        image = ops.arange(count, dtype="int32")
        image = ops.reshape(image, (-1,) + (1,) * (len(x.shape) - 1))
        first = (image * rows + row) * columns + column
        fetched = 0.0
        for tap, weight in enumerate(weigh(part_y)):
            values = ops.take(beside, first + tap * columns, axis=0)
            fetched = fetched + weight * values
        result = 0.0
        for weight, values in zip(
            weigh(part_x), ops.split(fetched, taps, axis=-1), strict=True
        ):
            result = result + weight * values
        return result

    return read


def warping_error(images, others, flow, visible=None):
    """Warping error: temporal instability of a clip along its motion.

    `Σ v(p) (image(p) - other(p + f(p)))² / Σ v(p)`, averaged over
    channels. Pixels whose counterpart lies outside the image do not count. To
    measure a restored clip, estimate the flow on the clean one, or on the
    degraded one for all methods.

    Args:
        images: Float (batch, height, width, channels).
        others: The next frames (or any others), of the same shape.
        flow: `optical_flow(images, others)`, (batch, height, width, 2).
        visible: The mask v, float (batch, height, width, 1), see
            `visible_pixels`; None counts all pixels.

    Returns:
        (batch,); 0 where nothing is visible.

    Raises:
        ValueError: Shapes that do not fit.

    Example:

    >>> ramp = ops.reshape([0.0, 1.0, 2.0, 3.0], (1, 1, 4, 1))
    >>> flow = ops.tile(ops.reshape([1.0, 0.0], (1, 1, 1, 2)), (1, 1, 4, 1))
    >>> warping_error(ramp, ramp, flow).numpy()
    array([1.], dtype=float32)

    Reference: Lai et al., Learning Blind Video Temporal Consistency, 2018,
    "Evaluation metrics": temporal stability.
    """
    images = check_images(images, "images")
    others = check_images(others, "others")
    flow = check_flow(flow, images)
    if tuple(images.shape) != tuple(others.shape):
        raise ValueError(
            "`images` and `others` must have the same shape. Received: "
            f"{tuple(images.shape)} and {tuple(others.shape)}"
        )
    error = ops.square(images - warp(others, flow))
    weights = _inside(flow)
    if visible is not None:
        weights = weights * ops.cast(visible, "float32")
    total = ops.sum(weights, axis=(1, 2, 3))
    error = ops.sum(
        weights * ops.mean(error, axis=-1, keepdims=True), axis=(1, 2, 3)
    )
    return error / ops.maximum(total, 1.0)


def visible_pixels(flow, backward):
    """Occlusion mask of a flow: pixels visible in both images.

    Forward and backward flow cancel, unless the pixel is hidden in the other
    image: 1 where `|f + b|² < 0.01 (|f|² + |b|²) + 0.5`, with b the backward
    flow at p + f(p).

    Args:
        flow: The forward flow f, (batch, height, width, 2).
        backward: The backward flow, of the same shape.

    Returns:
        float32 (batch, height, width, 1).

    Raises:
        ValueError: Shapes that do not fit.

    Example:

    >>> flow = ops.ones((1, 4, 4, 2))
    >>> float(ops.min(visible_pixels(flow, -flow)))
    1.0

    Reference: Sundaram et al., Dense Point Trajectories by GPU-Accelerated
    Large Displacement Optical Flow, 2010, equation 5.
    """
    flow = check_images(flow, "flow")
    backward = warp(backward, flow)

    def squared(x):
        return ops.sum(ops.square(x), axis=-1, keepdims=True)

    limit = 0.01 * (squared(flow) + squared(backward)) + 0.5
    return ops.cast(squared(flow + backward) < limit, "float32")


def extend(images, axis, before, after):
    """Edge padding: repeats the edge pixels along an axis.

    Args:
        images: Any tensor of at least two axes.
        axis: -2 or -1, or 1 or 2 of (batch, height, width, channels).
        before: Number of copies of the first pixel.
        after: Number of copies of the last pixel.

    Returns:
        A tensor, longer along that axis.
    """
    place = (slice(None),) * axis if axis > 0 else (...,)
    rest = () if axis > 0 else (slice(None),) * (-axis - 1)
    first = images[(*place, slice(0, 1), *rest)]
    last = images[(*place, slice(-1, None), *rest)]
    parts = [first] * before + [images] + [last] * after
    return ops.concatenate(parts, axis=axis)


def check_images(images, name):
    """Converts images to float32; raises unless they are floats of rank 4."""
    images = ops.convert_to_tensor(images)
    dtype = keras.backend.standardize_dtype(images.dtype)
    if len(images.shape) != 4 or "float" not in dtype:
        raise ValueError(
            f"`{name}` must be floats (batch, height, width, channels). "
            f"Received: {dtype} of shape {tuple(images.shape)}"
        )
    return ops.cast(images, "float32")


def check_flow(flow, images):
    """Converts a flow to float32; raises unless it fits the images."""
    flow = check_images(flow, "flow")
    expected = (*images.shape[:3], 2)
    if any(
        a is not None and b is not None and a != b
        for a, b in zip(expected, flow.shape, strict=True)
    ):
        raise ValueError(
            f"`flow` must be (batch, height, width, 2), here {expected}. "
            f"Received: shape {tuple(flow.shape)}"
        )
    return flow


def _grid(flow):
    """Position of each pixel, (height, width, 2)."""
    _, height, width, _ = ops.shape(flow)
    columns = ops.cast(ops.arange(width), "float32")
    rows = ops.cast(ops.arange(height), "float32")
    return ops.stack(ops.meshgrid(columns, rows), axis=-1)


def _pixel(place, side, margin):
    """Index of the pixel at or before a position, and the fraction after it."""
    # Farther outside, all pixels involved are copies of the edge.
    place = ops.clip(place, -margin, ops.cast(side - 1 + margin, "float32"))
    whole = ops.floor(place)
    index = ops.cast(whole, "int32") + margin
    return index, ops.expand_dims(place - whole, -1)


def _inside(flow):
    """1 where p + f(p) lies in the image: (batch, height, width, 1)."""
    _, height, width, _ = ops.shape(flow)
    places = flow + _grid(flow)
    last = ops.cast(ops.stack([width - 1, height - 1]), "float32")
    inside = ops.all((places >= 0.0) & (places <= last), -1, keepdims=True)
    return ops.cast(inside, "float32")


def _linear(t):
    return 1.0 - t, t


def _cubic(t):
    return (
        ((-0.5 * t + 1.0) * t - 0.5) * t,
        (1.5 * t - 2.5) * t * t + 1.0,
        ((-1.5 * t + 2.0) * t + 0.5) * t,
        (0.5 * t - 0.5) * t * t,
    )


#: Interpolation weights of neighboring pixels, `t` after one of them.
_WEIGHTS = {"bilinear": _linear, "bicubic": _cubic}
