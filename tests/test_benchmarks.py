"""Benchmarks: the list of names, the rows' schema, and the page of tables."""

import ast
import importlib
import inspect
import json
import pathlib

import h5py
import numpy as np
import pytest

from benchmarks import rows, tables, trainings
from benchmarks.__main__ import BENCHMARKS, TOOLS, main

ROOT = pathlib.Path(__file__).parent.parent
STORED = sorted((ROOT / "benchmarks" / "results").glob("*.json"))


@pytest.fixture
def row():
    return {
        "name": "speed",
        "question": "Speeds",
        "figures": {
            "ours: ratio": rows.figure(
                1.016, "ratio", better="lower", bar=1.1, goal=1.01
            ),
            "ours: step": rows.figure(
                4.24, "ms", 1, baseline=5.06, baseline_name="by hand"
            ),
            "theirs: ratio": rows.figure(
                1.2, "ratio", better="lower", bar=1.1, error=0.031
            ),
            "training time": rows.figure(12, "min", 0),
        },
        "data": "noise",
        "protocol": "medians; of 7",
        "seed": 3,
        "commit": "0123abc",
        "hardware": "2 cores",
        "date": "2026-01-31",
        "command": "make benchmark NAME=speed",
    }


def test_names_are_listed_and_unknown_ones_refused(capsys):
    assert main([]) == 0
    assert main(["nonsense"]) == 2
    listed = capsys.readouterr().out
    for name in BENCHMARKS | TOOLS:
        assert listed.count(f"  {name} ") == 2


@pytest.mark.parametrize(
    "module", sorted({each[0] for each in (BENCHMARKS | TOOLS).values()})
)
def test_every_listed_module_imports_and_runs_by_name(module):
    assert callable(importlib.import_module(f"benchmarks.{module}").run)


def package_calls(module):
    """`(call, function)` of each call in a module that is not a method's."""
    for call in ast.walk(ast.parse(inspect.getsource(module))):
        if not isinstance(call, ast.Call):
            continue
        root, *attributes = ast.unparse(call.func).split(".")
        called = getattr(module, root, None)
        if not (root.isidentifier() and "".join(attributes).isidentifier()):
            attributes = []
        if not inspect.ismodule(called) and attributes:
            continue
        for attribute in attributes:
            called = getattr(called, attribute)
        origin = getattr(called, "__module__", None) or ""
        if origin.startswith(("keras_synth", "benchmarks")):
            yield call, called


# The scripts for PyTorch run in an environment of their own.
@pytest.mark.parametrize(
    "name",
    sorted(
        path.stem
        for path in (ROOT / "benchmarks").glob("[!_]*.py")
        if not path.stem.startswith("torch_")
    ),
)
def test_calls_of_the_package_have_arguments_that_exist(name):
    module = importlib.import_module(f"benchmarks.{name}")
    for call, called in package_calls(module):
        keywords = {word.arg: None for word in call.keywords if word.arg}
        try:
            inspect.signature(called).bind_partial(**keywords)
        except TypeError as error:
            raise AssertionError(
                f"{name}.py, line {call.lineno}: {ast.unparse(call.func)}: "
                f"{error}"
            ) from error


@pytest.mark.parametrize("path", STORED, ids=lambda path: path.stem)
def test_stored_rows_follow_the_schema(path):
    stored = json.loads(path.read_text("utf-8"))
    rows.check_row(stored)
    assert stored["name"] == path.stem
    assert stored["name"] in BENCHMARKS
    assert path.read_text("utf-8") == rows.row_text(stored)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"commit": "0123abc-dirty"}, "uncommitted"),
        ({"data": ""}, "data"),
        ({"seed": "3"}, "seed"),
        ({"command": "make"}, "command"),
        ({"figures": {}}, "figures"),
        ({"figures": {"a: b: c": rows.figure(1)}}, "name"),
        ({"figures": {"a": {"value": 1}}}, "missing"),
        ({"figures": {"a": rows.figure(1, "furlongs")}}, "unit"),
        ({"figures": {"a": rows.figure(1, bar=2)}}, "better"),
        ({"figures": {"a": rows.figure(float("nan"))}}, "finite"),
        ({"figures": {"a": rows.figure(1) | {"value": "1 dB"}}}, "finite"),
        ({"figures": {"a": rows.figure(1) | {"extra": 1}}}, "extra"),
    ],
)
def test_rows_that_break_the_schema_are_refused(row, change, message):
    rows.check_row(row)
    with pytest.raises(ValueError, match=message):
        rows.check_row(row | change)


@pytest.mark.parametrize(
    ("value", "better", "reached"),
    [
        (1.0, "higher", True),
        (0.9, "higher", False),
        (1.0, "lower", True),
        (1.1, "lower", False),
    ],
)
def test_a_bar_is_met_from_the_right_side(value, better, reached):
    assert rows.met(rows.figure(value, better=better, bar=1.0)) is reached


def test_a_figure_without_a_bar_is_neither_met_nor_missed():
    assert rows.met(rows.figure(1.0, better="higher")) is None


