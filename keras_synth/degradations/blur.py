"""Blurs: each pixel is a weighted mean of its neighbors.

Each image has a kernel of its own, whose weights sum to 1. Beyond their edges
images are continued by reflection (c b a | a b c | c b a), however wide the
kernel.
"""

import math

import keras
import tensorflow as tf

from keras_synth.degradations.base import (
    Degradation,
    check_range,
    draw_range,
    keep_range,
    mirrored,
    split_seed,
)
from keras_synth.ops.kernels import gaussian_kernels, line_kernels
from keras_synth.ops.numbers import is_int


@keras.saving.register_keras_serializable("keras_synth")
class GaussianBlur(Degradation):
    """Gaussian blur, of a lens out of focus: weights `exp(-d² / 2σ²)`.

    d is the distance. The filter runs along the rows, then along the columns,
    and is cut off at 4 σ (as `scipy.ndimage.gaussian_filter` does). The
    record's parameters hold `sigma`, float32 (batch, 1, 1, 1).

    Args:
        sigma: σ in pixels, a number, or a range (smallest, largest) from
            which each image draws its own uniformly.

    Example:

    >>> point = tf.one_hot([12], 25)[..., None, None]  # (1, 25, 1, 1)
    >>> blurred = GaussianBlur(2.0)(point, seed=0)
    >>> print(f"{tf.reduce_max(blurred):.3f}")  # 1 / (σ √2π)
    0.199
    """

    SEVERITIES = tuple({"sigma": sigma} for sigma in (0.5, 1.0, 1.6, 2.5, 4.0))

    def __init__(self, sigma):
        self.sigma = check_range(sigma, "sigma")

    def apply(self, images, seed):
        sigma = draw_range(self.sigma, (tf.shape(images)[0], 1, 1, 1), seed)
        kernel = gaussian_kernels(sigma[:, 0, 0, 0], self.sigma[1])
        blurred = _filter(images, kernel[:, :, None])
        blurred = _filter(blurred, kernel[:, None, :])
        degraded, mask = _where_blurred(sigma > 0, blurred, images)
        return degraded, mask, {"sigma": sigma}

    def get_config(self):
        return {"sigma": self.sigma}


@keras.saving.register_keras_serializable("keras_synth")
class MotionBlur(Degradation):
    """Motion blur, of a moving camera: the mean along a straight line.

    `y(p) = 1/n Σ x(p + tᵢ u)`, where u is the direction, the tᵢ are evenly
    spaced over the line's length and x is bilinear between its pixels, so that
    lines of any length and angle are smooth. The record's parameters hold
    `length` and `angle`, float32 (batch, 1, 1, 1).

    Args:
        length: Length of the line in pixels, or a range from which each image
            draws its own.
        angle: Angle of the line in degrees, counterclockwise from the
            horizontal, from -180 to 360, or a range.

    Example:

    >>> edge = tf.concat([tf.zeros((1, 4, 4, 1)), tf.ones((1, 4, 4, 1))], 2)
    >>> blurred = MotionBlur(4.0, angle=90.0)(edge, seed=0)  # along the edge
    >>> bool(tf.reduce_all(tf.abs(blurred - edge) < 1e-6))
    True
    """

    SEVERITIES = tuple({"length": length} for length in (3, 6, 10, 16, 25))

    def __init__(self, length, angle=(0.0, 180.0)):
        self.length = check_range(length, "length")
        self.angle = check_range(angle, "angle", low=-180.0, high=360.0)

    def apply(self, images, seed):
        length_seed, angle_seed = split_seed(seed, 2)
        shape = (tf.shape(images)[0], 1, 1, 1)
        length = draw_range(self.length, shape, length_seed)
        angle = draw_range(self.angle, shape, angle_seed)
        kernel = line_kernels(
            length[:, 0, 0, 0], angle[:, 0, 0, 0], self.length[1]
        )
        degraded, mask = _where_blurred(
            length > 0, _filter(images, kernel), images
        )
        return degraded, mask, {"length": length, "angle": angle}

    def get_config(self):
        return {"length": self.length, "angle": self.angle}


