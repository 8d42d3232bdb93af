"""Holes for inpainting: rectangles, brush strokes, masks from a folder.

The mask of a hole is 0 or 1. Outside, the image is unchanged bit by bit;
inside, nothing of it remains.
"""

import math
import pathlib

import keras
import numpy as np
import tensorflow as tf
from PIL import Image

from keras_synth.degradations.base import (
    Degradation,
    check_range,
    draw_range,
    split_seed,
)
from keras_synth.degradations.strokes import stroke_distance
from keras_synth.ops.numbers import is_int


@keras.saving.register_keras_serializable("keras_synth")
class Occlusion(Degradation):
    """Occlusion by rectangles.

    The record's parameters hold `top`, `left`, `height` and `width` in
    pixels, int32 (batch, most rectangles); height and width are 0 for those
    that an image does not have.

    Args:
        count: Number of rectangles in an image, or a range.
        size: Sides of a rectangle, as a share of the image's, 0 to 1, or a
            range; height and width are drawn separately.
        fill: Value inside the rectangles, 0 to 1, or "mean" for the mean
            color of the image.

    Example:

    >>> occlusion = Occlusion(count=1, size=0.5, fill=1.0)
    >>> float(tf.reduce_mean(occlusion(tf.zeros((1, 8, 8, 1)), seed=0)))
    0.25
    """

    SEVERITIES = (
        {"count": 1, "size": (0.1, 0.2)},
        {"count": 1, "size": (0.2, 0.35)},
        {"count": 2, "size": (0.2, 0.4)},
        {"count": 3, "size": (0.25, 0.45)},
        {"count": 4, "size": (0.35, 0.55)},
    )

    def __init__(self, count=1, size=(0.2, 0.5), fill=0.0):
        self.count = check_range(count, "count", whole=True)
        self.size = check_range(size, "size", high=1.0)
        self.fill = _check_fill(fill)

    def apply(self, images, seed):
        count_seed, *seeds = split_seed(seed, 5)
        shape = tf.shape(images)
        drawn = (shape[0], self.count[1])
        count = draw_range(self.count, (shape[0], 1), count_seed)
        there = tf.range(self.count[1]) < count  # (batch, rectangles)

        def draw_span(side, size_seed, place_seed):
            whole = tf.cast(side, "float32")
            size = draw_range(self.size, drawn, size_seed)
            span = tf.cast(tf.round(size * whole), "int32")
            place = tf.random.stateless_uniform(drawn, place_seed)
            free = tf.cast(side - span + 1, "float32")
            start = tf.cast(tf.floor(place * free), "int32")
            start = tf.minimum(start, side - span)
            return start, tf.where(there, span, 0)

        def covers(side, start, span):  # (batch, rectangles, side)
            pixel = tf.range(side) - start[..., None]
            return tf.cast((pixel >= 0) & (pixel < span[..., None]), "float32")

        top, height = draw_span(shape[1], *seeds[:2])
        left, width = draw_span(shape[2], *seeds[2:])
        rectangles = tf.einsum(
            "bnh,bnw->bhw",
            covers(shape[1], top, height),
            covers(shape[2], left, width),
        )
        mask = tf.cast(rectangles > 0, "float32")[..., None]
        parameters = {"top": top, "left": left, "height": height}
        parameters["width"] = width
        return _fill_holes(images, mask, self.fill), mask, parameters

    def get_config(self):
        return {"count": self.count, "size": self.size, "fill": self.fill}


