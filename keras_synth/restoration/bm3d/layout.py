"""Cutting an image into overlapping pieces, which bounds BM3D's memory."""

import tensorflow as tf

from keras_synth.restoration.bm3d.matching import TILE

# Largest number of tiles in a piece, and in a row of it. They bound the memory
# for images of any size.
PIECE_TILES = 64
PIECE_WIDTH = 32


class Layout:
    """Pieces of whole tiles into which an image is padded and cut.

    The image is padded by reflection to a whole number of steps, so that the
    grid of reference blocks ends in the last row and column, then by zeros
    for search windows and tiles that reach beyond it. Pieces overlap by what
    their search windows need.

    Args:
        block: Side of a block in pixels.
        grid: The `Grid` of the reference blocks.
        shape: Shape of the image, (height, width, channels), a tensor.

    Attributes, pairs for rows and columns, in positions of blocks:
        pieces: Number of pieces.
        strides: Distance from one piece to the next.
        sides: Length of a piece.
    """

    def __init__(self, block, grid, shape):
        self.block, self.radius = block, grid.radius
        self.size = shape[0], shape[1]
        steps = [
            -(-tf.maximum(side - block, 0) // grid.step) for side in self.size
        ]
        self.positions = [grid.step * count + 1 for count in steps]
        tiles = [count // TILE + 1 for count in steps]
        wide = _even_share(tiles[1], PIECE_WIDTH)
        high = _even_share(tiles[0], tf.maximum(PIECE_TILES // wide, 1))
        self.pieces = [-(-tiles[0] // high), -(-tiles[1] // wide)]
        self.strides = [grid.stride * high, grid.stride * wide]
        self.sides = [s + grid.span - grid.stride for s in self.strides]
        self.margins = [
            (
                grid.radius,
                self._extent(axis) - self.positions[axis] - grid.radius,
            )
            for axis in (0, 1)
        ]

    def _extent(self, axis):
        """Number of positions that all pieces cover."""
        last = self.strides[axis] * (self.pieces[axis] - 1)
        return last + self.sides[axis]

    def extend(self, images):
        """(height, width, n) -> (n, larger height, larger width, 1)."""
        for axis in (0, 1):
            count = self.positions[axis] + self.block - 1
            index = _reflected(count, self.size[axis])
            images = tf.gather(images, index, axis=axis)
        images = tf.pad(images, (*self.margins, (0, 0)))
        return tf.transpose(images, (2, 0, 1))[..., None]

    def join(self, sums):
        """Joins the pieces into the weighted average of all blocks.

        Args:
            sums: Weighted sums of the blocks and sums of their weights,
                (pieces, channels, 2, height, width of a piece).

        Returns:
            (height, width, channels).
        """
        shape = tf.shape(sums)
        sums = tf.reshape(sums, tf.concat([self.pieces, shape[1:]], axis=0))
        sums = tf.signal.overlap_and_add(
            tf.transpose(sums, (1, 2, 3, 5, 0, 4)), self.strides[0]
        )  # (pieces across, channels, 2, width, all rows)
        sums = tf.signal.overlap_and_add(
            tf.transpose(sums, (1, 2, 4, 0, 3)), self.strides[1]
        )  # (channels, 2, all rows, all columns)
        first = self.radius
        height, width = self.size
        sums = sums[..., first : first + height, first : first + width]
        return tf.transpose(sums[:, 0] / sums[:, 1], (1, 2, 0))

    def valid_positions(self):
        """Bool map of the positions whose blocks lie within the image."""
        return tf.pad(tf.fill(self.positions, True), self.margins)


def _even_share(count, most):
    """Size of even shares of `count`, as few as with shares of `most`."""
    shares = -(-count // most)
    return -(-count // shares)


def _reflected(count, size):
    """`count` indices 0, 1, ... size - 1, size - 1, ... 1, 0, 0, 1, ..."""
    index = tf.range(count) % (2 * size)
    return tf.minimum(index, 2 * size - 1 - index)
