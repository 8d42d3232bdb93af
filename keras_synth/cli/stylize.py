"""`keras-synth stylize`."""

from keras_synth.cli.command import Command, image_lines


def _what(facts):
    height, width = facts["size"]
    return f"{width}x{height}"


COMMAND = Command(
    name="stylize",
    package="tasks",
    function="stylize",
    group="Synthesize",
    examples=(
        "keras-synth stylize photo.jpg painting.jpg stylized.png",
        "keras-synth stylize photo.jpg painting.jpg out.png --method adain",
        "keras-synth stylize photo.jpg painting.jpg out.png --blend other.jpg",
        "keras-synth stylize photos painting.jpg out --method adain.keras",
    ),
    lines=image_lines(_what),
)
