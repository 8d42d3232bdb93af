"""Old photographs: fading colors, grain and film damage together."""

import keras
import tensorflow as tf

from keras_synth.degradations.base import (
    Compose,
    Degradation,
    Sometimes,
    blend,
    check_range,
    draw_range,
    keep_range,
    num_channels,
    split_seed,
)
from keras_synth.degradations.blur import GaussianBlur
from keras_synth.degradations.contrast import LowContrast
from keras_synth.degradations.film_damage import FilmDamage
from keras_synth.degradations.noise import GaussianNoise
from keras_synth.degradations.resolution import JPEGCompression
from keras_synth.ops.color import LUMA_WEIGHTS

_SEPIA = (1.09, 1.0, 0.764)  # Its luma is that of white.


@keras.saving.register_keras_serializable("keras_synth")
class ColorFading(Degradation):
    """Color fading: colors that turn to sepia or gray.

    `y = (1 - a) x + a t Y(x)`, where Y is the luma of BT.601 and the tint
    `t = (1 - s) + s sepia` lies between gray and sepia. A gray image stays as
    it is. The record's parameters hold `amount` a and `sepia` s, float32
    (batch, 1, 1, 1).

    Args:
        amount: a, from 0 (unchanged) to 1 (no own color is left), or a range
            from which each image draws its own.
        sepia: s, from 0 (gray) to 1 (sepia), or a range.

    Example:

    >>> red = tf.reshape([1.0, 0.0, 0.0], (1, 1, 3))
    >>> [round(float(v), 3) for v in ColorFading(1.0, 0.0)(red, 0)[0, 0]]
    [0.299, 0.299, 0.299]
    """

    def __init__(self, amount, sepia=(0.0, 1.0)):
        self.amount = check_range(amount, "amount", high=1.0)
        self.sepia = check_range(sepia, "sepia", high=1.0)

    def apply(self, images, seed):
        amount_seed, sepia_seed = split_seed(seed, 2)
        shape = (tf.shape(images)[0], 1, 1, 1)
        amount = draw_range(self.amount, shape, amount_seed)
        sepia = draw_range(self.sepia, shape, sepia_seed)
        changes = amount > 0
        channels = num_channels(images)
        if channels not in (1, 3):
            raise ValueError(
                "Images whose colors fade have 3 channels, or 1. Received: "
                f"shape {tuple(images.shape)}"
            )
        if channels == 1:
            changes = tf.zeros_like(changes)
            faded = images
        else:
            luma = tf.reduce_sum(images * LUMA_WEIGHTS, axis=-1, keepdims=True)
            tint = 1.0 + sepia * (tf.constant(_SEPIA) - 1.0)
            faded = keep_range(blend(images, amount, tint * luma), images)
        mask = tf.cast(changes, "float32") * tf.ones_like(images[..., :1])
        degraded = tf.where(changes, faded, images)
        return degraded, mask, {"amount": amount, "sepia": sepia}

    def get_config(self):
        return {"amount": self.amount, "sepia": self.sepia}


@keras.saving.register_keras_serializable("keras_synth")
class OldPhoto(Compose):
    """Old photograph: faded, soft, grainy, with film damage, and scanned.

    `LowContrast`, `ColorFading`, `GaussianBlur` and `GaussianNoise` (grain),
    each with a probability, then `FilmDamage`, and then `JPEGCompression` in
    half of the scans. The record's mask is that of the film damage alone: 1
    where something covers the photograph.

    Args:
        film_damage: A `FilmDamage`.

    Reference: Wan et al., Bringing Old Photos Back to Life, 2020, section 3:
    unstructured and structured degradations.
    """

    def __init__(self, film_damage):
        if not isinstance(film_damage, FilmDamage):
            raise ValueError(
                f"`film_damage` must be a FilmDamage. Received: {film_damage!r}"
            )
        super().__init__(
            [
                Sometimes(LowContrast((0.4, 0.95), (-0.1, 0.1)), 0.5),
                Sometimes(ColorFading((0.3, 1.0)), 0.6),
                Sometimes(GaussianBlur((0.3, 1.2)), 0.4),
                Sometimes(GaussianNoise((0.0, 15 / 255)), 0.5),
                film_damage,
                Sometimes(JPEGCompression((50, 95)), 0.5),
            ]
        )
        self.film_damage = film_damage

    def apply(self, images, seed):
        mask, parameters = None, {}
        seeds = split_seed(seed, len(self.degradations))
        for index, degradation in enumerate(self.degradations):
            images = tf.clip_by_value(images, 0.0, 1.0)
            images, changed, drawn = degradation.apply(images, seeds[index])
            if degradation is self.film_damage:
                mask = changed
            parameters[f"{index}_{type(degradation).__name__}"] = drawn
        return images, mask, parameters

    def get_config(self):
        film_damage = keras.saving.serialize_keras_object(self.film_damage)
        return {"film_damage": film_damage}

    @classmethod
    def from_config(cls, config):
        return cls(keras.saving.deserialize_keras_object(config["film_damage"]))
