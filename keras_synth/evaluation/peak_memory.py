"""Peak memory of restoring one image, measured in a fresh process.

TensorFlow keeps memory that it has allocated, so a second run in the same
process would measure nothing.
"""

import importlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import warnings

import keras
import numpy as np

from keras_synth.inference import run_restorer
from keras_synth.layers.nested import all_layers

_STATUS = pathlib.Path("/proc/self/status")
_RESET = pathlib.Path("/proc/self/clear_refs")


def peak_memory(model, inputs):
    """Peak memory of a model's first batch, without the model itself.

    The model is saved and loaded in a fresh process, which runs it once. The
    result is the highest resident memory during that run (`VmHWM` of Linux)
    minus the memory before it: activations, and some tens of megabytes for
    tracing and compiling.

    Args:
        model: A `keras.Model` that can be saved.
        inputs: One batch, an array or a dict of arrays.

    Returns:
        Bytes, an int. None on other systems than Linux, and on accelerators,
        whose memory the processor cannot measure. None with a warning if the
        model cannot be saved or loaded.
    """
    if not _RESET.exists() or keras.distribution.list_devices("gpu"):
        return None
    named = inputs if isinstance(inputs, dict) else {"": inputs}
    with tempfile.TemporaryDirectory() as folder:
        try:
            model.save(pathlib.Path(folder) / "model.keras")
        except (ValueError, TypeError, NotImplementedError) as error:
            return _unknown(error)
        np.savez(pathlib.Path(folder) / "inputs.npz", **named)
        modules = sorted({type(x).__module__ for x in all_layers(model)})
        code = (
            "from keras_synth.evaluation.peak_memory import measure; "
            f"measure({folder!r}, {modules!r})"
        )
        finished = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
        )
    if finished.returncode:
        return _unknown((finished.stderr.strip() or "killed").splitlines()[-1])
    return json.loads(finished.stdout.splitlines()[-1])


def measure(folder, modules):
    """Runs in the fresh process: prints the bytes.

    Args:
        folder: Folder with model.keras and inputs.npz.
        modules: Names of modules that define the classes of the model's
            layers. They are imported first.
    """
    for name in modules:
        importlib.import_module(name)
    path = pathlib.Path(folder)
    model = keras.saving.load_model(path / "model.keras", compile=False)
    with np.load(path / "inputs.npz") as stored:
        inputs = dict(stored)
    inputs = inputs.get("", inputs)
    _RESET.write_text("5")  # resets VmHWM to the current memory
    before = _kilobytes("VmRSS")
    run_restorer(model, inputs)
    print(json.dumps(1024 * (_kilobytes("VmHWM") - before)))


def _kilobytes(name):
    lines = _STATUS.read_text().splitlines()
    return int(next(x for x in lines if x.startswith(f"{name}:")).split()[1])


def _unknown(reason):
    warnings.warn(f"Its memory was not measured: {reason}", stacklevel=4)
