"""Composition: Poisson blending against a dense solve, composites, seams."""

import numpy as np
import pytest

from keras_synth import editing
from keras_synth.editing.composition import poisson_system


def images(height=9, width=11, channels=2, seed=0):
    rng = np.random.default_rng(seed)
    return rng.uniform(size=(2, height, width, channels))


def irregular(height=9, width=11, edge=False):
    """A mask with a hole and two parts; some of it at the image's edge."""
    mask = np.zeros((height, width, 1))
    mask[2:7, 1:6] = 1.0
    mask[4, 3] = 0.0
    mask[3:5, 8:10] = 1.0
    if edge:
        mask[0, 4:9] = 1.0
        mask[6:, 9:] = 1.0
    return mask


def dense_blend(base, part, mask, mixed):
    """Equation 7 or 12 of Pérez et al., pixel by pixel."""
    inside = mask[..., 0] > 0.5
    height, width = inside.shape
    own = [tuple(p) for p in np.argwhere(inside)]
    matrix = np.zeros((len(own), len(own)))
    right = np.zeros((len(own), base.shape[-1]))
    for row, (y, x) in enumerate(own):
        for other in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
            if not (0 <= other[0] < height and 0 <= other[1] < width):
                continue
            matrix[row, row] += 1
            guide = part[y, x] - part[other]
            if mixed:
                of_base = base[y, x] - base[other]
                guide = np.where(abs(of_base) > abs(guide), of_base, guide)
            right[row] += guide
            if inside[other]:
                matrix[row, own.index(other)] -= 1
            else:
                right[row] += base[other]
    result = base.copy()
    result[inside] = np.linalg.solve(matrix, right)
    return result


@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("edge", [False, True])
def test_the_sparse_solve_is_the_dense_one(mixed, edge):
    (base, part), mask = images(), irregular(edge=edge)
    blended = editing.poisson_blend(base, part, mask, mixed)
    expected = dense_blend(base, part, mask, mixed)
    np.testing.assert_allclose(blended, expected, atol=1e-6)
    outside = mask[..., 0] == 0
    np.testing.assert_array_equal(
        blended[outside], base.astype("float32")[outside]
    )


def test_a_part_that_differs_by_a_constant_disappears():
    base, _ = images()
    blended = editing.poisson_blend(base, base - 0.3, irregular(edge=True))
    np.testing.assert_allclose(blended, base, atol=1e-6)


def test_mixed_gradients_keep_what_lies_below_a_flat_part():
    base, _ = images()
    flat = np.full_like(base, 0.5)
    kept = editing.poisson_blend(base, flat, irregular(), mixed=True)
    np.testing.assert_allclose(kept, base, atol=1e-6)
    gone = editing.poisson_blend(base, flat, irregular())
    assert np.abs(gone - base).max() > 0.1


def test_the_matrix_is_the_laplacian():
    (base, part), inside = images(), irregular(edge=True)[..., 0] > 0.5
    matrix, right = poisson_system(base, part, inside)
    matrix = matrix.toarray()
    np.testing.assert_array_equal(matrix, matrix.T)
    assert (np.linalg.eigvalsh(matrix) > 0).all()
    assert right.shape == (inside.sum(), 2)


def test_what_has_no_base_beside_it_is_refused():
    base, part = images()
    with pytest.raises(ValueError, match="must leave pixels"):
        editing.poisson_blend(base, part, np.ones((9, 11, 1)))
    with pytest.raises(ValueError, match="`mask` must be"):
        editing.poisson_blend(base, part, np.ones((9, 11)))
    with pytest.raises(ValueError, match="same shape"):
        editing.poisson_blend(base, part[:4], np.ones((9, 11, 1)))
    nothing = editing.poisson_blend(base, part, np.zeros((9, 11, 1)))
    np.testing.assert_array_equal(nothing, base.astype("float32"))


def test_outside_a_composite_is_the_base_bit_for_bit():
    base, edited = images().astype("float32")
    base[0, 0] = 1e-30
    mask = irregular().astype("float32")
    mask[5, 5] = 0.25
    made = editing.composite(base, edited, mask)
    assert made.dtype == base.dtype
    outside = mask[..., 0] == 0
    assert made[outside].tobytes() == base[outside].tobytes()
    whole = mask[..., 0] == 1
    assert made[whole].tobytes() == edited[whole].tobytes()
    np.testing.assert_allclose(
        made[5, 5], 0.75 * base[5, 5] + 0.25 * edited[5, 5], rtol=1e-6
    )
    eight = (255 * base).astype("uint8")
    assert editing.composite(eight, eight, mask).dtype == np.uint8


def test_composites_of_bools_are_bools():
    base, edited = np.zeros((2, 2, 1), bool), np.ones((2, 2, 1), bool)
    mask = np.array([[0.0, 0.4], [0.6, 1.0]])[..., None]
    made = editing.composite(base, edited, mask)
    assert made.dtype == bool
    np.testing.assert_array_equal(made[..., 0], [[0, 0], [1, 1]])


def test_a_mask_of_8_bits_is_refused():
    with pytest.raises(ValueError, match="`mask` must lie in"):
        editing.composite(*np.zeros((2, 2, 2, 1)), np.full((2, 2, 1), 255))


@pytest.mark.parametrize("leading", [(), (3,), (2, 3)])
def test_a_mask_is_for_one_image_or_for_all(leading):
    base = np.zeros((*leading, 4, 4, 1))
    masks = np.zeros((*leading, 4, 4, 1))
    masks[..., :2, :, :] = 1.0
    one = masks[(0,) * len(leading)]
    for mask in (one, masks):
        made = editing.composite(base, base + 1.0, mask)
        np.testing.assert_array_equal(made, masks)


