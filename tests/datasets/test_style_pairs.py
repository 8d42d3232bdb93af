"""`style_pipeline`: each content once, styles in turn, by epoch and seed."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_synth.datasets import (
    image_folder,
    source_from_arrays,
    style_pipeline,
)
from keras_synth.io import write_image

RNG = np.random.default_rng(0)


def source(images):
    return source_from_arrays(
        "mine", "all", images, np.zeros(len(images), "int64")
    )


def levels(first, count, size=6):
    """Images of one level each: first, first + 1, ..."""
    gray = np.arange(first, first + count, dtype="uint8")
    return source(
        np.broadcast_to(gray[:, None, None, None], (count, size, size, 1))
    )


def passed(pairs):
    """Levels of the contents and of the styles of one pass, in order."""
    found = [(content.numpy(), style.numpy()) for content, style in pairs]
    return [
        [round(255 * x.mean()) for batch in part for x in batch]
        for part in zip(*found, strict=True)
    ]


@pytest.mark.parametrize("cache", [True, False])
def test_epoch_holds_each_content_once_and_styles_equally_often(cache):
    pairs = style_pipeline(
        levels(0, 9), levels(100, 4), 6, jitter=1.0, batch_size=3, cache=cache
    )
    assert len(pairs) == 3
    drawn = set()
    for _ in range(3):
        contents, styles = passed(pairs)
        assert sorted(contents) == list(range(9)) != contents
        counts = np.bincount(styles, minlength=104)[100:]
        assert counts.sum() == 9 and counts.max() <= 3
        drawn |= set(zip(contents, styles, strict=True))
    assert len(drawn) > 14  # pairs are drawn anew


def test_more_styles_than_contents_all_occur():
    pairs = style_pipeline(
        levels(0, 2), levels(100, 3), 6, jitter=1.0, batch_size=2
    )
    seen = {level for _ in range(6) for level in passed(pairs)[1]}
    assert seen == set(range(100, 103))


def test_epochs_depend_on_their_number_alone():
    def build(seed=3):
        return style_pipeline(
            levels(0, 6), levels(100, 4), 6, jitter=1.0, batch_size=2, seed=seed
        )

    pairs = build()
    first, second = passed(pairs), passed(pairs)
    assert first != second
    again = build()
    again.set_epoch(1)
    tf.random.set_seed(99)
    assert passed(again) == second
    assert passed(build(4)) != first


def test_testing_gives_contents_in_order_and_styles_in_turn():
    pairs = style_pipeline(
        levels(0, 5), levels(100, 2), 6, batch_size=2, training=False
    )
    for _ in range(2):
        contents, styles = passed(pairs)
        assert contents == [0, 1, 2, 3, 4]
        assert styles == [100, 101, 100, 101, 100]
    assert [len(content) for content, _ in pairs] == [2, 2, 1]


def test_the_shorter_side_is_resized(tmp_path):
    """Files of several sizes, against Pillow; nothing is stretched."""
    rng = np.random.default_rng(0)
    images = [
        rng.integers(0, 256, (*size, 3), "uint8") for size in ((9, 12), (20, 8))
    ]
    for index, image in enumerate(images):
        write_image(tmp_path / f"{index}.png", image / 255)
    folder = image_folder(tmp_path)
    pairs = style_pipeline(folder, folder, 6, batch_size=2, training=False)
    ((content, style),) = pairs
    np.testing.assert_array_equal(content, style)
    for ours, image, size in zip(
        content.numpy(), images, ((6, 8), (15, 6)), strict=True
    ):
        resized = Image.fromarray(image).resize(
            size[::-1], Image.Resampling.BICUBIC
        )
        top, left = (side // 2 - 3 for side in size)
        middle = np.asarray(resized)[top : top + 6, left : left + 6]
        # Levels: Pillow rounds twice.
        np.testing.assert_allclose(255 * ours, middle, atol=4.5)
    training = style_pipeline(folder, folder, (4, 6), jitter=2, batch_size=2)
    for content, style in training:
        assert content.shape == style.shape == (2, 4, 6, 3)
    whole = style_pipeline(
        folder, folder, 8, jitter=None, batch_size=2, training=False
    )
    ((content, _),) = whole
    np.testing.assert_allclose(content[1], images[1][6:14] / 255.0, atol=1e-6)


def test_images_of_a_pair_are_cropped_at_different_places():
    """Both show one gradient: equal places would give equal images."""
    ramp = np.arange(40, dtype="uint8")
    images = np.broadcast_to(ramp[None, None, :, None], (30, 40, 40, 1))
    pairs = style_pipeline(
        source(images), source(images), 10, jitter=None, batch_size=30
    )
    ((content, style),) = pairs
    places = [np.min(x, axis=(1, 2, 3)) for x in (content, style)]
    assert np.mean(places[0] == places[1]) < 0.3
    mirrored = np.mean(content[:, 0, 0, 0] > content[:, 0, -1, 0])
    assert 0.2 < mirrored < 0.8


def test_keras_fits_on_pairs():
    model = keras.Sequential(
        [keras.Input((6, 6, 1)), keras.layers.Conv2D(1, 1)]
    )
    model.compile("sgd", "mse")
    pairs = style_pipeline(
        levels(0, 4), levels(100, 3), 6, jitter=1.0, batch_size=2
    )
    history = model.fit(pairs, epochs=2, shuffle=False, verbose=0).history
    assert np.isfinite(history["loss"]).all()


def test_bad_arguments_are_refused():
    contents, styles = levels(0, 4), levels(100, 3)
    color = source(np.zeros((2, 6, 6, 3), "uint8"))
    for arguments, options, message in (
        ((contents, "styles"), {}, "`styles` must be a `Source`"),
        ((contents, color), {}, "same channels. Received: 1 and 3"),
        ((contents, styles, 0), {}, "`image_size` must be a positive int"),
        (
            (contents, styles),
            {"jitter": 0.5},
            "`jitter` must be None or .* jitter=0.5",
        ),
        ((contents, styles, 8), {"jitter": None}, "larger than some images"),
        ((contents, styles), {"batch_size": 5}, "no batch would be full"),
    ):
        with pytest.raises(ValueError, match=message):
            style_pipeline(*arguments, **options)