def test_a_measured_row_is_stored(row, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(rows, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(rows, "RUNS", tmp_path / "runs")
    words = ("data", "protocol", "seed")
    arguments = {key: row[key] for key in words}
    monkeypatch.setattr(rows, "current_commit", lambda: "0123abc")
    rows.write_row("speed", "Speeds", row["figures"], **arguments)
    stored = json.loads((tmp_path / "results" / "speed.json").read_text())
    changing = {"hardware", "date"}
    assert set(stored) == set(row)
    for key in set(row) - changing:
        assert stored[key] == row[key], key
    assert "written:" in capsys.readouterr().out

    (tmp_path / "results" / "speed.json").unlink()
    monkeypatch.setattr(rows, "current_commit", lambda: "0123abc-dirty")
    rows.write_row("speed", "Speeds", row["figures"], **arguments)
    assert not (tmp_path / "results" / "speed.json").exists()
    assert (tmp_path / "runs" / "uncommitted" / "speed.json").exists()
    assert "not committed" in capsys.readouterr().out


def test_a_row_becomes_a_table(row):
    lines = tables.page([row]).splitlines()
    start = lines.index("## Speeds")
    assert lines[start + 2 : start + 6] == [
        "|  | ratio | step, ms |",
        "| --- | --- | --- |",
        "| ours | ✓ 1.02 (≤ 1.10; ✗ goal 1.01) | 4.2 (by hand 5.1) |",
        "| theirs | ✗ 1.20 ± 0.03 (≤ 1.10) |  |",
    ]
    below = " ".join(" ".join(lines[start + 6 :]).split())
    for words in (
        "Data: noise.",
        "Protocol: medians; of 7.",
        "training time: 12 min",
        "commit `0123abc`, 2026-01-31, seed 3, 2 cores",
    ):
        assert words in below


def test_two_rows_of_a_question_share_a_table_and_their_protocol(row):
    other = row | {
        "name": "other",
        "figures": {"ratio": rows.figure(1.0, "ratio")},
        "protocol": "medians; of 9",
    }
    page = tables.page([row, other])
    assert page.count("## Speeds") == 1
    assert "| `speed`, ours | ✓ 1.02" in page
    assert "| `other` | 1.00 |  |" in page
    assert "Protocol: medians.\n" in page
    assert "- `other`: of 9; commit" in page


def test_a_wide_table_becomes_two(row):
    row["figures"] = {f"metric {n}": rows.figure(n) for n in range(8)}
    page = tables.page([row])
    widths = [
        line.count("|") - 2 for line in page.splitlines() if "metric" in line
    ]
    assert widths == [4, 4]


def test_a_cell_of_more_than_80_characters_is_refused(row):
    row["figures"] = {f"{'x' * 81}: ratio": rows.figure(1.0)}
    with pytest.raises(ValueError, match="80 characters"):
        tables.page([row])


def test_the_page_is_up_to_date():
    assert tables.PATH.read_text("utf-8") == tables.page(tables.stored_rows())


def test_every_row_is_on_the_page():
    page = tables.PATH.read_text("utf-8")
    for path in STORED:
        assert f"- `{path.stem}`: " in page


def test_without_the_data_the_variable_is_named(monkeypatch):
    monkeypatch.delenv("KERAS_SYNTH_DATA", raising=False)
    with pytest.raises(SystemExit, match="KERAS_SYNTH_DATA"):
        rows.data_folder()


def test_a_training_is_done_once_and_timed(tmp_path):
    calls = []
    settings = {"epochs": 2, "widths": (8, 16)}

    def train():
        calls.append(1)

    folder = tmp_path / "run"
    first = trainings.train_once(folder, settings, train)
    again = trainings.train_once(folder, settings, train)
    assert calls == [1]
    assert first == again
    assert not first.resumed
    assert first.commit in first.words()
    assert list(first.figures()) == ["training time", "training time, CPU"]
    with pytest.raises(SystemExit, match="another training"):
        trainings.train_once(folder, settings | {"epochs": 3}, train)


def test_a_resumed_training_is_called_so(tmp_path):
    (tmp_path / "backup").mkdir()
    done = trainings.train_once(tmp_path, {}, lambda: None)
    assert done.resumed and "resumed" in done.words()


@pytest.mark.parametrize("bits", [11, 8])
def test_weights_are_stored_in_few_bits_without_the_optimizer(bits, tmp_path):
    weights = np.random.default_rng(0).normal(size=(80, 60)).astype("float32")
    with h5py.File(tmp_path / "whole.h5", "w") as file:
        file["layers/dense/vars/0"] = weights
        file["layers/dense/vars/1"] = np.int32([7])
        file["optimizer/vars/0"] = weights
        file["layers"].attrs["name"] = "kept"
    goal = tmp_path / "half.h5"
    trainings.store_in_half_precision(tmp_path / "whole.h5", goal, bits)
    with h5py.File(goal) as file:
        assert list(file) == ["layers"] and "name" in file["layers"].attrs
        stored, count = (file[f"layers/dense/vars/{i}"][()] for i in (0, 1))
    assert stored.dtype == "float16" and count.dtype == "int32"
    assert count == [7]
    # float16's smallest steps are absolute, 2^-25 from a value at most.
    error = np.abs(stored - weights) - 2.0**-24
    assert np.all(error <= 2.0**-bits * np.abs(weights))
    fractions = np.frexp(stored.astype("float32"))[0] * 2**bits
    np.testing.assert_array_equal(fractions, np.round(fractions))
    if bits == 11:
        np.testing.assert_array_equal(stored, weights.astype("float16"))


def test_a_card_holds_figures_and_how_it_was_trained():
    figures = {"U-Net: Set12": rows.figure(32.4, "dB")}
    text = trainings.card("gray_denoiser", figures, "words", {}, "denoiser")
    assert "| U-Net: Set12 | 32.40 dB |" in text
    assert "| training | words |" in text
    assert "`keras_synth.presets.gray_denoiser`" in text


@pytest.mark.parametrize("network", ["gray_denoiser", "upscaler_x4"])
def test_cards_of_presets_say_how_they_were_trained(network):
    assert "at commit" in trainings.training_words(network)
