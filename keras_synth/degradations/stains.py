"""Stains of spilt liquid on a print.

Where the mask is 0 the image is unchanged bit by bit.
"""

import keras
import tensorflow as tf

from keras_synth.degradations.base import (
    Degradation,
    blend,
    check_range,
    draw_range,
    num_channels,
    one_by_one,
    split_seed,
)
from keras_synth.ops.color import LUMA_WEIGHTS

#: Waves along a stain's outline, and knots per side of its texture.
WAVES, KNOTS = 5, 9


@keras.saving.register_keras_serializable("keras_synth")
class Stains(Degradation):
    """Stains, as of coffee: soft irregular blobs, darker towards the rim.

    Each is blended in, `y = (1 - α) x + α c`; α is largest along the rim,
    where a drop dries last, uneven inside, and exactly 0 outside. On images
    without three channels c is the luma of the color. The record's parameters
    hold `center` (batch, stains, 2), (row, column) in pixels, `radius` in
    pixels and `opacity`, (batch, stains), and `color` (batch, stains, 3), all
    float32. They have entries for the largest number of stains; the radius is
    0 for those that an image does not have.

    Args:
        count: Number of stains in an image, or a range.
        size: Radius of a stain as a share of the image's shorter side, or a
            range. The outline varies around it by up to a half.
        opacity: α at the rim, 0 to 1, or a range.
        color: (red, green, blue), 0 to 1 each, or a pair of such colors
            between which each stain draws its own.

    Example:

    >>> stained = Stains(count=1)(tf.ones((1, 32, 32, 3)), seed=0)
    >>> red, _, blue = tf.reduce_mean(stained, axis=(0, 1, 2)).numpy()
    >>> bool(red > blue)
    True

    Reference: on the darker rim, Deegan et al., Capillary Flow as the Cause
    of Ring Stains from Dried Liquid Drops, 1997.
    """

    SEVERITIES = (
        {"count": 1, "size": (0.1, 0.15), "opacity": (0.3, 0.4)},
        {"count": (1, 2), "size": (0.15, 0.22), "opacity": (0.45, 0.6)},
        {"count": (2, 3), "size": (0.18, 0.3), "opacity": (0.6, 0.75)},
        {"count": (3, 4), "size": (0.2, 0.35), "opacity": (0.7, 0.85)},
        {"count": (5, 6), "size": (0.25, 0.4), "opacity": (0.8, 0.95)},
    )

    def __init__(
        self,
        count=(1, 3),
        size=(0.15, 0.3),
        opacity=(0.5, 0.8),
        color=((0.36, 0.19, 0.03), (0.55, 0.33, 0.09)),
    ):
        self.count = check_range(count, "count", whole=True)
        self.size = check_range(size, "size")
        self.opacity = check_range(opacity, "opacity", high=1.0)
        self.color = _check_colors(color)

    def apply(self, images, seed):
        channels = num_channels(images)
        seeds = split_seed(seed, 6)
        shape = tf.shape(images)
        drawn = (shape[0], self.count[1])
        count = draw_range(self.count, (shape[0], 1), seeds[0])
        there = tf.range(self.count[1]) < count
        size = tf.cast(shape[1:3], "float32")
        center = size * tf.random.stateless_uniform((*drawn, 2), seeds[1]) - 0.5
        radius = draw_range(self.size, drawn, seeds[2]) * tf.reduce_min(size)
        radius = tf.where(there, radius, 0.0)
        opacity = draw_range(self.opacity, drawn, seeds[3])
        share = tf.random.stateless_uniform((*drawn, 1), seeds[4])
        dark, light = map(tf.constant, self.color)
        color = dark + share * (light - dark)
        parameters = {
            "center": center,
            "radius": radius,
            "opacity": opacity,
            "color": color,
        }
        mask = tf.zeros_like(images[..., :1])
        if self.count[1] == 0:
            return images, mask, parameters

        shape_seed, cloud_seed = split_seed(seeds[5], 2)
        wave = draw_range((-1.0, 1.0), (*drawn, WAVES, 2), shape_seed)
        cloud = tf.random.stateless_uniform((*drawn, KNOTS, KNOTS), cloud_seed)

        def stain(state, one):
            result, touched = state
            *outline, strength, patch, tint = one
            alpha = _stain_alpha(shape, *outline) * _uneven(patch, shape)
            alpha *= strength[:, None, None, None]
            if channels != 3:
                tint = tint @ tf.constant(LUMA_WEIGHTS)[:, None]
            result = blend(result, alpha, tint[:, None, None])
            touched = tf.maximum(touched, tf.cast(alpha > 0, "float32"))
            return result, touched

        return *one_by_one(
            stain,
            (images, mask),
            (center, radius, wave, opacity, cloud, color),
        ), parameters

    def get_config(self):
        return {
            "count": self.count,
            "size": self.size,
            "opacity": self.opacity,
            "color": self.color,
        }


def _stain_alpha(shape, center, radius, wave):
    """α of a stain in each image, with outline and rim.

    Along the outline the radius is `r (1 + 0.15 Σ (a cos kφ + b sin kφ) / k)`.
    """
    rows = tf.range(tf.cast(shape[1], "float32"))[:, None]
    columns = tf.range(tf.cast(shape[2], "float32"))
    down = rows - center[:, 0, None, None]  # (batch, height, 1)
    right = columns - center[:, 1, None, None]  # (batch, 1, width)
    distance = tf.sqrt(tf.square(down) + tf.square(right))
    angle = tf.atan2(down + tf.zeros_like(right), right)
    outline = tf.ones_like(distance)
    for index in range(WAVES):
        k = index + 1.0
        a, b = (wave[:, index, part, None, None] for part in (0, 1))
        outline += 0.15 / k * (a * tf.cos(k * angle) + b * tf.sin(k * angle))
    radius = radius[:, None, None]
    # 0 in the middle, 1 on the outline.
    place = distance / (outline * tf.maximum(radius, 1e-3))
    rim = 0.45 + 0.55 * _smooth_step((place - 0.7) / 0.25)
    alpha = rim * _smooth_step((1.0 - place) / 0.07)
    return tf.where(radius > 0, alpha, 0.0)[..., None]


def _uneven(knots, shape):
    """A smooth texture of 0.6 to 1, (batch, height, width, 1)."""
    cloud = tf.image.resize(knots[..., None], shape[1:3], "bicubic")
    return 1.0 - 0.4 * tf.clip_by_value(cloud, 0.0, 1.0)


def _smooth_step(x):
    """Smooth step from 0 at 0 to 1 at 1: `3 x² - 2 x³`."""
    x = tf.clip_by_value(x, 0.0, 1.0)
    return x * x * (3.0 - 2.0 * x)


def _check_colors(color):
    """One color or a pair of colors, as a pair."""
    ends = color
    if isinstance(color, list | tuple) and len(color) == 3:
        ends = (color, color)
    try:
        (dark, light) = ends
        ends = tuple(
            tuple(check_range(value, "color", high=1.0)[0] for value in end)
            for end in (dark, light)
        )
        right = len(ends[0]) == len(ends[1]) == 3
    except (TypeError, ValueError):
        right = False
    if not right:
        raise ValueError(
            "`color` must be (red, green, blue), 0 to 1 each, or two of "
            f"those. Received: {color=}"
        )
    return ends
