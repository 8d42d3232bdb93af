"""`restoration_pipeline`: degraded and clean images, aligned, by seed."""

import numpy as np
import pytest
import tensorflow as tf

from keras_synth import degradations
from keras_synth.datasets import (
    Source,
    pad_source,
    random_symmetry,
    resize_source,
    restoration_pipeline,
    source_from_arrays,
)

RNG = np.random.default_rng(0)
NOISE = degradations.GaussianNoise((0.1, 0.3))


def _source(count=6, height=12, width=12, channels=1):
    images = RNG.integers(0, 256, (count, height, width, channels), "uint8")
    return source_from_arrays("x", "all", images, np.zeros(count, int)), images


def _mixed():
    images = [
        RNG.integers(0, 256, size, "uint8") for size in [(9, 12, 1), (10, 8, 1)]
    ]
    dataset = tf.data.Dataset.from_generator(
        lambda: ({"image": p, "label": 0} for p in images),
        output_signature={
            "image": tf.TensorSpec((None, None, 1), "uint8"),
            "label": tf.TensorSpec((), "int64"),
        },
    )
    source = Source("mixed", "all", dataset, 2, (None, None, 1))
    return source, images


def _passes(pairs, count=1):
    return [[(d, c.numpy()) for d, c in pairs] for _ in range(count)]


def test_whole_images_come_in_order_with_the_same_degradation():
    source, images = _source()
    pairs = restoration_pipeline(source, NOISE, batch_size=4, training=False)
    first, second = _passes(pairs, 2)
    assert [len(clean) for _, clean in first] == [4, 2]
    clean = np.concatenate([clean for _, clean in first])
    np.testing.assert_allclose(clean, images / 255.0, atol=1e-6)
    for (degraded, _), (again, _) in zip(first, second, strict=True):
        np.testing.assert_array_equal(degraded, again)


def test_clean_and_degraded_images_are_aligned():
    """Noise of level zero, and noise by its own law."""
    source, _ = _source(20, 32, 32)
    pairs = restoration_pipeline(
        source, degradations.GaussianNoise(0.2), 32, batch_size=20
    )
    ((degraded, clean),) = _passes(pairs)[0]
    assert abs(np.std(degraded - clean) - 0.2) < 0.01
    none = degradations.GaussianNoise(0.0)
    ((degraded, clean),) = _passes(
        restoration_pipeline(source, none, 16, batch_size=20)
    )[0]
    np.testing.assert_array_equal(degraded, clean)


def test_epochs_differ_and_depend_on_their_number_alone():
    source, _ = _source()
    options = dict(patch_size=8, batch_size=3, patches_per_image=2, seed=3)
    pairs = restoration_pipeline(source, NOISE, **options)
    assert len(pairs) == 4
    first, second = _passes(pairs, 2)
    assert np.abs(first[0][1] - second[0][1]).max() > 0
    again = restoration_pipeline(source, NOISE, **options)
    again.set_epoch(1)
    for (degraded, clean), (ours, kept) in zip(
        second, _passes(again)[0], strict=True
    ):
        np.testing.assert_array_equal(degraded, ours)
        np.testing.assert_array_equal(clean, kept)


def test_every_image_gives_its_patches():
    images = np.arange(6, dtype="uint8")[:, None, None, None]
    images = np.broadcast_to(images, (6, 9, 9, 1))
    source = source_from_arrays("x", "all", images, np.zeros(6, int))
    pairs = restoration_pipeline(
        source, NOISE, 4, patches_per_image=3, batch_size=2
    )
    seen = [round(255 * p.mean()) for _, c in _passes(pairs)[0] for p in c]
    assert sorted(seen) == sorted(3 * list(range(6)))
    assert seen != sorted(seen)


def test_patches_are_rotated_parts_of_their_image():
    source, (image, *_) = _source(1, 6, 6)
    pairs = restoration_pipeline(
        source, NOISE, 5, patches_per_image=40, batch_size=40
    )
    ((_, clean),) = _passes(pairs)[0]
    parts = [image[y : y + 5, x : x + 5, 0] for y in (0, 1) for x in (0, 1)]
    possible = {
        np.rot90(side, turns).tobytes(): index
        for index, part in enumerate(parts)
        for turns in range(4)
        for side in [part, part[::-1]]
    }
    patches = np.rint(255 * clean[..., 0]).astype("uint8")
    found = [
        possible[np.ascontiguousarray(patch).tobytes()] for patch in patches
    ]
    assert set(found) == {0, 1, 2, 3}


