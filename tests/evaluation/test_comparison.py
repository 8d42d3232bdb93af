"""Comparison of methods: the same degradation, and scores against NumPy."""

import csv

import keras
import numpy as np
import pytest
from PIL import Image

from keras_synth.datasets import source_from_arrays
from keras_synth.degradations import (
    Compose,
    Degradation,
    GaussianNoise,
    Occlusion,
)
from keras_synth.evaluation import compare
from keras_synth.evaluation.panel import most_different
from keras_synth.metrics import PSNR
from keras_synth.networks import dncnn, ffdnet
from keras_synth.restoration import biharmonic
from tests.models.test_restoration_gan import blind, inpainter, pairs


def images():
    """Three, of different sizes."""
    rng = np.random.default_rng(0)
    sizes = [(20, 24), (16, 16), (30, 18)]
    return [rng.uniform(size=(*size, 1)).astype("float32") for size in sizes]


def same(images):
    return images


def half(images):
    return 0.5 * images


def decibels(clean, restored):
    restored = np.clip(restored, 0.0, 1.0)
    return -10 * np.log10(np.mean((clean - restored) ** 2))


def by_method(comparison):
    return {row["method"]: row for row in comparison.rows}


def test_scores_are_means_over_images_and_equal_numpy():
    clean, degradation = images(), GaussianNoise(0.1)
    comparison = compare(
        {"same": same, "half": half},
        clean,
        degradation,
        [PSNR(), keras.metrics.MeanAbsoluteError(name="mae")],
        seed=7,
        verbose=0,
    )
    degraded = [
        degradation(x, seed=np.array([7, index])).numpy()
        for index, x in enumerate(clean)
    ]
    found = by_method(comparison)
    assert list(found) == ["degraded", "same", "half"]
    for name, function in (("degraded", same), ("same", same), ("half", half)):
        pairs = [(x, function(y)) for x, y in zip(clean, degraded, strict=True)]
        assert found[name]["psnr"] == pytest.approx(
            np.mean([decibels(*pair) for pair in pairs]), abs=1e-4
        )
        assert found[name]["mae"] == pytest.approx(
            np.mean([np.mean(np.abs(x - y)) for x, y in pairs]), abs=1e-5
        )
        assert found[name]["num_images"] == 3
        assert found[name]["degradation"] == "GaussianNoise"


class Spy:
    """A method that records its input, and then changes it."""

    def __init__(self):
        self.seen = []

    def __call__(self, images):
        self.seen.append(images.copy())
        images[:] = 0.0
        return images


def test_methods_get_the_same_degradation_and_images_their_own():
    spies = {"a": Spy(), "b": Spy()}
    clean = np.full((2, 8, 8, 1), 0.5, "float32")
    degradations = {"weak": GaussianNoise(0.1), "strong": GaussianNoise(0.3)}
    mae = keras.metrics.MeanAbsoluteError(name="mae")
    compare(spies, clean, degradations, mae, verbose=0)
    first, second = (spy.seen for spy in spies.values())
    assert len(first) == 4
    np.testing.assert_array_equal(first, second)
    assert np.abs(first[0] - first[2]).max() > 0.1
    np.testing.assert_array_equal(clean, 0.5)

    again, other = Spy(), Spy()
    compare({"a": again}, clean, degradations, mae, verbose=0)
    compare({"a": other}, clean, degradations, mae, seed=1, verbose=0)
    np.testing.assert_array_equal(first, again.seen)
    assert np.abs(first[0] - other.seen[0]).max() > 0.1


class Scratch(Degradation):
    """A white column, and a noise level in the record."""

    def apply(self, images, seed):
        column = np.zeros(images.shape[1:], "float32")
        column[:, 3] = 1.0
        mask = np.stack([column] * images.shape[0])
        strength = np.full((images.shape[0], 1, 1, 1), 0.25, "float32")
        return (
            images * (1 - mask) + mask,
            keras.ops.convert_to_tensor(mask[..., :1]),
            {"noise_level": keras.ops.convert_to_tensor(strength)},
        )


