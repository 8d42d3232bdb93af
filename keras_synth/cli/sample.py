"""`keras-synth sample`."""

from keras_synth.cli.command import Command

COMMAND = Command(
    name="sample",
    package="tasks",
    function="sample",
    group="Synthesize",
    examples=(
        "keras-synth sample runs/vae/vae.keras samples.png",
        "keras-synth sample gan.keras sevens.png --labels 7 --num-images 16",
    ),
    lines=lambda facts: [f"images: {facts['target']}"],
    facts=lambda path, arguments: {
        "model": arguments["model"],
        "target": path,
        "num_images": arguments["num_images"],
    },
)
