"""Antialiased lines: distances to segments, and drawing them.

Points are (row, column) in pixels; the centers of pixels are whole numbers.
"""

import tensorflow as tf

from keras_synth.degradations.base import one_by_one


def squared_distance(row, column, start, end):
    """Squared distance from points to straight segments.

    Args:
        row: Rows of the points, float32; with `column` broadcast to (...).
        column: Columns of the points.
        start: Starts of the segments, float32 (..., 2), broadcast to the
            points.
        end: Ends of the segments; they may equal the starts.

    Returns:
        float32 (...).

    Example:

    >>> start, end = tf.constant([[0.0, 0.0], [0.0, 1.0]])
    >>> float(squared_distance(0.0, 3.0, start, end))
    4.0
    """
    (down, right), (first_row, first_column) = (
        tf.unstack(pair, axis=-1) for pair in (end - start, start)
    )
    row, column = row - first_row, column - first_column
    share = tf.math.divide_no_nan(
        row * down + column * right, down * down + right * right
    )
    share = tf.clip_by_value(share, 0.0, 1.0)
    return tf.square(row - share * down) + tf.square(column - share * right)


def line_coverage(distance, thickness):
    """Coverage of a pixel by a line, for antialiasing.

    The overlap of the line, `[-t/2, t/2]`, with the pixel, `[d-½, d+½]`:
    `min(t/2 + ½ - d, t, 1)`, not below 0. The edge is a ramp one pixel wide,
    a line thinner than a pixel is faint, and one of thickness 0 is invisible.

    Args:
        distance: d, distance of the pixel's center from the line's.
        thickness: t, thickness of the line in pixels.

    Returns:
        float32, in [0, 1].
    """
    overlap = 0.5 * thickness + 0.5 - distance
    return tf.clip_by_value(overlap, 0.0, tf.minimum(thickness, 1.0))


def draw_segments(start, end, thickness, opacity, reach, height, width):
    """Draws short segments, each in a small window around its middle.

    Where segments meet or cross, the larger opacity counts, so that the
    segments of a polyline look like one line. Parts outside the image are left
    out.

    Args:
        start: Starts of the segments, float32 (batch, segments, 2).
        end: Ends of the segments, float32 (batch, segments, 2).
        thickness: Thickness in pixels, (batch, segments).
        opacity: Opacity in [0, 1], (batch, segments).
        reach: Half the side of the window, an int: at least half the longest
            segment plus half the thickness plus 1.
        height: Height of the image.
        width: Width of the image.

    Returns:
        Opacity of every pixel, float32 (batch, height, width, 1).
    """
    middle = tf.round(0.5 * (start + end))
    steps = tf.range(-reach, reach + 1, dtype="float32")
    row, column = (
        middle[..., axis, None] + tf.reshape(step, (-1,))
        for axis, step in enumerate(tf.meshgrid(steps, steps, indexing="ij"))
    )  # (batch, segments, window)
    distance = tf.sqrt(
        squared_distance(row, column, start[:, :, None], end[:, :, None])
    )
    alpha = opacity[..., None] * line_coverage(distance, thickness[..., None])

    batch = tf.shape(start)[0]
    row, column = tf.cast(row, "int64"), tf.cast(column, "int64")
    height, width = tf.cast(height, "int64"), tf.cast(width, "int64")
    inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    image = tf.range(tf.cast(batch, "int64"))[:, None, None]
    index = (image * height + row) * width + column
    index = tf.where(inside, index, 0)
    alpha = tf.where(inside, alpha, 0.0)
    canvas = tf.zeros([tf.cast(batch, "int64") * height * width])
    canvas = tf.tensor_scatter_nd_max(
        canvas, tf.reshape(index, (-1, 1)), tf.reshape(alpha, (-1,))
    )
    return tf.reshape(canvas, (-1, height, width, 1))


def stroke_distance(start, end, scale, height, width):
    """Squared distance of every pixel to the nearest of long segments.

    Args:
        start: Starts of the segments, float32 (batch, segments, 2).
        end: Ends of the segments, float32 (batch, segments, 2).
        scale: Divisor of the distances, (batch, segments).
        height: Height of the image.
        width: Width of the image.

    Returns:
        float32 (batch, height, width).
    """
    rows = tf.range(tf.cast(height, "float32"))[:, None]
    columns = tf.range(tf.cast(width, "float32"))

    def nearer(nearest, segment):
        # One segment of each image at a time, to save memory.
        first, last, width_of = segment
        distance = squared_distance(
            rows, columns, first[:, None, None], last[:, None, None]
        )
        return tf.minimum(nearest, distance / width_of[:, None, None] ** 2)

    far = tf.fill((tf.shape(start)[0], height, width), float("inf"))
    return one_by_one(nearer, far, (start, end, scale))
