"""`keras-synth train MODEL`: one command for each model."""

import pathlib
import shlex

from keras_synth.cli.command import Command, program

WHAT, GROUP = "MODEL", "Train"
HELP = """\
Trains a model on a data set or a folder of images.

The model, images of its progress and a log for TensorBoard go to a folder.
"""
EXAMPLES = (
    "keras-synth train vae --data FOLDER --image-size 64",
    "keras-synth train gan --data digits --conditional --epochs 100",
    "keras-synth train pix2pix --data facades/train --resume",
    "keras-synth train stylegan2 --data FOLDER --devices all",
)


def _facts(name):
    def facts(model, arguments):
        output = pathlib.Path(arguments["output"])
        images = output / "images"
        kind = getattr(getattr(model, "condition", None), "kind", None)
        return {
            "model": output / f"{name}.keras",
            "images": images if images.exists() else None,
            "log": output / "log",
            "conditional": kind == "label",
            **({"captions": kind == "ids"} if name == "flow" else {}),
        }

    return facts


def _lines(use):
    def lines(facts):
        yield f"\nmodel:    {facts['model']}"
        if facts["images"]:
            yield f"images:   {facts['images']}/"
        log = shlex.quote(str(facts["log"]))
        yield f"log:      {program('tensorboard')} --logdir {log}"
        words = use.format(shlex.quote(str(facts["model"])))
        if facts["conditional"]:
            words += " --labels 0"
        if facts.get("captions"):
            words = words.replace("sample", "generate WORDS", 1)
        yield f"next:     {program('keras-synth')} {words}"

    return lines


def _training(name, use, *examples):
    """The command that trains a model.

    Args:
        name: Name of the model.
        use: The command that the model is for, with `{}` for its path.
        *examples: Options to show, without the command itself.
    """
    start = f"keras-synth train {name}"
    module = name.replace("-", "_")
    return Command(
        name=name,
        package="training",
        module=module,
        function=f"train_{module}",
        group="Models",
        examples=tuple(f"{start} {options}".rstrip() for options in examples),
        lines=_lines(use),
        facts=_facts(module),
        keywords=True,
        shows_epochs=True,
        distributed=True,
    )


def _classifier_facts(result, arguments):
    network, accuracy = result
    output = pathlib.Path(arguments["output"])
    return {
        "weights": output / f"{network.name}.weights.h5",
        "card": output / "card.md",
        "accuracy": accuracy,
    }


def _classifier_lines(facts):
    yield f"\nweights:  {facts['weights']}"
    yield f"card:     {facts['card']}"
    yield f"accuracy: {100 * facts['accuracy']:.2f} % of the test split"


COMMANDS = (
    _training(
        "vae",
        "sample {} samples.png",
        "--data digits --conditional",
        "--data FOLDER --image-size 64",
    ),
    _training(
        "gan",
        "sample {} samples.png",
        "--data digits --conditional",
        "--data FOLDER --image-size 64 --objective hinge",
    ),
    _training(
        "flow",
        "sample {} samples.png",
        "--data digits --conditional",
        "--data FOLDER --captions --image-size 32",
    ),
    _training(
        "stylegan2",
        "sample {} samples.png",
        "--data FOLDER --image-size 64 --augmentation adaptive",
    ),
    Command(
        name="classifier",
        package="training",
        module="classifier",
        function="train_classifier",
        group="Models",
        examples=("keras-synth train classifier --data fashion_mnist",),
        lines=_classifier_lines,
        facts=_classifier_facts,
        keywords=True,
        shows_epochs=True,
    ),
    _training(
        "denoiser",
        "restore noisy.png out.png --method {}",
        "--data FOLDER",
        "--degradation salt_and_pepper",
    ),
    _training(
        "inpainter",
        "inpaint photo.png mask.png out.png --method {}",
        "--data FOLDER --holes irregular",
    ),
    _training(
        "damage-detector",
        "restore old.jpg out.jpg --old-photo --detector {}",
        "--data FOLDER --masks film_damage",
    ),
    _training(
        "upscaler",
        "upscale small.png out.png --method {}",
        "--data FOLDER --scale 2",
    ),
    _training(
        "upscaler-gan",
        "upscale small.png out.png --method {}",
        "--data FOLDER",
        "--data FOLDER --from runs/upscaler/upscaler.keras",
    ),
    _training(
        "pix2pix",
        "translate input.png out.png --model {}",
        "--data facades/train",
        "--data maps --target-data photos",
    ),
    _training(
        "cyclegan",
        "translate input.png out.png --model {}",
        "--a photos --b paintings",
        "--a FOLDER --b FOLDER --image-size 64 --width 24 --num-blocks 6",
    ),
    _training(
        "cut",
        "translate input.png out.png --model {}",
        "--a photos --b paintings",
        "--a FOLDER --b FOLDER --image-size 64 --width 24 --num-blocks 6",
    ),
    _training(
        "adain",
        "stylize photo.jpg painting.jpg out.png --method {}",
        "--data ./photos --styles paintings",
    ),
)
