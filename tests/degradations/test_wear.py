"""Scratches, dust and stains against distances measured pixel by pixel."""

import numpy as np
import pytest
import skimage.draw

from keras_synth.degradations import Dust, Scratches, Stains


def distances(start, end, height, width):
    """From every pixel to a straight line between two points."""
    grid = np.stack(np.mgrid[:height, :width], -1).astype("float64")
    along = end - start
    share = ((grid - start) @ along) / max(along @ along, 1e-12)
    nearest = start + np.clip(share, 0, 1)[..., None] * along
    return np.linalg.norm(grid - nearest, axis=-1)


def coverage(distance, thickness):
    """Share of a pixel [d - ½, d + ½] inside [-t/2, t/2]."""
    low = np.maximum(distance - 0.5, -thickness / 2)
    high = np.minimum(distance + 0.5, thickness / 2)
    return np.maximum(high - low, 0.0)


@pytest.mark.parametrize("thickness", [0.4, 1.0, 3.7])
def test_a_straight_scratch_fades_with_the_distance(thickness):
    images = np.full((3, 40, 50, 1), 0.2, "float32")
    degradation = Scratches(
        1, length=0.6, thickness=thickness, brightness=0.9, opacity=0.8,
        curvature=0,
    )  # fmt: skip
    result, record = degradation(images, 0, return_record=True)
    points = record["parameters"]["points"].numpy()[:, 0].astype("float64")
    for image, mask, (start, control, end) in zip(
        result, record["mask"], points, strict=True
    ):
        np.testing.assert_allclose(control, (start + end) / 2, atol=1e-4)
        length = np.linalg.norm(end - start)
        assert abs(length - 0.6 * np.hypot(40, 50)) < 1e-3
        alpha = 0.8 * coverage(distances(start, end, 40, 50), thickness)
        expected = 0.2 + alpha * (0.9 - 0.2)
        np.testing.assert_allclose(image[..., 0], expected, atol=2e-4)
        clear = np.abs(alpha - 1e-4) > 1e-4  # but for rounding at the rim
        np.testing.assert_array_equal(mask[..., 0][clear], (alpha > 0)[clear])


def test_a_bent_scratch_is_its_bezier_curve():
    images = np.zeros((4, 60, 60, 1), "float32")
    degradation = Scratches(
        1, length=0.8, thickness=2.0, brightness=1.0, opacity=1.0,
        curvature=0.6,
    )  # fmt: skip
    result, record = degradation(images, 2, return_record=True)
    t = np.linspace(0, 1, 400)[:, None]
    bent = []
    for image, (first, control, last) in zip(
        result, record["parameters"]["points"].numpy()[:, 0], strict=True
    ):
        curve = (1 - t) ** 2 * first + 2 * t * (1 - t) * control + t**2 * last
        distance = np.min(
            [
                distances(a, b, 60, 60)
                for a, b in zip(curve, curve[1:], strict=False)
            ],
            axis=0,
        )
        # Pieces of a pixel leave the curve by a hundredth.
        np.testing.assert_allclose(
            image[..., 0], coverage(distance, 2.0), atol=0.02
        )
        bent.append(np.linalg.norm(control - (first + last) / 2))
        straight = np.linalg.norm(last - first)
        assert bent[-1] <= 0.6 * straight + 1e-3
    assert max(bent) > 5.0


def test_scratches_lie_where_scikit_image_draws_lines():
    images = np.zeros((1, 50, 50, 1), "float32")
    degradation = Scratches(
        1, length=0.3, thickness=1.5, brightness=1.0, curvature=0
    )
    for seed in range(3):
        result, record = degradation(images, seed, return_record=True)
        start, _, end = np.rint(record["parameters"]["points"].numpy()[0, 0])
        rows, columns = skimage.draw.line(*start.astype(int), *end.astype(int))
        inside = (rows >= 0) & (rows < 50) & (columns >= 0) & (columns < 50)
        drawn = result.numpy()[0, rows[inside], columns[inside], 0]
        assert inside.sum() > 8
        assert (drawn > 0.05).mean() > 0.9


def test_number_of_scratches_is_the_given_one():
    images = np.zeros((30, 8, 8, 1), "float32")
    _, record = Scratches((2, 4))(images, 0, return_record=True)
    counts = np.count_nonzero(record["parameters"]["thickness"], axis=1)
    assert set(counts) == {2, 3, 4}


