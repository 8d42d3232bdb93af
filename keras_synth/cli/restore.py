"""`keras-synth restore`."""

from keras_synth.cli.command import Command, image_lines


def _restored(facts):
    words = []
    if facts["marked"] is not None:
        words.append(f"{100 * facts['marked']:.2f} % of it inpainted")
    if facts["noise_level"] is None:
        words.append("no noise removed, as asked")
    elif facts["method"] is None:
        words.append("neither noise nor JPEG blocks found")
    elif facts["noise_level"] or not facts["jpeg_quality"]:
        level = 255 * facts["noise_level"]
        words.append(f"noise of {level:.1f} gray levels removed")
    if facts["jpeg_quality"]:
        done = "restored" if facts["method"] == "photo" else "found"
        words.append(f"JPEG of quality {facts['jpeg_quality']} {done}")
    return ", ".join(words)


def _lines(facts):
    yield from image_lines(_restored)(facts)
    if facts["mask"]:
        yield f"mask: {facts['mask']}"


COMMAND = Command(
    name="restore",
    package="tasks",
    function="restore",
    group="Restore",
    examples=(
        "keras-synth restore noisy.png clean.png",
        "keras-synth restore photos restored --method bm3d --compare",
        "keras-synth restore noisy.png clean.png --method denoiser.keras",
        "keras-synth restore old.jpg out.jpg --old-photo --save-mask mask.png",
        "keras-synth restore old.jpg out.jpg --old-photo --mask mask.png",
    ),
    lines=_lines,
)