@pytest.mark.parametrize(
    "edited, mask, message",
    [
        ((4, 4, 1), (4, 4), r"`mask` must be \(4, 4, 1\)\. Received: .*4, 4"),
        ((4, 4, 1), (4, 1, 1), "`mask` must be"),
        ((4, 4, 1), (1, 4, 4, 1), "`mask` must be"),
        ((4, 4, 3), (4, 4, 1), "same shape"),
        ((), (4, 4, 1), "same shape"),
    ],
)
def test_composites_of_other_shapes_are_refused(edited, mask, message):
    with pytest.raises(ValueError, match=message):
        editing.composite(np.zeros((4, 4, 1)), np.zeros(edited), np.zeros(mask))


def test_masks_of_other_images_than_those_of_a_batch_are_refused():
    base = np.zeros((3, 4, 4, 1))
    message = r"must be \(4, 4, 1\) or \(3, 4, 4, 1\)"
    with pytest.raises(ValueError, match=message):
        editing.composite(base, base, np.zeros((2, 4, 4, 1)))


@pytest.mark.parametrize("shape", [(4, 4), (4, 5, 1), (4, 4, 3)])
def test_seams_of_masks_of_another_shape_are_refused(shape):
    mask = np.zeros(shape)
    mask[:2] = 1.0
    with pytest.raises(ValueError, match="`mask` must be"):
        editing.seam_ratio(np.zeros((4, 4, 1)), mask)
    with pytest.raises(ValueError, match="`image` must be"):
        editing.seam_ratio(np.zeros((4, 4)), mask)


def test_composites_of_integers_are_rounded_and_do_not_wrap_around():
    base, edited = np.uint8([[[200]], [[3]]]), np.uint8([[[100]], [[6]]])
    half = np.full((2, 1, 1), 0.5)
    assert editing.composite(base, edited, half).ravel().tolist() == [150, 4]
    above = editing.composite(base, np.full((2, 1, 1), 300.0), half > 0)
    assert above.dtype == np.uint8 and above.ravel().tolist() == [255, 255]


def test_a_part_is_put_where_it_should_be():
    base, _ = images()
    part, mask = np.ones((3, 4, 2)), np.ones((3, 4, 1))
    ramp = np.arange(24.0).reshape(3, 4, 2)
    placed, _ = editing.paste(base, ramp, mask, (2, 5))
    np.testing.assert_array_equal(placed[2:5, 5:9], ramp)
    np.testing.assert_array_equal(placed[0, 0], ramp[0, 0])
    np.testing.assert_array_equal(placed[8, 10], ramp[2, 3])
    for position in ((2, 5), (-1, -2), (8, 9)):
        placed, there = editing.paste(base, part, mask, position)
        expected = np.zeros((9, 11, 1))
        for y in range(3):
            for x in range(4):
                at = (position[0] + y, position[1] + x)
                if 0 <= at[0] < 9 and 0 <= at[1] < 11:
                    expected[at] = 1
        np.testing.assert_array_equal(there, expected)
        inside = expected[..., 0] == 1
        np.testing.assert_array_equal(placed[inside], 1.0)
    with pytest.raises(ValueError, match="Nothing of the mask"):
        editing.paste(base, part, mask, (20, 0))
    with pytest.raises(ValueError, match="size of the part"):
        editing.paste(base, part, mask[1:])
    with pytest.raises(ValueError, match="channels of the base"):
        editing.paste(base, part[..., :1], mask)
    with pytest.raises(ValueError, match="must be images"):
        editing.paste(base[..., 0], part[..., 0], mask)
    for position in (3, (1, 2, 3), (0.5, 1), "12", None):
        with pytest.raises(ValueError, match="must be two ints"):
            editing.paste(base, part, mask, position)
    with pytest.raises(ValueError, match="must lie in"):
        editing.paste(base, part, 255 * mask)
    with pytest.raises(ValueError, match="must lie in"):
        editing.poisson_blend(part, part, 255 * np.eye(3, 4)[..., None])


def test_a_seam_with_nothing_beside_it_is_a_number():
    image = np.array([[[0.0], [0.5]]])
    mask = np.array([[[0.0], [1.0]]])
    assert editing.seam_ratio(image, mask) == 0.5 * 255


def test_seams_are_seen():
    rng = np.random.default_rng(0)
    smooth = np.cumsum(rng.uniform(size=(40, 40, 1)), axis=0) / 30.0
    mask = np.zeros((40, 40, 1))
    mask[10:30, 10:30] = 1.0
    assert editing.seam_ratio(smooth, mask) == pytest.approx(1.0, abs=0.15)
    hard = smooth + 0.5 * mask
    assert editing.seam_ratio(hard, mask) > 5
    blended = editing.poisson_blend(smooth, smooth + 0.5, mask)
    assert editing.seam_ratio(blended, mask) < 1.2
    with pytest.raises(ValueError, match="must have an edge"):
        editing.seam_ratio(smooth, np.ones((40, 40, 1)))


def test_seams_do_not_depend_on_the_type_of_the_image():
    image = np.zeros((9, 11, 1), "uint8")
    image[2:7, 3:8] = 51
    mask = np.zeros((9, 11, 1))
    mask[2:7, 3:8] = 1.0
    expected = editing.seam_ratio(image / 255.0, mask)
    assert editing.seam_ratio(image, mask) == pytest.approx(expected)
    deep = 257 * image.astype("uint16")
    assert editing.seam_ratio(deep, mask) == pytest.approx(expected)
