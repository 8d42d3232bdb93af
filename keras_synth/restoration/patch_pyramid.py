"""Pyramid of an image with a hole, and the texture features in it."""

import numpy as np
from scipy import ndimage

from keras_synth.restoration.patch_field import whole_patches

# Weight of the texture features in images of three channels, and the largest
# window that they are means of.
_TEXTURE = 50.0
_WINDOW = 16
_FEW_SOURCES = 64


def build_pyramid(image, hole, patch_size):
    """Levels of an image, each of half the sides, until the hole is small.

    A patch of the last one reaches through the hole, if enough patches
    without hole are left there. A pixel of a coarser level is the mean of the
    known ones among its four, or missing where less than half are known.

    Args:
        image: float32 (height, width, channels).
        hole: bool (height, width), True where pixels are missing.
        patch_size: Side of a patch in pixels.

    Returns:
        A list of `(values, hole)`, the finest first. The values are the image
        and two texture features, float32 (height, width, channels + 2), 0
        where pixels are missing.
    """
    holes = [hole]
    while _depth(holes[-1]) > patch_size // 2:
        if min(holes[-1].shape) < 4 * patch_size:
            break
        half = _halved(np.zeros((*holes[-1].shape, 1)), holes[-1])[1]
        few = whole_patches(half, patch_size).sum() < _FEW_SOURCES
        if few or not half.any():
            break
        holes.append(half)
    texture = _texture(image, hole, min(2 ** (len(holes) - 1), _WINDOW))
    values = np.concatenate([image, texture], axis=-1).astype("float32")
    values[hole] = 0.0
    levels = [(values, hole)]
    for _ in holes[1:]:
        levels.append(_halved(*levels[-1]))
    return levels


def upscale_matches(coarse, fine):
    """Matches of a coarser level's targets, for those of a finer one.

    Args:
        coarse: `PatchField` of the coarser level.
        fine: That of the finer one.

    Returns:
        Corners, int (targets,): each target is shifted by twice the shift of
        the one around its center in the coarser level; -1 where that is no
        target, or leaves the image.
    """
    half = fine.size // 2
    places = np.divmod(fine.targets, fine.shape[1])
    row, column = ((place + half) // 2 for place in places)
    number = coarse.around(row * coarse.shape[1] + column)
    shifts = (
        there - here
        for there, here in zip(
            np.divmod(coarse.matches[number], coarse.shape[1]),
            np.divmod(coarse.targets[number], coarse.shape[1]),
            strict=True,
        )
    )
    row, column = (
        place + 2 * shift for place, shift in zip(places, shifts, strict=True)
    )
    good = (number >= 0) & (row >= 0) & (column >= 0)
    good &= (row < fine.grid[0]) & (column < fine.grid[1])
    return np.where(good, row * fine.shape[1] + column, -1)


def _depth(hole):
    return ndimage.distance_transform_cdt(hole).max()


def _halved(values, hole):
    """Half the sides: means of the known values of two by two pixels."""
    height, width = hole.shape

    def mean(x):
        x = np.pad(x, ((0, height % 2), (0, width % 2), (0, 0)))
        x = x.reshape(x.shape[0] // 2, 2, x.shape[1] // 2, 2, -1)
        return x.mean(axis=(1, 3), dtype="float32")

    known = ~hole[..., None]
    share, area = mean(known), mean(np.ones_like(known))
    half = share < area / 2
    values = np.where(half, 0.0, mean(values * known) / np.maximum(share, 0.1))
    return values.astype("float32"), half[..., 0]


def _texture(image, hole, window):
    """Mean absolute differences of neighbors, across and down.

    They tell smooth from textured areas where a coarse level no longer does
    (Newson et al. 2014, section 3.3).
    """
    known = ~hole
    features = []
    for axis in (0, 1):
        step = np.abs(np.diff(image, axis=axis)).mean(axis=-1)
        both = np.diff(known.astype("int8"), axis=axis) == 0
        both &= np.delete(known, -1, axis=axis)
        last = [(0, int(axis == 0)), (0, int(axis == 1))]
        mean, share = (
            ndimage.uniform_filter(np.pad(x, last).astype("float32"), window)
            for x in (step * both, both)
        )
        features.append(np.maximum(mean, 0.0) / np.maximum(share, 1e-3))
    weight = np.sqrt(_TEXTURE * image.shape[-1] / 3)
    return weight * np.stack(features, axis=-1)
