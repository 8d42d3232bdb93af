"""`keras-synth presets`."""

from keras_synth.cli.command import Command

COMMAND = Command(
    name="presets",
    package="presets",
    module="catalog",
    function="describe_presets",
    group="Other",
    examples=("keras-synth presets",),
    lines=lambda facts: facts["presets"],
    facts=lambda lines, arguments: {"presets": lines},
)
