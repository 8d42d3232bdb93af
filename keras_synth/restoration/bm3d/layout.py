"""An image of any size cut into pieces that a stage works on in turn."""

import tensorflow as tf

from keras_synth.restoration.bm3d.matching import TILE

# Tiles worked on at a time, and how many of them abreast: they bound the
# memory, whatever the size of the image.
PIECE_TILES = 64
PIECE_WIDTH = 32


class Layout:
    """How an image is extended and cut into pieces of whole tiles.

    Its reference grid ends in the last row and column: the image grows by
    reflection to a whole number of steps, then by zeros to the windows and
    tiles that reach beyond it. Pieces overlap by what their windows need.

    Args:
        block: side of a block.
        grid: the `Grid` of the references.
        shape: of the image, (height, width, channels), a tensor.

    Attributes, pairs for rows and columns, in positions:
        pieces: how many.
        strides: from one to the next.
        sides: how long they are.
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
        """Positions of all pieces together."""
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
        """The weighted average over all pieces.

        Args:
            sums: (pieces, channels, 2, height, width of a piece).

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
        """Bool, which positions hold blocks of the image alone."""
        return tf.pad(tf.fill(self.positions, True), self.margins)


def _even_share(count, most):
    """The least that shares `count` out as evenly as `most` each would."""
    shares = -(-count // most)
    return -(-count // shares)


def _reflected(count, size):
    """Indices 0, 1, ... size - 1, size - 1, ... 1, 0, 0, 1, ...: so many."""
    index = tf.range(count) % (2 * size)
    return tf.minimum(index, 2 * size - 1 - index)
