"""`keras-synth demo`."""

from keras_synth.cli.command import Command, program


def _lines(facts):
    yield "\nLook at:"
    for what, path in facts.items():
        if not what.startswith("psnr"):
            yield f"  {what + ':':17}{path}"
    before, after = facts["psnr_degraded"], facts["psnr_restored"]
    yield "\nPSNR of the photograph against its original:"
    yield f"  degraded:        {before:.2f} dB (left in photo.png)"
    yield f"  restored:        {after:.2f} dB (right)"
    yield "\nWatch the training in a browser:"
    yield f"  {program('tensorboard')} --logdir {facts['log']}"
    yield f"Load and sample in three lines of Python ({program('python')}):"
    yield "  import keras, keras_synth.models"
    yield f'  vae = keras.saving.load_model("{facts["model"]}")'
    yield "  sevens = vae.sample(16, labels=7)  # (16, 28, 28, 1), in [0, 1]"


COMMAND = Command(
    name="demo",
    package="tasks",
    function="demo",
    group="Other",
    examples=("keras-synth demo",),
    lines=_lines,
    facts=lambda paths, arguments: dict(paths),
    shows_epochs=True,
)
