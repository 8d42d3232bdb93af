"""`keras-synth serve`."""

from keras_synth.cli.command import Command


def _lines(facts):
    yield f"studio: {facts['address']}"
    if facts["rating"]:
        yield f"raters: {facts['rating']}"
    yield "Ctrl-C stops."


COMMAND = Command(
    name="serve",
    package="app",
    function="serve",
    group="Other",
    examples=(
        "keras-synth serve",
        "keras-synth serve --study study --no-browser",
        "keras-synth serve --models runs/gan/gan.keras denoiser.keras",
    ),
    lines=_lines,
)
