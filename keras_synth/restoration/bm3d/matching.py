"""Block matching: the most similar blocks around each reference block."""

import dataclasses

import tensorflow as tf

# Reference blocks along each side of a tile. They share one matrix product.
TILE = 8
# Larger than any squared norm: rules a block out, or puts it first.
FAR = 1e6


@dataclasses.dataclass(frozen=True)
class Grid:
    """Grid of reference blocks, and the radius of their search windows.

    Attributes:
        step: Distance from one reference block to the next, in positions.
        radius: Largest distance of a match along each axis, in positions.
    """

    step: int
    radius: int

    @property
    def window(self):
        """Side of a search window."""
        return 2 * self.radius + 1

    @property
    def stride(self):
        """Distance from one tile of references to the next, in positions."""
        return self.step * TILE

    @property
    def span(self):
        """Side of the square around all search windows of a tile."""
        return self.step * (TILE - 1) + self.window

    def tiles(self, positions):
        """Number of whole tiles along an axis of so many positions."""
        return (positions - self.span) // self.stride + 1


def match_blocks(features, valid, grid, count):
    """Finds the blocks nearest to each reference block, itself first.

    `|r - c|² = |r|² - (2 r·c - |c|²)`. The bracket is the scalar product of
    `(2 r, -1)` and `(c, |c|²)`: one matrix product for all references of a
    tile and all candidates around them, from which each reference then keeps
    its own search window.

    Args:
        features: float32 (rows, columns, depth), a vector for the block at
            each position. The distance of two blocks is that of their vectors.
        valid: Bool (rows, columns), the positions that may match.
        grid: A `Grid`. The reference blocks lie at `radius + step * k`, in as
            many whole tiles as fit.
        count: Number of blocks to find, the reference included.

    Returns:
        `(positions, distances)`, each (references, count): flat indices into
        rows and columns, and squared distances in ascending order. The order
        of the references is that of `reference_positions`.
    """
    shape = tf.shape(features)
    columns, depth = shape[1], shape[2]
    norms = tf.reduce_sum(tf.square(features), axis=-1)
    penalized = tf.where(valid, norms, FAR)[..., None]
    candidates = tf.reshape(
        tf.concat([features, penalized], axis=-1), (-1, depth + 1)
    )
    scaled = tf.concat([2.0 * features, -tf.ones_like(penalized)], axis=-1)
    scaled = tf.reshape(scaled, (-1, depth + 1))

    references = reference_positions(shape[0], columns, grid)
    products = tf.matmul(
        tf.gather(scaled, references),  # (tiles, TILE², depth + 1)
        tf.gather(candidates, _spans(shape[0], columns, grid)),
        transpose_b=True,
    )  # (tiles, TILE², span²)
    closeness, index = tf.math.top_k(_windows(products, grid), count)
    references = tf.reshape(references, (-1, 1))
    own_norms = tf.gather(tf.reshape(norms, (-1,)), references)
    first = references - grid.radius * (columns + 1)
    down, across = index // grid.window, index % grid.window
    positions = first + down * columns + across
    return positions, tf.maximum(own_norms - closeness, 0.0)


def reference_positions(rows, columns, grid):
    """Positions of the reference blocks.

    Args:
        rows: Number of rows of positions.
        columns: Number of columns of positions.
        grid: A `Grid`.

    Returns:
        int32 (tiles, TILE²), flat indices into rows and columns.
    """
    offsets = grid.radius + grid.step * tf.range(TILE)
    return _squares(rows, columns, grid, offsets)


def _spans(rows, columns, grid):
    """All positions around each tile, (tiles, span²)."""
    return _squares(rows, columns, grid, tf.range(grid.span))


def _squares(rows, columns, grid, offsets):
    """The same square of positions from each tile's corner on."""
    down = grid.stride * tf.range(grid.tiles(rows))
    across = grid.stride * tf.range(grid.tiles(columns))
    corners = _outer(down, across, columns)
    return corners[:, None] + _outer(offsets, offsets, columns)


def _outer(down, across, columns):
    return tf.reshape(down[:, None] * columns + across, (-1,))


def _windows(products, grid):
    """Cuts the search window of each reference out of the square of its tile.

    The reference itself, in the middle, gets the greatest closeness, also
    where many blocks are equal.

    Args:
        products: Closeness of all pairs, (tiles, TILE², span²).
        grid: a `Grid`.

    Returns:
        (references, window²).
    """
    square = tf.reshape(products, (-1, TILE, TILE, grid.span, grid.span))
    window, step = grid.window, grid.step
    windows = [
        square[
            :,
            row,
            column,
            step * row : step * row + window,
            step * column : step * column + window,
        ]
        for row in range(TILE)
        for column in range(TILE)
    ]
    windows = tf.reshape(tf.stack(windows, axis=1), (-1, window**2))
    return windows + FAR * tf.one_hot(window**2 // 2, window**2)
