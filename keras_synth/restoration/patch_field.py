"""Nearest-neighbor field of patches, found by PatchMatch."""

import numpy as np
from scipy import ndimage

_TARGETS_AT_ONCE = 2048  # bounds the memory, and fits into caches
_PIXELS_AT_ONCE = 8192


def whole_patches(hole, patch_size):
    """Where patches lie inside of the image and have no missing pixel.

    Args:
        hole: bool (height, width), True where pixels are missing.
        patch_size: Side of a patch in pixels, odd.

    Returns:
        bool (height, width), True at the first pixel of such a patch, its
        upper left corner.
    """
    whole = np.zeros(hole.shape, bool)
    inside = _corners(hole.shape, patch_size)
    whole[inside] = ~_torn(hole, patch_size)
    return whole


class PatchField:
    """Nearest-neighbor field: for each patch with a hole one that has none.

    A patch is known by its corner, the flat index of its first pixel. Patches
    that overlap the hole are targets; each has as its match a source, a patch
    of the same image without hole. `search` is PatchMatch (Barnes et al.
    2009): the matches of neighbors are tried, shifted along, and random ones,
    ever closer to the best so far. A match changes only for a nearer one.

    Args:
        values: What patches are compared by, contiguous float32 (height,
            width, channels). Not copied: `search` sees later changes.
        hole: bool (height, width), True where pixels are missing.
        patch_size: Side of a patch in pixels, odd.
        sources: Where the sources are, bool (height, width), True at their
            corners. None for all patches without hole.

    Attributes:
        sources: The same, bool (height * width,).
        targets: Corners of the targets, int (targets,).
        matches: Corners of their sources, int (targets,).
        distances: Sums of squared differences to them, float32 (targets,);
            infinite before the first search.
    """

    def __init__(self, values, hole, patch_size, sources=None):
        if sources is None:
            sources = whole_patches(hole, patch_size)
        height, width = self.shape = hole.shape
        self.size = patch_size
        self.values = values.reshape(height * width, -1)
        self.grid = height - patch_size + 1, width - patch_size + 1
        self.sources = sources.ravel()
        torn = np.zeros(hole.shape, bool)
        torn[_corners(hole.shape, patch_size)] = _torn(hole, patch_size)
        self.targets = np.flatnonzero(torn)
        self.matches = np.zeros_like(self.targets)
        self.distances = np.full(len(self.targets), np.inf, "float32")
        # No patch begins in the last columns, so that a shift by less than a
        # side that leaves a row at one end finds none at the other.
        self._number = np.full(height * width, -1)
        self._number[self.targets] = np.arange(len(self.targets))
        steps = np.arange(patch_size)
        self._offsets = np.ravel(steps[:, None] * width + steps)

    def set_matches(self, matches, rng):
        """Sets all matches; those that are no sources become random ones.

        Args:
            matches: Corners, int (targets,), -1 for a random source.
            rng: `np.random.Generator`.
        """
        sources = np.flatnonzero(self.sources)
        drawn = sources[rng.integers(len(sources), size=len(self.targets))]
        self.matches = np.where(self._are_sources(matches), matches, drawn)

    def search(self, rng, rounds=1, numbers=None, weights=None):
        """Improves the matches, see the class; sets the distances.

        Args:
            rng: `np.random.Generator`.
            rounds: How often all candidates are tried.
            numbers: Numbers of the targets to improve, None for all.
            weights: Weights of pixels in the distance, float32 (height *
                width,), or None for 1.
        """
        if numbers is None:
            numbers = np.arange(len(self.targets))
        starts = range(0, len(numbers), _TARGETS_AT_ONCE)
        for turn in range(rounds):
            # Good matches travel down in one round, up in the next.
            for start in starts if turn % 2 == 0 else reversed(starts):
                part = numbers[start : start + _TARGETS_AT_ONCE]
                self._improve(part, rng, weights)

    def _improve(self, numbers, rng, weights):
        targets, best = self.targets[numbers], self.matches[numbers]
        own = self._patches(targets)
        if weights is not None:
            weights = weights[self._pixels(targets)]
        nearest = self._compare(own, best, weights)
        for find in self._candidates(targets, rng):
            found = find(best)
            (new,) = np.nonzero(self._are_sources(found) & (found != best))
            found = found[new]
            distances = self._compare(
                own[new], found, None if weights is None else weights[new]
            )
            nearer = distances < nearest[new]
            best[new[nearer]] = found[nearer]
            nearest[new[nearer]] = distances[nearer]
            self.matches[numbers] = best
        self.distances[numbers] = nearest

    def _candidates(self, targets, rng):
        """Functions from the best corners so far to others to try."""
        for step in (4, 2, 1):
            if step >= self.size:
                continue
            down = step * self.shape[1]
            for shift in (-step, step, -down, down):
                yield lambda _, shift=shift: self._shifted(targets, shift)
        radius = max(self.grid)
        while radius >= 1:
            moves = rng.integers(-radius, radius + 1, (2, len(targets)))
            yield lambda best, moves=moves: self._moved(best, moves)
            radius //= 2

    def _are_sources(self, corners):
        inside = (corners >= 0) & (corners < len(self.sources))
        return inside & self.sources[np.where(inside, corners, 0)]

    def _shifted(self, targets, shift):
        """The matches of neighbors, shifted to the targets; -1 for none."""
        neighbors = targets + shift
        inside = (neighbors >= 0) & (neighbors < len(self.sources))
        number = self._number[np.where(inside, neighbors, 0)]
        found = inside & (number >= 0)
        return np.where(found, self.matches[number] - shift, -1)

    def _moved(self, corners, moves):
        row, column = (
            np.clip(place + move, 0, count - 1)
            for place, move, count in zip(
                np.divmod(corners, self.shape[1]), moves, self.grid, strict=True
            )
        )
        return row * self.shape[1] + column

    def _pixels(self, corners):
        return corners[:, None] + self._offsets

    def _patches(self, corners):
        return self.values.take(self._pixels(corners), axis=0)

    def _compare(self, own, corners, weights):
        difference = self._patches(corners)
        difference -= own
        if weights is None:
            return np.einsum("ijk,ijk->i", difference, difference)
        return np.einsum("ijk,ijk,ij->i", difference, difference, weights)

    def around(self, pixels):
        """Numbers of the targets around missing pixels.

        Args:
            pixels: Flat indices, int (pixels,).

        Returns:
            int (pixels,). Near the border of the image a target is the last
            patch inside, and its center another pixel.
        """
        row, column = (
            np.clip(place - self.size // 2, 0, count - 1)
            for place, count in zip(
                np.divmod(pixels, self.shape[1]), self.grid, strict=True
            )
        )
        return self._number[row * self.shape[1] + column]

    def copied(self, pixels, others=None):
        """Values that the match of the patch around a pixel has there.

        Args:
            pixels: Flat indices of missing pixels, int (pixels,).
            others: Pixels to copy with these matches, None for the same.

        Returns:
            float32 (pixels, channels).
        """
        number = self.around(pixels)
        inside = (pixels if others is None else others) - self.targets[number]
        return self.values[self.matches[number] + inside]

    def voted(self, pixels, trust):
        """Weighted mean of what the matches of all patches around have there.

        A match at the squared distance d votes with the weight
        trust exp(-d / 2σ²), where σ² is the upper quartile of the distances.

        Args:
            pixels: Flat indices of missing pixels, int (pixels,).
            trust: Weights of the targets, float (targets,).

        Returns:
            float32 (pixels, channels).
        """
        parts = [
            self._voted(pixels[start : start + _PIXELS_AT_ONCE], trust)
            for start in range(0, len(pixels), _PIXELS_AT_ONCE)
        ]
        return np.concatenate(parts)

    def _voted(self, pixels, trust):
        corners = pixels[:, None] - self._offsets
        number = np.where(corners < 0, -1, self._number[np.maximum(corners, 0)])
        distances = np.where(number < 0, np.inf, self.distances[number])
        nearest = distances.min(axis=1, keepdims=True)
        last = np.isfinite(distances).sum(axis=1, keepdims=True) - 1
        quartile = np.take_along_axis(
            np.sort(distances, axis=1), 3 * last // 4, axis=1
        )
        weights = np.exp((nearest - distances) / (2 * quartile + 1e-12))
        weights *= trust[number]
        weights /= weights.sum(axis=1, keepdims=True)
        there = self.matches[number] + self._offsets
        values = self.values.take(np.where(number < 0, 0, there), axis=0)
        return np.einsum("ij,ijk->ik", weights.astype("float32"), values)


def _corners(shape, patch_size):
    """Slices of the pixels at which a patch inside of the image begins."""
    return tuple(slice(max(side - patch_size + 1, 0)) for side in shape)


def _torn(hole, patch_size):
    """Whether the patch at each of these corners has a missing pixel."""
    half = patch_size // 2
    centers = tuple(slice(half, max(side - half, half)) for side in hole.shape)
    return ndimage.maximum_filter(hole, patch_size)[centers]
