"""PatchMatch inpainting against brute force, dense solutions and textures."""

import numpy as np
import pytest

from keras_synth.restoration import patch_match
from keras_synth.restoration.patch_blending import _COLOR_WEIGHT, blend
from keras_synth.restoration.patch_field import PatchField, whole_patches
from keras_synth.restoration.patch_pyramid import (
    build_pyramid,
    upscale_matches,
)

SIDES = 40, 44
HOLES = {
    "inside": [np.s_[14:25, 15:27]],
    "left": [np.s_[12:22, :9]],
    "corner": [np.s_[-9:, -10:]],
    "several": [np.s_[4:9, 5:12], np.s_[20:29, 30:36], np.s_[33:, 3:8]],
    "hair": [np.s_[3:30, 20:21]],
}


def hole_of(kind):
    hole = np.zeros(SIDES, bool)
    for area in HOLES[kind]:
        hole[area] = True
    return hole


def texture(channels, seed=0):
    """Of period 4 down and 5 across."""
    tile = np.random.default_rng(seed).uniform(size=(4, 5, channels))
    return np.tile(tile, (10, 9, 1))[:, : SIDES[1]].astype("float32")


def complete(image, hole, **options):
    torn = np.where(hole[..., None], np.float32(0), image)
    inputs = {"image": torn[None], "mask": np.float32(hole)[None, ..., None]}
    return patch_match(**options)(inputs)[0]


@pytest.mark.parametrize("kind", HOLES)
@pytest.mark.parametrize("channels", [1, 3, 5])
def test_a_periodic_texture_is_completed_exactly(kind, channels):
    image, hole = texture(channels), hole_of(kind)
    filled = complete(image, hole)
    assert filled.dtype == "float32"
    np.testing.assert_array_equal(filled[~hole], image[~hole])
    np.testing.assert_allclose(filled[hole], image[hole], atol=1e-3)


def test_the_same_seed_gives_the_same_bits():
    """Each image of a batch is restored as it is alone; what the hole held
    does not matter."""
    image = np.random.default_rng(1).uniform(size=(*SIDES, 3)).astype("float32")
    hole = hole_of("inside")
    first = complete(image, hole, seed=3)
    torn = np.stack([image[::-1], image])
    holes = np.float32([hole[::-1], hole])[..., None]
    torn[holes[..., 0] > 0] = np.nan
    np.testing.assert_array_equal(patch_match(seed=3)(torn, holes)[1], first)
    assert np.abs(complete(image, hole, seed=4) - first).max() > 0.01
    np.testing.assert_array_equal(first[~hole], image[~hole])


def test_images_without_a_hole_stay_and_inputs_are_not_changed():
    image = texture(3)
    images, masks = image[None].copy(), np.zeros((1, *SIDES, 1))
    np.testing.assert_array_equal(patch_match()(images, masks), images)
    masks[0, :5, :5] = 1
    images[0, :5, :5] = 0.5
    patch_match()(images, masks)
    assert (images[0, :5, :5] == 0.5).all()


@pytest.mark.parametrize(
    ("shape", "every", "message"),
    [((40, 40), 5, "none without a missing pixel"), ((6, 40), 20, "6 pixels")],
)
def test_it_refuses_where_nothing_can_be_copied(shape, every, message):
    mask = np.zeros((1, *shape, 1))
    mask[:, ::every, ::every] = 1.0
    with pytest.raises(ValueError, match=message):
        patch_match()(np.zeros_like(mask), mask)
    assert patch_match(3)(np.zeros_like(mask), mask).shape == mask.shape


def test_it_refuses_a_mask_that_is_missing_or_of_another_shape():
    images = np.zeros((1, 20, 20, 3))
    with pytest.raises(ValueError, match=r"patch_match\(\)\(images, mask\)"):
        patch_match()(images)
    with pytest.raises(ValueError, match="`mask` must be"):
        patch_match()(images, np.zeros((1, 20, 20, 3)))
    with pytest.raises(ValueError, match="a mask of ones"):
        patch_match()(images, np.ones((1, 20, 20, 1)))
    with pytest.raises(ValueError, match="`patch_size` must be an odd int"):
        patch_match(4)


