"""`keras-synth inpaint`."""

from keras_synth.cli.command import Command, image_lines

COMMAND = Command(
    name="inpaint",
    package="tasks",
    function="inpaint",
    group="Restore",
    examples=(
        "keras-synth inpaint photo.jpg mask.png out.jpg",
        "keras-synth inpaint photos masks restored --method inpainter.keras",
    ),
    lines=image_lines(
        lambda facts: f"{100 * facts['filled']:.1f} % of it filled"
    ),
)
