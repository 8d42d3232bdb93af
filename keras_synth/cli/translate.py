"""`keras-synth translate`."""

from keras_synth.cli.command import Command, image_lines


def _what(facts):
    height, width = facts["size"]
    return f"{width}x{height}"


COMMAND = Command(
    name="translate",
    package="tasks",
    function="translate",
    group="Synthesize",
    examples=(
        "keras-synth translate map.png photo.png "
        "--model runs/pix2pix/pix2pix.keras",
        "keras-synth translate paintings photos "
        "--model runs/cyclegan/cyclegan.keras --direction b_to_a",
    ),
    lines=image_lines(_what),
)
