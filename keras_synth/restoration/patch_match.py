"""Exemplar-based inpainting: image completion by PatchMatch."""

import numpy as np
from scipy import ndimage

from keras_synth.ops.numbers import is_int
from keras_synth.restoration.arguments import (
    check_odd,
    inpainting_inputs,
)
from keras_synth.restoration.patch_blending import blend
from keras_synth.restoration.patch_field import PatchField, whole_patches
from keras_synth.restoration.patch_pyramid import build_pyramid, upscale_matches

# Steps at a level, from the finest to coarser ones, and the most pixels that
# are filled in them: a larger hole takes fewer steps.
_STEPS = (3, 4, 6, 8)
_PIXELS = 2**20
_ROUNDS_OF_FIRST = 10
# Patches are copied from this many times the depth of the hole around it.
_REACH = 1.5
_LEAST_REACH = 3  # patches
_TRUST, _FARTHEST = 1.3, 1000.0
_CONFIDENCE, _LEAST_CONFIDENCE = 1.1, 0.05
_ENOUGH_SOURCES = 64


def patch_match(patch_size=7, *, seed=0, progress=None):
    """PatchMatch: exemplar-based inpainting, which copies patches.

    The missing pixels are filled so that each patch with some of them
    resembles a patch of the same image without any, its match. From a coarse
    level of a pyramid to the finest, two steps alternate: PatchMatch finds
    the matches, and each pixel becomes the weighted mean of what the matches
    of all patches around it have there. At last each pixel is copied from the
    match of the patch around it, and the seams are blended.

    It continues textures and straight edges, and fills large holes with what
    stands beside them. Time and memory grow with the hole and its
    neighborhood, not with the image: patches are copied from one and a half
    times the largest distance of a missing pixel from a known one, or from
    farther if too few are whole there.

    Args:
        patch_size: Side of a patch in pixels, an odd int of at least 3.
            Larger ones keep larger structures whole and fit less closely.
        seed: Seed of the search, an int of at least 0. The same one
            gives the same bits; another one gives another result.
        progress: None, or a function that is called with the finished share
            of an image, from 0 to 1.

    Returns:
        A function from images (batch, height, width, channels) and a mask
        (batch, height, width, 1), 1 where a pixel is missing, or from a dict
        of these, "image" and "mask", to float32 images. Pixels where the mask
        is 0 are returned unchanged.

    Raises:
        ValueError: `patch_size` is not an odd int of at least 3, or `seed`
            no int of at least 0. Raised by the function for a mask that is
            missing, of another shape, or leaves no patch without a missing
            pixel.

    Reference: Wexler, Shechtman & Irani, Space-Time Completion of Video, 2007;
    Barnes et al., PatchMatch, 2009; Newson et al., Video Inpainting of Complex
    Scenes, 2014.

    Example:

    >>> stripes = np.tile([0.2, 0.2, 0.8, 0.8], (24, 6))[None, :, :, None]
    >>> mask = np.zeros((1, 24, 24, 1))
    >>> mask[:, 9:15, 9:15] = 1.0
    >>> filled = patch_match()(stripes * (1.0 - mask), mask)
    >>> bool(np.abs(filled - stripes).max() < 1e-3)
    True
    """
    check_odd("patch_size", patch_size)
    if not is_int(seed) or seed < 0:
        raise ValueError(
            f"`seed` must be an int of at least 0. Received: seed={seed!r}"
        )

    def restore(images, mask=None):
        images, holes = inpainting_inputs("patch_match", images, mask)
        for hole in holes:
            _check_sources(hole, patch_size)
        restored = images.copy()
        for image, hole in zip(restored, holes, strict=True):
            if hole.any():
                # Not of one stream: an image's result is its own.
                rng = np.random.default_rng(seed)
                area, reach = _neighborhood(hole, patch_size)
                image[area] = _complete(
                    image[area], hole[area], reach, patch_size, rng, progress
                )
        return restored

    return restore


def _check_sources(hole, patch_size):
    if not whole_patches(hole, patch_size).any():
        raise ValueError(
            "PatchMatch copies patches, and none without a missing pixel is "
            f"left in an image of {hole.shape[1]}x{hole.shape[0]} pixels, "
            f"{100 * hole.mean():.0f} % of them missing. Use a smaller patch, "
            "or biharmonic inpainting. "
            f"Received: patch_size={patch_size}"
        )


