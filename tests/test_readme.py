"""The README's Python examples run, one after the other."""

import pathlib
import re

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).parent.parent


@pytest.mark.usefixtures("optimized_graphs")
def test_python_examples_run_as_written(tmp_path, monkeypatch):
    pytest.importorskip("mlxtend")
    monkeypatch.chdir(tmp_path)
    readme = (ROOT / "README.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", readme, flags=re.DOTALL)
    assert len(blocks) >= 7
    namespace = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), namespace)
    assert namespace["new"].shape == (16, 28, 28, 1)
    assert namespace["sevens"].shape == (16, 28, 28, 1)
    assert (tmp_path / "images" / "samples_epoch_0001.png").exists()
    np.testing.assert_allclose(
        namespace["sixteen"],
        namespace["vae"].sample(16, seed=7),
        atol=1e-5,
    )


def test_links_and_images_exist():
    readme = (ROOT / "README.md").read_text()
    for target in re.findall(r"\]\(([^)]+)\)", readme):
        assert (ROOT / target).exists(), target


def test_every_figure_comes_from_a_row():
    readme = (ROOT / "README.md").read_text()
    table = readme.partition("<!-- figures -->")[2]
    rows = set(re.findall(r"\| `(\w+)` \|", table))
    stored = (ROOT / "benchmarks" / "results").glob("*.json")
    assert rows == {path.stem for path in stored}
