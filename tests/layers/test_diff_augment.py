"""DiffAugment against loops over images and pixels."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from keras_synth.layers import DiffAugment
from tests.helpers import check_layer

SHAPE = (5, 10, 16, 3)
PARTS = ("color", "translation", "cutout")
SUBSETS = [
    parts for size in (1, 2, 3) for parts in itertools.combinations(PARTS, size)
]


def random_images(shape=SHAPE, seed=0):
    rng = np.random.default_rng(seed)
    return rng.uniform(size=shape).astype("float32")


def augment(*parts):
    return DiffAugment(**{part: part in parts for part in PARTS})


def twin(images, draw, parts):
    """The reference implementation's steps, image by image."""
    return np.stack(
        [_twin(2 * x - 1, d, parts) for x, d in zip(images, draw, strict=True)]
    )


def _twin(x, draw, parts):
    height, width, _ = x.shape
    if "color" in parts:
        x = x + (draw[0] - 0.5)
        gray = x.mean(axis=2, keepdims=True)
        x = (x - gray) * (2 * draw[1]) + gray
        x = (x - x.mean()) * (draw[2] + 0.5) + x.mean()
    if "translation" in parts:
        most_down, most_right = int(height / 8 + 0.5), int(width / 8 + 0.5)
        down = int(draw[3] * (2 * most_down + 1)) - most_down
        right = int(draw[4] * (2 * most_right + 1)) - most_right
        shifted = np.zeros_like(x)
        for i, j in itertools.product(range(height), range(width)):
            if 0 <= i - down < height and 0 <= j - right < width:
                shifted[i, j] = x[i - down, j - right]
        x = shifted
    if "cutout" in parts:
        x = x.copy()
        length = int(height / 2 + 0.5), int(width / 2 + 0.5)
        top = int(draw[5] * (height + 1 - length[0] % 2)) - length[0] // 2
        left = int(draw[6] * (width + 1 - length[1] % 2)) - length[1] // 2
        x[
            max(top, 0) : max(top + length[0], 0),
            max(left, 0) : max(left + length[1], 0),
        ] = 0
    return (x + 1) / 2


@pytest.mark.parametrize("parts", SUBSETS, ids="-".join)
def test_layer_contract(parts):
    layer = augment(*parts)
    check_layer(layer, random_images(), draw=layer.draw(5, seed=0))


@pytest.mark.parametrize("parts", SUBSETS, ids="-".join)
@pytest.mark.parametrize("shape", [SHAPE, (40, 8, 8, 1), (3, 13, 11, 3)])
def test_it_equals_the_reference_implementation(parts, shape):
    layer, images = augment(*parts), random_images(shape)
    draw = np.asarray(layer.draw(len(images), seed=1))
    np.testing.assert_allclose(
        layer(images, draw=draw), twin(images, draw, parts), atol=2e-6
    )


def test_one_draw_transforms_any_images_alike():
    layer = augment("translation", "cutout")
    draw = layer.draw(5, seed=0)
    images, others = random_images(), random_images(seed=3)
    # Both only move and cover pixels, so that they commute with a sum.
    together = layer(images + others - 0.5, draw=draw)
    apart = layer(images, draw=draw) + layer(others, draw=draw) - 0.5
    np.testing.assert_allclose(together, apart, atol=1e-6)
    np.testing.assert_array_equal(
        layer(images, draw=draw), layer(images, draw=draw)
    )


def test_each_image_is_augmented_independently():
    layer, images = DiffAugment(), random_images()
    draw = layer.draw(5, seed=0)
    together = layer(images, draw=draw)
    for i in range(5):
        alone = layer(images[i : i + 1], draw=draw[i : i + 1])[0]
        np.testing.assert_allclose(together[i], alone, atol=1e-6)


def test_draws_are_uniform_and_independent():
    draw = np.asarray(DiffAugment().draw(5000, seed=0))
    assert draw.shape == (5000, 7) and draw.dtype == "float32"
    for column in draw.T:
        assert stats.kstest(column, "uniform").pvalue > 0.01
    correlation = np.corrcoef(draw.T) - np.eye(7)
    assert np.abs(correlation).max() < 4 / np.sqrt(5000)


def test_a_seed_generator_gives_a_new_draw_each_time():
    seed = keras.random.SeedGenerator(0)
    first, second = (np.asarray(DiffAugment().draw(3, seed)) for _ in range(2))
    assert np.abs(first - second).min() > 0


LEAST, MOST = (
    np.zeros((1, 7), "float32"),
    np.full((1, 7), 1 - 2**-23, "float32"),
)


def test_color_reaches_the_ends_of_its_ranges():
    layer, half = augment("color"), np.full((1, 7), 0.5, "float32")
    images = random_images((1, 8, 8, 3))
    np.testing.assert_allclose(layer(images, draw=half), images, atol=1e-6)
    for column, measure in (
        (0, lambda x: 2 * x.mean()),  # in units of [-1, 1]
        (1, lambda x: x.std(axis=-1).mean()),
        (2, lambda x: (x - x.mean()).std()),
    ):
        ends = []
        for end in (LEAST, MOST):
            draw = half.copy()
            draw[:, column] = end[:, column]
            ends.append(measure(np.asarray(layer(images, draw=draw))))
        before = measure(images)
        low, high = {
            0: (before - 0.5, before + 0.5),
            1: (0.0, 2 * before),
            2: (0.5 * before, 1.5 * before),
        }[column]
        np.testing.assert_allclose(ends, (low, high), atol=1e-5)


