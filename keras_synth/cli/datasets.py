"""`keras-synth datasets`."""

from keras_synth.cli.command import Command

COMMAND = Command(
    name="datasets",
    package="training",
    module="data",
    function="describe_data",
    group="Other",
    examples=("keras-synth datasets",),
    lines=lambda facts: facts["datasets"],
    facts=lambda lines, arguments: {"datasets": lines},
)
