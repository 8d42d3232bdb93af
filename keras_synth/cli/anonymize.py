"""`keras-synth anonymize`."""

from keras_synth.cli.command import Command, image_lines


def _what(facts):
    count = sum(map(len, facts["regions"]))
    if not count:
        return "no face found: look at the image"
    hidden = "1 region" if count == 1 else f"{count} regions"
    return f"{hidden} hidden by {facts['method']}"


COMMAND = Command(
    name="anonymize",
    package="tasks",
    function="anonymize",
    group="Other",
    examples=(
        "keras-synth anonymize photos anonymous --compare",
        "keras-synth anonymize photo.png out.png --method pixelate --cells 4",
        "keras-synth anonymize photos anonymous --json > regions.jsonl",
        "keras-synth anonymize photos corrected --regions regions.jsonl",
    ),
    lines=image_lines(_what),
)
