"""`keras-synth edit ACTION`: what one does with a trained generator."""

from keras_synth.cli.command import Command

WHAT, GROUP = "ACTION MODEL ...", "Synthesize"
HELP = """\
Edits images with a trained generator: project, move, mix, film.

The model is a .keras file of a StyleGAN2, GAN or VAE, or the name of a preset.
"""
EXAMPLES = (
    "keras-synth edit project MODEL photos styles.npz",
    "keras-synth edit directions MODEL directions",
    "keras-synth edit move MODEL directions/closed_form_0.npz moved.png "
    "--styles styles.npz",
    "keras-synth edit mix MODEL mixed.png",
    "keras-synth edit film MODEL film.gif --scale 4",
)


def _lines(facts):
    yield f"written: {facts['target']}"
    if facts["image"] and facts["image"] != facts["target"]:
        yield f"image: {facts['image']}"
    yield from facts["notes"]


def _action(name, *examples):
    """The command of an action.

    Args:
        name: Name of the action; its function is `tasks.edit_NAME`.
        *examples: What to show behind the command itself.
    """
    return Command(
        name=name,
        package="tasks",
        function=f"edit_{name}",
        group="Actions",
        examples=tuple(f"keras-synth edit {name} {each}" for each in examples),
        lines=_lines,
    )


COMMANDS = (
    _action(
        "project",
        "gan.keras photo.jpg styles.npz",
        "fashion_mnist_stylegan2 clothes styles.npz --space w",
    ),
    _action(
        "directions",
        "fashion_mnist_stylegan2 directions --count 3",
        "gan.keras directions --method boundary --name light "
        "--classifier brightness",
    ),
    _action(
        "move",
        "gan.keras light.npz moved.png --styles styles.npz --amounts 0 2 4",
    ),
    _action(
        "mix",
        "fashion_mnist_stylegan2 mixed.png --at 2",
        "gan.keras mixed.png --mask mask.png",
    ),
    _action(
        "film",
        "fashion_mnist_stylegan2 film.gif --scale 4",
        "gan.keras film.mp4 --video clip.mp4 --direction light.npz",
    ),
)
