"""Film damage from mask images, fading colors, and old photographs."""

import json

import keras
import numpy as np
import pytest
import skimage.data
import tensorflow as tf

from keras_synth.degradations import ColorFading, FilmDamage, OldPhoto
from keras_synth.io import write_image
from keras_synth.ops.color import LUMA_WEIGHTS

FLAT = np.full((3, 60, 80, 3), 0.5, "float32")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Masks: a disk, and below it a line with a soft edge."""
    folder = tmp_path_factory.mktemp("masks")
    y, x = np.mgrid[:32, :32] - 16.0
    disk = np.float32(np.hypot(x, y) < 5)
    line = np.clip(2.0 - np.abs(x), 0.0, 1.0)
    white = np.ones((32, 32, 3))
    write_image(folder / "disk.png", np.dstack([white, disk]))
    write_image(folder / "lines" / "line.png", np.dstack([white, line]))
    write_image(folder / "empty.png", np.zeros((32, 32, 4)))
    return folder


def test_it_covers_what_its_mask_marks(folder):
    damage = FilmDamage(folder, count=2, scale=1.0, opacity=1.0)
    degraded, record = damage(FLAT, 0, return_record=True)
    mask = record["mask"].numpy()[..., 0]
    changed = np.abs(degraded.numpy() - 0.5).max(-1)
    assert not changed[mask == 0].max() > 0.1
    assert changed[mask == 1].mean() > 0.2
    assert mask.mean(axis=(1, 2)).min() > 0.005  # never beside the image
    np.testing.assert_array_equal(record["parameters"]["count"], 2)


def test_masks_of_any_color_and_capital_endings_count(tmp_path):
    mask = np.zeros((16, 16, 3))
    mask[4:12, 4:12, 1:] = 1.0  # cyan
    write_image(tmp_path / "a.png", mask)
    (tmp_path / "a.png").rename(tmp_path / "A.PNG")
    (tmp_path / "._A.PNG").write_text("of another system")
    damage = FilmDamage(tmp_path, 1, 1.0, opacity=1.0)
    _, record = damage(FLAT, 0, return_record=True)
    assert record["mask"].numpy().sum(axis=(1, 2, 3)).max() > 40


def test_scale_is_pixels_for_a_pixel_of_the_mask(folder):
    (folder / "lines" / "line.png").rename(folder / "line.txt")
    try:
        for scale in (0.5, 2.0):
            damage = FilmDamage(folder, 1, scale, opacity=1.0)
            images = np.full((40, 128, 128, 1), 0.5, "float32")
            area = damage(images, 1, return_record=True)[1]["mask"].numpy()
            area = area.sum(axis=(1, 2, 3)).max()  # that of a whole disk
            expected = np.pi * (5 * scale) ** 2
            assert 0.8 * expected < area < 1.6 * expected
    finally:
        (folder / "line.txt").rename(folder / "lines" / "line.png")


def test_small_objects_keep_their_light(tmp_path):
    """A dot at a quarter of its size is faint, and not there or missing."""
    dot = np.zeros((16, 16, 1), "float32")
    dot[6:9, 6:9] = 1.0
    write_image(tmp_path / "dot.png", np.concatenate([dot, dot], -1))
    damage = FilmDamage(tmp_path, 1, 0.25, bright=1.0, opacity=1.0)
    images = np.zeros((400, 16, 16, 1), "float32")
    light = damage(images, 3).numpy()
    inside = light[:, [0, -1]].max(axis=(1, 2, 3)) == 0  # none is cut
    inside &= light[:, :, [0, -1]].max(axis=(1, 2, 3)) == 0
    light = light[inside].sum(axis=(1, 2, 3))
    assert light.std() / light.mean() < 0.35


def test_what_nobody_sees_is_not_marked(folder):
    damage = FilmDamage(folder, 2, 1.0, bright=1.0, opacity=1.0)
    for value, marked in ((1.0, False), (0.2, True)):
        images = np.full((8, 48, 48, 1), value, "float32")
        degraded, record = damage(images, 4, return_record=True)
        change = np.abs(degraded.numpy() - images)
        mask = record["mask"].numpy()
        assert change[mask == 1].min(initial=1.0) > 0.1
        assert (mask.mean() > 0.01) or not marked
        assert change[mask == 0].max() <= 0.1 or not marked


def test_damage_is_bright_or_dark(folder):
    for bright in (0.0, 1.0):
        damage = FilmDamage(folder, 1, 1.0, bright=bright, opacity=1.0)
        degraded, record = damage(FLAT, 2, return_record=True)
        covered = degraded.numpy()[record["mask"].numpy()[..., 0] == 1]
        assert np.mean((covered > 0.5) == bright) > 0.9


def test_without_objects_or_opacity_nothing_changes(folder):
    for damage in (FilmDamage(folder, 0), FilmDamage(folder, 3, opacity=0.0)):
        degraded, record = damage(FLAT, 0, return_record=True)
        np.testing.assert_array_equal(degraded, FLAT)
        np.testing.assert_array_equal(record["mask"], 0.0)


def test_faded_colors_are_between_themselves_and_their_luma():
    image = skimage.data.astronaut()[::16, ::16] / 255.0
    image = image.astype("float32")
    luma = (image @ np.float32(LUMA_WEIGHTS))[..., None]
    half = ColorFading(0.5, sepia=0.0)(image, 0).numpy()
    np.testing.assert_allclose(half, 0.5 * image + 0.5 * luma, atol=1e-6)
    sepia = ColorFading(1.0, sepia=1.0)(0.9 * image, 0).numpy()
    np.testing.assert_allclose(  # the luma stays
        sepia @ np.float32(LUMA_WEIGHTS), 0.9 * luma[..., 0], atol=4e-3
    )
    np.testing.assert_allclose(
        sepia[..., 2], sepia[..., 0] * 0.764 / 1.09, atol=1e-6
    )
    gray = image[..., :1]
    np.testing.assert_array_equal(ColorFading(1.0)(gray, 0), gray)


def test_the_mask_of_an_old_photo_is_its_film_damage(folder):
    damage = FilmDamage(folder, 1, 1.0, opacity=1.0)
    old = OldPhoto(damage)
    assert old.keeps_size
    images = np.stack([skimage.data.astronaut()[:64, :64] / 255.0] * 8)
    degraded, record = old(images, 0, return_record=True)
    assert 0.0 < record["mask"].numpy().mean() < 0.2
    assert "4_FilmDamage" in record["parameters"]
    assert degraded.numpy().min() >= 0.0 and degraded.numpy().max() <= 1.0
    elsewhere = record["mask"].numpy()[..., 0] == 0
    faded = np.abs(degraded.numpy() - images).max(-1)[elsewhere]
    assert np.mean(faded > 0.05) > 0.2


def test_they_survive_serialization_and_run_in_a_pipeline(folder):
    old = OldPhoto(FilmDamage(folder, (1, 2), (0.5, 1.0), 0.5, (0.6, 0.9)))
    text = json.dumps(keras.saving.serialize_keras_object(old))
    again = keras.saving.deserialize_keras_object(json.loads(text))
    np.testing.assert_array_equal(again(FLAT, 1), old(FLAT, 1))
    data = tf.data.Dataset.from_tensors(FLAT).map(lambda x: old(x, 1))
    np.testing.assert_allclose(next(iter(data)), old(FLAT, 1), atol=1e-5)


def test_bad_arguments_are_refused(folder, tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no folder"):
        FilmDamage(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="holds no masks"):
        FilmDamage(tmp_path)
    (tmp_path / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(ValueError, match="is not a readable image"):
        FilmDamage(tmp_path)
    with pytest.raises(ValueError, match="`scale` must be above 0"):
        FilmDamage(folder, scale=0)
    with pytest.raises(ValueError, match="`amount` must be a number"):
        ColorFading(1.5)
    with pytest.raises(ValueError, match="`film_damage` must be a FilmDamage"):
        OldPhoto(ColorFading(0.5))


@pytest.mark.parametrize("channels", [2, 4])
def test_colors_of_other_images_do_not_fade(channels):
    with pytest.raises(ValueError, match="have 3 channels, or 1"):
        ColorFading(1.0)(np.zeros((4, 4, channels), "float32"), 0)
