"""Base class of degradations: checks, draws, `Compose` and `OneOf`."""

import numpy as np
import pytest
import tensorflow as tf

from keras_synth.degradations import (
    CameraNoise,
    ColorFading,
    Compose,
    Downsample,
    GaussianBlur,
    GaussianNoise,
    JPEGCompression,
    Occlusion,
    OneOf,
    RealWorldDownsample,
    SaltAndPepper,
    Sometimes,
    Stains,
)
from keras_synth.degradations.base import check_range, draw_range, split_seed


@pytest.mark.parametrize(
    "images, message",
    [
        (np.zeros((1, 4, 4, 1), "uint8"), "divide uint8 images by 255"),
        (np.zeros((4, 4), "float32"), r"shape \(4, 4\)"),
        (np.zeros((1, 1, 4, 4, 1), "float32"), r"must be \(batch, height"),
    ],
)
def test_images_of_other_kinds_are_refused(images, message):
    with pytest.raises(ValueError, match=message):
        GaussianNoise(0.1)(images, 0)


@pytest.mark.parametrize("seed", [None, True, 1.5, "1", [1, 2, 3]])
def test_seeds_of_other_kinds_are_refused(seed):
    with pytest.raises(ValueError, match="`seed` must be an int"):
        GaussianNoise(0.1)(np.zeros((4, 4, 1), "float32"), seed)


def test_other_floats_become_float32():
    assert GaussianNoise(0.1)(np.zeros((4, 4, 1)), 0).dtype == "float32"


@pytest.mark.parametrize(
    "value",
    ["1", None, True, -0.1, 1.1, (0.5, 0.2), (0.1,), float("nan"), (0, "1")],
)
def test_ranges_of_other_kinds_are_refused(value):
    with pytest.raises(ValueError, match="`size` must be a number, or"):
        check_range(value, "size", high=1.0)


def test_an_infinite_range_is_refused():
    with pytest.raises(ValueError, match="at least 0"):
        check_range(float("inf"), "sigma")


def test_int_ranges_are_drawn_as_ints():
    assert check_range(np.int64(3), "count", whole=True) == (3, 3)
    with pytest.raises(ValueError, match="`count` must be an int, or"):
        check_range(1.5, "count", whole=True)


def test_draws_fill_their_range():
    seed = split_seed(tf.constant([0, 0], tf.int64), 1)[0]
    drawn = draw_range((2.0, 4.0), (20000,), seed).numpy()
    assert drawn.min() >= 2.0 and drawn.max() <= 4.0
    assert abs(drawn.mean() - 3.0) < 0.02  # deviation of the mean: 0.004
    whole = draw_range((1, 3), (3000,), seed).numpy()
    # Each about 1000 times, deviation 26.
    np.testing.assert_allclose(np.bincount(whole)[1:], 1000, atol=130)


def test_compose_is_one_after_the_other():
    images = np.random.default_rng(0).random((2, 16, 16, 1), "float32")
    first, second = GaussianBlur(1.0), Occlusion(1, size=0.5)
    result, record = Compose([first, second])(images, 1, return_record=True)
    blurred = first(images, 0)
    hole = record["parameters"]["1_Occlusion"]
    for image, sharp, *sides in zip(
        result, blurred, *hole.values(), strict=True
    ):
        top, left, height, width = (int(side[0]) for side in sides)
        expected = sharp.numpy()
        expected[top : top + height, left : left + width] = 0.0
        np.testing.assert_allclose(image, expected, atol=1e-6)
    assert set(record["parameters"]) == {"0_GaussianBlur", "1_Occlusion"}


def test_members_of_compose_have_independent_draws():
    noise = Compose([GaussianNoise(1.0), GaussianNoise(1.0)])
    drawn = noise(np.zeros((100, 100, 1), "float32"), 0).numpy()
    # Equal draws would give a deviation of 2.
    assert abs(drawn.std() - np.sqrt(2.0)) < 0.03