@pytest.mark.parametrize("cache", [True, False])
def test_images_of_several_sizes(cache):
    source, images = _mixed()
    whole = restoration_pipeline(
        source, NOISE, batch_size=1, training=False, cache=cache
    )
    for (_, clean), image in zip(_passes(whole)[0], images, strict=True):
        np.testing.assert_allclose(clean[0], image / 255.0, atol=1e-6)
    pairs = restoration_pipeline(
        source, NOISE, 8, batch_size=4, patches_per_image=2, cache=cache
    )
    ((_, clean),) = _passes(pairs)[0]
    assert clean.shape == (4, 8, 8, 1)
    middle = restoration_pipeline(
        source, NOISE, 8, batch_size=2, training=False, cache=cache
    )
    ((_, clean),) = _passes(middle)[0]
    np.testing.assert_allclose(clean[0], images[0][:8, 2:10] / 255, atol=1e-6)


def test_batches_hold_the_inputs_asked_for():
    source, _ = _source()
    pairs = restoration_pipeline(
        source, NOISE, 8, inputs=("image", "noise_level", "mask"), batch_size=6
    )
    ((inputs, clean),) = _passes(pairs)[0]
    assert set(inputs) == {"image", "noise_level", "mask"}
    assert inputs["noise_level"].shape == (6, 1, 1, 1)
    assert inputs["mask"].shape == (6, 8, 8, 1)
    spread = np.std(inputs["image"] - clean, axis=(1, 2, 3))
    order = np.corrcoef(spread, inputs["noise_level"][:, 0, 0, 0])[0, 1]
    assert order > 0.9


def test_all_symmetries_occur():
    corner = np.zeros((800, 2, 2, 1), "float32")
    corner[:, 0, 0], corner[:, 0, 1] = 1.0, 2.0
    turned = random_symmetry(tf.constant(corner), tf.constant([1, 2]))
    kinds, counts = np.unique(
        turned.numpy().reshape(800, 4), axis=0, return_counts=True
    )
    assert len(kinds) == 8 and counts.min() > 60
    wide = random_symmetry(tf.zeros((4, 2, 3, 1)), tf.constant([1, 2]))
    assert wide.shape == (4, 2, 3, 1)
    for symmetry, kinds in (
        ("mirror", {(1, 2, 0, 0), (2, 1, 0, 0)}),
        ("none", {(1, 2, 0, 0)}),
    ):
        turned = random_symmetry(
            tf.constant(corner), tf.constant([1, 2]), symmetry
        )
        rows = turned.numpy().reshape(800, 4).astype(int)
        assert set(map(tuple, rows.tolist())) == kinds


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "needs a `patch_size`"),
        ({"patch_size": 20}, "larger than some images"),
        ({"patch_size": 8, "batch_size": 9}, "no batch would be full"),
        ({"patch_size": 8, "inputs": "masks"}, "`inputs` must be some of"),
        ({"patch_size": 8.5}, "positive int or two"),
        ({"patch_size": 8, "symmetry": "all"}, "`symmetry` must be one of"),
    ],
)
def test_bad_arguments_are_refused(options, message):
    source, _ = _source()
    with pytest.raises(ValueError, match=message):
        restoration_pipeline(source, NOISE, **options)


def test_symmetry_none_keeps_digits_upright():
    source, images = _source()
    pairs = restoration_pipeline(
        source,
        degradations.GaussianNoise(0.0),
        12,
        symmetry="none",
        batch_size=6,
    )
    ((_, clean),) = list(pairs)
    known = {image.tobytes() for image in images}
    assert {
        np.rint(255 * c.numpy()).astype("uint8").tobytes() for c in clean
    } == known


