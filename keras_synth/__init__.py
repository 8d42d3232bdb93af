"""Image synthesis and restoration for Keras 3."""

import importlib

__version__ = "0.1.0"

_SUBMODULES = (
    "callbacks",
    "datasets",
    "degradations",
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
