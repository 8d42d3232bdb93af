"""Robustness: the rows are those of `compare` at each severity."""

import csv

import keras
import numpy as np
import pytest
from PIL import Image

from keras_synth import networks
from keras_synth.degradations import Compose, GaussianNoise
from keras_synth.evaluation import compare, robustness
from keras_synth.metrics import PSNR


class Darkness(GaussianNoise):
    """Noise under another name, a second degradation."""


def methods():
    return {"same": lambda x: x, "half": lambda x: 0.5 * x}


@pytest.fixture(scope="module")
def clean():
    return np.random.default_rng(0).uniform(size=(2, 12, 14, 1))


def test_rows_are_those_of_compare(clean, tmp_path):
    found = robustness(
        methods(),
        clean,
        [GaussianNoise, Darkness],
        PSNR(),
        severities=(1, 4),
        seed=3,
        verbose=0,
    )
    expected = []
    for name in ("GaussianNoise", "Darkness"):
        for level in (1, 4):
            comparison = compare(
                methods(),
                clean,
                GaussianNoise.severity(level),
                PSNR(),
                seed=3,
                verbose=0,
            )
            expected += [
                {**row, "degradation": name, "severity": level}
                for row in comparison.rows
            ]
    assert found.rows == expected and found.metric == "psnr"

    header, _, *lines = found.to_markdown().splitlines()
    assert header == "| degradation | method | severity 1 | severity 4 |"
    assert len(lines) == 6
    cells = lines[4][2:-2].split(" | ")
    assert cells[:2] == ["Darkness", "same"]
    np.testing.assert_allclose(
        [float(cell) for cell in cells[2:]],
        [
            row["psnr"]
            for row in found.rows
            if (row["degradation"], row["method"]) == ("Darkness", "same")
        ],
        rtol=1e-3,
    )
    with found.to_csv(tmp_path / "table.csv").open(newline="") as file:
        read = list(csv.DictReader(file))
    assert [float(row["psnr"]) for row in read] == [
        row["psnr"] for row in found.rows
    ]


def test_noise_lowers_scores_and_the_plot_is_written(clean, tmp_path):
    found = robustness(
        methods(), clean, {"noise": GaussianNoise}, PSNR(), verbose=0
    )
    curve = [row["psnr"] for row in found.rows if row["method"] == "same"]
    assert len(curve) == 5 and curve == sorted(curve, reverse=True)
    path = found.plot(tmp_path / "new" / "curves.png")
    with Image.open(path) as image:
        assert min(image.size) > 300
        assert len(np.unique(np.asarray(image))) > 20


def test_severity_0_is_no_degradation(clean):
    found = robustness(
        methods(),
        clean,
        [GaussianNoise],
        keras.metrics.MeanAbsoluteError(name="mae"),
        severities=[0],
        verbose=0,
    )
    assert [row["mae"] for row in found.rows[:2]] == [0.0, 0.0]
    assert found.rows[2]["mae"] == pytest.approx(np.mean(clean) / 2, rel=1e-5)


def test_bad_arguments_are_refused(clean):
    for degradations in ([], [Compose([])], GaussianNoise, {"x": dict}, ["x"]):
        with pytest.raises(ValueError, match="`degradations` must be classes"):
            robustness(methods(), clean, degradations, PSNR(), verbose=0)
    with pytest.raises(ValueError, match="level=6"):
        robustness(methods(), clean, [GaussianNoise], PSNR(), [6], verbose=0)


def test_severity_0_runs_networks_that_take_the_level(clean):
    network = networks.ffdnet(1, num_layers=2, width=4)
    found = robustness(
        {"ffdnet": network}, clean, [GaussianNoise], PSNR(), [0, 1], verbose=0
    )
    assert {row["severity"] for row in found.rows} == {0, 1}
