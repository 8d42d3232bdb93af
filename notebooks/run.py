"""Runs notebooks from top to bottom and stores their outputs in them.

    python notebooks/run.py            all notebooks of this folder
    python notebooks/run.py 01_vae     the named ones

The stderr of a notebook is printed here and not stored.
"""

import base64
import io
import os
import pathlib
import sys
import tempfile
import time

import nbformat
from nbclient import NotebookClient
from PIL import Image

FOLDER = pathlib.Path(__file__).parent
METADATA = {
    "kernelspec": {
        "display_name": "Python 3",
        "language": "python",
        "name": "python3",
    },
    "language_info": {"name": "python"},
}


def main(names):
    """Runs the notebooks of these names, or all if there are none."""
    known = sorted(path.stem for path in FOLDER.glob("*.ipynb"))
    for name in names:
        if name not in known:
            sys.exit(f"There is no notebook {name!r}. Known: {known}")
    for variable in ("KERAS_SYNTH_SHORT", "MPLBACKEND"):
        os.environ.pop(variable, None)
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    for name in names or known:
        start = time.perf_counter()
        path = FOLDER / f"{name}.ipynb"
        run(path)
        seconds = time.perf_counter() - start
        print(f"{name}: {seconds:.0f} s, {path.stat().st_size / 1e3:.0f} kB")


def run(path):
    """Runs one notebook in a temporary folder, and rewrites its file."""
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(
            notebook,
            kernel_name="python3",
            coalesce_streams=True,
            record_timing=False,
            resources={"metadata": {"path": folder}},
        ).execute()
    # Without metadata of the machine and the day.
    notebook.metadata = METADATA
    for cell in notebook.cells:
        cell.metadata = {}
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if _kept(output)]
    nbformat.write(notebook, path)


def _kept(output):
    """Whether an output is stored; reduces the size of its image."""
    if output.get("name") == "stderr":
        print(output.text, end="", file=sys.stderr)
        return False
    data = output.get("data", {})
    if "image/png" in data:
        png = io.BytesIO(base64.b64decode(data["image/png"]))
        small = io.BytesIO()
        # 64 colors are plenty for plots and gray images.
        Image.open(png).convert("RGB").quantize(64).save(
            small, "PNG", optimize=True
        )
        data["image/png"] = base64.b64encode(small.getvalue()).decode()
    return True


if __name__ == "__main__":
    main(sys.argv[1:])
