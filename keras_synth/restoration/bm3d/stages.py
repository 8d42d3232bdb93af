"""One stage of BM3D: matching, filtering and aggregation, piece by piece."""

import dataclasses
import math

import numpy as np
import tensorflow as tf

from keras_synth.ops.transforms import (
    biorthogonal_matrix,
    dct_matrix,
    kaiser_window,
)
from keras_synth.restoration.bm3d.groups import (
    group_levels,
    haar_matrices,
    hard_threshold,
    wiener_shrink,
)
from keras_synth.restoration.bm3d.layout import Layout
from keras_synth.restoration.bm3d.matching import (
    Grid,
    match_blocks,
    reference_positions,
)
from keras_synth.restoration.bm3d.variances import coefficient_variances

TRANSFORMS = {"biorthogonal": biorthogonal_matrix, "dct": dct_matrix}


@dataclasses.dataclass(frozen=True)
class Stage:
    """Parameters of a stage, with lengths in pixels, for images in [0, 1].

    Attributes:
        transform: Transform of a block, a key of `TRANSFORMS`.
        block: Side of a block.
        step: Distance from one reference block to the next.
        group: Largest number of blocks in a group, a power of two.
        match_distance: Largest mean squared difference of similar blocks.
        match_noise: Addition to `match_distance`, in units of the noise's
            variance.
        shrinkage: Threshold in standard deviations, λ, in the first stage;
            factor of the noise's variance in the Wiener filter, μ², in the
            second.
        radius: Largest distance of similar blocks along each axis.
        beta: Shape of the Kaiser window that weights the pixels of a block.
    """

    transform: str
    block: int
    step: int
    group: int
    match_distance: float
    match_noise: float
    shrinkage: float
    radius: int = 19
    beta: float = 2.0

    @property
    def grid(self):
        """Grid of its reference blocks."""
        return Grid(self.step, self.radius)

    @property
    def rows(self):
        """Basis functions of the transform along one axis, (b, b)."""
        return TRANSFORMS[self.transform](self.block)

    def analysis(self):
        """Filters of the transform of a block, (b, b, 1, b²)."""
        filters = np.einsum("ui,vj->ijuv", self.rows, self.rows)
        return filters.reshape(self.block, self.block, 1, -1).astype("float32")

    def synthesis(self):
        """Matrix from coefficients to windowed pixels, (b², b²)."""
        columns = np.linalg.inv(self.rows)
        pixels = np.einsum("iu,jv->uvij", columns, columns)
        pixels = pixels.reshape(self.block**2, self.block**2)
        return (pixels * self.window().ravel()).astype("float32")

    def window(self):
        """Kaiser window of a block, (b, b)."""
        return kaiser_window(self.block, self.beta).astype("float32")


def run_stage(stage, noisy, noise_levels, pilot=None, on_piece=None):
    """Denoises one image with one stage of BM3D.

    Args:
        stage: A `Stage`.
        noisy: Noisy image, float32 (height, width, channels). Blocks are
            matched by the first channel.
        noise_levels: Noise level of each channel, (channels,).
        pilot: None for the first stage, which thresholds coefficients; for
            the second stage the estimate of the first, of the shape of
            `noisy`, by which blocks are matched and coefficients shrunk.
        on_piece: None, or a function that is called after each piece of the
            image. What it raises stops the work.

    Returns:
        float32 (height, width, channels).
    """
    images = noisy if pilot is None else tf.concat([noisy, pilot], axis=-1)
    layout = Layout(stage.block, stage.grid, tf.shape(noisy))
    images = layout.extend(images)
    valid = layout.valid_positions()
    (high, wide), (down, across) = layout.sides, layout.strides

    def filter_piece(number):
        top = number // layout.pieces[1] * down
        left = number % layout.pieces[1] * across
        more = stage.block - 1
        filtered = _filter_piece(
            stage,
            images[:, top : top + high + more, left : left + wide + more],
            valid[top : top + high, left : left + wide],
            noise_levels,
        )
        if on_piece is not None:
            with tf.control_dependencies([filtered]):
                tf.numpy_function(on_piece, [], [])
        return filtered

    sums = tf.map_fn(
        filter_piece,
        tf.range(tf.reduce_prod(layout.pieces)),
        fn_output_signature=tf.TensorSpec((noisy.shape[-1], 2, None, None)),
        parallel_iterations=1,
    )
    estimate = layout.join(sums)
    return tf.ensure_shape(estimate, noisy.shape)


