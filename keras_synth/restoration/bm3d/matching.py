"""Block matching: for each reference block its most similar neighbors."""

import dataclasses

import tensorflow as tf

# References along each side of a tile, which share one matrix product.
TILE = 8
# Beyond any squared norm: of blocks that must never match, or always.
FAR = 1e6


@dataclasses.dataclass(frozen=True)
class Grid:
    """Where reference blocks stand and how far away their likes are sought.

    Attributes:
        step: positions from one reference to the next.
        radius: positions that a match may be away, along each axis.
    """

    step: int
    radius: int

    @property
    def window(self):
        """Side of a search window."""
        return 2 * self.radius + 1

    @property
    def stride(self):
        """Positions from one tile of references to the next."""
        return self.step * TILE

    @property
    def span(self):
        """Side of the square that holds the search windows of a tile."""
        return self.step * (TILE - 1) + self.window

    def tiles(self, positions):
        """How many whole tiles fit along that many positions."""
        return (positions - self.span) // self.stride + 1


def match_blocks(features, valid, grid, count):
    """The blocks nearest to each reference, itself first.

    `|r - c|² = |r|² - (2 r·c - |c|²)`. The bracket is the scalar product of
    `(2 r, -1)` and `(c, |c|²)`: one matrix product for all references of a
    tile and all candidates around them, from which each reference then keeps
    its own search window.

    Args:
        features: float32 (rows, columns, depth), a vector for each position;
            the distance of two blocks is that of their vectors.
        valid: bool (rows, columns), which positions may match.
        grid: a `Grid`; the references stand at `radius + step * k`, as many
            whole tiles of them as fit.
        count: how many blocks, the reference included.

    Returns:
        `(positions, distances)`, each (references, count): flat indices into
        rows and columns, and squared distances, rising. The references come
        in the order of `reference_positions`.
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
    """Where the references are.

    Args:
        rows: of positions.
        columns: of positions.
        grid: a `Grid`.

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
    """Each reference's own search window out of its tile's square.

    The reference itself, in the middle, is put before all others, even where
    an image is so flat that many are equally near.

    Args:
        products: (tiles, TILE², span²).
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
