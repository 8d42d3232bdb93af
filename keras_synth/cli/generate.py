"""`keras-synth generate`."""

from keras_synth.cli.command import Command

COMMAND = Command(
    name="generate",
    package="tasks",
    function="generate",
    group="Synthesize",
    examples=(
        'keras-synth generate "a smiling cat" cat.png',
        'keras-synth generate "微笑的猫" cats.png --num-images 16',
        'keras-synth generate "a lake" lake.png --model runs/flow/flow.keras',
    ),
    lines=lambda facts: [f"images: {facts['target']}"],
    facts=lambda path, arguments: {
        "text": arguments["text"],
        "model": arguments["model"],
        "target": path,
        "num_images": arguments["num_images"],
    },
)
