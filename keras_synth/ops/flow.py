"""Dense optical flow by total variation and L1 (TV-L1).

The flow f of a pair of images minimizes the energy

    Σ_p h(∇f_x(p)) + h(∇f_y(p)) + λ Σ_p Σ_q G(q - p) |ρ_q(f(p))|

with ρ_q(f) = moving(q + f) - reference(q). G is a window of 3 x 3 pixels,
whose motion should agree (Lucas and Kanade). h keeps the flow piecewise
smooth: it is the length of a derivative (total variation), quadratic below α
(Huber), so that rotation and zoom cost little. The flow is found from coarse
to fine. At each size, these steps are repeated:

1. `moving` is warped by the flow, and ρ linearized around it, by the mean of
   both images' gradients. |ρ| becomes ρ² / 2 sqrt(ρ² + ε²), the root taken
   from the step before. Each coarser size has half the ε: faint
   differences, as in a sky, decide there.
2. A few steps of the primal-dual method. Its proximal step solves a system
   of two equations a pixel, which stays the same meanwhile.
"""

import functools

import keras
import numpy as np
from keras import ops

from keras_synth.ops.color import full_range_luma
from keras_synth.ops.numbers import is_int
from keras_synth.ops.warping import check_images, extend, reader

# Low-pass filter between the pixels, against aliasing when halving.
_HALF = np.outer([1, 3, 3, 1], [1, 3, 3, 1]).astype("float32") / 64
_EPSILON = 0.02  # ε at the finest size, in the unit of the images
_ROUND = 0.03  # α, in pixels a pixel
# τ σ |∇|² = τ σ 8 must not be above 1.
_PRIMAL, _DUAL = 0.25, 0.5
_SMALLEST_SIDE = 8


def optical_flow(
    reference,
    moving,
    *,
    attachment=100.0,
    warps=5,
    iterations=6,
    finest_level=0,
):
    """Optical flow by which `warp(moving, flow)` matches `reference`.

    The content at p in the reference is at p + f(p) in the moving image. The
    last axis of f is (to the right, down), in pixels. Motions of up to about
    a tenth of the shorter side are found; where something is hidden in one
    image, the flow is that of its surroundings.

    On TensorFlow it runs as a compiled graph, traced once for each shape and
    set of options, several times as fast as step by step.

    Args:
        reference: Float (batch, height, width, channels) in [0, 1], of 1
            channel, or 3, whose luma is used; at least 16 x 16.
        moving: The image that moved, of the same shape.
        attachment: The weight λ of the difference of the images, relative to
            the smoothness of the flow. Noisy images need a smaller one.
        warps: Number of warps at each size.
        iterations: Number of primal-dual steps after each warp. 10 find the
            motion of photographs without noise to 0.08 instead of 0.1 pixels.
        finest_level: Size at which to stop: 0 for that of the images, 1 for
            half, 2 for a quarter; the flow is then upscaled. Larger numbers
            than there are sizes, down to a side of 8 to 15, mean the last.
            For images that were upscaled themselves the result is nearly as
            good, in far less time.

    Returns:
        float32 (batch, height, width, 2).

    Raises:
        ValueError: Shapes that differ, are unknown or too small; options out
            of range.

    Example:

    >>> rows, columns = np.mgrid[:32.0, :40.0]
    >>> wave = lambda x, y: 0.5 + 0.2 * np.sin(x / 4) + 0.2 * np.cos(y / 3)
    >>> here = wave(columns, rows)[None, :, :, None]
    >>> there = wave(columns - 2, rows + 1)[None, :, :, None]
    >>> flow = optical_flow(here, there)  # 2 to the right, 1 up
    >>> ops.round(ops.mean(flow[:, 8:-8, 8:-8], axis=(0, 1, 2)), 1).numpy()
    array([ 2., -1.], dtype=float32)

    Reference: Drulea and Nedevschi, Total Variation Regularization of
    Local-Global Optical Flow, 2011. Werlberger et al., Anisotropic Huber-L1
    Optical Flow, 2009, section 2. The steps: Chambolle and Pock, A First-Order
    Primal-Dual Algorithm for Convex Problems with Applications to Imaging,
    2011, algorithm 1.
    """
    reference = check_images(reference, "reference")
    moving = check_images(moving, "moving")
    _check(reference, moving, attachment, warps, iterations, finest_level)
    if reference.shape[-1] == 3:
        reference, moving = full_range_luma(reference), full_range_luma(moving)
    solve = _solver(float(attachment), warps, iterations, finest_level)
    return solve(reference, moving)


