"""Loss of detail: downsampling, and JPEG compression."""

import keras
import tensorflow as tf

from keras_synth.degradations.base import (
    Degradation,
    check_range,
    draw_range,
    keep_range,
    mirrored,
    num_channels,
    split_seed,
)
from keras_synth.ops.numbers import is_int


@keras.saving.register_keras_serializable("keras_synth")
class Downsample(Degradation):
    """Downsampling, bicubic with antialiasing.

    This is the input of the super-resolution benchmarks: the cubic kernel with
    a = -1/2, stretched by the factor, and mirrored borders, as in MATLAB's
    `imresize`. The result is not rounded to 8 bits.

    The whole image becomes `⌊height / factor⌋ x ⌊width / factor⌋` (at least
    one pixel); crop to multiples of the factor first to follow a benchmark.
    The record's parameters hold `factor`, float32 (batch, 1, 1, 1).

    Args:
        factor: Factor by which height and width are divided, an int of at
            least 1. 1 changes nothing.
        keep_size: Whether to upscale the small image to its old size by
            bicubic interpolation, the blurred input of networks that keep
            the size.

    Example:

    >>> Downsample(4)(tf.zeros((1, 32, 48, 3)), seed=0).shape
    TensorShape([1, 8, 12, 3])

    Reference: Keys, Cubic Convolution Interpolation for Digital Image
    Processing, 1981, equation 15.
    """

    SEVERITIES = tuple(
        {"factor": factor, "keep_size": True} for factor in (2, 3, 4, 6, 8)
    )

    def __init__(self, factor, keep_size=False):
        if not is_int(factor) or factor < 1:
            raise ValueError(
                f"`factor` must be an int, at least 1. Received: {factor=}"
            )
        self.factor = factor
        self.keep_size = bool(keep_size)
        self.keeps_size = self.keep_size or factor == 1

    def apply(self, images, seed):
        shape = tf.shape(images)
        parameters = {
            "factor": tf.fill((shape[0], 1, 1, 1), float(self.factor))
        }
        if self.factor == 1:
            return images, tf.zeros_like(images[..., :1]), parameters
        size = tf.maximum(shape[1:3] // self.factor, 1)
        degraded = keep_range(_resized(images, size), images)
        if self.keep_size:
            degraded = keep_range(_resized(degraded, shape[1:3]), images)
        return degraded, None, parameters

    def get_config(self):
        return {"factor": self.factor, "keep_size": self.keep_size}


def _resized(images, size):
    """Bicubic resizing with antialiasing and mirrored borders.

    Args:
        images: (batch, height, width, channels).
        size: New height and width, int (2,).
    """
    old = tf.shape(images)[1:3]
    scale = tf.cast(size, "float32") / tf.cast(old, "float32")
    # The kernel reaches two pixels of the smaller of both images.
    edge = 2 * tf.cast(tf.math.ceil(tf.maximum(1.0 / scale, 1.0)), "int32") + 1
    extended = images
    for axis in (0, 1):
        place = tf.range(-edge[axis], old[axis] + edge[axis])
        place = place % (2 * old[axis])  # there and back again
        place = tf.minimum(place, 2 * old[axis] - 1 - place)
        extended = tf.gather(extended, place, axis=axis + 1)
    resized = tf.raw_ops.ScaleAndTranslate(
        images=extended,
        size=size,
        scale=scale,
        translation=-scale * tf.cast(edge, "float32"),
        kernel_type="keyscubic",
        antialias=True,
    )
    channels = images.shape[-1]
    return tf.ensure_shape(resized, (images.shape[0], None, None, channels))


@keras.saving.register_keras_serializable("keras_synth")
class JPEGCompression(Degradation):
    """JPEG compression: an image written as JPEG and read again.

    It shows blocks and ringing, in 8 bits. Color is stored at half resolution
    (4:2:0), as cameras do; values are clipped to [0, 1] before. The record's
    parameters hold `quality`, int32 (batch, 1, 1, 1).

    Args:
        quality: Quality, an int from 1 (worst) to 100 (best), or a range
            from which each image draws its own. None changes nothing, with
            `quality` 101 in the record (even 100 rounds).
        shifted: Whether the grid of 8 x 8 blocks begins at a random pixel of
            each image, as in an image that was cropped before.

    Example:

    >>> JPEGCompression((10, 90))(tf.zeros((2, 16, 16, 3)), seed=0).shape
    TensorShape([2, 16, 16, 3])
    """

    SEVERITIES = tuple({"quality": quality} for quality in (80, 50, 25, 12, 5))

    def __init__(self, quality, shifted=False):
        self.quality = quality
        self.shifted = bool(shifted)
        if quality is not None:
            self.quality = check_range(quality, "quality", 1, 100, whole=True)

    def apply(self, images, seed):
        shape = (tf.shape(images)[0], 1, 1, 1)
        if self.quality is None:
            unchanged = tf.zeros_like(images[..., :1])
            return images, unchanged, {"quality": tf.fill(shape, 101)}
        if num_channels(images) not in (1, 3):
            raise ValueError(
                "JPEG stores images of 1 or 3 channels. "
                f"Received: shape {tuple(images.shape)}"
            )
        quality = draw_range(self.quality, shape, seed)
        shift = tf.zeros((shape[0], 2), "int32")
        if self.shifted:
            shift = tf.random.stateless_uniform(
                (shape[0], 2), split_seed(seed, 2)[1], 0, 8, "int32"
            )
        degraded = tf.map_fn(
            lambda one: _compress(*one),
            (images, quality[:, 0, 0, 0], shift),
            fn_output_signature=tf.TensorSpec(images.shape[1:], "float32"),
        )
        return degraded, None, {"quality": quality}

    def get_config(self):
        return {"quality": self.quality, "shifted": self.shifted}


def _compress(image, quality, shift):
    """JPEG, whose first block lacks `shift` (2,) rows and columns."""
    size = tf.shape(image)
    before = tf.concat([shift, [0]], axis=0)
    larger = image
    for axis in (0, 1):
        larger = mirrored(larger, axis, shift[axis], 0)
    # TensorFlow would cut off fractions of gray levels.
    larger = tf.round(255.0 * tf.clip_by_value(larger, 0.0, 1.0)) / 255.0
    # The default decoder of other libraries.
    compressed = tf.image.adjust_jpeg_quality(
        larger, quality, dct_method="INTEGER_ACCURATE"
    )
    return tf.ensure_shape(tf.slice(compressed, before, size), image.shape)