def test_mask_follows_the_size():
    degradation = Compose(
        [Occlusion(1, size=0.5), Downsample(2), SaltAndPepper(0)]
    )
    images = np.zeros((2, 16, 24, 1), "float32")
    result, record = degradation(images, 0, return_record=True)
    assert not degradation.keeps_size
    assert result.shape == record["mask"].shape == (2, 8, 12, 1)


def test_one_of_chooses_evenly_and_records_the_choice():
    degradation = OneOf([Occlusion(1, 1.0, fill=0.25), SaltAndPepper(0.0)])
    images = np.ones((400, 2, 2, 1), "float32")
    result, record = degradation(images, 0, return_record=True)
    choice = record["parameters"]["choice"].numpy()
    np.testing.assert_array_equal(
        result[:, 0, 0, 0], np.where(choice == 0, 0.25, 1.0)
    )
    np.testing.assert_array_equal(record["mask"][:, 0, 0, 0], choice == 0)
    assert abs(choice.mean() - 0.5) < 0.1  # deviation of the mean: 0.025


def test_sometimes_has_its_probability_and_records_where():
    degradation = Sometimes(Occlusion(1, 1.0, fill=0.25), 0.3)
    images = np.ones((400, 2, 2, 1), "float32")
    result, record = degradation(images, 0, return_record=True)
    applied = record["parameters"]["applied"].numpy()
    np.testing.assert_array_equal(
        result[:, 0, 0, 0], np.where(applied, 0.25, 1.0)
    )
    np.testing.assert_array_equal(record["mask"][:, 0, 0, 0], applied)
    assert abs(applied.mean() - 0.3) < 0.1  # deviation of the mean: 0.023
    always = Sometimes(SaltAndPepper(0.5), 1.0)
    assert (
        always(images, 0, return_record=True)[1]["parameters"]["applied"]
        .numpy()
        .all()
    )


def test_lists_of_other_things_are_refused():
    for wrong in ([1], GaussianNoise(0.1), "noise"):
        with pytest.raises(ValueError, match="must be a list of degradations"):
            Compose(wrong)
    with pytest.raises(ValueError, match="at least one"):
        OneOf([])
    with pytest.raises(ValueError, match="keep the size .* a Downsample"):
        OneOf([GaussianNoise(0.1), Downsample(2)])
    with pytest.raises(ValueError, match="keep the size .* a Downsample"):
        Sometimes(Downsample(2), 0.5)
    with pytest.raises(ValueError, match="must be a list of degradations"):
        Sometimes("noise", 0.5)
    with pytest.raises(ValueError, match="`probability` must be a number"):
        Sometimes(GaussianNoise(0.1), 1.5)


@pytest.mark.parametrize(
    "degradation",
    [
        CameraNoise(0.05),
        Stains(1),
        ColorFading(1.0),
        JPEGCompression(50),
        RealWorldDownsample(2),
    ],
    ids=lambda degradation: type(degradation).__name__,
)
def test_unknown_channels_are_refused_where_they_matter(degradation):
    """As of `tf.io.decode_png` without `channels`, in a pipeline."""
    image = np.full((32, 32, 3), 0.5, "float32")
    parts = tf.data.Dataset.from_tensors(tf.io.serialize_tensor(image))

    def degraded(shape):
        def degrade(part):
            unknown = tf.io.parse_tensor(part, "float32")
            return degradation(tf.ensure_shape(unknown, shape), 0)

        return next(iter(parts.map(degrade)))

    with pytest.raises(ValueError, match="channels, which must be known"):
        degraded((None, None, None))
    np.testing.assert_allclose(
        degraded((None, None, 3)),
        degradation(image, 0),
        atol=1e-6,
    )


def test_severity_0_of_noise_has_the_level_that_networks_take():
    images = np.random.default_rng(0).uniform(size=(2, 8, 9, 3))
    for kind in (GaussianNoise, CameraNoise):
        same, record = kind.severity(0)(images, 0, return_record=True)
        np.testing.assert_array_equal(same, images.astype("float32"))
        assert not record["parameters"]["noise_level"].numpy().any()
    assert isinstance(GaussianNoise.severity(np.int64(2)), GaussianNoise)