@keras.saving.register_keras_serializable("keras_synth")
class IrregularHoles(Degradation):
    """Irregular holes: free-form brush strokes of a given area.

    Each stroke is a random walk from a random place. All strokes of an image
    are then widened together until the holes have exactly the given area. The
    record's parameters hold `area`, the holes' share of the image, float32
    (batch, 1, 1, 1).

    Args:
        area: Share of the image that the holes cover, 0 to 1, or a range from
            which each image draws its own.
        strokes: Number of strokes in an image. Some are up to three times as
            wide as others.
        fill: Value inside the holes, 0 to 1, or "mean" for the mean color of
            the image.

    Example:

    >>> degraded = IrregularHoles(0.25, fill=1.0)(
    ...     tf.zeros((1, 32, 32, 1)), seed=0
    ... )
    >>> float(tf.reduce_mean(degraded))
    0.25

    Reference: after Yu et al., Free-Form Image Inpainting with Gated
    Convolution, 2019, section 3.4; its strokes have random widths instead of
    a given area.
    """

    SEVERITIES = (
        {"area": (0.02, 0.05)},
        {"area": (0.08, 0.12)},
        {"area": (0.16, 0.24)},
        {"area": (0.28, 0.36)},
        {"area": (0.42, 0.5)},
    )

    #: Number of straight segments of a stroke.
    PIECES = 7

    def __init__(self, area=(0.1, 0.4), strokes=4, fill=0.0):
        if not is_int(strokes) or strokes < 1:
            raise ValueError(
                f"`strokes` must be a positive int. Received: {strokes=}"
            )
        self.area = check_range(area, "area", high=1.0)
        self.strokes = strokes
        self.fill = _check_fill(fill)

    def apply(self, images, seed):
        area_seed, width_seed, path_seed = split_seed(seed, 3)
        shape = tf.shape(images)
        area = draw_range(self.area, (shape[0], 1, 1, 1), area_seed)
        vertices = self._draw_paths(shape, path_seed)
        width = draw_range(
            (0.5, 1.5), (shape[0], self.strokes, 1), width_seed
        ) * tf.ones((1, 1, self.PIECES))
        pieces = (shape[0], self.strokes * self.PIECES)
        distance = stroke_distance(
            tf.reshape(vertices[:, :, :-1], (*pieces, 2)),
            tf.reshape(vertices[:, :, 1:], (*pieces, 2)),
            tf.reshape(width, pieces),
            shape[1],
            shape[2],
        )
        mask = _nearest_pixels(distance, area[:, 0, 0, 0])
        return _fill_holes(images, mask, self.fill), mask, {"area": area}

    def _draw_paths(self, shape, seed):
        """Vertices (batch, strokes, pieces + 1, 2), inside the image."""
        seeds = split_seed(seed, 3)
        size = tf.cast(shape[1:3], "float32")
        strokes, pieces = (shape[0], self.strokes), (self.PIECES,)
        start = size * tf.random.stateless_uniform((*strokes, 1, 2), seeds[0])
        # A heading, then turns of up to 120 degrees to either side.
        turn = draw_range((-1.0, 1.0), (*strokes, *pieces), seeds[1])
        turn *= tf.constant([math.pi] + [2 * math.pi / 3] * (self.PIECES - 1))
        heading = tf.cumsum(turn, axis=-1)
        length = tf.norm(size) / 8.0
        length *= draw_range((0.5, 1.5), (*strokes, *pieces), seeds[2])
        step = tf.stack([tf.sin(heading), tf.cos(heading)], -1)
        steps = tf.cumsum(length[..., None] * step, axis=2)
        path = tf.concat([start, start + steps], axis=2)
        # Reflect the path at the edges of the image.
        fold = tf.abs(tf.math.floormod(path + size, 2.0 * size) - size)
        return fold - 0.5

    def get_config(self):
        return {"area": self.area, "strokes": self.strokes, "fill": self.fill}


