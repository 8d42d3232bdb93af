"""`keras-synth inpaint`."""

from keras_synth.cli.command import Command, image_lines


def _filled(facts):
    words = f"{100 * facts['filled']:.1f} % of it filled"
    if facts["method"]:
        words += f" by {facts['method']}"
    if facts["reason"]:
        words += f": {facts['reason']}"
    return words


COMMAND = Command(
    name="inpaint",
    package="tasks",
    function="inpaint",
    group="Restore",
    examples=(
        "keras-synth inpaint photo.jpg mask.png out.jpg",
        "keras-synth inpaint photo.jpg mask.png out.jpg --method patch_match",
        "keras-synth inpaint photos masks restored --method inpainter.keras",
    ),
    lines=image_lines(_filled),
)
