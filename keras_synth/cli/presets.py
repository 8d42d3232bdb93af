"""`keras-synth presets`."""

import dataclasses
import importlib

from keras_synth.cli.command import Command


def _presets():
    # Later: to import them is to import TensorFlow.
    return importlib.import_module("keras_synth.presets")


def _facts(lines, arguments):
    entries = _presets().catalog()
    return {"presets": [dataclasses.asdict(entry) for entry in entries]}


COMMAND = Command(
    name="presets",
    package="presets",
    module="catalog",
    function="describe_presets",
    group="Other",
    examples=("keras-synth presets", "keras-synth presets --json"),
    lines=lambda facts: _presets().describe_presets(),
    facts=_facts,
)
