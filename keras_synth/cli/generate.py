"""`keras-synth generate`."""

from keras_synth.cli.command import Command

COMMAND = Command(
    name="generate",
    package="tasks",
    function="generate",
    group="Synthesize",
    examples=(
        'keras-synth generate "a smiling cat" runs/flow/flow.keras cat.png',
        'keras-synth generate "微笑的猫" flow.keras cats.png --num-images 16',
    ),
    lines=lambda facts: [f"images: {facts['target']}"],
    facts=lambda path, arguments: {
        "text": arguments["text"],
        "model": arguments["model"],
        "target": path,
        "num_images": arguments["num_images"],
    },
)
