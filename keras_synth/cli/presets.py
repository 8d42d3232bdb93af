"""`keras-synth presets`."""

import dataclasses

from keras_synth.cli.command import Command


def _facts(lines, arguments):
    # Here: to import the presets is to import TensorFlow.
    from keras_synth.presets import catalog

    return {"presets": [dataclasses.asdict(preset) for preset in catalog()]}


def _lines(facts):
    from keras_synth.presets import describe_presets

    return describe_presets()


COMMAND = Command(
    name="presets",
    package="presets",
    module="catalog",
    function="describe_presets",
    group="Other",
    examples=("keras-synth presets", "keras-synth presets --json"),
    lines=_lines,
    facts=_facts,
)
