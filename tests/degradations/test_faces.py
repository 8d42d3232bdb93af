"""Anonymization: faces are found, hidden, and nothing else changes."""

import keras
import numpy as np
import pytest
import skimage.data
import tensorflow as tf
from skimage import transform

from keras_synth import degradations
from keras_synth.degradations import Anonymize, clip_boxes, find_faces

RNG = np.random.default_rng(0)
ASTRONAUT = (skimage.data.astronaut()[:256, 96:352] / 255.0).astype("float32")
FACE = (110, 128)  # row and column of her nose


@keras.saving.register_keras_serializable("tests")
def two_boxes(image):
    return [[2, 3, 6, 4], [10, 8, 100, 2.5]]


def holds(box, point):
    return all(
        start <= at < start + side
        for at, start, side in zip(point, box[:2], box[2:], strict=True)
    )


@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0])
def test_a_face_is_found_at_any_size(factor):
    size = [round(factor * side) for side in ASTRONAUT.shape[:2]]
    image = transform.resize(ASTRONAUT, size, anti_aliasing=True)
    boxes = find_faces(image, smallest=0.2)
    assert len(boxes) >= 1
    point = [factor * at for at in FACE]
    assert any(holds(box, point) for box in boxes)
    assert (boxes >= 0).all()
    assert (boxes[:, :2] + boxes[:, 2:] <= size).all()


def test_a_face_that_fills_the_image_is_found():
    assert len(find_faces(ASTRONAUT[60:160, 84:176]))


def test_gray_images_and_images_without_faces():
    gray = ASTRONAUT.mean(axis=-1, keepdims=True)
    assert any(holds(box, FACE) for box in find_faces(gray, 0.2))
    texture = RNG.uniform(size=(64, 80, 3)).astype("float32")
    assert find_faces(texture).shape == (0, 4)
    assert find_faces(np.zeros((5, 3, 1))).shape == (0, 4)


def test_boxes_are_widened_and_cut():
    boxes = clip_boxes([[2, 4, 10, 20], [-9, 0, 4, 4]], (20, 30), 0.5)
    np.testing.assert_array_equal(boxes, [[0, 0, 17, 30]])
    assert clip_boxes([], (5, 5)).shape == (0, 4)


@pytest.mark.parametrize("method", ["fill", "pixelate", "blur"])
@pytest.mark.parametrize("channels", [1, 3])
def test_outside_of_the_boxes_nothing_changes(method, channels):
    images = RNG.uniform(size=(2, 20, 17, channels)).astype("float32")
    before = images.copy()
    hide = Anonymize(method, cells=2, margin=0.0, detector=two_boxes)
    hidden, record = hide(images, seed=0, return_record=True)
    np.testing.assert_array_equal(images, before)
    mask = np.zeros((2, 20, 17, 1), bool)
    mask[:, 2:8, 3:7] = mask[:, 10:, 8:11] = True
    np.testing.assert_array_equal(record["mask"], mask)
    boxes = [[2, 3, 6, 4], [10, 8, 10, 3]]
    np.testing.assert_array_equal(record["parameters"]["boxes"], [boxes] * 2)
    outside = np.broadcast_to(~mask, images.shape)
    np.testing.assert_array_equal(hidden[outside], images[outside])
    part, result = images[0, 2:8, 3:7], np.asarray(hidden)[0, 2:8, 3:7]
    np.testing.assert_allclose(result.mean(), part.mean(), atol=0.06)
    if method == "fill":
        mean = np.broadcast_to(part.mean(axis=(0, 1)), part.shape)
        np.testing.assert_allclose(result, mean, atol=1e-6)
    if method == "pixelate":
        cell = np.broadcast_to(part[:3, 2:].mean(axis=(0, 1)), (3, 2, channels))
        np.testing.assert_allclose(result[:3, 2:], cell, atol=1e-6)
        assert len(np.unique(result[..., 0])) == 4
    assert result.std() < 0.5 * part.std()


def test_in_a_pipeline_and_after_saving():
    hide = Anonymize("pixelate", cells=3, detector=two_boxes)
    images = RNG.uniform(size=(4, 20, 17, 3)).astype("float32")
    config = keras.saving.serialize_keras_object(hide)
    again = keras.saving.deserialize_keras_object(config)
    expected = again(images, seed=0)
    np.testing.assert_array_equal(expected, hide(images, seed=1))
    pipeline = tf.data.Dataset.from_tensor_slices(images).batch(3)
    found = np.concatenate([hide(batch, seed=0) for batch in pipeline])
    np.testing.assert_array_equal(found, expected)
    mapped = pipeline.map(lambda batch: hide(batch, seed=0))
    assert mapped.element_spec.shape[1:] == (20, 17, 3)
    np.testing.assert_array_equal(np.concatenate(list(mapped)), expected)


def test_an_image_without_faces_stays_bit_by_bit():
    images = RNG.uniform(size=(2, 20, 17, 3)).astype("float32")
    hidden, record = Anonymize()(images, seed=0, return_record=True)
    np.testing.assert_array_equal(hidden, images)
    assert not np.any(record["mask"])
    assert record["parameters"]["boxes"].shape == (2, 0, 4)


def test_severities_hide_more_and_more():
    errors = []
    for level in range(1, 6):
        hide = degradations.Anonymize.severity(level)
        hide.detector = lambda image: [[50, 70, 120, 110]]
        hidden = np.asarray(hide(ASTRONAUT, seed=0))
        errors.append(np.abs(hidden - ASTRONAUT).mean())
    assert errors == sorted(errors) and errors[0] > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "hat"}, "`method` must be one of fill, pixelate, blur"),
        ({"cells": 0}, "`cells` must be an int of at least 1"),
        ({"margin": -0.1}, "`margin` must be from 0 to 10"),
        ({"margin": float("nan")}, "`margin` must be from 0 to 10"),
        ({"detector": 3}, "`detector` must be a function"),
    ],
)
def test_bad_arguments_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Anonymize(**options)


def test_bad_detectors_are_refused(tmp_path):
    (tmp_path / "cascade.xml").write_text("<a/>")
    with pytest.raises(ValueError, match="holds no cascade"):
        find_faces(ASTRONAUT, cascade=tmp_path / "cascade.xml")
    with pytest.raises(ValueError, match="`smallest` must be above 0"):
        find_faces(ASTRONAUT, smallest=0.0)
