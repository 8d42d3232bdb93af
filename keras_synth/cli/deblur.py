"""`keras-synth deblur`."""

from keras_synth.cli.command import Command, image_lines


def _what(facts):
    found = "estimated " if facts["estimated"] else ""
    noise = 255 * facts["noise_level"]
    words = f"{found}{facts['blur']} removed, noise of {noise:.1f} gray levels"
    if facts["jpeg_quality"]:
        words += f" with that of JPEG quality {facts['jpeg_quality']}"
    return words


COMMAND = Command(
    name="deblur",
    package="tasks",
    function="deblur",
    group="Restore",
    examples=(
        "keras-synth deblur blurred.jpg sharp.jpg",
        "keras-synth deblur blurred.jpg sharp.jpg --sigma 1.6",
        "keras-synth deblur photos sharp --motion 15 30 --compare",
        "keras-synth deblur blurred.png sharp.png --kernel kernel.png",
    ),
    lines=image_lines(_what),
)