def test_methods_get_the_inputs_that_they_take():
    image = keras.Input((None, None, 1), name="image")
    mask = keras.Input((None, None, 1), name="mask")
    masking = keras.Model({"image": image, "mask": mask}, image * (1 - mask))

    class Black(keras.Model):
        def call(self, images):
            return images * 0.0

    def wants_both(images, *, noise_level, mask):
        assert noise_level.shape == (1, 1, 1, 1)
        return images * (1 - mask) + noise_level * mask

    comparison = compare(
        {
            "network": masking,
            "subclass": Black(),
            "both": wants_both,
            "mask": lambda images, mask: images * (1 - mask),
            "level": lambda images, noise_level: images * 0 + noise_level,
        },
        np.zeros((1, 8, 8, 1)),
        Scratch(),
        keras.metrics.MeanAbsoluteError(name="mae"),
        verbose=0,
    )
    found = {name: row["mae"] for name, row in by_method(comparison).items()}
    expected = {
        "degraded": 1 / 8,
        "network": 0.0,
        "subclass": 0.0,
        "both": 0.25 / 8,
        "mask": 0.0,
        "level": 0.25,
    }
    assert found == pytest.approx(expected)


def test_restoration_gans_beside_biharmonic_inpainting():
    _, clean = pairs(2)
    degradation = Occlusion(count=1, size=0.4)
    masked, blind_gan = inpainter(local=False, with_features=False), blind()
    mae = keras.metrics.MeanAbsoluteError(name="mae")
    comparison = compare(
        {
            "masked": masked,
            "blind": blind_gan,
            "biharmonic": biharmonic(),
        },
        clean,
        degradation,
        mae,
        verbose=0,
    )
    found = {name: row["mae"] for name, row in by_method(comparison).items()}
    expected = {"degraded": [], "masked": [], "blind": []}
    for index, image in enumerate(clean):
        degraded, record = degradation(
            image[None], seed=np.array([0, index]), return_record=True
        )
        mask = np.asarray(record["mask"])
        for name, restored in (
            ("degraded", degraded),
            ("masked", masked({"image": degraded, "mask": mask})),
            ("blind", blind_gan(degraded)),
        ):
            expected[name].append(np.abs(restored - image).mean())
    for name, errors in expected.items():
        assert found[name] == pytest.approx(np.mean(errors), rel=1e-4)
    assert found["biharmonic"] < 0.2 * found["degraded"]


def test_networks_and_sources():
    images = np.random.default_rng(0).integers(0, 256, (3, 9, 11, 1), "uint8")
    source = source_from_arrays("x", "test", images, np.zeros(3))
    comparison = compare(
        # Before training they subtract nothing.
        {
            "ffdnet": ffdnet(channels=1, num_layers=3, width=4),
            "dncnn": dncnn(channels=1, num_layers=3, width=4),
        },
        source,
        GaussianNoise((0.05, 0.2)),
        {"quality": PSNR()},
        verbose=0,
    )
    figures = [row["quality"] for row in comparison.rows]
    assert len(figures) == 3
    np.testing.assert_allclose(figures, figures[0], rtol=1e-5)
    assert comparison.rows[0]["num_images"] == 3


def upscaled(images):
    return images.repeat(2, axis=1).repeat(2, axis=2)


class Halve(Degradation):
    """Downsampling to every other pixel."""

    keeps_size = False

    def apply(self, images, seed):
        small = images[:, ::2, ::2]
        return small, None, {}


@pytest.fixture(scope="module")
def comparison():
    return compare(
        {"same": same, "half": half, "a|b": lambda x: x + 0.1},
        images(),
        {"weak": GaussianNoise(0.05), "strong": GaussianNoise(0.2)},
        [PSNR(), keras.metrics.MeanAbsoluteError(name="mae")],
        num_shown=2,
        verbose=0,
    )


def test_tables_have_the_rows(comparison, tmp_path):
    header, line, *lines = comparison.to_markdown().splitlines()
    columns = ["weak psnr", "weak mae", "strong psnr", "strong mae"]
    assert header == "| " + " | ".join(["method", *columns]) + " |"
    assert line == "|---|---|---|---|---|"
    rows = comparison.rows
    for index, text in enumerate(lines):
        name, *cells = text[2:-2].replace("\\|", "/").split(" | ")
        expected = [
            row[metric]
            for row in (rows[index], rows[index + 4])
            for metric in ("psnr", "mae")
        ]
        assert name == rows[index]["method"].replace("|", "/")
        np.testing.assert_allclose([float(x) for x in cells], expected, 1e-3)
    assert len(lines) == 4

    path = comparison.to_csv(tmp_path / "new" / "table.csv")
    with path.open(newline="") as file:
        read = list(csv.DictReader(file))
    assert [{**row, "num_images": 3} for row in rows] == [
        {
            **row,
            "num_images": int(row["num_images"]),
            "psnr": float(row["psnr"]),
            "mae": float(row["mae"]),
        }
        for row in read
    ]


