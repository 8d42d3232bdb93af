"""`keras-synth upscale`."""

from keras_synth.cli.command import Command, image_lines


def _what(facts):
    height, width = facts["size"]
    return f"{width}x{height}, {facts['scale']} times larger"


COMMAND = Command(
    name="upscale",
    package="tasks",
    function="upscale",
    group="Restore",
    examples=(
        "keras-synth upscale small.png large.png",
        "keras-synth upscale photos large --method bicubic --scale 2",
    ),
    lines=image_lines(_what),
)
