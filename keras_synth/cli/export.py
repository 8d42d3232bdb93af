"""`keras-synth export`."""

from keras_synth.cli.command import Command

COMMAND = Command(
    name="export",
    package="tasks",
    function="export",
    group="Other",
    examples=(
        "keras-synth export runs/vae/vae.keras saved_models/vae",
        "keras-synth export runs/gan/gan.keras gan.onnx --format onnx",
        "keras-synth export gray_denoiser denoiser.tflite --format litert",
    ),
    lines=lambda facts: [f"exported: {facts['target']}"],
    facts=lambda path, arguments: {
        "model": arguments["model"],
        "target": path,
        "format": arguments["format"],
    },
)