def test_the_panel_is_an_image(comparison, tmp_path):
    path = comparison.panel(tmp_path / "new" / "panel.png", crop_size=8)
    with Image.open(path) as image:
        wide, tall = image.size
        colors = len(np.unique(np.asarray(image.convert("L"))))
    assert wide > 1500 and tall > 400 and colors > 100
    # In bands, another image, another part.
    other = comparison.panel(
        tmp_path / "other.png",
        image=1,
        degradation="strong",
        crop=(0, 0, 4, 8),
        columns=2,
    )
    with Image.open(other) as image:
        assert image.size[0] < wide and image.size[1] > tall
    for options, message in (
        ({"image": 2}, r"Received: \('weak', 2\)"),
        ({"degradation": "none"}, r"Received: \('none', 0\)"),
        ({"crop": (0, 0, 21, 4)}, r"image of 20x24. .*21, 4\)"),
        ({"crop": (0, 0, 4)}, "top, left, height, width"),
        ({"crop_size": 0}, "crop_size=0"),
        ({"columns": 0}, "Received: 0"),
    ):
        with pytest.raises(ValueError, match=message):
            comparison.panel(tmp_path / "never.png", **options)
    assert not (tmp_path / "never.png").exists()


def test_small_images_are_stretched_in_the_panel(tmp_path):
    small = compare(
        {"nearest": upscaled},
        [np.kron(np.eye(8), np.ones((4, 4)))[..., None]],
        Halve(),
        PSNR(),
        verbose=0,
    )
    # Blocks of 4 pixels survive. The degraded image has another size: no row.
    assert [row["method"] for row in small.rows] == ["nearest"]
    assert small.rows[0]["psnr"] == np.inf
    assert small.panel(tmp_path / "small.png", crop_size=8).exists()


def test_the_crop_is_where_methods_differ_most():
    rng = np.random.default_rng(0)
    images = {
        name: rng.uniform(size=(17, 23, 3))
        for name in ("clean", "degraded", "a", "b", "c")
    }
    variance = np.var([images[x] for x in "abc"], axis=0).sum(axis=-1)
    sums = {
        (top, left): variance[top : top + 5, left : left + 5].sum()
        for top in range(13)
        for left in range(19)
    }
    expected = (*max(sums, key=sums.get), 5, 5)
    assert most_different(images, 5) == expected
    assert most_different(images, 20) == (
        0,
        *most_different(images, 20)[1:2],
        17,
        20,
    )
    assert most_different(images, 99) == (0, 0, 17, 23)


def test_bad_arguments_are_refused():
    clean, noise, psnr = np.full((1, 8, 8, 1), 0.5), GaussianNoise(0.1), PSNR()
    good = {
        "methods": {"same": same},
        "dataset": clean,
        "degradation": noise,
        "metrics": psnr,
    }
    for changes, message in (
        ({"methods": {}}, "`methods` must be"),
        ({"methods": [same]}, "`methods` must be"),
        ({"methods": {"x": 3}}, "`methods` must be"),
        ({"methods": {"degraded": same}}, "named 'clean' or 'degraded'"),
        ({"dataset": np.zeros((0, 8, 8, 1))}, "at least one image"),
        ({"dataset": clean[0]}, r"shape \(8, 1\)"),
        ({"dataset": np.zeros((1, 8, 8, 1), "uint8")}, "uint8"),
        ({"dataset": 3 * clean}, "from 1.5 to 1.5"),
        ({"dataset": clean * np.nan}, "from nan to nan"),
        ({"degradation": lambda x: x}, "`degradation` must be"),
        ({"degradation": {}}, "`degradation` must be"),
        ({"degradation": {"x": 3}}, "`degradation` must be"),
        ({"metrics": []}, "`metrics` must be"),
        ({"metrics": ["psnr"]}, "`metrics` must be"),
        ({"metrics": [psnr, psnr]}, "of different names"),
        ({"methods": {"x": lambda x: x[:, 1:]}}, r"'x' must .*\(1, 7, 8, 1\)"),
        ({"methods": {"x": lambda x: x[0]}}, r"must return \(batch"),
        (
            {
                "degradation": Compose([]),
                "methods": {"x": ffdnet(channels=1, num_layers=2)},
            },
            "'x' needs 'noise_level'",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            compare(**{**good, **changes}, verbose=0)
