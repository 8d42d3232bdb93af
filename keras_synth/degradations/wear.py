"""Wear of prints and negatives: scratches and dust.

Where the mask is 0 the image is unchanged bit by bit.
"""

import math

import keras
import tensorflow as tf

from keras_synth.degradations.base import (
    Degradation,
    blend,
    check_range,
    draw_range,
    one_by_one,
    split_seed,
)
from keras_synth.degradations.strokes import draw_segments


@keras.saving.register_keras_serializable("keras_synth")
class Scratches(Degradation):
    """Scratches: thin lines, straight and bent, where the emulsion is gone.

    Each is a quadratic Bezier curve. At distance d from a scratch of thickness
    t and opacity o, its brightness is blended in with weight
    `o min(t/2 + ½ - d, t, 1)` (not below 0), which smooths the edges. Where
    scratches cross, the later ones lie on top.

    The record's parameters hold `points` (batch, scratches, 3, 2), start,
    control point and end of the curve as (row, column) in pixels, and
    `thickness`, `opacity` and `brightness` (batch, scratches), all float32.
    They have entries for the largest number of scratches; the thickness is 0
    for those that an image does not have.

    Args:
        count: Number of scratches in an image, or a range.
        length: Length from end to end, as a share of the image's diagonal, 0
            to 1, or a range. Parts outside the image are cut off.
        thickness: Thickness in pixels, or a range.
        brightness: Brightness, 0 for black to 1 for white, or a range.
        opacity: Opacity, 0 to 1, or a range.
        curvature: Largest distance of the control point from the straight
            line, as a share of the length; most scratches are bent less. 0
            for straight lines only.

    Example:

    >>> degraded = Scratches(count=(1, 3))(tf.zeros((2, 32, 32, 3)), seed=0)
    >>> float(tf.reduce_max(degraded)) > 0.5
    True
    """

    SEVERITIES = (
        {"count": 1, "thickness": (0.5, 1.0)},
        {"count": (2, 3), "thickness": (0.6, 1.2)},
        {"count": (4, 6), "thickness": (0.8, 1.6)},
        {"count": (8, 11), "thickness": (0.8, 2.2)},
        {"count": (14, 18), "thickness": (1.0, 3.0)},
    )

    def __init__(
        self,
        count=(2, 6),
        length=(0.2, 0.9),
        thickness=(0.7, 2.0),
        brightness=(0.8, 1.0),
        opacity=(0.6, 1.0),
        curvature=0.3,
    ):
        self.count = check_range(count, "count", whole=True)
        self.length = check_range(length, "length", high=1.0)
        self.thickness = check_range(thickness, "thickness")
        self.brightness = check_range(brightness, "brightness", high=1.0)
        self.opacity = check_range(opacity, "opacity", high=1.0)
        if isinstance(curvature, list | tuple):
            raise ValueError(
                f"`curvature` must be a number. Received: {curvature=}"
            )
        self.curvature = check_range(curvature, "curvature")[1]

    def apply(self, images, seed):
        count_seed, thick_seed, bright_seed, alpha_seed, place_seed = (
            split_seed(seed, 5)
        )
        shape = tf.shape(images)
        drawn = (shape[0], self.count[1])
        count = draw_range(self.count, (shape[0], 1), count_seed)
        there = tf.range(self.count[1]) < count
        thickness = draw_range(self.thickness, drawn, thick_seed)
        thickness = tf.where(there, thickness, 0.0)
        brightness = draw_range(self.brightness, drawn, bright_seed)
        opacity = draw_range(self.opacity, drawn, alpha_seed)
        points = self._draw_curves(shape, drawn, place_seed)
        parameters = {
            "points": points,
            "thickness": thickness,
            "opacity": opacity,
            "brightness": brightness,
        }
        mask = tf.zeros_like(images[..., :1])
        if self.count[1] == 0:
            return images, mask, parameters

        vertices = _bezier(points, self._vertex_count(shape))
        reach = math.ceil(0.5 * self.thickness[1]) + 2

        def scratch(state, one):
            result, touched = state
            line, thick, bright, strength = one
            start, end = line[:, :-1], line[:, 1:]
            pieces = tf.ones_like(start[..., 0])
            alpha = draw_segments(
                start,
                end,
                thick[:, None] * pieces,
                strength[:, None] * pieces,
                reach,
                shape[1],
                shape[2],
            )
            result = blend(result, alpha, bright[:, None, None, None])
            touched = tf.maximum(touched, tf.cast(alpha > 0, "float32"))
            return result, touched

        return *one_by_one(
            scratch,
            (images, mask),
            (vertices, thickness, brightness, opacity),
        ), parameters

    def _draw_curves(self, shape, drawn, seed):
        """Start, control point and end, (batch, scratches, 3, 2)."""
        seeds = split_seed(seed, 4)
        size = tf.cast(shape[1:3], "float32")
        middle = size * tf.random.stateless_uniform((*drawn, 2), seeds[0])
        middle -= 0.5
        angle = draw_range((0.0, 2.0 * math.pi), drawn, seeds[1])
        length = tf.norm(size) * draw_range(self.length, drawn, seeds[2])
        # The cube makes most of them nearly straight.
        bend = self.curvature * draw_range((-1.0, 1.0), drawn, seeds[3]) ** 3
        along = tf.stack([tf.sin(angle), tf.cos(angle)], -1)
        across = tf.stack([tf.cos(angle), -tf.sin(angle)], -1)
        half = 0.5 * length[..., None] * along
        control = middle + (bend * length)[..., None] * across
        return tf.stack([middle - half, control, middle + half], axis=2)

    def _vertex_count(self, shape):
        """Number of vertices for which neighbors are at most a pixel apart.

        A quadratic Bezier curve's speed is at most twice its longer leg.
        """
        diagonal = tf.norm(tf.cast(shape[1:3], "float32"))
        leg = self.length[1] * math.hypot(0.5, self.curvature) * diagonal
        return tf.cast(tf.math.ceil(2.0 * leg), "int32") + 2

    def get_config(self):
        return {
            "count": self.count,
            "length": self.length,
            "thickness": self.thickness,
            "brightness": self.brightness,
            "opacity": self.opacity,
            "curvature": self.curvature,
        }


