"""Optical flow of known motions, and against scikit-image."""

import importlib
import itertools

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage
from skimage import data, registration

from keras_synth.ops import optical_flow, sample, warp

module = importlib.import_module("keras_synth.ops.flow")
HEIGHT, WIDTH = 60, 76
ROWS, COLUMNS = np.mgrid[: float(HEIGHT), : float(WIDTH)]
INSIDE = (slice(None), slice(8, -8), slice(8, -8))


def texture(x, y):
    """Sums of waves in [0, 1] at any positions: (1, height, width, 1)."""
    rng = np.random.default_rng(3)
    total = np.zeros_like(x)
    for _ in range(30):
        direction, phase = rng.uniform(0, 2 * np.pi, 2)
        rate = 2 * np.pi / rng.uniform(8, 40)
        along = np.cos(direction) * x + np.sin(direction) * y
        total += np.cos(rate * along + phase)
    return (0.5 + total / 40).astype("float32")[None, :, :, None]


def turned(degrees):
    """Flow of a rotation about the center."""
    angle = np.deg2rad(degrees)
    x, y = COLUMNS - (WIDTH - 1) / 2, ROWS - (HEIGHT - 1) / 2
    return (
        np.cos(angle) * x - np.sin(angle) * y + (WIDTH - 1) / 2,
        np.sin(angle) * x + np.cos(angle) * y + (HEIGHT - 1) / 2,
    )


def test_a_translation_is_found_to_a_tenth_of_a_pixel():
    reference = texture(COLUMNS, ROWS)
    moving = texture(COLUMNS - 2.3, ROWS + 1.6)
    flow = np.asarray(optical_flow(reference, moving))
    assert flow.shape == (1, HEIGHT, WIDTH, 2)
    assert np.abs(flow[INSIDE] - (2.3, -1.6)).max() < 0.1


def test_a_rotation_is_found_to_a_tenth_of_a_pixel():
    """By 2 degrees: up to 1.3 pixels to each side at the corners."""
    reference = texture(COLUMNS, ROWS)
    moving = texture(*turned(-2.0))
    x, y = turned(2.0)
    expected = np.stack([x - COLUMNS, y - ROWS], axis=-1)[None]
    flow = np.asarray(optical_flow(reference, moving))
    assert np.abs(flow - expected)[INSIDE].max() < 0.1
    assert np.abs(expected).max() > 1.2


def test_two_different_motions_are_found():
    """A sharp edge between motions, but for a few pixels beside it."""
    reference = texture(COLUMNS, ROWS)
    moving = reference.copy()
    moving[:, :30] = texture(COLUMNS - 2.0, ROWS)[:, :30]
    moving[:, 30:] = texture(COLUMNS + 1.0, ROWS)[:, 30:]
    flow = np.asarray(optical_flow(reference, moving))[INSIDE]
    expected = np.zeros((1, HEIGHT, WIDTH, 2))
    expected[:, :30, :, 0], expected[:, 30:, :, 0] = 2.0, -1.0
    wrong = np.abs(flow - expected[INSIDE]).max(-1) > 0.25
    assert wrong[:, :18].mean() < 0.01 and wrong[:, 26:].mean() < 0.01


def test_equal_images_have_no_flow():
    still = texture(COLUMNS, ROWS)
    np.testing.assert_array_equal(optical_flow(still, still), 0.0)


def test_batches_color_and_graphs_give_the_same_flow():
    """Each pair alone; color as its luma; the same inside a graph."""
    columns, rows = COLUMNS[:24, :32], ROWS[:24, :32]
    reference = texture(columns, rows)
    moving = [
        texture(columns - 1.0, rows),
        texture(columns, rows + 0.5),
    ]
    alone = [optical_flow(reference, each)[0] for each in moving]
    pairs = (np.repeat(reference, 2, axis=0), np.concatenate(moving))
    together = optical_flow(*pairs)
    np.testing.assert_allclose(together, alone, atol=1e-4)
    gray = [np.repeat(each, 3, axis=-1) for each in pairs]
    np.testing.assert_allclose(optical_flow(*gray), together, atol=1e-3)
    in_graph = tf.data.Dataset.from_tensors(pairs).map(optical_flow)
    np.testing.assert_allclose(
        in_graph.get_single_element(), together, atol=1e-4
    )


def test_a_coarser_finest_level_is_accurate_on_smooth_motion():
    """At half the size; odd sizes too."""
    reference = texture(COLUMNS, ROWS)[:, :59, :75]
    moving = texture(COLUMNS - 2.3, ROWS + 1.6)[:, :59, :75]
    flow = np.asarray(optical_flow(reference, moving, finest_level=1))
    assert flow.shape == (1, 59, 75, 2)
    assert np.abs(flow[INSIDE] - (2.3, -1.6)).max() < 0.25
    # Sides of 59 become 30 and 15, and that is the smallest size.
    last, beyond = (
        optical_flow(reference, moving, finest_level=level) for level in (2, 9)
    )
    np.testing.assert_array_equal(last, beyond)
    assert np.abs(last[INSIDE] - (2.3, -1.6)).max() < 1.0