def _filter_piece(stage, images, valid, noise_levels):
    """Weighted sums of the filtered blocks of one piece.

    Args:
        stage: A `Stage`.
        images: Noisy channels, followed by those of the pilot if there is
            one, (channels or 2 * channels, height, width, 1).
        valid: Bool (rows, columns), the positions that may match.
        noise_levels: Noise level of each channel, (channels,).

    Returns:
        (channels, 2, height, width): sums of the weighted estimates, and of
        their weights.
    """
    rows, columns = tf.shape(valid)[0], tf.shape(valid)[1]
    channels, depth = noise_levels.shape[0], stage.block**2
    piloted = images.shape[0] == 2 * channels
    matched = images[channels if piloted else 0]
    positions, distances = match_blocks(
        _blocks(matched, stage.block), valid, stage.grid, stage.group
    )
    noise = noise_levels[0] ** 2
    nearest = stage.match_distance + stage.match_noise * noise
    levels = group_levels(distances, depth * nearest)
    haar = tf.gather(haar_matrices(stage.group), levels)
    members = tf.cast(tf.range(stage.group) < 2 ** levels[:, None], "float32")
    references = reference_positions(rows, columns, stage.grid)
    active = tf.gather(tf.reshape(valid, (-1,)), tf.reshape(references, (-1,)))
    active = tf.cast(active, "float32")

    variances = coefficient_variances(
        positions, columns, levels, stage.group, stage.rows
    )

    tables = tf.nn.conv2d(images, stage.analysis(), 1, "VALID")
    tables = tf.reshape(tables, (-1, rows * columns, depth))
    sums = []
    for channel in range(channels):
        groups = haar @ tf.gather(tables[channel], positions)
        level = noise_levels[channel]
        if piloted:
            pilot = haar @ tf.gather(tables[channels + channel], positions)
            noise = stage.shrinkage * level**2
            groups, weights = wiener_shrink(groups, pilot, variances, noise)
        else:
            threshold = stage.shrinkage * level
            groups, weights = hard_threshold(groups, variances, threshold)
        weights = weights * active
        blocks = tf.matmul(
            haar * weights[:, None, None], groups, transpose_a=True
        )
        blocks = _sum_at(blocks, positions, rows, columns) @ stage.synthesis()
        weights = _sum_at(members * weights[:, None], positions, rows, columns)
        weights = weights[..., None] * stage.window().ravel()
        sums.append(tf.stack([_overlap_add(blocks), _overlap_add(weights)]))
    return tf.stack(sums)


def _blocks(image, side):
    """The pixels of the block at each position, (rows, columns, side²)."""
    # Without the mean, distances lose fewer digits.
    image = image - tf.reduce_mean(image)
    one = (1, 1, 1, 1)
    sizes = (1, side, side, 1)
    return tf.image.extract_patches(image[None], sizes, one, one, "VALID")[0]


def _sum_at(values, positions, rows, columns):
    """Sums the values of each position, (rows, columns, ...)."""
    kind = values.shape[2:]
    sums = tf.math.unsorted_segment_sum(values, positions, rows * columns)
    return tf.reshape(sums, (rows, columns, *kind))


def _overlap_add(blocks):
    """Adds the blocks up where they overlap: (height, width).

    Args:
        blocks: (rows, columns, b²).
    """
    rows, columns = tf.shape(blocks)[0], tf.shape(blocks)[1]
    side = math.isqrt(blocks.shape[2])
    blocks = tf.reshape(blocks, (rows, columns, side, side))
    lines = tf.signal.overlap_and_add(tf.transpose(blocks, (0, 2, 1, 3)), 1)
    return tf.transpose(
        tf.signal.overlap_and_add(tf.transpose(lines, (2, 0, 1)), 1)
    )
