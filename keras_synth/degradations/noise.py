"""Image noise: Gaussian, Poisson (shot noise), salt and pepper."""

import math

import keras
import tensorflow as tf

from keras_synth.degradations.base import (
    Degradation,
    check_range,
    draw_range,
    split_seed,
)


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