def test_warping_errors_are_not_above_scikit_images():
    """Of a photograph warped by a wave, with noise."""
    photo = data.camera()[200:400, 180:400].astype("float32") / 255
    photo = tf.image.resize(photo[None, ..., None], (HEIGHT, WIDTH)).numpy()
    wave = np.stack([2 * np.sin(ROWS / 9), 1.5 * np.cos(COLUMNS / 11)], axis=-1)
    moving = np.asarray(warp(photo, wave[None].astype("float32")))
    rng = np.random.default_rng(0)
    reference, moving = (
        (each + rng.normal(0, 0.01, each.shape)).astype("float32")
        for each in (photo, moving)
    )
    rows, columns = registration.optical_flow_tvl1(
        reference[0, ..., 0], moving[0, ..., 0]
    )
    theirs = np.stack([columns, rows], axis=-1)[None].astype("float32")
    ours = optical_flow(reference, moving)

    def error(flow):
        return np.abs(warp(moving, flow) - reference)[INSIDE].mean()

    assert error(ours) < error(theirs) < 0.5 * error(0.0 * theirs)


def test_the_flow_has_a_lower_energy_than_others():
    """Lower than without motion, of the true flow and of others."""
    rng = np.random.default_rng(0)
    reference = texture(COLUMNS, ROWS)
    moving = texture(*turned(-2.0))
    noise = rng.normal(0, 0.02, moving.shape)
    moving = (moving + noise).astype("float32")
    flow = np.asarray(optical_flow(reference, moving))
    x, y = turned(2.0)
    true = np.stack([x - COLUMNS, y - ROWS], axis=-1)[None]
    here = np.stack([COLUMNS, ROWS], axis=-1)

    def energy(flow):
        right = np.diff(flow, axis=2, append=flow[:, :, -1:])
        down = np.diff(flow, axis=1, append=flow[:, -1:])
        rough = np.sqrt(right**2 + down**2)
        rough = np.where(rough < 0.03, rough**2 / (2 * 0.03), rough - 0.03 / 2)
        unlike = 0.0
        for step in itertools.product((-1, 0, 1), repeat=2):
            weight = np.prod([4 - 3 * abs(side) for side in step]) / 36
            there = sample(moving, (here + step + flow).astype("float32"))
            beside = np.broadcast_to(here + step, flow.shape)
            beside = sample(reference, beside.astype("float32"))
            unlike += weight * np.abs(there - beside).sum()
        return rough.sum() + 100.0 * unlike

    assert energy(flow) < energy(true) < energy(0.0 * true)
    assert energy(flow) < energy(flow + rng.normal(0, 0.1, flow.shape))


def test_differences_adjoints_and_the_linear_solver():
    """Adjoint derivatives, and the solution of the linear system."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 2, 1, 7, 9)).astype("float32")
    for axis in (-1, -2):
        change = np.sum(module._difference(x, axis) * y)
        adjoint = np.sum(x * module._adjoint(y, axis))
        np.testing.assert_allclose(change, -adjoint, rtol=1e-4)
    gradients = rng.normal(size=(2, 1, 7, 9))
    xx, yy, xy = gradients[0] ** 2, gradients[1] ** 2, gradients.prod(0)
    right = rng.normal(size=(2, 1, 7, 9))
    products = np.stack([xx, yy, xy, *right]).astype("float32")
    solved = module._proximal_step(products)(x)
    matrix = np.stack([1 + xx, xy, xy, 1 + yy], -1).reshape(1, 7, 9, 2, 2)
    right = np.moveaxis(x + right, 0, -1)
    expected = np.linalg.solve(matrix, right[..., None])[..., 0]
    np.testing.assert_allclose(np.moveaxis(solved, 0, -1), expected, rtol=1e-3)
    window = np.outer([1, 4, 1], [1, 4, 1]) / 36
    np.testing.assert_allclose(
        module._windowed(x)[0, 0],
        ndimage.correlate(x[0, 0], window, mode="nearest"),
        atol=1e-6,
    )
    coarse = module._halved(texture(COLUMNS, ROWS))
    np.testing.assert_allclose(
        coarse[INSIDE],
        texture(2 * COLUMNS + 0.5, 2 * ROWS + 0.5)[:, :30, :38][INSIDE],
        atol=0.06,  # it is a little blurred
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"attachment": 0.0}, "`attachment` must be above 0"),
        ({"warps": 0}, "`warps` must be an int of at least 1"),
        ({"finest_level": -1}, "`finest_level` must be an int of at least 0"),
        ({"moving": np.zeros((1, 16, 17, 1))}, "must have the same shape"),
        ({"moving": np.zeros((1, 16, 16, 1), int)}, "`moving` must be floats"),
    ],
)
def test_bad_arguments_are_refused(options, message):
    pair = {
        "reference": np.zeros((1, 16, 16, 1)),
        "moving": np.zeros((1, 16, 16, 1)),
    }
    with pytest.raises(ValueError, match=message):
        optical_flow(**{**pair, **options})
    with pytest.raises(ValueError, match="at least 16 x 16"):
        optical_flow(np.zeros((1, 15, 40, 1)), np.zeros((1, 15, 40, 1)))


def test_the_motion_of_a_sky_is_found():
    """Clouds of two gray levels, by 14 pixels; one ε for all sizes: 2 off."""
    clouds = np.random.RandomState(0).normal(size=(128, 214))
    clouds = ndimage.gaussian_filter(clouds, 6.0, mode="wrap")
    sky = (0.6 + 2 / 255 * clouds / clouds.std()).astype("float32")
    reference, moving = sky[None, :, 14:, None], sky[None, :, :-14, None]
    flow = np.asarray(optical_flow(reference, moving))
    error = np.abs(flow - (14.0, 0.0))[:, 10:-10, 20:-20]
    assert error.mean() < 0.3