def test_resize_source_gives_one_size():
    """The middle, resized with antialiasing: a mean where it halves flats."""
    source, _ = _mixed()
    resized = resize_source(source, (4, 4))
    assert resized.image_shape == (4, 4, 1) and resized.smallest == (4, 4)
    assert resized.arrays()[0].shape == (2, 4, 4, 1)
    flat = np.zeros((1, 8, 16, 1), "uint8")
    flat[:, :, 4:12] = 200
    source = source_from_arrays("x", "all", flat, np.zeros(1, int))
    images, _ = resize_source(source, 4).arrays()
    np.testing.assert_allclose(images, 200 / 255, atol=1e-6)
    same, expected = _source()
    images, _ = resize_source(same, 12).arrays()
    np.testing.assert_array_equal(np.rint(255 * images), expected)
    with pytest.raises(ValueError, match="`size` must be"):
        resize_source(source, 0)
    with pytest.raises(ValueError, match="`size` must be a positive int"):
        resize_source(source, None)


@pytest.mark.parametrize(
    "size, borders",
    [  # top, bottom; left, right
        (32, [(10, 10), (10, 10)]),
        ((13, 17), [(0, 1), (2, 3)]),
        (12, [(0, 0), (0, 0)]),
    ],
)
def test_pad_source_adds_a_black_border(size, borders):
    images = RNG.integers(1, 256, (6, 12, 12, 3), "uint8")
    labels = np.array([3, 1, 4, 1, 5, 9])
    source = source_from_arrays("x", "all", images, labels)
    padded = pad_source(source, size)
    height, width = size if isinstance(size, tuple) else (size, size)
    assert padded.image_shape == (height, width, 3)
    assert padded.smallest == (height, width)
    assert (padded.name, padded.num_images) == (source.name, 6)
    elements = list(padded.dataset.as_numpy_iterator())
    np.testing.assert_array_equal(
        [element["image"] for element in elements],
        np.pad(images, [(0, 0), *borders, (0, 0)]),
    )
    assert elements[0]["image"].dtype == "uint8"
    assert [element["label"] for element in elements] == labels.tolist()
    assert source.image_shape == (12, 12, 3)


def test_padding_to_a_smaller_size_is_refused():
    source, _ = _source()
    for size in (8, (12, 11), (11, 40)):
        with pytest.raises(ValueError, match="at least the images' own"):
            pad_source(source, size)
    for size in (16.5, None):
        with pytest.raises(ValueError, match="`size` must be a positive int"):
            pad_source(source, size)
    with pytest.raises(ValueError, match="None, None"):
        pad_source(_mixed()[0], 64)


def test_inputs_missing_in_the_record_are_refused():
    source, _ = _source()
    nothing = degradations.Compose([])
    with pytest.raises(ValueError, match="has no 'noise_level'"):
        restoration_pipeline(
            source, nothing, 8, inputs=("image", "noise_level"), batch_size=2
        )
    with pytest.raises(ValueError, match="must be one of `keras_synth.degra"):
        restoration_pipeline(source, lambda x, seed: x, 8)
    with pytest.raises(ValueError, match="`batch_size=1` for whole"):
        restoration_pipeline(_mixed()[0], NOISE, training=False)


def test_the_target_may_be_the_mask():
    options = {"patch_size": 8, "batch_size": 4, "seed": 0}
    degradation = degradations.SaltAndPepper(0.3)
    source, _ = _source(channels=3)
    pairs = restoration_pipeline(source, degradation, **options)
    masks = restoration_pipeline(source, degradation, target="mask", **options)
    degraded, clean = next(iter(pairs))
    again, mask = next(iter(masks))
    np.testing.assert_array_equal(again, degraded)
    assert mask.shape == (4, 8, 8, 1)
    changed = np.any(degraded != clean, axis=-1, keepdims=True)
    assert np.all(np.asarray(mask)[changed] == 1)
    assert 0.2 < np.mean(mask) < 0.4
    with pytest.raises(ValueError, match="`target` must be"):
        restoration_pipeline(source, degradation, target="noise", **options)


@pytest.mark.parametrize("options", [{"seed": "a"}, {"patches_per_image": 0}])
def test_draws_out_of_range_are_refused_at_once(options):
    (name,) = options
    source = source_from_arrays("x", "all", np.zeros((4, 8, 8, 1), "uint8"))
    with pytest.raises(ValueError, match=f"`{name}` must be"):
        restoration_pipeline(
            source, degradations.GaussianNoise(0.1), 8, batch_size=2, **options
        )
