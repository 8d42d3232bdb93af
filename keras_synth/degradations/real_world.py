"""Real-world downsampling: what small images of real cameras and pages are."""

import dataclasses

import keras
import tensorflow as tf

from keras_synth.degradations.base import (
    Compose,
    Degradation,
    OneOf,
    Sometimes,
    draw_range,
    num_channels,
    split_seed,
)
from keras_synth.degradations.blur import (
    AnisotropicBlur,
    GaussianBlur,
    Ringing,
)
from keras_synth.degradations.noise import CameraNoise, GaussianNoise
from keras_synth.degradations.resolution import JPEGCompression
from keras_synth.ops.numbers import is_int

_METHODS = ("area", "bilinear", "bicubic")
_SMALLEST_SIDE = 4


@dataclasses.dataclass(frozen=True)
class _Round:
    """One round of blur, resizing, noise and JPEG.

    Attributes:
        before: What comes before the resizing.
        after: What comes after it.
        shares: Probabilities that the image gets larger, gets smaller, and
            keeps its size.
        scale: Range of the factor of the size.
    """

    before: Degradation
    after: Degradation
    shares: tuple[float, float, float]
    scale: tuple[float, float]


def _blurs(sigma):
    """Gaussians of all kinds, and an ideal low pass."""
    return OneOf(
        [
            GaussianBlur(sigma),
            GaussianBlur(sigma),
            AnisotropicBlur(sigma),
            AnisotropicBlur(sigma, beta=(0.5, 4.0)),
            Ringing(),
        ]
    )


def _noises(strongest):
    """Gaussian noise, of each value by itself, and that of a camera."""
    levels = (1.0 / 255.0, strongest / 255.0)
    return OneOf([GaussianNoise(levels), CameraNoise(levels)])


_FIRST = _Round(
    _blurs((0.2, 3.0)),
    Compose([_noises(30.0), JPEGCompression((30, 95))]),
    (0.2, 0.7, 0.1),
    (0.15, 1.5),
)
_SECOND = _Round(
    Sometimes(_blurs((0.2, 1.5)), 0.8),
    _noises(25.0),
    (0.3, 0.4, 0.3),
    (0.3, 1.2),
)
_LAST = Sometimes(Ringing(), 0.8)


@keras.saving.register_keras_serializable("keras_synth")
class RealWorldDownsample(Degradation):
    """Downsampling of real images: blur, resizing, noise and JPEG, twice.

    What a network for real small images learns to undo (second-order
    degradation). Each image draws its own:

    1. A blur of σ from 0.2 to 3 pixels (Gaussian, anisotropic, generalized, or
       an ideal low pass), resizing by 0.15 to 1.5, noise of 1 to 30 gray
       levels, JPEG of quality 30 to 95.
    2. The same, weaker: σ to 1.5 (four times in five), 0.3 to 1.2 of the small
       size, noise to 25.
    3. Resizing to the small size, ringing (four times in five), and JPEG of
       quality 30 to 95; in half of the images JPEG comes first.

    Resizing averages areas, or is bilinear or bicubic without antialiasing.
    The whole image becomes `⌊height / factor⌋ x ⌊width / factor⌋` (at least
    one pixel). Unlike in the paper, a fifth of all blurs are ringing, none has
    a plateau, and noise that is not Gaussian is that of `CameraNoise`. The
    record's parameters hold `factor`, float32 (batch, 1, 1, 1).

    Args:
        factor: Factor by which height and width are divided, an int of at
            least 1.

    Reference: Wang et al., Real-ESRGAN: Training Real-World Blind
    Super-Resolution with Pure Synthetic Data, 2021, section 3.

    Example:

    >>> small = RealWorldDownsample(4)(tf.fill((2, 32, 48, 3), 0.5), seed=0)
    >>> small.shape
    TensorShape([2, 8, 12, 3])
    """

    keeps_size = False

    def __init__(self, factor):
        if not is_int(factor) or factor < 1:
            raise ValueError(
                f"`factor` must be an int, at least 1. Received: {factor=}"
            )
        self.factor = factor

    def apply(self, images, seed):
        shape = tf.shape(images)
        size = tf.maximum(shape[1:3] // self.factor, 1)
        channels = num_channels(images)

        def degrade(one):
            image, seed = one
            return self._one(image[None], size, seed)[0]

        degraded = tf.map_fn(
            degrade,
            (images, tf.random.split(seed, shape[0])),
            fn_output_signature=tf.TensorSpec((None, None, channels)),
        )
        factor = tf.fill((shape[0], 1, 1, 1), float(self.factor))
        return degraded, None, {"factor": factor}

    def _one(self, image, size, seed):
        """One image, (1, height, width, channels)."""
        first, second, ringing, order, quality, method = split_seed(seed, 6)
        image = _degraded(image, tf.shape(image)[1:3], _FIRST, first)
        image = _degraded(image, size, _SECOND, second)

        def to_size(image):
            image = _resized(image, size, method)
            return _clipped(_LAST.apply(image, ringing)[0])

        def to_jpeg(image):
            jpeg = JPEGCompression((30, 95))
            return _clipped(jpeg.apply(image, quality)[0])

        return tf.cond(
            tf.random.stateless_uniform((), order) < 0.5,
            lambda: to_jpeg(to_size(image)),
            lambda: to_size(to_jpeg(image)),
        )

    def get_config(self):
        return {"factor": self.factor}


def _degraded(image, size, settings, seed):
    """One round, to a random multiple of a size."""
    before, kind, larger, smaller, method, after = split_seed(seed, 6)
    image = _clipped(settings.before.apply(image, before)[0])
    low, high = settings.scale
    kind = tf.random.stateless_uniform((), kind)
    up, down, _ = settings.shares
    scale = tf.where(
        kind < up,
        draw_range((1.0, high), (), larger),
        tf.where(kind < up + down, draw_range((low, 1.0), (), smaller), 1.0),
    )
    new = tf.cast(tf.round(scale * tf.cast(size, "float32")), "int32")
    image = _resized(image, tf.maximum(new, _SMALLEST_SIDE), method)
    return _clipped(settings.after.apply(image, after)[0])


def _resized(image, size, seed):
    """By a method that is drawn."""
    index = tf.random.stateless_uniform((), seed, 0, len(_METHODS), "int32")
    resized = tf.switch_case(
        index,
        [
            lambda method=method: tf.image.resize(image, size, method)
            for method in _METHODS
        ],
    )
    return _clipped(tf.ensure_shape(resized, (1, None, None, image.shape[-1])))


def _clipped(image):
    return tf.clip_by_value(image, 0.0, 1.0)
