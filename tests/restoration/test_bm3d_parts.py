"""BM3D: matching, groups and variances against plain loops."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from keras_synth.ops.transforms import biorthogonal_matrix, dct_matrix
from keras_synth.restoration.bm3d import (
    groups,
    layout,
    matching,
    stages,
    variances,
)
from keras_synth.restoration.bm3d.profiles import PROFILES

GRID = matching.Grid(step=3, radius=5)
FIRST, SECOND = PROFILES["normal"]


def test_matches_are_the_nearest_blocks():
    random = np.random.RandomState(0)
    rows, columns = GRID.span + 2, GRID.span + GRID.stride + 1  # two tiles
    features = random.normal(size=(rows, columns, 7)).astype("float32")
    valid = np.ones((rows, columns), bool)
    valid[:9], valid[:, -9:] = False, False
    positions, distances = matching.match_blocks(features, valid, GRID, 4)
    references = np.ravel(matching.reference_positions(rows, columns, GRID))
    assert len(references) == 2 * matching.TILE**2
    assert references[0] == 5 * columns + 5
    for reference, got, away in zip(
        references, positions.numpy(), distances.numpy(), strict=True
    ):
        row, column = divmod(reference, columns)
        if not valid[row, column]:
            continue
        expected = []
        for down, across in itertools.product(range(-5, 6), repeat=2):
            r, c = row + down, column + across
            if valid[r, c]:
                gap = features[r, c] - features[row, column]
                expected.append((np.sum(gap**2), r * columns + c))
        expected.sort()
        assert [position for _, position in expected[:4]] == got.tolist()
        np.testing.assert_allclose(
            away, [distance for distance, _ in expected[:4]], atol=1e-4
        )


def test_the_reference_comes_first_among_equal_blocks():
    shape = (GRID.span, GRID.span)
    positions, distances = matching.match_blocks(
        np.ones((*shape, 3), "float32"), np.ones(shape, bool), GRID, 4
    )
    references = matching.reference_positions(*shape, GRID)
    np.testing.assert_array_equal(positions[:, 0], np.ravel(references))
    np.testing.assert_allclose(distances, 0.0, atol=1e-5)


def test_haar_matrices_ignore_blocks_beyond_the_group():
    one, two, four = groups.haar_matrices(4)
    root = np.sqrt(0.5, dtype="float32")
    np.testing.assert_array_equal(one, np.diag([1.0, 0.0, 0.0, 0.0]))
    np.testing.assert_allclose(two[:2, :2], [[root, root], [root, -root]])
    assert not two[2:].any() and not two[:, 2:].any()
    np.testing.assert_allclose(four @ four.T, np.eye(4), atol=1e-6)


def test_groups_are_powers_of_two_of_similar_blocks():
    distances = np.arange(8, dtype="float32") * np.ones((5, 1), "float32")
    distances *= [[0.0], [1.0], [2.0], [4.0], [9.0]]
    # 8, 7, 4, 2 and 1 of them are within 6.5.
    levels = groups.group_levels(distances, 6.5)
    assert levels.numpy().tolist() == [3, 2, 2, 1, 0]


def test_hard_threshold_and_its_weights():
    values = np.array([[[3.0, -1.0], [0.5, -2.5]]], "float32")
    spread = np.array([[[1.0, 1.0], [0.01, 4.0]]], "float32")
    kept, weights = groups.hard_threshold(values, spread, 1.5)
    np.testing.assert_array_equal(kept, [[[3.0, 0.0], [0.5, 0.0]]])
    np.testing.assert_allclose(weights, [1 / 1.01])
    kept, weights = groups.hard_threshold(values, spread, 100.0)
    np.testing.assert_array_equal(kept, [[[3.0, 0.0], [0.0, 0.0]]])  # the mean
    np.testing.assert_allclose(weights, [1.0])


def test_wiener_shrinkage_scales_by_the_share_of_energy():
    values = np.array([[[6.0, 6.0, 6.0]]], "float32")
    pilot = np.array([[[0.1, 1.0, 0.0]]], "float32")
    spread = np.array([[[1.0, 2.0, 1.0]]], "float32")
    shrunk, weights = groups.wiener_shrink(values, pilot, spread, 0.5)
    share = np.array([1.0, 1 / 2, 0.0])  # the first is the mean
    np.testing.assert_allclose(shrunk, 6.0 * share[None, None], rtol=1e-6)
    left = np.sum(share**2 * spread)
    np.testing.assert_allclose(weights, [1 / left], rtol=1e-6)
    still, _ = groups.wiener_shrink(values, pilot, spread, 0.0)
    np.testing.assert_array_equal(still, [[[6.0, 6.0, 0.0]]])


def weighted_norms(rows, corners, haar):
    """Squared norms of the images whose products are the coefficients."""
    side = len(rows)
    basis = np.einsum("ui,vj->uvij", rows, rows).reshape(-1, side, side)
    norms = np.zeros((len(haar), side**2))
    for index, weights in enumerate(haar):
        canvas = np.zeros((side**2, 24, 24))
        for (row, column), weight in zip(corners, weights, strict=True):
            canvas[:, row : row + side, column : column + side] += (
                weight * basis
            )
        norms[index] = np.sum(canvas**2, axis=(1, 2))
    return norms


@pytest.mark.parametrize("make", [dct_matrix, biorthogonal_matrix])
@pytest.mark.parametrize("level", [0, 1, 2])
def test_variances_are_those_of_overlapping_blocks(make, level):
    rows, columns = make(8), 17
    corners = [(4, 4), (4, 6), (16, 0), (5, 11)]
    positions = np.array([[r * columns + c for r, c in corners]], "int32")
    got = variances.coefficient_variances(
        positions, columns, np.array([level]), 4, rows
    )
    haar = groups.haar_matrices(4)[level]
    members = 2**level
    expected = weighted_norms(rows, corners, haar)
    np.testing.assert_allclose(got[0, :members], expected[:members], atol=1e-5)
    assert level == 0 or abs(expected[:members] - 1).max() > 0.2


def test_variances_stay_positive():
    positions = np.zeros((1, 2), "int32")  # the same block twice
    got = variances.coefficient_variances(
        positions, 9, np.array([1]), 2, dct_matrix(8)
    )
    np.testing.assert_allclose(got[0, 0], 2.0, atol=1e-5)
    assert (got.numpy()[0, 1] > 0).all()


@pytest.mark.parametrize("pilot", [False, True])
@pytest.mark.slow
def test_pieces_equal_the_whole(pilot, monkeypatch):
    random = np.random.RandomState(1)
    image = random.uniform(size=(75, 90, 1)).astype("float32")
    estimate = image + 0.01 * random.normal(size=image.shape)
    arguments = (
        (SECOND, image, tf.constant([0.1]), estimate.astype("float32"))
        if pilot
        else (FIRST, image, tf.constant([0.1]))
    )
    whole = stages.run_stage(*arguments).numpy()
    monkeypatch.setattr(layout, "PIECE_TILES", 2)
    monkeypatch.setattr(layout, "PIECE_WIDTH", 2)
    cut = layout.Layout(8, FIRST.grid, tf.constant([75, 90, 1]))
    assert [int(n) for n in cut.pieces] == [3, 2]
    pieces = stages.run_stage(*arguments).numpy()
    np.testing.assert_allclose(pieces, whole, atol=1e-5)
