"""`keras-synth score`."""

from keras_synth.cli.command import Command

_UNITS = {"psnr": " dB"}


def _lines(facts):
    scores = "  ".join(
        f"{name} {value:.4g}{_UNITS.get(name, '')}"
        for name, value in facts["scores"].items()
    )
    what = str(facts["source"])
    if facts["num_images"] > 1:
        what += f" ({facts['num_images']} images)"
    yield f"{what}: {scores}"
    for note in facts["notes"]:
        yield f"note: {note}"


COMMAND = Command(
    name="score",
    package="tasks",
    function="score",
    group="Other",
    examples=(
        "keras-synth score restored --reference clean",
        "keras-synth score photo.jpg",
        "keras-synth score upscaled --reference large --luma studio --border 4",
        "keras-synth score samples --reference photos --metrics frechet kernel",
    ),
    lines=_lines,
)