@keras.saving.register_keras_serializable("keras_synth")
class AnisotropicBlur(Degradation):
    """Anisotropic blur, of a generalized Gaussian: `exp(-½ (dᵀ Σ⁻¹ d)^β)`.

    The covariance Σ has the standard deviations σ₁ and σ₂ along two
    perpendicular directions, of which the first has a random angle. A shape β
    above 1 has flatter tops, below 1 longer tails. The kernel is cut off at 4
    times the largest σ. The record's parameters hold `sigma`, float32 (batch,
    1, 1, 2), and `angle` in degrees and `beta`, (batch, 1, 1, 1).

    Args:
        sigma: Standard deviations in pixels, above 0, a number or a range
            from which each direction of each image draws its own.
        beta: Shape β, above 0, or a range. 1 is a Gaussian.

    Reference: Wang et al., Real-ESRGAN: Training Real-World Blind
    Super-Resolution with Pure Synthetic Data, 2021, section 3.2.

    Example:

    >>> point = tf.reshape(tf.one_hot(40, 81), (1, 9, 9, 1))
    >>> blurred = AnisotropicBlur((0.5, 1.0))(point, seed=0)
    >>> print(f"{tf.reduce_sum(blurred):.3f}")
    1.000
    """

    def __init__(self, sigma, beta=1.0):
        self.sigma = check_range(sigma, "sigma")
        self.beta = check_range(beta, "beta")
        for name, pair in (("sigma", self.sigma), ("beta", self.beta)):
            if pair[0] == 0:
                raise ValueError(
                    f"`{name}` must be above 0. Received: {name}={pair!r}"
                )

    def apply(self, images, seed):
        seeds = split_seed(seed, 3)
        batch = tf.shape(images)[0]
        sigma = draw_range(self.sigma, (batch, 1, 1, 2), seeds[0])
        angle = draw_range((0.0, 180.0), (batch, 1, 1, 1), seeds[1])
        beta = draw_range(self.beta, (batch, 1, 1, 1), seeds[2])
        turn = angle[..., 0] * math.pi / 180.0
        y, x = _grid(math.ceil(4.0 * self.sigma[1]))
        along = (x * tf.cos(turn) + y * tf.sin(turn)) / sigma[..., 0]
        across = (y * tf.cos(turn) - x * tf.sin(turn)) / sigma[..., 1]
        # The power has no gradient at 0, and needs none.
        distance = tf.square(along) + tf.square(across)
        kernel = tf.exp(-0.5 * tf.pow(distance, beta[..., 0]))
        degraded = keep_range(_filter(images, _of_sum_one(kernel)), images)
        parameters = {"sigma": sigma, "angle": angle, "beta": beta}
        return degraded, None, parameters

    def get_config(self):
        return {"sigma": self.sigma, "beta": self.beta}


@keras.saving.register_keras_serializable("keras_synth")
class Ringing(Degradation):
    """Ringing and overshoot, of an ideal low pass (sinc filter).

    All frequencies above the cutoff ω are lost. The kernel is circular,

        `k(r) = ω J₁(ω r) / (2 π r)`

    where J₁ is a Bessel function, and is cut off at `radius` pixels. Cameras
    and JPEG files show such halos at edges. The record's parameters hold
    `cutoff`, float32 (batch, 1, 1, 1).

    Args:
        cutoff: ω in radians per pixel, above 0 to π (which keeps all that lies
            along rows and columns), or a range from which each image draws
            its own.
        radius: Radius of the kernel in pixels, at least 1.

    Reference: Wang et al., Real-ESRGAN: Training Real-World Blind
    Super-Resolution with Pure Synthetic Data, 2021, equation 6.

    Example:

    >>> flat = tf.fill((1, 8, 8, 1), 0.5)
    >>> bool(tf.reduce_all(tf.abs(Ringing(1.5)(flat, seed=0) - 0.5) < 1e-6))
    True
    """

    def __init__(self, cutoff=(1.05, 3.14), radius=10):
        self.cutoff = check_range(cutoff, "cutoff", high=math.pi)
        if self.cutoff[0] == 0:
            raise ValueError(
                f"`cutoff` must be above 0. Received: cutoff={cutoff!r}"
            )
        if not is_int(radius) or radius < 1:
            raise ValueError(
                f"`radius` must be an int, at least 1. Received: {radius=}"
            )
        self.radius = radius

    def apply(self, images, seed):
        cutoff = draw_range(self.cutoff, (tf.shape(images)[0], 1, 1, 1), seed)
        omega = cutoff[..., 0]
        y, x = _grid(self.radius)
        distance = tf.maximum(tf.sqrt(tf.square(x) + tf.square(y)), 1e-3)
        bessel = tf.math.special.bessel_j1(omega * distance)
        kernel = omega * bessel / (2.0 * math.pi * distance)
        kernel = tf.where(distance <= self.radius, kernel, 0.0)
        degraded = keep_range(_filter(images, _of_sum_one(kernel)), images)
        return degraded, None, {"cutoff": cutoff}

    def get_config(self):
        return {"cutoff": self.cutoff, "radius": self.radius}


def _grid(radius):
    """Rows and columns of a kernel, float32 (1, size, 1) and (1, 1, size)."""
    places = tf.range(-radius, radius + 1, dtype="float32")
    return places[None, :, None], places[None, None, :]


def _of_sum_one(kernels):
    return kernels / tf.reduce_sum(kernels, axis=(1, 2), keepdims=True)


def _filter(images, kernels):
    """Filters each image with its own kernel (batch, rows, columns).

    The sizes of kernels are odd. All images and channels become the channels
    of one image, which a depthwise convolution filters separately.
    """
    rows, columns = kernels.shape[1:]
    padded = images
    for axis, margin in ((1, rows // 2), (2, columns // 2)):
        padded = mirrored(padded, axis, margin, margin)
    shape = tf.shape(padded)
    stacked = tf.transpose(padded, (1, 2, 0, 3))
    stacked = tf.reshape(stacked, (1, shape[1], shape[2], shape[0] * shape[3]))
    weights = tf.repeat(tf.transpose(kernels, (1, 2, 0)), shape[3], axis=2)
    filtered = tf.nn.depthwise_conv2d(
        stacked, weights[..., None], (1, 1, 1, 1), "VALID"
    )
    size = tf.shape(images)
    filtered = tf.reshape(filtered, (size[1], size[2], size[0], size[3]))
    return tf.transpose(filtered, (2, 0, 1, 3))


def _where_blurred(blurs, blurred, images):
    """Keeps images of zero strength, bit by bit; gives the mask too."""
    mask = tf.cast(blurs, "float32") * tf.ones_like(images[..., :1])
    return tf.where(blurs, keep_range(blurred, images), images), mask
