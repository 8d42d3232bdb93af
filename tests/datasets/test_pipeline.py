"""`synthesis_pipeline`: every image once, whole, in an order by seed."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_synth.datasets import (
    captioned_folder,
    image_folder,
    pad_source,
    random_flip,
    resize_source,
    source_from_arrays,
    stochastic_binarization,
    synthesis_pipeline,
)
from keras_synth.datasets.source import Source
from keras_synth.io import center_crop, write_image


def _source(images, labels=None, class_names=()):
    labels = np.zeros(len(images), int) if labels is None else labels
    return source_from_arrays(
        "images", "all", np.asarray(images, "uint8"), labels, class_names
    )


def _numbered(count, height=2, width=3, channels=1):
    """Image number i is all i."""
    numbers = np.arange(count)[:, None, None, None]
    return np.broadcast_to(numbers, (count, height, width, channels))


def _mixed(*images):
    """A source of images whose sizes differ and are not known."""
    return Source(
        name="mixed",
        split="all",
        dataset=tf.data.Dataset.from_generator(
            lambda: ({"image": p, "label": 0} for p in images),
            output_signature={
                "image": tf.TensorSpec((None, None, 3), "uint8"),
                "label": tf.TensorSpec((), "int64"),
            },
        ),
        num_images=len(images),
        image_shape=(None, None, 3),
    )


def _counted(count):
    """A source that notes each time an image is read."""
    read = []

    def random_images():
        for index in range(count):
            read.append(index)
            yield {"image": np.full((2, 3, 1), index, "uint8"), "label": index}

    signature = {
        "image": tf.TensorSpec((2, 3, 1), "uint8"),
        "label": tf.TensorSpec((), "int64"),
    }
    dataset = tf.data.Dataset.from_generator(
        random_images, output_signature=signature
    )
    return Source("counted", "all", dataset, count, (2, 3, 1)), read


def _pass(pipeline):
    """One pass: all images of all batches."""
    return np.concatenate(list(pipeline.as_numpy_iterator()))


def _order(pipeline):
    """One pass over numbered images: their numbers."""
    return np.rint(255 * _pass(pipeline)[:, 0, 0, 0]).astype(int).tolist()


def _coordinates(count, height, width):
    """Pixels that say (row, column, number of the image)."""
    place = np.meshgrid(
        np.arange(count), np.arange(height), np.arange(width), indexing="ij"
    )
    number, row, column = place
    return np.stack([row, column, number], axis=-1)


def _disc(height, width, radius):
    """A white disc in the middle, its edge antialiased."""
    rows = np.arange(height)[:, None] - (height - 1) / 2
    columns = np.arange(width) - (width - 1) / 2
    inside = np.clip(radius + 0.5 - np.hypot(rows, columns), 0, 1)
    return np.rint(255 * np.repeat(inside[..., None], 3, axis=-1))


# What comes out, and in which order ---------------------------------------


def test_evaluation_gives_each_image_once_in_order():
    images = np.random.RandomState(0).randint(0, 256, (20, 6, 5, 3))
    images.flat[:2] = 0, 255
    pipeline = synthesis_pipeline(_source(images), batch_size=8, training=False)
    batches = list(pipeline.as_numpy_iterator())
    assert [batch.shape for batch in batches] == [
        (8, 6, 5, 3),
        (8, 6, 5, 3),
        (4, 6, 5, 3),
    ]
    assert len(pipeline) == 3
    assert pipeline.element_spec.shape == (None, 6, 5, 3)
    assert all(batch.dtype == np.float32 for batch in batches)
    np.testing.assert_array_equal(
        np.concatenate(batches), np.float32(images) / np.float32(255)
    )
    np.testing.assert_array_equal(_pass(pipeline), np.concatenate(batches))


@pytest.mark.parametrize("cache", [True, False])
def test_an_epoch_of_training_is_a_permutation(cache):
    pipeline = synthesis_pipeline(
        _source(_numbered(40)), batch_size=8, cache=cache
    )
    assert len(pipeline) == 5
    epochs = [_order(pipeline) for _ in range(3)]
    for order in epochs:
        assert sorted(order) == list(range(40)) and order != sorted(order)
    assert epochs[0] != epochs[1] != epochs[2] != epochs[0]


def test_training_drops_an_incomplete_batch():
    pipeline = synthesis_pipeline(_source(_numbered(22)), batch_size=8)
    assert len(pipeline) == 2
    batches = list(pipeline.as_numpy_iterator())
    assert [len(batch) for batch in batches] == [8, 8]
    assert len(set(_order(pipeline))) == 16
    left_out = [set(range(22)) - set(_order(pipeline)) for _ in range(2)]
    assert left_out[0] != left_out[1]  # not the same ones each time


def test_order_depends_on_seed_and_epoch():
    source = _source(_numbered(40))

    def epochs(seed):
        pipeline = synthesis_pipeline(source, batch_size=8, seed=seed)
        return [_order(pipeline) for _ in range(3)]

    assert epochs(5) == epochs(5)
    for one in epochs(5):
        assert one not in epochs(6)


def test_set_epoch_gives_the_batches_of_an_uninterrupted_run():
    source = _source(_numbered(40, 4, 4))
    options = {
        "crop_size": 2,
        "random_crop": True,
        "batch_size": 8,
        "augment": stochastic_binarization,
    }
    uninterrupted = synthesis_pipeline(source, **options)
    epochs = [_pass(uninterrupted) for _ in range(4)]
    resumed = synthesis_pipeline(source, **options)
    resumed.set_epoch(2)
    np.testing.assert_array_equal(_pass(resumed), epochs[2])
    np.testing.assert_array_equal(_pass(resumed), epochs[3])
    resumed.set_epoch(0)
    np.testing.assert_array_equal(_pass(resumed), epochs[0])
    assert (epochs[0] != epochs[2]).any()


def test_nothing_depends_on_the_global_seed():
    def epochs(seed):
        keras.utils.set_random_seed(seed)
        pipeline = synthesis_pipeline(
            _source(_numbered(40, 4, 4)),
            crop_size=2,
            random_crop=True,
            batch_size=8,
            augment=stochastic_binarization,
        )
        keras.utils.set_random_seed(seed + 1)
        return np.stack([_pass(pipeline) for _ in range(2)])

    np.testing.assert_array_equal(epochs(1), epochs(2))


def test_building_a_pipeline_leaves_the_global_seed_alone():
    def draw(between):
        keras.utils.set_random_seed(3)
        between()
        return tf.random.normal((4,)).numpy().tolist()

    pipeline = synthesis_pipeline(_source(_numbered(16)), batch_size=8)
    assert draw(lambda: None) == draw(lambda: _pass(pipeline))
    assert draw(lambda: None) == draw(
        lambda: _pass(synthesis_pipeline(_source(_numbered(16)), batch_size=8))
    )


def test_labels_stay_with_their_images():
    labels = np.arange(40) % 7
    source = _source(_numbered(40), labels, "abcdefg")
    for training in (True, False):
        pipeline = synthesis_pipeline(
            source, batch_size=8, labels=True, training=training
        )
        for images, batch_labels in pipeline.as_numpy_iterator():
            numbers = np.rint(255 * images[:, 0, 0, 0]).astype(int)
            assert batch_labels.dtype == np.int64
            np.testing.assert_array_equal(batch_labels, labels[numbers])


def test_keras_fits_and_predicts_on_a_pipeline():
    source = _source(_numbered(20), np.arange(20) % 2, "ab")
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(2)])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(True))
    pipeline = synthesis_pipeline(source, batch_size=8, labels=True)
    model.fit(pipeline, epochs=2, shuffle=False, verbose=0)
    assert model.optimizer.iterations == 4
    whole = synthesis_pipeline(source, batch_size=8, training=False)
    np.testing.assert_allclose(
        model.predict(whole, verbose=0), model(source.arrays()[0]), atol=1e-6
    )


# Sizes --------------------------------------------------------------------


def _resized_by_pillow(image, size):
    """With the same kernel, an antialiased bicubic one (a = -0.5)."""
    channels = [
        Image.fromarray(channel.astype("float32")).resize(
            size[::-1], Image.Resampling.BICUBIC
        )
        for channel in np.moveaxis(image, -1, 0)
    ]
    return np.rint(np.clip(np.stack(channels, axis=-1), 0, 255))


# At 122x183 float32 has the whole image a little smaller than 64x96.
@pytest.mark.parametrize("size", [(16, 24), (122, 183), (64, 96)])
def test_resizing_equals_pillow(size):
    random = np.random.RandomState(0)
    small = random.randint(0, 256, (16, 24, 3), "uint8")
    image = _resized_by_pillow(small, (64, 96))
    pipeline = synthesis_pipeline(
        _source([image]), size, batch_size=1, training=False
    )
    expected = _resized_by_pillow(image, size)
    np.testing.assert_allclose(255 * _pass(pipeline)[0], expected, atol=1.01)


def test_upscaling_an_edge_stays_within_black_and_white():
    image = np.zeros((1, 8, 1))
    image[:, 4:] = 255  # bicubic overshoots on both sides
    pipeline = synthesis_pipeline(
        _source([image]), (2, 16), batch_size=1, training=False
    )
    expected = _resized_by_pillow(image, (2, 16))
    np.testing.assert_allclose(255 * _pass(pipeline)[0], expected, atol=1.01)


@pytest.mark.parametrize("height, width", [(40, 90), (90, 40), (64, 64)])
@pytest.mark.parametrize("side", [24, 100])
def test_a_disc_stays_round(height, width, side):
    short = min(height, width)
    pipeline = synthesis_pipeline(
        _source([_disc(height, width, 0.4 * short)]),
        side,
        batch_size=1,
        training=False,
    )
    image = _pass(pipeline)[0, ..., 0]
    assert image.shape == (side, side)
    np.testing.assert_allclose(image, image.T, atol=0.05)
    # Neither cut nor shrunk: the area is that of the scaled disc.
    assert image.sum() == pytest.approx(np.pi * (0.4 * side) ** 2, rel=0.03)


def test_resizing_keeps_the_middle_of_another_aspect():
    image = _coordinates(1, 6, 20)
    pipeline = synthesis_pipeline(
        _source(image), (6, 8), batch_size=1, training=False
    )
    np.testing.assert_array_equal(
        255 * _pass(pipeline), center_crop(image, 6, 8)
    )


@pytest.mark.parametrize("size", [(100, 4), (4, 100), (1, 1)])
def test_the_narrowest_results_have_their_size(size):
    pipeline = synthesis_pipeline(
        _source(np.full((2, 8, 8, 3), 200)), size, batch_size=2, training=False
    )
    images = _pass(pipeline)
    assert images.shape == (2, *size, 3)
    np.testing.assert_allclose(images, 200 / 255, atol=1e-6)


@pytest.mark.parametrize("crop", [(4, 3), (5, 4), (9, 8), 1])
def test_a_crop_is_the_exact_middle(crop):
    images = _coordinates(3, 9, 8)
    pipeline = synthesis_pipeline(
        _source(images), crop_size=crop, batch_size=3, training=False
    )
    height, width = (crop, crop) if isinstance(crop, int) else crop
    np.testing.assert_array_equal(
        np.rint(255 * _pass(pipeline)), center_crop(images, height, width)
    )


def test_images_of_any_size_are_resized_to_one():
    white, gray = np.full((5, 9, 3), 255), np.full((30, 7, 3), 100)
    pipeline = synthesis_pipeline(
        _mixed(white, gray), (4, 6), batch_size=2, training=False
    )
    images = _pass(pipeline)
    assert images.shape == (2, 4, 6, 3)
    np.testing.assert_allclose(images[0], 1.0)
    np.testing.assert_allclose(images[1], 100 / 255, atol=1e-6)


def test_a_crop_larger_than_an_image_is_refused_before_training():
    sizes = "5x4 are larger .* 'images' .*3x6"
    for crop in ((5, 4), (3, 7)):
        with pytest.raises(
            ValueError, match=sizes.replace("5x4", "{}x{}".format(*crop))
        ):
            synthesis_pipeline(
                _source(np.zeros((4, 3, 6, 1))), crop_size=crop, batch_size=2
            )


@pytest.mark.parametrize("random_crop", [True, False])
def test_a_crop_larger_than_an_image_of_unknown_size_is_refused(random_crop):
    """Before training where images are cropped once, else when one is."""
    source = _mixed(np.zeros((9, 9, 3)), np.zeros((4, 9, 3)))
    error = tf.errors.InvalidArgumentError if random_crop else ValueError
    with pytest.raises(error, match="smaller than the crop of 5x6"):
        list(
            synthesis_pipeline(
                source, crop_size=(5, 6), random_crop=random_crop, batch_size=2
            )
        )


# What is drawn ------------------------------------------------------------


def test_a_random_crop_is_a_window_of_its_image():
    images = _coordinates(200, 6, 5)
    pipeline = synthesis_pipeline(
        _source(images), crop_size=(4, 4), random_crop=True, batch_size=200
    )
    places = []
    for window in np.rint(255 * _pass(pipeline)).astype(int):
        row, column, number = window[0, 0]
        places.append((row, column))
        np.testing.assert_array_equal(
            window, images[number, row : row + 4, column : column + 4]
        )
    # Six places, each with probability 1/6: five standard deviations.
    possible = [(row, column) for row in range(3) for column in range(2)]
    counts = [places.count(place) for place in possible]
    assert sum(counts) == 200
    np.testing.assert_allclose(counts, 200 / 6, atol=5 * (200 * 5 / 36) ** 0.5)


def test_random_crops_repeat_with_the_seed_and_change_with_the_epoch():
    source = _source(_coordinates(64, 9, 9))

    def corners(seed, training=True):
        """Of each image, in two passes."""
        pipeline = synthesis_pipeline(
            source,
            crop_size=3,
            random_crop=True,
            batch_size=64,
            seed=seed,
            training=training,
        )
        passes = [_pass(pipeline)[:, 0, 0] for _ in range(2)]
        return [found[np.argsort(found[:, 2])] for found in passes]

    first, second = corners(1)
    np.testing.assert_array_equal([first, second], corners(1))
    for other in (second, corners(2)[0]):
        np.testing.assert_array_equal(first[:, 2], other[:, 2])
        moved = (first[:, :2] != other[:, :2]).any(axis=1)
        assert moved.mean() > 0.8  # 48 of 49 places are others
    evaluated = corners(1, training=False)
    np.testing.assert_array_equal(evaluated[0], evaluated[1])


def test_random_crops_are_resized():
    columns = np.broadcast_to(np.arange(32) * 8, (6, 32, 32))[..., None]
    pipeline = synthesis_pipeline(
        _source(columns), 8, crop_size=16, random_crop=True, batch_size=6
    )
    images = 255 * _pass(pipeline)
    assert images.shape == (6, 8, 8, 1)
    # Half the resolution: twice the gradient of a ramp, away from the edges.
    steps = np.diff(images, axis=2)[:, :, 2:5]
    np.testing.assert_allclose(steps, 16, atol=1.01)


def test_binarization_is_white_with_the_gray_levels_probability():
    levels = np.array([0, 51, 102, 204, 255])
    images = np.broadcast_to(levels[:, None, None, None], (5, 64, 64, 1))
    pipeline = synthesis_pipeline(
        _source(images),
        batch_size=5,
        training=False,
        augment=stochastic_binarization,
    )
    binary = _pass(pipeline)
    assert binary.dtype == np.float32
    assert set(np.unique(binary)) == {0.0, 1.0}
    means = binary.mean(axis=(1, 2, 3))
    p = levels / 255
    np.testing.assert_array_less(
        abs(means - p), 1e-9 + 4 * (p * (1 - p) / 4096) ** 0.5
    )


def test_binarization_is_fixed_in_evaluation_and_drawn_anew_in_training():
    source = _source(np.full((4, 16, 16, 1), 128))

    def passes(seed, training):
        pipeline = synthesis_pipeline(
            source,
            batch_size=2,
            training=training,
            augment=stochastic_binarization,
            seed=seed,
        )
        return np.stack([_pass(pipeline) for _ in range(2)])

    evaluated, trained = passes(0, False), passes(0, True)
    np.testing.assert_array_equal(evaluated[0], evaluated[1])
    np.testing.assert_array_equal(evaluated, passes(0, False))
    np.testing.assert_array_equal(trained, passes(0, True))
    # All images are gray alike, so that its noise identifies each draw.
    draws = [*evaluated[0], *trained.reshape(8, 16, 16, 1)[4:]]
    draws += [*passes(1, False)[0]]
    assert len({draw.tobytes() for draw in draws}) == 12


def test_a_flip_mirrors_about_half_of_the_images():
    images = np.random.RandomState(0).rand(400, 3, 4, 2).astype("float32")
    flipped = random_flip(tf.constant(images), (1, 2)).numpy()
    mirrored = (flipped == images[:, :, ::-1]).all(axis=(1, 2, 3))
    same = (flipped == images).all(axis=(1, 2, 3))
    assert (mirrored ^ same).all()
    assert abs(mirrored.sum() - 200) < 4 * 10  # standard deviation 10
    again = random_flip(tf.constant(images), (1, 2))
    np.testing.assert_array_equal(again, flipped)
    other = random_flip(tf.constant(images), (1, 3)).numpy()
    assert (other != flipped).any()


# Caches -------------------------------------------------------------------


def test_a_cache_reads_each_image_once(tmp_path):
    for cache, reads in ((True, 1), (tmp_path / "new/cache", 1), (False, 3)):
        source, read = _counted(8)
        pipeline = synthesis_pipeline(source, batch_size=4, cache=cache)
        for _ in range(3):
            assert sorted(_order(pipeline)) == list(range(8))
        assert sorted(read) == sorted(reads * list(range(8)))
    assert list((tmp_path / "new").glob("cache*.index"))


def test_a_file_cache_serves_the_next_process_too(tmp_path):
    source, _ = _counted(8)
    options = {"batch_size": 4, "cache": str(tmp_path / "cache")}
    first = _order(synthesis_pipeline(source, **options))
    source, read = _counted(8)
    assert _order(synthesis_pipeline(source, **options)) == first
    assert read == []


def test_a_file_cache_is_of_its_own_images_alone(tmp_path):
    """Not of those made in another way, nor of files since replaced."""
    cache = str(tmp_path / "cache/a")
    images = np.random.RandomState(0).randint(0, 256, (4, 4, 4, 1))
    source, options = _source(images), {"batch_size": 4, "training": False}
    for made in (pad_source(source, 8), resize_source(source, 8)):
        kept = _pass(synthesis_pipeline(made, cache=cache, **options))
        plain = _pass(synthesis_pipeline(made, cache=False, **options))
        np.testing.assert_array_equal(kept, plain)
    for text, level in (("dark", 0.1), ("light", 0.9)):
        for index in range(4):
            name = tmp_path / f"files/{index}"
            write_image(name.with_suffix(".png"), np.full((4, 4), level))
            name.with_suffix(".txt").write_text(f"{text} {index}")
        files = image_folder(tmp_path / "files", 1)
        kept = _pass(synthesis_pipeline(files, cache=cache, **options))
        assert abs(kept[0].mean() - level) < 0.01
        captioned = captioned_folder(tmp_path / "files", channels=1)
        (_, ids), *_ = synthesis_pipeline(
            captioned, caption_length=7, cache=cache, **options
        )
        assert len(np.unique(ids, axis=0)) == 4


def test_a_cache_that_was_not_finished_is_filled_anew(tmp_path):
    options = {"batch_size": 4, "cache": str(tmp_path / "cache")}
    first = _order(synthesis_pipeline(_counted(8)[0], **options))
    (index,) = tmp_path.glob("cache*.index")
    index.with_name(f"{index.stem}_0.lockfile").write_text("left")
    index.unlink()  # as where a process was killed
    assert _order(synthesis_pipeline(_counted(8)[0], **options)) == first
    assert index.exists()


@pytest.mark.parametrize("training", [True, False])
def test_caches_change_nothing(tmp_path, training):
    images = np.random.RandomState(0).randint(0, 256, (12, 6, 9, 3))
    passes = []
    for cache in (True, str(tmp_path / "cache"), False):
        pipeline = synthesis_pipeline(
            _source(images, np.arange(12) % 3, "abc"),
            4,
            batch_size=4,
            training=training,
            augment=random_flip,
            cache=cache,
        )
        passes.append([_pass(pipeline) for _ in range(2)])
    np.testing.assert_array_equal(passes[1], passes[2])
    if not training:  # memory shuffles in an order of its own
        np.testing.assert_array_equal(passes[0], passes[1])


# Mistakes -----------------------------------------------------------------


@pytest.mark.parametrize(
    "options, message",
    [
        ({"batch_size": 0}, "`batch_size` must be a positive int.*0"),
        ({"batch_size": 2.0}, "`batch_size` must be a positive int.*2.0"),
        ({"batch_size": 5}, "`batch_size=5` is more than the 4 images"),
        ({"image_size": 0}, "`image_size` must be .*image_size=0"),
        ({"image_size": 2.5}, "`image_size` must be .*image_size=2.5"),
        ({"image_size": "8"}, "`image_size` must be .*image_size='8'"),
        ({"image_size": (8,)}, "`image_size` must be .*8,"),
        ({"image_size": (8, 8, 3)}, "`image_size` must be .*8, 8, 3"),
        ({"crop_size": (4, -4)}, "`crop_size` must be .*4, -4"),
        ({"random_crop": True}, "`random_crop` needs a `crop_size`"),
        ({"labels": True}, "'images' has no classes"),
    ],
)
def test_bad_arguments_are_refused(options, message):
    source = _source(np.zeros((4, 6, 6, 1)))
    with pytest.raises(ValueError, match=message):
        synthesis_pipeline(source, **{"batch_size": 2, **options})


def test_evaluation_takes_a_batch_larger_than_the_source():
    pipeline = synthesis_pipeline(
        _source(_numbered(4)), batch_size=5, training=False
    )
    assert _order(pipeline) == [0, 1, 2, 3]


def test_mixed_sizes_need_an_image_size():
    source = _mixed(np.zeros((4, 4, 3)), np.zeros((5, 5, 3)))
    with pytest.raises(ValueError, match="'mixed' differ in size: give `imag"):
        synthesis_pipeline(source, batch_size=2)
    known = dataclasses.replace(source, smallest=(4, 4))
    cropped = synthesis_pipeline(
        known, crop_size=4, batch_size=2, training=False
    )
    assert _pass(cropped).shape == (2, 4, 4, 3)


def test_one_cache_file_never_serves_another_sources_images(tmp_path):
    cache = tmp_path / "cache"
    dark, light = _numbered(4), 100 + _numbered(4)
    for images in (dark, light):
        source = dataclasses.replace(
            _source(images), split="dark" if images is dark else "light"
        )
        data = synthesis_pipeline(
            source, batch_size=4, training=False, cache=cache
        )
        (batch,) = data
        np.testing.assert_allclose(batch, images / 255.0, rtol=1e-6)


@pytest.mark.parametrize(
    "options", [{"seed": "a"}, {"seed": 1.5}, {"augment": 3}]
)
def test_draws_out_of_range_are_refused_at_once(options):
    (name,) = options
    source = source_from_arrays("x", "all", np.zeros((4, 8, 8, 1), "uint8"))
    with pytest.raises(ValueError, match=f"`{name}` must be"):
        synthesis_pipeline(source, batch_size=2, **options)
