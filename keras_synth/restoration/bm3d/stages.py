"""One stage of BM3D over an image, piece by piece."""

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
    """What a stage does; lengths in pixels, thresholds for [0, 1] images.

    Attributes:
        transform: of a block, a key of `TRANSFORMS`.
        block: side of a block.
        step: from one reference block to the next.
        group: largest number of blocks in a group, a power of two.
        radius: how far away similar blocks are sought, along each axis.
        match_distance: largest mean squared difference of similar blocks.
        match_noise: what noise adds to that, in units of its variance.
        shrinkage: the threshold in standard deviations, λ, or the share of
            the noise's variance that Wiener's shrinkage reckons with, μ².
        beta: of the Kaiser window that blocks are stylized with.
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
        """Where its reference blocks stand."""
        return Grid(self.step, self.radius)

    @property
    def rows(self):
        """Basis functions of the transform along one axis, (b, b)."""
        return TRANSFORMS[self.transform](self.block)

    def analysis(self):
        """Transform of a block, one basis image a filter: (b, b, 1, b²)."""
        filters = np.einsum("ui,vj->ijuv", self.rows, self.rows)
        return filters.reshape(self.block, self.block, 1, -1).astype("float32")

    def synthesis(self):
        """From coefficients to pixels, windowed: (b², b²)."""
        columns = np.linalg.inv(self.rows)
        pixels = np.einsum("iu,jv->uvij", columns, columns)
        pixels = pixels.reshape(self.block**2, self.block**2)
        return (pixels * self.window().ravel()).astype("float32")

    def window(self):
        """The Kaiser window of its blocks, (b, b)."""
        return kaiser_window(self.block, self.beta).astype("float32")


def run_stage(stage, noisy, noise_levels, pilot=None):
    """Filters one image: an estimate of what it was without the noise.

    Args:
        stage: a `Stage`.
        noisy: float32 (height, width, channels); blocks are matched by the
            first channel.
        noise_levels: (channels,).
        pilot: None to threshold coefficients (the first stage), or an
            estimate as large as `noisy`, which is then matched and whose
            energy steers the shrinkage (the second).

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
        return _filter_piece(
            stage,
            images[:, top : top + high + more, left : left + wide + more],
            valid[top : top + high, left : left + wide],
            noise_levels,
        )

    sums = tf.map_fn(
        filter_piece,
        tf.range(tf.reduce_prod(layout.pieces)),
        fn_output_signature=tf.TensorSpec((noisy.shape[-1], 2, None, None)),
        parallel_iterations=1,
    )
    estimate = layout.join(sums)
    return tf.ensure_shape(estimate, noisy.shape)


def _filter_piece(stage, images, valid, noise_levels):
    """Both sums of the weighted average, for the references of a piece.

    Args:
        stage: a `Stage`.
        images: (channels or 2 * channels, height, width, 1), noisy ones and
            the pilot's.
        valid: bool (rows, columns) of positions.
        noise_levels: (channels,).

    Returns:
        (channels, 2, height, width): weighted estimates, and the weights.
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
        sums.append(tf.stack([_stylize(blocks), _stylize(weights)]))
    return tf.stack(sums)


def _blocks(image, side):
    """The pixels of the block at each position, (rows, columns, side²)."""
    # Less the mean: small numbers are subtracted more exactly.
    image = image - tf.reduce_mean(image)
    one = (1, 1, 1, 1)
    sizes = (1, side, side, 1)
    return tf.image.extract_patches(image[None], sizes, one, one, "VALID")[0]


def _sum_at(values, positions, rows, columns):
    """Sums what belongs to each position: (rows, columns, ...)."""
    kind = values.shape[2:]
    sums = tf.math.unsorted_segment_sum(values, positions, rows * columns)
    return tf.reshape(sums, (rows, columns, *kind))


def _stylize(blocks):
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