@keras.saving.register_keras_serializable("keras_synth")
class HolesFromFolder(Degradation):
    """Holes from a folder of mask images, such as published test masks.

    Each image draws one of the masks, which is resized to its size by nearest
    neighbors. All masks are read at the start and kept in memory, one byte for
    each pixel. The record's parameters hold `index` of the mask in
    alphabetical order, int32 (batch, 1, 1, 1), and `area`, its share of the
    image, float32 (batch, 1, 1, 1). There is no scale of severities.

    Args:
        folder: Folder of PNG, JPEG, BMP or GIF files. Folders below it are
            not read. Where a file is transparent in parts, its opaque parts
            are taken for white.
        invert: Whether the masks are black in the holes. False for masks
            that are white there (above half of the largest value).
        fill: Value inside the holes, 0 to 1, or "mean" for the mean color of
            the image.

    Raises:
        FileNotFoundError: There is no such folder.
        ValueError: It holds no masks, or one that cannot be read.
    """

    def __init__(self, folder, invert=False, fill=0.0):
        self.folder = str(folder)
        self.invert = bool(invert)
        self.fill = _check_fill(fill)
        masks = _read_masks(pathlib.Path(folder))
        sizes = [mask.shape for mask in masks]
        starts = [0]
        for height, width in sizes:
            starts.append(starts[-1] + height * width)
        # All masks, of any sizes, in one flat tensor.
        with tf.init_scope(), tf.device("CPU"):
            self._pixels = tf.concat([tf.reshape(m, [-1]) for m in masks], 0)
            self._starts = tf.constant(starts[:-1], "int64")
            self._sizes = tf.constant(sizes, "int64")

    def apply(self, images, seed):
        shape = tf.shape(images)
        index = tf.random.stateless_uniform(
            shape[:1], seed, 0, self._starts.shape[0], "int32"
        )
        sizes = tf.gather(self._sizes, index)

        def nearest(side, own):  # (batch, side)
            center = tf.range(tf.cast(side, "float64")) + 0.5
            scale = own / tf.cast(side, "int64")
            return tf.cast(tf.floor(center * scale[:, None]), "int64")

        row = nearest(shape[1], sizes[:, 0])[:, :, None]
        column = nearest(shape[2], sizes[:, 1])[:, None, :]
        start = tf.gather(self._starts, index)[:, None, None]
        pixels = tf.gather(
            self._pixels, start + row * sizes[:, 1, None, None] + column
        )
        mask = tf.cast((pixels > 127) != self.invert, "float32")[..., None]
        area = tf.reduce_mean(mask, axis=(1, 2, 3), keepdims=True)
        parameters = {"index": index[:, None, None, None], "area": area}
        return _fill_holes(images, mask, self.fill), mask, parameters

    def get_config(self):
        return {
            "folder": self.folder,
            "invert": self.invert,
            "fill": self.fill,
        }


def _check_fill(fill):
    if fill == "mean":
        return fill
    if isinstance(fill, str | list | tuple):
        raise ValueError(
            '`fill` must be a number of 0 to 1, or "mean". '
            f"Received: fill={fill!r}"
        )
    return check_range(fill, "fill", high=1.0)[0]


def _fill_holes(images, mask, fill):
    if fill == "mean":
        fill = tf.reduce_mean(images, axis=(1, 2), keepdims=True)
    return tf.where(mask > 0, fill, images)


def _nearest_pixels(distance, area):
    """Mask of the nearest pixels, a share `area` of the image."""
    shape = tf.shape(distance)
    flat = tf.reshape(distance, (shape[0], -1))
    pixels = tf.shape(flat)[1]
    count = tf.cast(tf.round(area * tf.cast(pixels, "float32")), "int32")
    ascending = tf.sort(flat, axis=1)
    last = tf.gather(ascending, tf.maximum(count - 1, 0), batch_dims=1)
    mask = (flat <= last[:, None]) & (count > 0)[:, None]
    return tf.reshape(tf.cast(mask, "float32"), shape)[..., None]


def _read_masks(folder):
    """All masks of a folder, uint8 (height, width), in order of names."""
    check_folder(folder)
    endings = (".bmp", ".gif", ".jpeg", ".jpg", ".png")
    files = sorted(
        file
        for file in folder.iterdir()
        if file.suffix.lower() in endings and not file.name.startswith(".")
    )
    if not files:
        raise ValueError(f"{folder} holds no masks ({', '.join(endings)}).")
    masks = []
    for file in files:
        try:
            with Image.open(file) as image:
                masks.append(_as_mask(image))
        except (OSError, SyntaxError, ValueError) as error:
            raise ValueError(
                f"{file} is not a readable image: {error}"
            ) from error
    return masks


def _as_mask(image):
    """The first image of a file as uint8 (height, width), 255 where marked."""
    if image.mode.startswith("I"):  # 16 bits
        return np.asarray(image).astype("uint16").view("uint8")[:, 1::2]
    values = np.asarray(image.convert("RGBA"))
    alpha = values[..., 3]
    # Marked on a transparent ground, in whatever color.
    return values[..., :3].max(axis=-1) if alpha.min() == 255 else alpha


def check_folder(folder):
    """The folder as a `pathlib.Path`; FileNotFoundError without it."""
    folder = pathlib.Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"There is no folder {folder}")
    return folder
