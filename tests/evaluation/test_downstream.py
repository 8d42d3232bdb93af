"""Downstream accuracy: by hand, per image, with intervals and masks."""

import csv

import keras
import numpy as np
import pytest

from keras_synth import degradations
from keras_synth.evaluation import downstream

# Half of the images are dark, half are bright.
LABELS = np.arange(30) % 2
IMAGES = np.broadcast_to(
    (0.2 + 0.6 * LABELS)[:, None, None, None], (30, 8, 8, 1)
).astype("float32")


def is_bright(images):
    assert images.min() >= 0.0 and images.max() <= 1.0
    mean = images.mean(axis=(1, 2, 3))
    return np.stack([1.0 - mean, mean], axis=1)


def accuracies(found, degradation):
    return {
        row["method"]: row["accuracy"]
        for row in found.rows
        if row["degradation"] == degradation
    }


@pytest.fixture(scope="module")
def found():
    def inpainted(images, mask):
        assert mask.shape == (*images.shape[:3], 1)
        known = np.sum(images * (1 - mask), axis=(1, 2, 3), keepdims=True)
        count = np.sum(1 - mask, axis=(1, 2, 3), keepdims=True)
        return np.where(mask == 1, known / count, images)

    return downstream(
        is_bright,
        {"inpainted": inpainted, "dark": lambda images: images - 2.0},
        IMAGES,
        LABELS,
        # Black holes make bright images dark.
        {
            "holes": degradations.Occlusion(1, (0.8, 0.9), fill=0.0),
            "nothing": degradations.GaussianNoise(0.0),
        },
        batch_size=7,
        verbose=0,
    )


def test_accuracies_are_those_of_the_images(found):
    assert accuracies(found, "holes") == {
        "clean": 1.0,
        "degraded": 0.5,
        "inpainted": 1.0,
        "dark": 0.5,
    }
    np.testing.assert_array_equal(
        found.correct["holes", "degraded"], LABELS == 0
    )
    assert accuracies(found, "nothing")["degraded"] == 1.0


def test_intervals_are_those_of_wilson(found):
    (row,) = (
        row
        for row in found.rows
        if (row["degradation"], row["method"]) == ("holes", "dark")
    )
    z, n = 1.959964, 30
    half = z * np.sqrt(0.25 / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    assert row["num_images"] == n
    assert row["low"] == pytest.approx(0.5 - half, abs=1e-6)
    assert row["high"] == pytest.approx(0.5 + half, abs=1e-6)


def test_tables(found, tmp_path):
    lines = found.to_markdown().splitlines()
    assert lines[0] == "| method | holes, accuracy | nothing, accuracy |"
    assert lines[5].startswith("| dark | 0.500 (0.33")
    with found.to_csv(tmp_path / "table.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 8


def test_networks_classify_and_restore():
    image = keras.Input((8, 8, 1))
    mean = keras.layers.GlobalAveragePooling2D()(image)
    classifier = keras.Model(
        image, keras.layers.Concatenate()([1.0 - mean, mean])
    )
    found = downstream(
        classifier,
        {"same": keras.Model(image, 1.0 * image)},
        IMAGES,
        LABELS,
        degradations.GaussianNoise(0.1),
        verbose=0,
    )
    assert set(accuracies(found, "GaussianNoise").values()) == {1.0}


def test_bad_arguments_are_refused():
    noise = degradations.GaussianNoise(0.1)
    same = {"same": lambda images: images}

    def run(
        classifier=is_bright,
        methods=same,
        images=IMAGES,
        labels=LABELS,
        degradation=noise,
    ):
        downstream(classifier, methods, images, labels, degradation, verbose=0)

    for arguments, message in (
        ({"labels": LABELS[:9]}, r"class of each of 30.*\(9,\)"),
        ({"images": IMAGES * 255}, r"\[0, 1\]"),
        ({"methods": {"clean": is_bright}}, "`methods` must be"),
        ({"degradation": "noise"}, "`degradation` must be"),
        ({"classifier": lambda x: x}, r"must return \(batch, classes\)"),
        ({"methods": {"half": lambda x: x[:, ::2]}}, "as large as the clean"),
    ):
        with pytest.raises(ValueError, match=message):
            run(**arguments)
