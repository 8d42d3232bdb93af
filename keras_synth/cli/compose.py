"""`keras-synth compose`."""

from keras_synth.cli.command import Command, image_lines


def _what(facts):
    if facts["seam"] is None:
        return "composed"
    return f"seam {facts['seam']:.2f} times the steps beside it"


COMMAND = Command(
    name="compose",
    package="tasks",
    function="compose",
    group="Synthesize",
    examples=(
        "keras-synth compose base.png part.png mask.png out.png",
        "keras-synth compose base.jpg part.png mask.png out.jpg --left 120 "
        "--top 80 --method mixed",
    ),
    lines=image_lines(_what),
)
