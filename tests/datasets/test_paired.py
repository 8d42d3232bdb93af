"""Image pairs from folders, through crops, mirroring and epochs."""

import os
import pathlib

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_synth.datasets import (
    PairedSource,
    paired_folder,
    paired_pipeline,
    source_from_arrays,
)
from keras_synth.io import read_image, write_image

RNG = np.random.default_rng(0)


def _write(path, image):
    write_image(path, image / 255)
    return image


def _random(*shape):
    return RNG.integers(0, 256, shape, "uint8")


def _doubles(root, sizes):
    """Double images of those half sizes: left and right halves, by name."""
    halves = {}
    for index, (height, width) in enumerate(sizes):
        name = f"{index}.png"
        both = _write(root / name, _random(height, 2 * width, 3))
        halves[name] = both[:, :width], both[:, width:]
    return halves


def _elements(source):
    return [
        (pair["degraded"], pair["image"])
        for pair in source.dataset.as_numpy_iterator()
    ]


def _negatives(count=6, height=12, width=12):
    """Targets, with their negatives as sources."""
    images = _random(count, height, width, 3)
    return _paired(images, 255 - images), images


def _paired(images, degraded):
    dataset = tf.data.Dataset.from_tensor_slices(
        {"image": images, "degraded": degraded}
    )
    return PairedSource(
        "mine",
        "all",
        dataset,
        len(images),
        images.shape[1:],
        smallest=images.shape[1:3],
        degraded_channels=degraded.shape[-1],
    )


def _passes(pairs, count=1):
    return [[(d.numpy(), c.numpy()) for d, c in pairs] for _ in range(count)]


# Folders ------------------------------------------------------------------


@pytest.mark.parametrize("side", ["left", "right"])
def test_double_images_are_split_into_halves(tmp_path, side):
    halves = _doubles(tmp_path, [(5, 4), (5, 4), (5, 4)])
    source = paired_folder(tmp_path, source_side=side)
    assert source.image_shape == (5, 4, 3) and source.num_images == 3
    found = _elements(source)
    for (degraded, image), (left, right) in zip(
        found, halves.values(), strict=True
    ):
        given, made = (left, right) if side == "left" else (right, left)
        np.testing.assert_array_equal(degraded, given)
        np.testing.assert_array_equal(image, made)
    degraded, images = source.arrays()
    assert degraded.dtype == images.dtype == np.float32
    np.testing.assert_allclose(degraded[1], found[1][0] / 255.0, atol=1e-6)
    np.testing.assert_allclose(images[2], found[2][1] / 255.0, atol=1e-6)


def test_double_images_of_odd_heights_and_several_sizes(tmp_path):
    halves = _doubles(tmp_path, [(7, 4), (9, 3)])
    source = paired_folder(tmp_path)
    assert source.image_shape == (None, None, 3) and source.smallest == (7, 3)
    for (degraded, image), (left, right) in zip(
        _elements(source), halves.values(), strict=True
    ):
        np.testing.assert_array_equal(degraded, right)
        np.testing.assert_array_equal(image, left)
    with pytest.raises(ValueError, match=r"differ .*`paired_pipeline\("):
        source.arrays()


def test_odd_widths_are_refused_by_name(tmp_path):
    _doubles(tmp_path, [(4, 4)])
    _write(tmp_path / "odd.png", _random(6, 7, 3))
    with pytest.raises(ValueError, match="even width") as error:
        paired_folder(tmp_path)
    assert f"{tmp_path / 'odd.png'} (6x7)" in str(error.value)
    assert "0.png" not in str(error.value)


def test_two_folders_are_paired_by_name_whatever_the_endings(tmp_path):
    inputs, targets = tmp_path / "input", tmp_path / "target"
    given = [
        _write(inputs / f"{name}.png", _random(5, 6, 3))
        for name in ("a", "b/a", "c")  # the order of the names
    ]
    made = [
        _write(targets / name, _random(5, 6, 3))
        for name in ("a.bmp", "b/a.png", "c.tif")
    ]
    source = paired_folder(inputs, targets)
    assert source.num_images == 3 and source.smallest == (5, 6)
    assert str(inputs) in source.name and str(targets) in source.name
    for (degraded, image), x, y in zip(
        _elements(source), given, made, strict=True
    ):
        np.testing.assert_array_equal(degraded, x)
        np.testing.assert_array_equal(image, y)


def test_gray_sources_of_color_targets(tmp_path):
    _doubles(tmp_path, [(4, 5)])
    source = paired_folder(tmp_path, in_channels=1)
    ((degraded, image),) = _elements(source)
    assert degraded.shape == (4, 5, 1) and image.shape == (4, 5, 3)
    gray = read_image(tmp_path / "0.png", 1)[:, 5:]
    np.testing.assert_allclose(degraded, 255 * gray, atol=0.501)
    ((degraded, clean),) = _passes(paired_pipeline(source, 8))[0]
    assert degraded.shape == (1, 8, 8, 1) and clean.shape == (1, 8, 8, 3)