@keras.saving.register_keras_serializable("keras_synth")
class Dust(Degradation):
    """Dust: small specks, dark or bright, round or elongated.

    Each is a short thick line with smooth edges. The record's parameters hold
    `center` (batch, specks, 2), (row, column) in pixels, `size` in pixels,
    `opacity` and `bright` (1 or 0), (batch, specks), all float32. They have
    entries for the largest number of specks; the size is 0 for those that an
    image does not have.

    Args:
        density: Number of specks on 100 x 100 pixels, or a range.
        size: Thickness of a speck in pixels, or a range; small ones are more
            frequent. Specks are up to twice as long as thick.
        bright: Share of white specks, 0 to 1, or a range; the others are
            black.
        opacity: Opacity, 0 to 1, or a range.

    Example:

    >>> record = Dust(density=10)(
    ...     tf.zeros((1, 100, 200, 1)), seed=0, return_record=True
    ... )[1]
    >>> int(tf.math.count_nonzero(record["parameters"]["size"]))
    20
    """

    SEVERITIES = (
        {"density": 3, "size": (0.7, 1.5)},
        {"density": 8, "size": (0.7, 2.0)},
        {"density": 16, "size": (0.8, 2.6)},
        {"density": 30, "size": (0.8, 3.2)},
        {"density": 60, "size": (0.8, 4.0)},
    )

    def __init__(
        self,
        density=(5, 30),
        size=(0.8, 2.6),
        bright=0.5,
        opacity=(0.5, 1.0),
    ):
        self.density = check_range(density, "density")
        self.size = check_range(size, "size")
        self.bright = check_range(bright, "bright", high=1.0)
        self.opacity = check_range(opacity, "opacity", high=1.0)

    def apply(self, images, seed):
        seeds = split_seed(seed, 7)
        shape = tf.shape(images)
        places = tf.cast(shape[1:3], "float32")
        area = tf.reduce_prod(places) / 1e4

        def specks(density):
            return tf.cast(tf.round(density * area), "int32")

        density = draw_range(self.density, (shape[0], 1), seeds[0])
        most = specks(self.density[1])
        drawn = (shape[0], most)
        center = places * tf.random.stateless_uniform((*drawn, 2), seeds[1])
        center -= 0.5
        low, high = self.size
        size = tf.square(tf.random.stateless_uniform(drawn, seeds[2]))
        size = low + (high - low) * size
        size = tf.where(tf.range(most) < specks(density), size, 0.0)
        angle = draw_range((0.0, math.pi), drawn, seeds[3])
        half = 0.5 * size * tf.random.stateless_uniform(drawn, seeds[4])
        half = half[..., None] * tf.stack([tf.sin(angle), tf.cos(angle)], -1)
        opacity = draw_range(self.opacity, drawn, seeds[5])
        share_seed, color_seed = split_seed(seeds[6], 2)
        share = draw_range(self.bright, (shape[0], 1), share_seed)
        bright = tf.random.stateless_uniform(drawn, color_seed) < share
        bright = tf.cast(bright, "float32")

        reach = math.ceil(self.size[1]) + 1
        mask = tf.zeros_like(images[..., :1])
        for value in (0.0, 1.0):
            alpha = draw_segments(
                center - half,
                center + half,
                size,
                tf.where(bright == value, opacity, 0.0),
                reach,
                shape[1],
                shape[2],
            )
            images = blend(images, alpha, value)
            mask = tf.maximum(mask, tf.cast(alpha > 0, "float32"))
        parameters = {"center": center, "size": size}
        parameters |= {"opacity": opacity, "bright": bright}
        return images, mask, parameters

    def get_config(self):
        return {
            "density": self.density,
            "size": self.size,
            "bright": self.bright,
            "opacity": self.opacity,
        }


def _bezier(points, count):
    """Polylines of quadratic Bezier curves, (batch, curves, count, 2)."""
    t = tf.linspace(0.0, 1.0, count)[:, None]
    first, control, last = tf.unstack(points[:, :, :, None], axis=2)
    return (1 - t) ** 2 * first + 2 * t * (1 - t) * control + t**2 * last