@functools.cache
def _solver(*options):
    def solve(reference, moving):
        return _solve(reference, moving, *options)

    if keras.backend.backend() != "tensorflow":
        return solve
    # Thousands of small operations, which cost more to start than to run.
    import tensorflow as tf

    return tf.function(solve, autograph=False)


def _solve(reference, moving, attachment, warps, iterations, finest_level):
    pyramid = [(reference, moving)]
    while min(pyramid[-1][0].shape[1:3]) >= 2 * _SMALLEST_SIDE:
        pyramid.append(tuple(_halved(image) for image in pyramid[-1]))
    finest_level = min(finest_level, len(pyramid) - 1)
    coarsest = pyramid[-1][0]
    # Flow, and the dual variables for its two derivatives: (6, batch, ...).
    state = ops.zeros((6, *ops.shape(coarsest)[:3]))
    for level in range(len(pyramid) - 1, -1, -1):
        size = ops.shape(pyramid[level][0])[1:3]
        if level < len(pyramid) - 1:
            state = _doubled(state, size)
        if level >= finest_level:
            # Halving averages noise, and flat areas need every difference.
            epsilon = _EPSILON / 2 ** (level - finest_level)
            state = _refined(
                state, *pyramid[level], attachment, epsilon, warps, iterations
            )
    return ops.moveaxis(state[:2], 0, -1)


def _refined(state, reference, moving, attachment, epsilon, warps, iterations):
    """The flow at one size, and its dual variables."""
    _, height, width, _ = ops.shape(reference)
    columns = ops.cast(ops.arange(width), "float32")
    rows = ops.cast(ops.arange(height), "float32")[:, None]
    x_gradient, y_gradient = ops.unstack(_gradients(reference), axis=-1)
    reference = reference[..., 0]
    read = reader(ops.concatenate([moving, _gradients(moving)], axis=-1))

    def warp_and_solve(_, state):
        x, y = state[0], state[1]
        warped, x_warped, y_warped = ops.unstack(
            read(columns + x, rows + y), axis=-1
        )
        residual = warped - reference
        x_mean = 0.5 * (x_gradient + x_warped)
        y_mean = 0.5 * (y_gradient + y_warped)
        # w |r + g (f' - f)|² / 2 is w |g f' - t|² / 2.
        target = x_mean * x + y_mean * y - residual
        weight = ops.rsqrt(ops.square(residual) + epsilon**2)
        x_weighted, y_weighted = weight * x_mean, weight * y_mean
        products = [
            x_weighted * x_mean,
            y_weighted * y_mean,
            x_weighted * y_mean,
            x_weighted * target,
            y_weighted * target,
        ]
        products = (_PRIMAL * attachment) * _windowed(ops.stack(products))
        return _primal_dual(state, _proximal_step(products), iterations)

    return ops.fori_loop(0, warps, warp_and_solve, state)


def _proximal_step(products):
    """Solves (1 + A) f' = f + b at each pixel.

    Args:
        products: (5, batch, height, width): A_xx, A_yy, A_xy, b_x, b_y.

    Returns:
        A function of f (2, batch, height, width) that returns f'.
    """
    xx, yy, xy, *right = ops.unstack(products)
    xx, yy = xx + 1.0, yy + 1.0
    inverse = 1.0 / (xx * yy - xy * xy)
    xx, yy, xy = inverse * xx, inverse * yy, inverse * xy

    def solve(flow):
        x, y = flow[0] + right[0], flow[1] + right[1]
        return ops.stack([yy * x - xy * y, xx * y - xy * x])

    return solve


