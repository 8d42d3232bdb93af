"""`keras-synth restore`."""

from keras_synth.cli.command import Command, image_lines

COMMAND = Command(
    name="restore",
    package="tasks",
    function="restore",
    group="Restore",
    examples=(
        "keras-synth restore noisy.png clean.png",
        "keras-synth restore photos restored --method bm3d --compare",
        "keras-synth restore noisy.png clean.png --method denoiser.keras",
    ),
    lines=image_lines(
        lambda facts: (
            f"noise of {255 * facts['noise_level']:.1f} gray levels removed"
        )
    ),
)
