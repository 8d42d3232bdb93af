"""Anonymization: faces are found, and made unrecognizable."""

import functools

import keras
import numpy as np
import tensorflow as tf
from scipy import ndimage

from keras_synth.degradations.base import Degradation
from keras_synth.ops.numbers import is_int, is_number

_METHODS = ("fill", "pixelate", "blur")
_LONGEST = 1024  # pixels of the side of the image that is searched
_BORDER = 0.25  # of the longer side: faces that fill the image are found too
_WINDOW = 24  # pixels of the side that the detector was trained on


def find_faces(image, smallest=0.05, cascade=None):
    """Face detection by a cascade of local binary patterns.

    It finds frontal faces; those in profile, half covered or turned by more
    than some 20° are often missed, and now and then it takes a pattern for a
    face. It finds one in 399 of the 400 portraits of ORL.

    Args:
        image: Array (height, width, channels) in [0, 1].
        smallest: Side of the smallest face, as a share of the shorter side of
            the image.
        cascade: Path of an XML file of a cascade of local binary patterns, in
            OpenCV's format. None takes scikit-image's, for frontal faces.

    Returns:
        An int array (faces, 4) of top, left, height and width in pixels,
        inside the image.

    Raises:
        ValueError: The file holds no such cascade, or `smallest` is not above
            0 and at most 1.

    Reference: Liao et al., Learning Multi-scale Block Local Binary Patterns
    for Face Recognition, 2007; Viola and Jones, Rapid Object Detection using
    a Boosted Cascade of Simple Features, 2001.

    Example:

    >>> find_faces(np.zeros((64, 64, 1))).shape
    (0, 4)
    """
    if not (is_number(smallest) and 0.0 < smallest <= 1.0):
        raise ValueError(
            f"`smallest` must be above 0, up to 1. Received: {smallest}"
        )
    gray = np.asarray(image, "float32").mean(axis=-1)
    height, width = gray.shape
    border = round(_BORDER * max(height, width))
    gray = np.pad(gray, border, "edge")
    factor = min(1.0, _LONGEST / max(gray.shape))
    least = smallest * min(height, width)
    # The detector sees nothing below its window.
    factor = max(factor, min(1.0, _WINDOW / least))
    sides = [max(1, round(factor * side)) for side in gray.shape]
    smoothed = ndimage.gaussian_filter(gray, 0.4 * (1.0 / factor - 1.0))
    small = ndimage.zoom(
        smoothed,
        np.array(sides) / gray.shape,
        order=1,
        grid_mode=True,
        mode="nearest",
    )
    window = max(_WINDOW, round(factor * least))
    if window > min(small.shape):
        return np.zeros((0, 4), "int64")
    found = _cascade(cascade).detect_multi_scale(
        img=np.rint(255.0 * np.clip(small, 0.0, 1.0)).astype("uint8"),
        scale_factor=1.1,
        step_ratio=1,
        min_size=(window, window),
        max_size=small.shape,
    )
    boxes = np.array(
        [[box[key] for key in ("r", "c", "height", "width")] for box in found],
        "float64",
    ).reshape(-1, 4)
    boxes = boxes / factor - [border, border, 0, 0]
    return clip_boxes(boxes, (height, width))


@functools.cache
def _cascade(path):
    from skimage import data
    from skimage.feature import Cascade

    path = path or data.lbp_frontal_face_cascade_filename()
    try:
        return Cascade(str(path))
    except Exception as error:
        raise ValueError(
            f"{path} holds no cascade of local binary patterns: {error}"
        ) from error


def clip_boxes(boxes, size, margin=0.0):
    """Boxes in whole pixels, widened and cut at the borders of an image.

    Args:
        boxes: Array (boxes, 4) of top, left, height and width.
        size: (height, width) of the image.
        margin: What each side is widened by, as a share of the box's.

    Returns:
        An int array (boxes, 4), without those that lie outside.
    """
    boxes = np.asarray(boxes, "float64").reshape(-1, 4)
    start = boxes[:, :2] - margin * boxes[:, 2:]
    end = boxes[:, :2] + (1.0 + margin) * boxes[:, 2:]
    start = np.clip(np.floor(start), 0, size).astype("int64")
    end = np.clip(np.ceil(end), 0, size).astype("int64")
    there = (end > start).all(axis=1)
    return np.concatenate([start, end - start], axis=1)[there]