def _primal_dual(state, proximal, iterations):
    """Minimizes the energy with the images linearized."""
    # Huber's h shortens the dual variables; then they are cut to length 1.
    limit = (1.0 + _DUAL * _ROUND) ** 2

    def step(_, state):
        flow, ahead, dual_x, dual_y = state
        dual_x = dual_x + _DUAL * _difference(ahead, -1)
        dual_y = dual_y + _DUAL * _difference(ahead, -2)
        squared = ops.square(dual_x) + ops.square(dual_y)
        shrink = ops.rsqrt(ops.maximum(squared, limit))
        dual_x, dual_y = shrink * dual_x, shrink * dual_y
        change = _adjoint(dual_x, -1) + _adjoint(dual_y, -2)
        new = proximal(flow + _PRIMAL * change)
        return new, 2.0 * new - flow, dual_x, dual_y

    flow, dual_x, dual_y = ops.split(state, 3, axis=0)
    start = (flow, flow, dual_x, dual_y)
    flow, _, dual_x, dual_y = ops.fori_loop(0, iterations, step, start)
    return ops.concatenate([flow, dual_x, dual_y], axis=0)


def _difference(x, axis):
    """Difference of each value and the next; 0 for the last."""
    first, last = _parts(x, axis)
    return ops.concatenate([last - first, _zeros(x, axis)], axis=axis)


def _adjoint(y, axis):
    """Negative adjoint a of `_difference` d: `Σ d(x) y = -Σ x a(y)`."""
    first, _ = _parts(y, axis)
    zeros = _zeros(y, axis)
    before, after = _parts(
        ops.concatenate([zeros, first, zeros], axis=axis), axis
    )
    return after - before


def _parts(x, axis):
    """All but the last along an axis, -1 or -2, and all but the first."""
    if axis == -1:
        return x[..., :-1], x[..., 1:]
    return x[..., :-1, :], x[..., 1:, :]


def _zeros(x, axis):
    return ops.zeros_like(x[..., :1] if axis == -1 else x[..., :1, :])


def _gradients(image):
    """Central differences (batch, height, width, 2) of a gray image."""
    wide, high = extend(image, 2, 1, 1), extend(image, 1, 1, 1)
    right = wide[:, :, 2:] - wide[:, :, :-2]
    down = high[:, 2:] - high[:, :-2]
    return 0.5 * ops.concatenate([right, down], axis=-1)


def _windowed(x):
    """Averages under G, weights of 1, 4, 1 along both sides."""
    high = extend(x, -2, 1, 1)
    x = (high[..., :-2, :] + 4.0 * x + high[..., 2:, :]) / 6.0
    wide = extend(x, -1, 1, 1)
    return (wide[..., :-2] + 4.0 * x + wide[..., 2:]) / 6.0


def _halved(image):
    """Half the size, an odd one rounded up."""
    height, width = image.shape[1:3]
    image = extend(extend(image, 1, 1, 1 + height % 2), 2, 1, 1 + width % 2)
    return ops.conv(
        image, _HALF[:, :, None, None], strides=2, data_format="channels_last"
    )


def _doubled(state, size):
    """Flow and dual variables at twice the size, then cut to `size`."""
    maps = ops.moveaxis(state, 0, -1)
    height, width = maps.shape[1:3]
    maps = ops.image.resize(
        maps, (2 * height, 2 * width), data_format="channels_last"
    )
    state = ops.moveaxis(maps[:, : size[0], : size[1]], -1, 0)
    return ops.concatenate([2.0 * state[:2], state[2:]], axis=0)


def _check(reference, moving, attachment, warps, iterations, finest_level):
    shape = reference.shape
    if tuple(shape) != tuple(moving.shape) or shape[-1] not in (1, 3):
        raise ValueError(
            "`reference` and `moving` must have the same shape, of 1 or 3 "
            f"channels. Received: {tuple(shape)} and {tuple(moving.shape)}"
        )
    if any(side is None or side < 2 * _SMALLEST_SIDE for side in shape[1:3]):
        raise ValueError(
            "Optical flow needs images of a known size, at least 16 x 16. "
            f"Received: shape {tuple(shape)}"
        )
    if not attachment > 0:
        raise ValueError(
            f"`attachment` must be above 0. Received: {attachment!r}"
        )
    least = {"warps": 1, "iterations": 1, "finest_level": 0}
    given = (warps, iterations, finest_level)
    for (name, low), value in zip(least.items(), given, strict=True):
        if not is_int(value) or value < low:
            raise ValueError(
                f"`{name}` must be an int of at least {low}. "
                f"Received: {name}={value!r}"
            )
