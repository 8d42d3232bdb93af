"""Seamless cloning: gradient-domain blending of copied patches."""

import numpy as np
from scipy import sparse
from scipy.sparse import linalg

# Weight of the copied colors against their gradients: a difference at the
# border of the hole fades over one over its root, in pixels.
_COLOR_WEIGHT = 0.01
_TOLERANCE = 1e-4
_MOST_ITERATIONS = 300


def blend(field, image, pixels):
    """Copies what a hole's matches show so that no seams remain.

    Solves the screened Poisson equation: neighbors differ as they do where
    they are copied from, known pixels keep their values, and missing ones stay
    near what is copied, and between the extremes of the known ones.

    Args:
        field: `PatchField` with the matches of the hole.
        image: float32 (height, width, channels).
        pixels: Flat indices of the missing pixels, int (pixels,).

    Returns:
        float32 (pixels, channels).

    Reference: Perez, Gangnet & Blake, Poisson Image Editing, 2003.
    """
    height, width, channels = image.shape
    count = len(pixels)
    known = image.reshape(-1, channels)
    order = np.full(height * width, -1)
    order[pixels] = np.arange(count)
    places = np.divmod(pixels, width)
    copied = field.copied(pixels)[:, :channels].astype("float64")
    diagonal = np.full(count, _COLOR_WEIGHT)
    right = _COLOR_WEIGHT * copied
    rows, columns = [np.arange(count)], [np.arange(count)]
    for shift, place, side in (
        (-1, places[1], width),
        (1, places[1], width),
        (-width, places[0], height),
        (width, places[0], height),
    ):
        (here,) = np.nonzero(place > 0 if shift < 0 else place < side - 1)
        neighbors = pixels[here] + shift
        there = order[neighbors]
        missing = there >= 0
        # The step from the neighbor to the pixel, as the match of the one
        # shows it; between missing pixels the mean of what both show.
        step = (
            copied[here] - field.copied(pixels[here], neighbors)[:, :channels]
        )
        step[missing] += (
            field.copied(neighbors[missing], pixels[here[missing]])[
                :, :channels
            ]
            - copied[there[missing]]
        )
        step[missing] /= 2
        step[~missing] += known[neighbors[~missing]]
        right[here] += step
        diagonal[here] += 1
        rows.append(here[missing])
        columns.append(there[missing])
    entries = np.full(sum(map(len, rows)), -1.0)
    entries[:count] = diagonal
    places = np.concatenate(rows), np.concatenate(columns)
    matrix = sparse.csr_array((entries, places), shape=(count, count))
    solved = [
        linalg.cg(
            matrix,
            right[:, channel],
            x0=copied[:, channel],
            rtol=_TOLERANCE,
            maxiter=_MOST_ITERATIONS,
        )[0]
        for channel in range(channels)
    ]
    around = np.delete(known, pixels, axis=0)
    solved = np.stack(solved, axis=-1).astype("float32")
    return np.clip(solved, around.min(axis=0), around.max(axis=0))