@keras.saving.register_keras_serializable("keras_synth")
class Anonymize(Degradation):
    """Anonymization: faces filled, pixelated or blurred.

    Outside of the boxes the image is unchanged bit by bit. The mask is 1 in
    the boxes; the record's parameters hold `boxes`, int32 (batch, most faces,
    4) of top, left, height and width, 0 for those that an image does not have.

    No detector finds every face: look at the images. What is filled is gone.
    Few cells and a strong blur keep coarse features, by which a network that
    knows the person may still recognize them.

    Args:
        method: "fill" leaves the mean color, "pixelate" the mean colors of
            `cells` by `cells` squares, "blur" blurs with a Gaussian of a third
            of the box's height.
        cells: Cells along each side of a box that is pixelated.
        margin: What each box is widened by at each side, as a share of its
            own.
        detector: Function from an image (height, width, channels), an array in
            [0, 1], to boxes (faces, 4) of top, left, height and width in
            pixels. None takes `find_faces`.

    Raises:
        ValueError: Arguments are out of range.

    Example:

    >>> import numpy as np
    >>> half = Anonymize(margin=0, detector=lambda image: [[0, 0, 8, 4]])
    >>> image = half(np.eye(8, dtype="float32")[None, ..., None], seed=0)
    >>> float(image[0, 0, 0, 0]), float(image[0, 7, 7, 0])
    (0.125, 1.0)
    """

    SEVERITIES = (
        {"method": "pixelate", "cells": 12},
        {"method": "pixelate", "cells": 8},
        {"method": "pixelate", "cells": 5},
        {"method": "pixelate", "cells": 3},
        {"method": "fill"},
    )

    def __init__(self, method="fill", cells=4, margin=0.2, detector=None):
        if method not in _METHODS:
            raise ValueError(
                f"`method` must be one of {', '.join(_METHODS)}. "
                f"Received: {method!r}"
            )
        if not is_int(cells) or cells < 1:
            raise ValueError(
                f"`cells` must be an int of at least 1. Received: {cells!r}"
            )
        if not (is_number(margin) and 0.0 <= margin <= 10.0):
            raise ValueError(
                f"`margin` must be from 0 to 10. Received: {margin!r}"
            )
        if detector is not None and not callable(detector):
            raise ValueError(
                "`detector` must be a function from an image to boxes. "
                f"Received: {detector!r}"
            )
        self.method = method
        self.cells = cells
        self.margin = float(margin)
        self.detector = detector

    def apply(self, images, seed):
        degraded, boxes = tf.numpy_function(
            self._all, [images], ["float32", "int32"], stateful=False
        )
        degraded = tf.ensure_shape(degraded, images.shape)
        boxes = tf.ensure_shape(boxes, (images.shape[0], None, 4))
        rows, columns = (
            tf.range(side) for side in tf.unstack(tf.shape(images)[1:3])
        )
        top, left, height, width = tf.unstack(boxes[..., None], axis=2)
        covered = ((rows >= top) & (rows < top + height))[..., :, None] & (
            (columns >= left) & (columns < left + width)
        )[..., None, :]
        mask = tf.cast(tf.reduce_any(covered, axis=1), "float32")[..., None]
        return degraded, mask, {"boxes": boxes}

    def boxes(self, image):
        """Boxes of an image, widened by the margin, int (faces, 4)."""
        detector = self.detector or find_faces
        return clip_boxes(detector(image), image.shape[:2], self.margin)

    def hide(self, image, boxes):
        """The image with the boxes made unrecognizable, a new array.

        Args:
            image: Array (height, width, channels).
            boxes: Int array (boxes, 4) inside of it.
        """
        image = np.array(image, "float32")
        hide = getattr(self, f"_{self.method}")
        for top, left, height, width in boxes:
            part = image[top : top + height, left : left + width]
            part[:] = hide(part)
        return image

    def _all(self, images):
        found = [self.boxes(image) for image in images]
        most = max(map(len, found), default=0)
        boxes = np.zeros((len(images), most, 4), "int32")
        for index, each in enumerate(found):
            boxes[index, : len(each)] = each
        hidden = [
            self.hide(image, each)
            for image, each in zip(images, found, strict=True)
        ]
        shape = images.shape
        return np.array(hidden, "float32").reshape(shape), boxes

    def _fill(self, part):
        return part.mean(axis=(0, 1))

    def _pixelate(self, part):
        cells = [
            np.arange(side) * min(self.cells, side) // side
            for side in part.shape[:2]
        ]
        result = np.empty_like(part)
        for row in np.unique(cells[0]):
            for column in np.unique(cells[1]):
                where = np.ix_(cells[0] == row, cells[1] == column)
                result[where] = part[where].mean(axis=(0, 1))
        return result

    def _blur(self, part):
        sigma = part.shape[0] / 3.0
        return ndimage.gaussian_filter(part, (sigma, sigma, 0), mode="nearest")

    def get_config(self):
        return {
            "method": self.method,
            "cells": self.cells,
            "margin": self.margin,
            "detector": self.detector,
        }

    @classmethod
    def from_config(cls, config):
        detector = keras.saving.deserialize_keras_object(config["detector"])
        return cls(**{**config, "detector": detector})
