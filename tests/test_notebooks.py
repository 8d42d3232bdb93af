"""Notebooks run from top to bottom, and are stored with their outputs."""

import ast
import json
import pathlib
import tempfile

import pytest

FOLDER = pathlib.Path(__file__).parent.parent / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))

every_notebook = pytest.mark.parametrize(
    "path", NOTEBOOKS, ids=lambda path: path.stem
)


def code_cells(path):
    """Yields `(cell, source)` of each code cell."""
    for cell in json.loads(path.read_text())["cells"]:
        if cell["cell_type"] == "code":
            yield cell, "".join(cell["source"])


def calls(source):
    """Yields the names of functions that the cell itself calls.

    Calls inside of functions and classes that it defines are left out.
    """
    for statement in ast.parse(source).body:
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            continue
        for node in ast.walk(statement):
            if isinstance(node, ast.Call):
                yield ast.unparse(node.func)


def test_there_are_notebooks():
    assert NOTEBOOKS


@pytest.mark.slow
@every_notebook
@pytest.mark.usefixtures("optimized_graphs")
# Warned of where a display exists but the backend is Agg.
@pytest.mark.filterwarnings("ignore:FigureCanvasAgg is non-interactive")
def test_notebook_runs(path, monkeypatch, tmp_path):
    from matplotlib import pyplot

    monkeypatch.setenv("KERAS_SYNTH_SHORT", "1")
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    namespace = {"__name__": "notebook"}
    try:
        for cell, source in code_cells(path):
            name = f"{path.name}, {cell['id']}"
            exec(compile(source, name, "exec"), namespace)
            pyplot.close("all")
    finally:
        pyplot.close("all")


@every_notebook
def test_notebook_is_stored_with_its_outputs(path):
    cells = list(code_cells(path))
    counts = [cell["execution_count"] for cell, _ in cells]
    assert counts == list(range(1, len(cells) + 1)), "run notebooks/run.py"
    for cell, source in cells:
        kinds = {output["output_type"] for output in cell["outputs"]}
        assert "error" not in kinds, cell["id"]
        if "print" in calls(source):
            assert "stream" in kinds, cell["id"]
        if {"show", "plt.show"} & set(calls(source)):
            assert "display_data" in kinds, cell["id"]
    assert path.stat().st_size < 600_000


@every_notebook
def test_outputs_have_no_stderr_no_paths_and_no_escape_codes(path):
    text = path.read_text()
    outputs = json.dumps([cell["outputs"] for cell, _ in code_cells(path)])
    assert '"name": "stderr"' not in text
    assert "/tmp/" not in outputs and "\\u001b" not in outputs