@pytest.mark.parametrize("side, most", [(8, 1), (28, 4), (32, 4), (128, 16)])
def test_shifts_go_an_eighth_of_a_side_each_way_and_uncover_gray(side, most):
    layer, white = augment("translation"), np.ones((1, side, side, 1))
    up_left = np.asarray(layer(white, draw=LEAST))[0, :, :, 0]
    down_right = np.asarray(layer(white, draw=MOST))[0, :, :, 0]
    kept = side - most
    expected = np.full((side, side), 0.5)
    expected[:kept, :kept] = 1.0
    np.testing.assert_array_equal(up_left, expected)
    np.testing.assert_array_equal(down_right, expected[::-1, ::-1])


def test_all_shifts_are_equally_likely():
    count = 3000
    layer = augment("translation")
    dot = np.full((count, 8, 8, 1), 0.5, "float32")
    dot[:, 4, 4] = 1.0
    moved = np.asarray(layer(dot, draw=layer.draw(count, seed=0)))
    seen = np.sum(moved == 1.0, axis=0)[3:6, 3:6, 0]
    assert seen.sum() == count
    assert stats.chisquare(seen.ravel()).pvalue > 0.01


def test_cutouts_cover_every_pixel_and_at_most_half_of_each_side():
    count = 2000
    layer = augment("cutout")
    white = np.ones((count, 8, 12, 1), "float32")
    cut = np.asarray(layer(white, draw=layer.draw(count, seed=0)))[..., 0]
    assert set(np.unique(cut)) == {0.5, 1.0}
    covered = cut == 0.5
    rows, columns = covered.any(axis=2).sum(1), covered.any(axis=1).sum(1)
    assert rows.max() == 4 and columns.max() == 6
    np.testing.assert_array_equal(covered.sum(axis=(1, 2)), rows * columns)
    # how many of 9 rows and of 13 columns, as centers, cover each
    in_row = np.array([3, 4, 4, 4, 4, 4, 4, 3]) / 9
    in_column = np.array([4, 5, 6, 6, 6, 6, 6, 6, 6, 6, 5, 4]) / 13
    expected = count * np.outer(in_row, in_column)
    error = np.abs(covered.sum(axis=0) - expected)
    assert (error < 4 * np.sqrt(expected)).all()


def test_gradients_reach_every_visible_pixel():
    layer, images = (
        augment("translation", "cutout"),
        tf.Variable(random_images()),
    )
    draw = layer.draw(5, seed=0)
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(layer(images, draw=draw))
    gradient = np.asarray(tape.gradient(value, images))
    assert set(np.unique(gradient)) == {0.0, 1.0}
    seen = np.asarray(layer(np.ones(SHAPE), draw=draw)) == 1.0
    np.testing.assert_array_equal(
        gradient.sum(axis=(1, 2, 3)), seen.sum(axis=(1, 2, 3))
    )


def test_gradients_pass_through_color_changes():
    layer, images = DiffAugment(), tf.Variable(random_images())
    draw = layer.draw(5, seed=0)
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(tf.square(layer(images, draw=draw)))
    gradient = np.asarray(tape.gradient(value, images), "float64")
    direction = random_images(seed=4) - 0.5
    ends = [
        float(np.sum(np.square(layer(images + sign * direction, draw=draw))))
        for sign in (1, -1)
    ]  # exact, of a quadratic
    assert np.sum(gradient * direction) == pytest.approx(
        (ends[0] - ends[1]) / 2, rel=1e-4
    )


@pytest.mark.parametrize(
    "shape", [(None, *SHAPE[1:]), (None, None, None, SHAPE[-1])]
)
def test_batches_of_unknown_shape_are_taken(shape):
    layer = DiffAugment()

    @tf.function(input_signature=[tf.TensorSpec(shape)])
    def function(images):
        draw = layer.draw(tf.shape(images)[0], seed=0)
        return layer(images, draw=draw), draw

    for count in (5, 2):
        images = random_images()[:count]
        augmented, draw = function(images)
        np.testing.assert_allclose(
            augmented, twin(images, np.asarray(draw), PARTS), atol=2e-6
        )


def test_it_computes_in_float32_whatever_the_policy():
    keras.config.set_dtype_policy("mixed_float16")
    layer, images = DiffAugment(), random_images().astype("float16")
    draw = np.asarray(layer.draw(5, seed=0))
    out = layer(images, draw=draw)
    assert out.dtype == "float32"
    np.testing.assert_allclose(
        out, twin(images.astype("float32"), draw, PARTS), atol=2e-6
    )


def test_disabling_all_transformations_is_refused():
    with pytest.raises(ValueError, match="needs at least one of"):
        DiffAugment(color=False, translation=False, cutout=False)