def test_missing_partners_are_listed(tmp_path):
    for name in ("input/a", "input/only", "target/a", "target/b/lonely"):
        _write(tmp_path / f"{name}.png", _random(4, 4, 3))
    with pytest.raises(ValueError, match="2 images have no part") as error:
        paired_folder(tmp_path / "input", tmp_path / "target")
    for name in ("input/only.png", "target/b/lonely.png"):
        assert str(tmp_path / name) in str(error.value)
    assert str(tmp_path / "input/a.png") not in str(error.value)


def test_folders_that_make_no_pairs_are_refused(tmp_path):
    inputs, targets = tmp_path / "input", tmp_path / "target"
    with pytest.raises(FileNotFoundError, match="input"):
        paired_folder(inputs)
    inputs.mkdir(), targets.mkdir()
    with pytest.raises(ValueError, match="input holds no readable images"):
        paired_folder(inputs)
    _write(inputs / "a.png", _random(4, 6, 3))
    with pytest.raises(ValueError, match="target holds no readable images"):
        paired_folder(inputs, targets)
    _write(targets / "a.png", _random(4, 8, 3))
    with pytest.raises(ValueError, match=r"a.png \(4x6\) and .*\(4x8\)"):
        paired_folder(inputs, targets)
    _write(targets / "a.bmp", _random(4, 6, 3))
    with pytest.raises(ValueError, match="a.bmp and .*a.png have the same na"):
        paired_folder(inputs, targets)
    (inputs / "text.png").write_text("no image")
    with pytest.raises(ValueError, match="1 files cannot be read:\n.*text.png"):
        paired_folder(inputs)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"source_side": "top"}, '"left" or "right". Received: \'top\''),
        ({"out_channels": 2}, "`out_channels` must be 1 or 3. Received: 2"),
        ({"in_channels": 4}, "`in_channels` must be 1 or 3. Received: 4"),
    ],
)
def test_bad_folder_options_are_refused(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        paired_folder(tmp_path, **options)


# Pipeline -----------------------------------------------------------------


def test_testing_gives_each_pair_once_in_order():
    source, images = _negatives()
    pairs = paired_pipeline(source, batch_size=4, training=False)
    first, second = _passes(pairs, 2)
    assert [len(clean) for _, clean in first] == [4, 2]
    clean = np.concatenate([clean for _, clean in first])
    degraded = np.concatenate([degraded for degraded, _ in first])
    np.testing.assert_allclose(clean, images / 255.0, atol=1e-6)
    np.testing.assert_allclose(degraded, 1.0 - images / 255.0, atol=1e-6)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("cache", [True, False])
@pytest.mark.parametrize("jitter", [286 / 256, None])
def test_source_and_target_are_cropped_and_mirrored_alike(cache, jitter):
    source, _ = _negatives()
    pairs = paired_pipeline(
        source, 9, jitter=jitter, batch_size=3, cache=cache, seed=1
    )
    assert len(pairs) == 2
    for degraded, clean in sum(_passes(pairs, 4), []):
        assert clean.shape == (3, 9, 9, 3)
        np.testing.assert_allclose(degraded, 1.0 - clean, atol=1e-6)


@pytest.mark.parametrize("cache", [True, False])
def test_crops_are_parts_of_the_resized_image_mirrored_or_not(cache):
    """200 times one image, resized by Pillow, each place to be found."""
    image = _random(9, 9, 3)
    large = Image.fromarray(image).resize((8, 8), Image.Resampling.BICUBIC)
    large = np.asarray(large, "float32")
    parts = np.array(
        [
            side
            for top in range(5)
            for left in range(5)
            for part in [large[top : top + 4, left : left + 4]]
            for side in (part, part[:, ::-1])
        ]
    )
    images = np.broadcast_to(image, (200, 9, 9, 3))
    pairs = paired_pipeline(
        _paired(images, images), 4, jitter=2, batch_size=50, cache=cache
    )
    found = []
    for clean in np.concatenate([clean for _, clean in _passes(pairs)[0]]):
        distance = np.abs(255 * clean - parts).max(axis=(1, 2, 3))
        assert distance.min() < 2.5  # levels: Pillow rounds twice
        found.append(int(distance.argmin()))
    # 50 equally likely ones, 200 draws: 49 are expected to come up.
    assert len(set(found)) > 44
    assert 70 < sum(place % 2 for place in found) < 130


def test_testing_resizes_without_jitter():
    source, images = _negatives(2, 10, 14)
    ((_, clean),) = _passes(
        paired_pipeline(source, 5, batch_size=2, training=False)
    )[0]
    for one, image in zip(clean, images, strict=True):
        middle = Image.fromarray(image[:, 2:12])
        expected = middle.resize((5, 5), Image.Resampling.BICUBIC)
        np.testing.assert_allclose(255 * one, expected, atol=2.5)
    ((_, cut),) = _passes(
        paired_pipeline(source, 4, jitter=None, batch_size=2, training=False)
    )[0]
    np.testing.assert_allclose(cut, images[:, 3:7, 5:9] / 255.0, atol=1e-6)


@pytest.mark.parametrize("cache", [True, False])
def test_epochs_differ_and_depend_on_their_number_alone(cache):
    source, _ = _negatives()
    options = dict(image_size=8, batch_size=2, seed=3, cache=cache)
    first, second = _passes(paired_pipeline(source, **options), 2)
    assert np.abs(first[0][1] - second[0][1]).max() > 0
    again = paired_pipeline(source, **options)
    again.set_epoch(1)
    tf.random.set_seed(99)
    for ours, expected in zip(_passes(again)[0], second, strict=True):
        np.testing.assert_array_equal(ours, expected)
    options["seed"] = 4
    ((_, other), *_), *_ = _passes(paired_pipeline(source, **options))
    assert np.abs(first[0][1] - other).max() > 0


def test_an_epoch_holds_every_pair():
    gray = np.arange(7, dtype="uint8")[:, None, None, None]
    images = np.broadcast_to(30 * gray, (7, 6, 6, 1))
    pairs = paired_pipeline(_paired(images, images), batch_size=1)
    seen = [round(255 * clean.mean()) for _, clean in _passes(pairs)[0]]
    assert sorted(seen) == [30 * level for level in range(7)]
    assert seen != sorted(seen)
    dropped = paired_pipeline(_paired(images, images), batch_size=3)
    assert len(dropped) == len(_passes(dropped)[0]) == 2


def test_keras_fits_on_pairs(tmp_path):
    _doubles(tmp_path, [(9, 8), (8, 11), (7, 7)])
    pairs = paired_pipeline(paired_folder(tmp_path), 8, batch_size=3)
    model = keras.Sequential(
        [keras.Input((8, 8, 3)), keras.layers.Conv2D(3, 1)]
    )
    model.compile("sgd", "mse")
    history = model.fit(pairs, shuffle=False, verbose=0)
    assert np.isfinite(history.history["loss"][0])


def test_whole_pairs_of_several_sizes(tmp_path):
    halves = _doubles(tmp_path, [(9, 8), (8, 11)])
    source = paired_folder(tmp_path)
    found = _passes(paired_pipeline(source, training=False))[0]
    for (degraded, clean), (left, right) in zip(
        found, halves.values(), strict=True
    ):
        np.testing.assert_allclose(clean[0], left / 255.0, atol=1e-6)
        np.testing.assert_allclose(degraded[0], right / 255.0, atol=1e-6)
    with pytest.raises(ValueError, match="differ in size: give `image_size`"):
        paired_pipeline(source)
    with pytest.raises(ValueError, match="`batch_size=1` for whole"):
        paired_pipeline(source, training=False, batch_size=2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image_size": 8.5}, "`image_size` must be a positive int or two"),
        ({"image_size": 20, "jitter": None}, "larger than some images"),
        ({"jitter": 0.9}, "`jitter` must be .* jitter=0.9"),
        ({"jitter": True}, "`jitter` must be .* jitter=True"),
        ({"batch_size": 7}, "no batch would be full"),
        ({"batch_size": 0}, "`batch_size` must be a positive int"),
    ],
)
def test_bad_arguments_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        paired_pipeline(_negatives()[0], **options)


def test_sources_without_pairs_are_refused():
    alone = source_from_arrays("x", "all", _random(2, 4, 4, 1), np.zeros(2))
    with pytest.raises(ValueError, match="`source` must be a `PairedSource`"):
        paired_pipeline(alone)


def test_outlines_and_photographs_stay_aligned():
    if "KERAS_SYNTH_DATA" not in os.environ:
        pytest.skip("needs the original files: KERAS_SYNTH_DATA is not set")
    folder = pathlib.Path(os.environ["KERAS_SYNTH_DATA"]) / "pix2pix/facades"
    source = paired_folder(folder / "val")
    assert source.num_images == 20
    for outline, photograph in _elements(source):  # the drawing is at right
        assert np.ptp(outline.astype(int), axis=-1).max() < 10
        assert np.ptp(photograph.astype(int), axis=-1).max() > 40
    degraded, clean = next(iter(paired_pipeline(source, 128, batch_size=4)))
    assert degraded.shape == clean.shape == (4, 128, 128, 3)
