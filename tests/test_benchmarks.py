"""The list of benchmarks, and the README's tables written from rows."""

import importlib
import json

import pytest

from benchmarks import rows
from benchmarks.__main__ import BENCHMARKS, main


def test_names_are_listed_and_unknown_ones_refused(capsys):
    assert main([]) == 0
    assert main(["nonsense"]) == 2
    listed = capsys.readouterr().out
    for name, (module, _, _) in BENCHMARKS.items():
        assert listed.count(f"  {name} ") == 2
        importlib.import_module(f"benchmarks.{module}")


def test_rows_become_the_readmes_table(tmp_path, monkeypatch, capsys):
    readme = tmp_path / "README.md"
    readme.write_text(
        "before\n<!-- figures -->\nold\n<!-- end of figures -->\nafter\n"
    )
    monkeypatch.setattr(rows, "RESULTS", tmp_path / "results")
    rows.write_row(
        "speed",
        "Speeds",
        {"ratio": "1.02"},
        data="noise",
        protocol="medians",
        seed=3,
        bar="≤ 1.10",
    )
    monkeypatch.setattr(rows, "ROOT", tmp_path)
    rows.write_tables()
    text = readme.read_text()
    assert text.startswith("before\n") and text.endswith("after\n")
    assert "old" not in text
    assert "| `speed` | ratio 1.02 | ≤ 1.10 | noise; medians (seed 3" in text
    row = json.loads((tmp_path / "results" / "speed.json").read_text())
    assert row["command"] == "make benchmark NAME=speed"
    assert set(row) >= {"commit", "seed", "data", "hardware", "date"}
    assert "written:" in capsys.readouterr().out


def test_without_the_data_the_variable_is_named(monkeypatch):
    monkeypatch.delenv("KERAS_SYNTH_DATA", raising=False)
    with pytest.raises(SystemExit, match="KERAS_SYNTH_DATA"):
        rows.data_folder()
