"""Image synthesis and restoration for Keras 3.

`import keras, keras_synth`, in this order, registers every class that a
`.keras` file of this package may hold, so that `keras.saving.load_model` finds
it. `import keras_synth` alone imports nothing else, neither Keras nor
TensorFlow nor NumPy: each subpackage is imported at its first use, and
registers its own classes then. Where Keras is imported after keras_synth,
import `keras_synth.models` before loading a model.
"""

import importlib
import sys

__version__ = "0.2.0"

_SUBMODULES = (
    "app",
    "callbacks",
    "datasets",
    "degradations",
    "editing",
    "evaluation",
    "export",
    "inference",
    "io",
    "layers",
    "losses",
    "metrics",
    "models",
    "networks",
    "ops",
    "presets",
    "restoration",
    "tasks",
    "training",
)


def __getattr__(name):
    if name in _SUBMODULES:
        return importlib.import_module(f"keras_synth.{name}")
    raise AttributeError(f"module 'keras_synth' has no attribute {name!r}")


def __dir__():
    return [*globals(), *_SUBMODULES]


def _register_classes():
    """Imports the subpackages whose classes `.keras` files may hold."""
    parts = ["layers", "losses", "metrics", "networks"]
    # The others compute with TensorFlow, whatever backend Keras has.
    if sys.modules["keras"].config.backend() == "tensorflow":
        parts += ["degradations", "models", "restoration"]
    for part in parts:
        importlib.import_module(f"keras_synth.{part}")


if "keras" in sys.modules:
    _register_classes()
