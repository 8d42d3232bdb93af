"""Image noise: Gaussian, Poisson, of a camera, salt and pepper."""

import math

import keras
import tensorflow as tf

from keras_synth.degradations.base import (
    Degradation,
    check_range,
    draw_range,
    num_channels,
    split_seed,
)

# A display's light is about the 2.2th power of the values.
_GAMMA = 2.2
# Bilinear interpolation of red and blue, one site of four, and of green,
# every second site.
_ONE_OF_FOUR = ((0.25, 0.5, 0.25), (0.5, 1.0, 0.5), (0.25, 0.5, 0.25))
_ONE_OF_TWO = ((0.0, 0.25, 0.0), (0.25, 1.0, 0.25), (0.0, 0.25, 0.0))


@keras.saving.register_keras_serializable("keras_synth")
class GaussianNoise(Degradation):
    """Additive white Gaussian noise, `y = x + σ n`, n ~ N(0, 1).

    Nothing is clipped: noisy images exceed [0, 1], as in the benchmarks.
    The record's parameters hold `noise_level`, float32 (batch, 1, 1, 1), or
    (batch, height, width, 1) where the noise varies over the image.

    Args:
        noise_level: σ in units of [0, 1] (25 / 255 for the usual 25), or a
            range from which each image draws its own, uniformly.
        spatially_varying: Whether σ varies over the image: a smooth map
            between the ends of the range, bilinear through 4 x 4 random
            knots. `noise_level` must be a range then.

    Example:

    >>> noisy, record = GaussianNoise((0.0, 0.2))(
    ...     tf.zeros((3, 8, 8, 1)), seed=1, return_record=True
    ... )
    >>> record["parameters"]["noise_level"].shape
    TensorShape([3, 1, 1, 1])
    """

    SEVERITIES = tuple(
        {"noise_level": level / 255} for level in (5, 15, 25, 50, 75)
    )
    UNCHANGED = {"noise_level": 0.0}

    def __init__(self, noise_level, spatially_varying=False):
        self.noise_level = check_range(noise_level, "noise_level")
        self.spatially_varying = spatially_varying
        low, high = self.noise_level
        if spatially_varying and low == high:
            raise ValueError(
                "Noise that varies over the image needs a range: "
                f"noise_level=(0, {high:g})."
            )

    def apply(self, images, seed):
        level_seed, noise_seed = split_seed(seed, 2)
        shape = tf.shape(images)
        side = 4 if self.spatially_varying else 1
        level = draw_range(
            self.noise_level, (shape[0], side, side, 1), level_seed
        )
        if self.spatially_varying:
            level = tf.image.resize(level, shape[1:3])
        noise = tf.random.stateless_normal(shape, noise_seed)
        mask = tf.cast(level > 0, "float32") * tf.ones_like(images[..., :1])
        return images + level * noise, mask, {"noise_level": level}

    def get_config(self):
        return {
            "noise_level": self.noise_level,
            "spatially_varying": self.spatially_varying,
        }


@keras.saving.register_keras_serializable("keras_synth")
class PoissonNoise(Degradation):
    """Poisson noise (shot noise) of counted photons, `y = Poisson(p x) / p`.

    Its variance, x / p, grows with the light. Nothing is clipped above 1;
    negative values count as 0. The record's parameters hold `peak`,
    float32 (batch, 1, 1, 1).

    Args:
        peak: p, number of photons of a white pixel, above 0, or a range from
            which each image draws its own. The fewer, the noisier. None for
            no noise (an infinite peak).

    Example:

    >>> record = PoissonNoise((10, 100))(
    ...     tf.ones((2, 8, 8, 1)), seed=1, return_record=True
    ... )[1]
    >>> record["parameters"]["peak"].shape
    TensorShape([2, 1, 1, 1])
    """

    SEVERITIES = tuple({"peak": peak} for peak in (1000, 200, 60, 25, 10))

    def __init__(self, peak):
        self.peak = None if peak is None else check_range(peak, "peak")
        if self.peak is not None and self.peak[0] == 0:
            raise ValueError(
                f"`peak` must be above 0, or None. Received: peak={peak!r}"
            )

    def apply(self, images, seed):
        shape = (tf.shape(images)[0], 1, 1, 1)
        if self.peak is None:
            unchanged = tf.zeros_like(images[..., :1])
            return images, unchanged, {"peak": tf.fill(shape, math.inf)}
        peak_seed, photon_seed = split_seed(seed, 2)
        peak = draw_range(self.peak, shape, peak_seed)
        photons = tf.random.stateless_poisson(
            tf.shape(images),
            photon_seed,
            peak * tf.maximum(images, 0.0),
            "float32",
        )
        return photons / peak, None, {"peak": peak}

    def get_config(self):
        return {"peak": self.peak}