def _neighborhood(hole, patch_size):
    """The area that is worked on, and how far patches are copied from.

    Returns:
        `(area, reach)`: slices of rows and columns, and the largest distance
        of the center of a source from the hole in pixels.
    """
    rows, columns = np.nonzero(hole)
    boxes = [(x.min(), x.max() + 1) for x in (rows, columns)]
    box = tuple(slice(max(first - 1, 0), last + 1) for first, last in boxes)
    depth = ndimage.distance_transform_edt(hole[box]).max()
    reach = int(max(_REACH * depth, _LEAST_REACH * patch_size))
    while True:
        margin = reach + patch_size
        area = tuple(
            slice(max(first - margin, 0), min(last + margin, side))
            for (first, last), side in zip(boxes, hole.shape, strict=True)
        )
        near = _sources(hole[area], patch_size, reach).sum()
        if near >= _ENOUGH_SOURCES or hole[area].shape == hole.shape:
            return area, reach
        reach *= 2


def _sources(hole, patch_size, reach):
    """Corners of the patches to copy from, all where none are near."""
    whole = whole_patches(hole, patch_size)
    away = ndimage.distance_transform_edt(~hole)
    half = patch_size // 2
    near = np.zeros_like(whole)
    near[:-half, :-half] = away[half:, half:] <= reach
    return whole & near if (whole & near).any() else whole


def _complete(image, hole, reach, patch_size, rng, progress):
    """Fills the hole of one image; returns a new image."""
    levels = build_pyramid(image, hole, patch_size)
    steps = [
        min(_STEPS[min(level, len(_STEPS) - 1)], _PIXELS // hole.sum())
        for level, (_, hole) in enumerate(levels)
    ]
    work = [n * hole.sum() for n, (_, hole) in zip(steps, levels, strict=True)]
    done, total, field = 0, max(sum(work), 1), None
    for level in range(len(levels) - 1, -1, -1):
        values, hole = levels[level]
        sources = _sources(
            hole, patch_size, max(reach / 2**level, _LEAST_REACH * patch_size)
        )
        coarser, field = field, PatchField(values, hole, patch_size, sources)
        pixels = np.flatnonzero(hole)
        if coarser is None:
            field.set_matches(np.full(len(field.targets), -1), rng)
            _peel(field, hole, rng)
        else:
            field.set_matches(upscale_matches(coarser, field), rng)
            field.values[pixels] = field.copied(pixels)
        trust = _trust(field, hole)
        confidence = _confidence(hole)
        for _ in range(steps[level]):
            field.search(rng, weights=confidence)
            field.values[pixels] = field.voted(pixels, trust)
            done += len(pixels)
            if progress is not None:
                progress(done / total)
    filled = image.copy()
    filled[hole] = blend(field, image, pixels)
    return filled


def _trust(field, hole):
    """Weights of the targets: more the nearer they are to known pixels."""
    half = field.size // 2
    middle = field.targets + half * (hole.shape[1] + 1)
    away = ndimage.distance_transform_edt(hole).ravel()[middle]
    return _TRUST ** -np.minimum(away, _FARTHEST)


def _confidence(hole):
    """Weights of pixels: less the farther they are from known ones."""
    away = ndimage.distance_transform_edt(hole).ravel()
    return np.maximum(_CONFIDENCE**-away, _LEAST_CONFIDENCE).astype("float32")


def _peel(field, hole, rng):
    """Fills a hole for the first time, layer by layer from its border.

    The patches around a layer are compared by their known pixels.
    """
    known = np.float32(~hole).ravel()
    unknown = hole.copy()
    while unknown.any():
        layer = unknown & ndimage.binary_dilation(~unknown, np.ones((3, 3)))
        pixels = np.flatnonzero(layer)
        numbers = np.unique(field.around(pixels))
        field.distances[:] = np.inf
        field.search(rng, _ROUNDS_OF_FIRST, numbers, known)
        field.values[pixels] = field.voted(pixels, np.ones(len(field.targets)))
        known[pixels] = 1.0
        unknown &= ~layer