def test_progress_ends_at_1():
    shares = []
    complete(texture(1), hole_of("several"), progress=shares.append)
    assert len(shares) > 2 and shares == sorted(shares)
    assert shares[0] > 0 and shares[-1] == pytest.approx(1.0)


@pytest.fixture
def field():
    """Of a random image of 18x20 with a hole, and patches of 5x5."""
    rng = np.random.default_rng(2)
    values = rng.uniform(size=(18, 20, 2)).astype("float32")
    hole = np.zeros((18, 20), bool)
    hole[7:11, 6:12] = True
    found = PatchField(values, hole, 5)
    found.set_matches(np.full(len(found.targets), -1), rng)
    return found, values, hole


def brute_force(values, hole, size):
    """`{corner: {source: distance}}`, patch by patch."""
    height, width = hole.shape
    patches = {
        row * width + column: (
            values[row : row + size, column : column + size],
            hole[row : row + size, column : column + size].any(),
        )
        for row in range(height - size + 1)
        for column in range(width - size + 1)
    }
    sources = {i: patch for i, (patch, torn) in patches.items() if not torn}
    return {
        i: {j: np.sum((patch - x) ** 2) for j, x in sources.items()}
        for i, (patch, torn) in patches.items()
        if torn
    }


def test_the_search_finds_the_nearest_neighbors_of_brute_force(field):
    found, values, hole = field
    expected = brute_force(values, hole, 5)
    assert found.targets.tolist() == list(expected)
    found.search(np.random.default_rng(0), rounds=300)
    for corner, match, distance in zip(
        found.targets, found.matches, found.distances, strict=True
    ):
        assert distance == pytest.approx(expected[corner][match], rel=1e-4)
    nearest = [min(distances.values()) for distances in expected.values()]
    same = np.isclose(found.distances, nearest, rtol=1e-4)
    assert same.mean() > 0.9


def test_the_energy_never_increases(field):
    found, values, hole = field
    every = brute_force(values, hole, 5)
    before = np.array(
        [every[i][j] for i, j in zip(found.targets, found.matches, strict=True)]
    )
    rng, energies = np.random.default_rng(0), [before.sum()]
    for _ in range(6):
        found.search(rng)
        assert (found.distances <= before * (1 + 1e-5)).all()
        before = found.distances.copy()
        energies.append(before.sum())
    assert energies[-1] < 0.8 * energies[0]


def test_matches_are_sources_only(field):
    found, _, hole = field
    whole = whole_patches(hole, 5)
    wide = np.zeros_like(whole)
    wide[:3, :3] = whole[:3, :3]
    few = PatchField(np.zeros((18, 20, 1), "float32"), hole, 5, wide)
    few.set_matches(found.matches, np.random.default_rng(0))
    assert wide.ravel()[few.matches].all()
    few.search(np.random.default_rng(0), rounds=2)
    assert wide.ravel()[few.matches].all()


