"""Low contrast: faded, too dark or too bright images."""

import keras
import tensorflow as tf

from keras_synth.degradations.base import (
    Degradation,
    check_range,
    draw_range,
    keep_range,
    split_seed,
)


@keras.saving.register_keras_serializable("keras_synth")
class LowContrast(Degradation):
    """Low contrast, a faded image: `y = m + c (x - m) + b`.

    m is the mean of the image. Values outside [0, 1] are clipped. The record's
    parameters hold `contrast` c and `brightness` b, float32 (batch, 1, 1, 1).

    Args:
        contrast: c, from 1 (unchanged) to 0 (one flat gray), or a range from
            which each image draws its own.
        brightness: b, added to every pixel, from -1 to 1, or a range.

    Example:

    >>> image = tf.constant([[[0.0], [1.0]]])  # (1, 2, 1)
    >>> LowContrast(0.5, brightness=0.25)(image, seed=0)[0, :, 0].numpy()
    array([0.5, 1. ], dtype=float32)
    """

    SEVERITIES = (
        {"contrast": 0.8, "brightness": 0.02},
        {"contrast": 0.6, "brightness": 0.05},
        {"contrast": 0.45, "brightness": 0.1},
        {"contrast": 0.3, "brightness": 0.15},
        {"contrast": 0.15, "brightness": 0.2},
    )

    def __init__(self, contrast, brightness=0.0):
        self.contrast = check_range(contrast, "contrast", high=1.0)
        self.brightness = check_range(brightness, "brightness", -1.0, 1.0)

    def apply(self, images, seed):
        contrast_seed, brightness_seed = split_seed(seed, 2)
        shape = (tf.shape(images)[0], 1, 1, 1)
        contrast = draw_range(self.contrast, shape, contrast_seed)
        brightness = draw_range(self.brightness, shape, brightness_seed)
        mean = tf.reduce_mean(images, axis=(1, 2, 3), keepdims=True)
        faded = mean + contrast * (images - mean) + brightness
        changes = (contrast < 1.0) | (brightness != 0.0)
        degraded = tf.where(changes, keep_range(faded, images), images)
        mask = tf.cast(changes, "float32") * tf.ones_like(images[..., :1])
        parameters = {"contrast": contrast, "brightness": brightness}
        return degraded, mask, parameters

    def get_config(self):
        return {"contrast": self.contrast, "brightness": self.brightness}