@keras.saving.register_keras_serializable("keras_synth")
class CameraNoise(Degradation):
    """Camera noise: Poisson-Gaussian noise of a sensor, after demosaicing.

    In linear light `u = x^2.2`, each site of a Bayer mosaic (RGGB) sees one
    color, with the noise `n ~ N(0, a u + b²)`: photons are counted, and then
    read. Demosaicing D interpolates the missing colors bilinearly, so that the
    noise of neighboring pixels is correlated:

        `y = clip(u + D n, 0, 1)^(1 / 2.2)`

    A gray image has no mosaic: there `D n = n`. The record's parameters hold
    `noise_level` and `shot`, float32 (batch, 1, 1, 1).

    Args:
        noise_level: Standard deviation of y around x = 0.5 before demosaicing,
            in units of [0, 1], or a range from which each image draws its own.
        shot: Share of the shot noise, a u, in the variance at x = 0.5, from 0
            to 1, or a range. The rest is read noise, b².

    Example:

    >>> noisy = CameraNoise((0.01, 0.1))(tf.zeros((2, 8, 8, 3)), seed=1)
    >>> bool(tf.reduce_min(noisy) >= 0.0)
    True

    Reference: Foi et al., Practical Poissonian-Gaussian Noise Modeling and
    Fitting for Single-Image Raw-Data, 2008, equation 2; Brooks et al.,
    Unprocessing Images for Learned Raw Denoising, 2019, section 3.
    """

    SEVERITIES = tuple(
        {"noise_level": level / 255} for level in (3, 8, 15, 30, 50)
    )
    UNCHANGED = {"noise_level": 0.0}

    def __init__(self, noise_level, shot=(0.5, 1.0)):
        self.noise_level = check_range(noise_level, "noise_level")
        self.shot = check_range(shot, "shot", high=1.0)

    def apply(self, images, seed):
        level_seed, shot_seed, noise_seed = split_seed(seed, 3)
        shape = tf.shape(images)
        level = draw_range(self.noise_level, (shape[0], 1, 1, 1), level_seed)
        shot = draw_range(self.shot, (shape[0], 1, 1, 1), shot_seed)
        light = tf.clip_by_value(images, 0.0, 1.0) ** _GAMMA
        middle = 0.5**_GAMMA
        # σ in linear light: du/dx = γ x^(γ - 1).
        variance = (level * _GAMMA * 0.5 ** (_GAMMA - 1.0)) ** 2
        variance *= shot * light / middle + (1.0 - shot)
        noise = tf.sqrt(variance) * tf.random.stateless_normal(
            shape, noise_seed
        )
        if num_channels(images) == 3:
            noise = _demosaic(noise)
        noisy = tf.clip_by_value(light + noise, 0.0, 1.0) ** (1.0 / _GAMMA)
        mask = tf.cast(level > 0, "float32") * tf.ones_like(images[..., :1])
        # Exactly the image where there is no noise.
        noisy = tf.where(level > 0, noisy, images)
        return noisy, mask, {"noise_level": level, "shot": shot}

    def get_config(self):
        return {"noise_level": self.noise_level, "shot": self.shot}


def _demosaic(mosaic):
    """Bilinear demosaicing of what the sites of an RGGB mosaic hold.

    Args:
        mosaic: float32 (batch, height, width, 3). Of each pixel one color
            counts.

    Returns:
        float32 (batch, height, width, 3).
    """
    height, width = tf.shape(mosaic)[1], tf.shape(mosaic)[2]
    odd_row = tf.range(height)[:, None] % 2
    odd_column = tf.range(width)[None, :] % 2
    color = odd_row + odd_column  # of each site: 0 red, 1 green, 2 blue
    sites = tf.cast(color[..., None] == tf.range(3), "float32")
    kernels = tf.stack([_ONE_OF_FOUR, _ONE_OF_TWO, _ONE_OF_FOUR], axis=-1)
    # Mirrored without the edge, a border continues the mosaic; of one row or
    # column it lacks what the other would hold.
    padded = mosaic * sites
    for axis, length in ((1, height), (2, width)):
        index = tf.abs(tf.range(-1, length + 1))
        index = tf.minimum(index, 2 * (length - 1) - index)
        padded = tf.gather(padded, tf.maximum(index, 0), axis=axis)
    return tf.nn.depthwise_conv2d(
        padded, kernels[..., None], [1, 1, 1, 1], "VALID"
    )


@keras.saving.register_keras_serializable("keras_synth")
class SaltAndPepper(Degradation):
    """Salt-and-pepper noise: dead and hot pixels, black or white.

    `y = 1` with probability `a s`, `0` with `a (1 - s)`, else `x`, in all
    channels alike. The
    record's parameters hold `amount` a and `salt` s, float32 (batch, 1, 1, 1).

    Args:
        amount: a, share of the corrupted pixels, 0 to 1, or a range from
            which each image draws its own.
        salt: s, share of them that turn white, 0 to 1, or a range.

    Example:

    >>> degraded = SaltAndPepper(1.0, salt=1.0)(tf.zeros((1, 2, 2, 1)), seed=1)
    >>> float(tf.reduce_min(degraded))
    1.0
    """

    SEVERITIES = tuple(
        {"amount": amount} for amount in (0.01, 0.05, 0.1, 0.3, 0.5)
    )

    def __init__(self, amount, salt=0.5):
        self.amount = check_range(amount, "amount", high=1.0)
        self.salt = check_range(salt, "salt", high=1.0)

    def apply(self, images, seed):
        amount_seed, salt_seed, pixel_seed = split_seed(seed, 3)
        shape = tf.shape(images)
        amount = draw_range(self.amount, (shape[0], 1, 1, 1), amount_seed)
        salt = draw_range(self.salt, (shape[0], 1, 1, 1), salt_seed)
        uniform = tf.random.stateless_uniform(
            tf.shape(images[..., :1]), pixel_seed
        )
        struck = uniform < amount
        value = tf.cast(uniform < amount * salt, "float32")
        degraded = tf.where(struck, value, images)
        mask = tf.cast(struck, "float32")
        return degraded, mask, {"amount": amount, "salt": salt}

    def get_config(self):
        return {"amount": self.amount, "salt": self.salt}