def test_votes_are_a_mean_weighted_by_distance_and_trust(field):
    found, values, hole = field
    found.search(np.random.default_rng(0), rounds=2)
    trust = np.random.default_rng(5).uniform(0.5, 1, len(found.targets))
    flat = values.reshape(-1, 2)
    number = {corner: n for n, corner in enumerate(found.targets)}
    pixels = np.flatnonzero(hole)
    expected = []
    for pixel in pixels:
        around = [
            (number[pixel - offset], offset)
            for offset in (
                20 * row + column for row in range(5) for column in range(5)
            )
        ]
        d = np.array([found.distances[n] for n, _ in around])
        variance = np.sort(d)[3 * (len(d) - 1) // 4]
        w = np.exp(-d / (2 * variance)) * [trust[n] for n, _ in around]
        v = np.array([flat[found.matches[n] + offset] for n, offset in around])
        expected.append(w @ v / w.sum())
    np.testing.assert_allclose(found.voted(pixels, trust), expected, rtol=1e-4)


def test_blending_solves_the_screened_poisson_equation(field):
    """The same least squares, dense: a row for each pair of neighbors."""
    found, values, hole = field
    pixels = np.flatnonzero(hole)
    column = {pixel: n for n, pixel in enumerate(pixels)}
    flat = values.reshape(-1, 2)

    def shown(pixel, other):
        return found.copied(np.array([pixel]), np.array([other]))[0]

    rows, right = [], []
    for pixel in pixels:
        row = np.zeros(len(pixels))
        row[column[pixel]] = 1.0
        rows.append(np.sqrt(_COLOR_WEIGHT) * row)
        right.append(np.sqrt(_COLOR_WEIGHT) * shown(pixel, pixel))
        for other in (pixel - 1, pixel + 1, pixel - 20, pixel + 20):
            step = shown(pixel, pixel) - shown(pixel, other)
            row = np.zeros(len(pixels))
            row[column[pixel]] = 1.0
            if other not in column:
                rows.append(row)
                right.append(step + flat[other])
            elif other > pixel:
                row[column[other]] = -1.0
                back = shown(other, pixel) - shown(other, other)
                rows.append(row)
                right.append((step + back) / 2)
    expected = np.linalg.lstsq(np.array(rows), np.array(right))[0]
    known = values[~hole]
    expected = np.clip(expected, known.min(axis=0), known.max(axis=0))
    np.testing.assert_allclose(
        blend(found, values, pixels), expected, atol=2e-3
    )


def test_the_pyramid_holds_means_of_known_pixels():
    image = np.random.default_rng(0).uniform(size=(61, 64, 2))
    hole = np.zeros((61, 64), bool)
    hole[20:45, 21:48] = True
    hole[0, 0:3] = True
    levels = build_pyramid(image.astype("float32"), hole, 7)
    assert [x.shape for x, _ in levels] == [(61, 64, 4), (31, 32, 4)]
    values, half = levels[1]
    # Half of the four pixels are known, and one of four.
    assert not half[0, 0] and half[10:22, 11:24].all() and not half[9].any()
    np.testing.assert_allclose(
        values[0, 0, :2], image[1, :2].mean(0), rtol=1e-5
    )
    np.testing.assert_allclose(
        values[30, 2, :2], image[60, 4:6].mean(0), rtol=1e-5
    )
    assert (values[half] == 0).all()


def test_matches_of_a_coarser_level_are_shifted_by_twice_as_much():
    hole = np.zeros((16, 18), bool)
    hole[6:9, 7:11] = True
    large = hole.repeat(2, axis=0).repeat(2, axis=1)
    coarse, fine = (
        PatchField(np.zeros((*x.shape, 1), "float32"), x, 5)
        for x in (hole, large)
    )
    coarse.matches = coarse.targets - 18 * 2 + 1  # up by 2, right by 1
    there = upscale_matches(coarse, fine)
    found = there >= 0
    np.testing.assert_array_equal((there - fine.targets)[found], -36 * 4 + 2)
    assert found.mean() > 0.8


def test_a_hole_is_filled_from_its_neighborhood():
    """The left half is another texture; nothing of it is copied."""
    image = np.tile(texture(1), (2, 4, 1))
    image[:, :88] = 1.0 - 0.1 * image[:, :88]
    hole = np.zeros(image.shape[:2], bool)
    hole[30:40, 140:150] = True
    filled = complete(image, hole)
    assert filled[hole].max() <= image[:, 88:].max() + 1e-3


def test_what_is_filled_lies_between_the_extremes_of_what_is_known():
    images = np.random.default_rng(0).uniform(size=(1, 48, 48, 1))
    images = images.astype("float32")
    mask = np.zeros_like(images)
    mask[:, 12:36, 12:36] = 1.0
    known = images[mask == 0.0]
    filled = patch_match(seed=0)(images, mask)[mask == 1.0]
    assert known.min() <= filled.min() and filled.max() <= known.max()


@pytest.mark.parametrize("seed", [-1, 1.5, None, True])
def test_other_seeds_are_refused(seed):
    with pytest.raises(ValueError, match="`seed` must be an int"):
        patch_match(seed=seed)
