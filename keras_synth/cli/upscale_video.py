"""`keras-synth upscale-video`."""

from keras_synth.cli.command import Command


def _lines(facts):
    height, width = facts["size"]
    yield (
        f"video: {facts['target']} ({facts['num_frames']} frames, "
        f"{width}x{height}, {facts['scale']} times larger)"
    )
    for note in facts["notes"]:
        yield f"note: {note}"


COMMAND = Command(
    name="upscale-video",
    package="tasks",
    function="upscale_video",
    group="Restore",
    examples=(
        "keras-synth upscale-video small.mp4 large.mp4",
        "keras-synth upscale-video frames large --scale 3",
    ),
    lines=_lines,
)