def test_dust_has_the_given_density_and_brightness():
    images = np.full((2, 200, 300, 1), 0.5, "float32")
    degradation = Dust(density=20, size=(1.0, 3.0), bright=0.25, opacity=1.0)
    result, record = degradation(images, 0, return_record=True)
    drawn = {k: v.numpy() for k, v in record["parameters"].items()}
    np.testing.assert_array_equal(np.count_nonzero(drawn["size"], axis=1), 120)
    assert drawn["size"].min() >= 1.0 and drawn["size"].max() <= 3.0
    # 240 draws: deviation 0.028.
    assert abs(drawn["bright"].mean() - 0.25) < 0.1
    values = result.numpy()
    assert values.min() == 0.0 and values.max() == 1.0
    # Thickness t, up to 2 t long; some lie on the edge or on others.
    area = np.sum(np.abs(values - 0.5)) / 0.5
    largest = np.sum(np.pi / 4 * drawn["size"] ** 2 + drawn["size"] ** 2)
    assert 0.5 * largest < area < 1.05 * largest


def test_record_holds_the_specks():
    images = np.zeros((1, 60, 60, 1), "float32")
    degradation = Dust(density=20, size=(1.5, 3.0), bright=1.0, opacity=1.0)
    result, record = degradation(images, 1, return_record=True)
    centers = record["parameters"]["center"].numpy()[0]
    sizes = record["parameters"]["size"].numpy()[0]
    assert len(sizes) == 7
    nearest = np.full((60, 60), np.inf)
    for center, size in zip(centers, sizes, strict=True):
        distance = distances(center, center, 60, 60)
        core = distance <= size / 2 - 0.5
        assert (result.numpy()[0, core, 0] > 0.999).all()
        nearest = np.minimum(nearest, distance - size)
    assert not np.any(result.numpy()[0, nearest > 0.5, 0])


def test_a_stain_covers_its_disk_with_a_darker_rim():
    images = np.ones((6, 120, 120, 3), "float32")
    color = (0.5, 0.3, 0.1)
    degradation = Stains(1, size=0.2, opacity=0.6, color=color)
    result, record = degradation(images, 0, return_record=True)
    drawn = {k: v.numpy()[:, 0] for k, v in record["parameters"].items()}
    np.testing.assert_allclose(drawn["radius"], 24.0, rtol=1e-6)
    # y = 1 - α (1 - c): every channel gives the same α.
    alpha = (1.0 - result.numpy()) / (1.0 - np.array(color))
    np.testing.assert_allclose(alpha, alpha[..., :1] * np.ones(3), atol=1e-5)
    assert alpha.max() <= 0.6 + 1e-6
    for index, center in enumerate(drawn["center"]):
        distance = distances(center, center, 120, 120)
        one = alpha[index, ..., 0]
        assert not one[distance > 1.5 * 24].any()
        assert (one[distance < 0.4 * 24] > 0.6 * 0.45 * 0.59).all()
        inside = one[(distance < 0.4 * 24)]
        assert np.quantile(one[one > 0], 0.95) > 1.4 * inside.mean()


def test_stains_are_brown_on_color_and_gray_on_gray():
    color = Stains(1, size=0.5, opacity=1.0, color=(0.5, 0.3, 0.1))
    gray = color(np.ones((64, 64, 1), "float32"), 0).numpy()
    brown = color(np.ones((64, 64, 3), "float32"), 0).numpy()
    luma = brown @ np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(gray[..., 0], luma, atol=1e-5)
    assert gray.min() < 0.5


def test_each_stain_draws_its_color_between_two():
    ends = ((0.2, 0.1, 0.0), (0.6, 0.5, 0.4))
    images = np.ones((8, 16, 16, 3), "float32")
    _, record = Stains(2, color=ends)(images, 0, return_record=True)
    share = record["parameters"]["color"].numpy() - np.array(ends[0])
    np.testing.assert_allclose(share, share[..., :1] * np.ones(3), atol=1e-6)
    assert 0 <= share.min() and share.max() <= 0.4 and np.ptp(share) > 0.2


@pytest.mark.parametrize(
    "build, message",
    [
        (lambda: Scratches(2.5), "`count` must be an int"),
        (lambda: Scratches(length=1.5), "`length` must be a number"),
        (lambda: Scratches(thickness=-1), "`thickness` must be a number"),
        (lambda: Scratches(brightness=2), "`brightness` must be a number"),
        (lambda: Scratches(opacity=2), "`opacity` must be a number"),
        (lambda: Scratches(curvature=(0, 1)), "`curvature` must be a number"),
        (lambda: Dust(-1), "`density` must be a number"),
        (lambda: Dust(bright=1.1), "`bright` must be a number"),
        (lambda: Stains(size=-0.1), "`size` must be a number"),
        (lambda: Stains(color=0.5), "`color` must be"),
        (lambda: Stains(color=(0.5, 0.5)), "`color` must be"),
        (lambda: Stains(color=(0.5, 0.5, 2.0)), "`color` must be"),
    ],
)
def test_bad_arguments_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()
