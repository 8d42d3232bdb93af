"""Signatures and docstrings that the command line is generated from."""

import inspect
import re
import typing

import pytest

from keras_synth import datasets, training
from keras_synth.training import (
    classifier,
    denoiser,
    flow,
    gan,
    inpainter,
    upscaler,
    vae,
)

FUNCTIONS = {
    name: getattr(training, name)
    for name in training.__all__
    if inspect.isfunction(getattr(training, name)) and name != "demo"
}
TRAININGS = {
    name: function
    for name, function in FUNCTIONS.items()
    if name.startswith("train_")
}
CHANNELS = (1, 3)
#: Choices of a parameter in all functions that have it.
CHOICES = {
    "augmentation": training.AUGMENTATIONS,
    "channels": CHANNELS,
    "degradation": training.DEGRADATIONS,
    "devices": ("one", "all"),
    "downsampling": training.upscaler.DOWNSAMPLINGS,
    "features": ("vgg19", "vgg16", "squeezenet"),
    "holes": training.HOLES,
    "in_channels": CHANNELS,
    "likelihood": training.LIKELIHOODS,
    "normalization": ("instance", "none"),
    "objective": training.OBJECTIVES,
    "out_channels": CHANNELS,
    "parameterization": ("flow", "edm"),
    "scale": (2, 3, 4),
    "source_side": ("left", "right"),
    "symmetry": datasets.restoration._SYMMETRIES,
    "unreadable": ("raise", "skip"),
    "verbose": ("auto", 0, 1, 2),
}
#: Choices of an architecture, by the function's last word.
ARCHITECTURES = {
    "denoiser": denoiser.ARCHITECTURES,
    "flow": flow.ARCHITECTURES,
    "gan": gan.ARCHITECTURES,
    "inpainter": inpainter.INPAINTERS,
    "upscaler": upscaler.UPSCALERS,
    "vae": vae.ARCHITECTURES,
}


def choices_of(hint):
    """The values of the `Literal`s in a type hint, in order."""
    if typing.get_origin(hint) is typing.Literal:
        return typing.get_args(hint)
    return sum(map(choices_of, typing.get_args(hint)), ())


def documented(function):
    """`{parameter: text}` of the Args of a function's docstring."""
    text = inspect.getdoc(function).partition("\nArgs:\n")[2]
    text = re.split(r"\n\n(?=\S)", text)[0]
    entries = re.split(r"^    (?=[\w*])", text, flags=re.MULTILINE)[1:]
    return {
        name.strip("*"): " ".join(words.split())
        for name, _, words in (entry.partition(":") for entry in entries)
    }


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_parameter_has_a_type_and_a_sentence(name):
    function = FUNCTIONS[name]
    hints = typing.get_type_hints(function)
    parameters = inspect.signature(function).parameters
    assert list(documented(function)) == list(parameters)
    assert set(hints) == {*parameters, "return"}, "no hint"
    for parameter, words in documented(function).items():
        assert words[0].isupper() or words[0] in "(`λ", parameter
        assert words.endswith("."), parameter
        assert not words.startswith("See "), parameter


@pytest.mark.parametrize("name", FUNCTIONS)
def test_choices_are_those_of_the_modules(name):
    hints = typing.get_type_hints(FUNCTIONS[name])
    for parameter, hint in hints.items():
        choices = choices_of(hint)
        known = CHOICES.get(parameter, ())
        if parameter == "architecture":
            known = ARCHITECTURES[name.rpartition("_")[2]]
        if parameter == "data" and name == "train_classifier":
            known = classifier._KINDS
        if parameter == "features" and hint == inpainter.keras.Model | None:
            known = ()
        if name in ("fit_restorer", "open_data") and parameter in (
            "degradation",
            "channels",
        ):
            known = ()
        if (name, parameter) == ("fit_restorer", "target"):
            known = ("image", "mask")
        if parameter != "return":
            assert choices == tuple(known), parameter


@pytest.mark.parametrize("name", TRAININGS)
def test_defaults_have_the_type_of_their_hint(name):
    function = TRAININGS[name]
    hints = typing.get_type_hints(function)
    for parameter in inspect.signature(function).parameters.values():
        if parameter.default is parameter.empty:
            continue
        hint = hints[parameter.name]
        choices = choices_of(hint)
        plain = tuple(
            kind
            for kind in (typing.get_args(hint) or (hint,))
            if isinstance(kind, type)
        )
        assert parameter.default in choices or isinstance(
            parameter.default, plain
        ), parameter


def test_one_name_for_one_thing():
    """A parameter means the same, and has one hint, in all trainings."""
    hints = {}
    for name, function in TRAININGS.items():
        parameters = inspect.signature(function).parameters
        kinds = {p.kind for p in parameters.values()}
        assert inspect.Parameter.VAR_KEYWORD not in kinds, name
        for parameter, hint in typing.get_type_hints(function).items():
            hints.setdefault(parameter, {})[name] = hint
    own = {"return", "data", "features", "architecture", "image_size"}
    own |= {
        "width",
        "scale",
        "num_blocks",
        "num_layers",
        "learning_rate",
        "weights",
    }  # Optional where it depends on the network.
    for parameter, given in hints.items():
        if parameter not in own:
            assert len(set(given.values())) == 1, (parameter, given)
    assert not set(hints) & {
        "augment",
        "depth",
        "blocks",
        "noise_level",
    }
