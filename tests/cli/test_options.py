"""Options: each is a parameter of the function that a command calls."""

import importlib
import inspect
import re
import resource
import subprocess
import sys
import typing

import pytest

from keras_synth import io, tasks, training
from keras_synth.cli import signatures
from keras_synth.cli.command import OUTPUT_OPTIONS
from keras_synth.cli.main import COMMANDS, FAMILIES, main
from keras_synth.models.cycle_gan import DIRECTIONS
from keras_synth.networks import FEATURE_NETWORKS

ALL = {(command.name,): command for command in COMMANDS} | {
    (name, command.name): command
    for name, module in FAMILIES.items()
    for command in module.COMMANDS
}
TRAININGS = FAMILIES["train"].COMMANDS
# What only a program can pass.
NO_OPTIONS = {"verbose", "on_file", "on_ready"}
OBJECTS = {
    "train inpainter": {"features"},
    "train upscaler-gan": {"features"},
    "anonymize": {"detector"},
}
every_command = pytest.mark.parametrize("words", ALL, ids=" ".join)


def function_of(words):
    command = ALL[words]
    package = importlib.import_module(f"keras_synth.{command.package}")
    return getattr(package, command.function)


def all_parameters_of(words):
    """The function's parameters by name, file options as fields."""
    parameters = {}
    for name, one in inspect.signature(function_of(words)).parameters.items():
        if "FileOptions" in str(one.annotation):
            assert name == "files" and one.default is None
            options = inspect.signature(io.FileOptions).parameters
            parameters |= {
                name: field.replace(kind=field.KEYWORD_ONLY)
                for name, field in options.items()
            }
        else:
            parameters[name] = one
    return parameters


def parameters_of(words):
    """The parameters of the functions that should be options, by name."""
    parameters = all_parameters_of(words)
    if ALL[words].distributed:
        parameters |= inspect.signature(training.distribution).parameters
    for name in NO_OPTIONS | OBJECTS.get(" ".join(words), set()):
        parameters.pop(name, None)
    return parameters


def shown_help(capsys, *words):
    assert main([*words, "--help"]) == 0
    return capsys.readouterr().out


def test_the_program_has_the_commands_of_the_contract(capsys):
    out = shown_help(capsys)
    for name in (
        "restore inpaint deblur upscale upscale-video stylize translate sample "
        "generate export demo datasets train edit compose"
    ).split():
        assert f"│ {name} " in out, name
    for group in ("Restore", "Synthesize", "Train", "Other", "Examples:"):
        assert group in out
    out = shown_help(capsys, "edit")
    for name in "project directions move mix film".split():
        assert f"│ {name} " in out, name
    out = shown_help(capsys, "rate")
    for name in "new export report".split():
        assert f"│ {name} " in out, name
    out = shown_help(capsys, "train")
    for name in (
        "vae gan flow stylegan2 classifier denoiser inpainter damage-detector "
        "upscaler pix2pix cyclegan cut adain"
    ).split():
        assert f"│ {name} " in out, name


def test_every_training_has_a_command():
    functions = {command.function for command in TRAININGS}
    assert functions == {n for n in training.__all__ if n.startswith("train_")}


@every_command
def test_help_names_every_parameter(capsys, words):
    out = shown_help(capsys, *words)
    # Deeper in a line, an option is mentioned in a description.
    shown = set(re.findall(r"^│ (?:[* ]  )?(--\S+)", out, re.MULTILINE))
    required = [line for line in out.splitlines() if line.startswith("│ * ")]
    shown |= {line.strip("│* ").split()[0] for line in required}
    expected = {f"--{name}" for name in OUTPUT_OPTIONS}
    for name, parameter in parameters_of(words).items():
        required = parameter.default is parameter.empty
        keyword = parameter.kind is parameter.KEYWORD_ONLY and name == "images"
        if keyword:
            expected.add("--images")
        elif required and words[0] != "train" and name != "model":
            expected.add(name.upper())
        elif required and words[0] in ("sample", "generate", "export", "edit"):
            expected.add(name.upper())
        else:
            expected.add(f"--{name.strip('_').replace('_', '-')}")
    assert shown == expected


@every_command
def test_help_describes_every_parameter_and_gives_examples(capsys, words):
    command = ALL[words]
    out = " ".join(shown_help(capsys, *words).replace("│", " ").split())
    assert "Examples:" in out and command.examples
    assert " ".join(command.source.summary.split()) in out
    for name in parameters_of(words):
        about = command.arguments[name]
        assert about.endswith(".") and about in out, name


@every_command
def test_parameters_are_those_of_the_imported_function(words):
    """What is read from the source is what Python makes of it."""
    function, command = function_of(words), ALL[words]
    expected = all_parameters_of(words)
    found = {p.name: p for p in command.source.parameters}
    assert list(found) == list(expected)
    for name, parameter in found.items():
        assert parameter.default == expected[name].default, name
        assert type(parameter.default) is type(expected[name].default), name
        assert parameter.kind == expected[name].kind, name
    assert [p.name for p in command.options] == list(parameters_of(words))
    assert inspect.getdoc(function).startswith(command.source.summary)


@every_command
def test_defaults_are_those_of_the_function(monkeypatch, words):
    """A command passes what was typed, and nothing else."""
    command, seen, parameters = ALL[words], {}, parameters_of(words)

    def record(**arguments):
        seen.update(arguments)
        raise ValueError("enough")

    package = f"keras_synth.{command.package}"
    monkeypatch.setattr(f"{package}.{command.function}", record)
    typed, given = list(words), {}
    for name, parameter in parameters.items():
        if parameter.default is not parameter.empty:
            continue
        positional = words[0] != "train" and words != ("translate",)
        positional &= name != "images"
        if positional or name in ("source", "target"):
            typed.append(name)
        else:
            typed += [f"--{name}", name]
        given[name] = [name] if name == "images" else name
    assert main(typed) == 2
    assert {n: v for n, v in seen.items() if n not in NO_OPTIONS} == given


def constants_of(annotation):
    """The constants of `Literal[...]` or `Literal[...] | None`; or ()."""
    for member in (annotation, *typing.get_args(annotation)):
        if typing.get_origin(member) is typing.Literal:
            return typing.get_args(member)
    return ()


@pytest.mark.parametrize(
    "words, name, choices",
    [
        ("train gan", "objective", training.OBJECTIVES),
        ("train denoiser", "degradation", training.DEGRADATIONS),
        ("train inpainter", "holes", training.HOLES),
        ("train upscaler", "architecture", training.UPSCALERS),
        ("train stylegan2", "augmentation", training.AUGMENTATIONS),
        ("train flow", "architecture", "training.flow.ARCHITECTURES"),
        ("train adain", "features", FEATURE_NETWORKS),
        ("stylize", "features", FEATURE_NETWORKS),
        ("export", "format", tasks.EXPORTS),
        ("translate", "direction", DIRECTIONS),
        ("train gan", "architecture", "training.gan.ARCHITECTURES"),
        ("train denoiser", "architecture", "training.denoiser.ARCHITECTURES"),
    ],
)
def test_choices_are_the_constants_of_the_function(words, name, choices):
    if isinstance(choices, str):
        module, _, constant = choices.rpartition(".")
        module = importlib.import_module(f"keras_synth.{module}")
        choices = getattr(module, constant)
    options = {p.name: p for p in ALL[tuple(words.split())].options}
    assert constants_of(options[name].annotation) == tuple(choices)


def test_one_name_means_one_type_everywhere():
    """Numbers stay numbers and flags stay flags across commands."""
    kinds = {}
    for words, command in ALL.items():
        for option in command.options:
            members = typing.get_args(option.annotation | None)
            members = [m for m in members if m is not type(None)]
            if constants := constants_of(option.annotation):
                members = [type(constants[0])]
            kinds.setdefault(option.name, {})[str(members)] = words
    several = {name: kind for name, kind in kinds.items() if len(kind) > 1}
    assert not several


def processor_time(code):
    """Seconds that a Python of its own takes: others may be at work too."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.fixture(scope="module")
def time_of_tensorflow():
    return processor_time("import tensorflow")


@pytest.mark.parametrize(
    "words", ["--help", "train --help", "stylize --help", "train vae --help"]
)
def test_help_is_fast_and_imports_no_tensorflow(words, time_of_tensorflow):
    used = processor_time(
        "import sys\n"
        "from keras_synth.cli.main import main\n"
        f"assert main({words.split()!r}) == 0\n"
        "heavy = {'tensorflow', 'keras', 'numpy', 'PIL'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)\n"
    )
    assert used < 0.3 * time_of_tensorflow


def test_the_version_is_the_packages(capsys):
    import keras_synth

    assert main(["--version"]) == 0
    assert capsys.readouterr().out.strip() == keras_synth.__version__


@every_command
def test_help_speaks_the_language_of_the_command_line(capsys, words):
    """Options as one types them, in lines that a terminal does not break."""
    out = shown_help(capsys, *words)
    assert max(map(len, out.splitlines())) <= 80
    text = " ".join(out.replace("│", " ").split())
    for parameter in ALL[words].options:
        assert f"`{parameter.name}`" not in text, parameter.name
    assert "In Python" not in text and "[default: ]" not in text
    assert "datasets.Source" not in text


def test_examples_of_keywords_become_options(capsys):
    out = " ".join(shown_help(capsys, "train", "cut").split())
    assert "--image-size 64 --width 24 --num-blocks 6 --batch-size 4." in out


def test_a_file_name_or_a_truth_value(monkeypatch):
    """`--cache False` is no file with that name."""
    seen = {}

    def record(**arguments):
        seen.update(arguments)
        raise ValueError("enough")

    monkeypatch.setattr("keras_synth.training.train_vae", record)
    for typed, value in (("False", False), ("True", True), ("a", "a")):
        assert main(["train", "vae", "--cache", typed]) == 2
        assert seen["cache"] is value or seen["cache"] == value == "a"


def test_a_function_that_is_not_there_is_an_error():
    with pytest.raises(LookupError, match="has no nonsense"):
        signatures.read_function("tasks", "restore", "nonsense")


@pytest.mark.parametrize(
    "words",
    [
        "upscale a.png b.png --scale 2.5",
        "stylize a.png b.png c.png --steps 100 2.5",
        "compose a.png b.png c.png d.png --left 1.5",
        "restore a.png b.png --quality 90.5",
        "train vae mnist --epochs 1.5",
        "train cyclegan --a x --b y --image-size 64.5",
    ],
)
def test_whole_numbers_are_not_rounded(capsys, words):
    assert main(words.split()) == 2
    error = capsys.readouterr().err
    assert "to convert" in error and "into int" in error, error


def test_lists_flags_and_numbers_are_read_as_such(monkeypatch):
    seen = {}

    def record(**arguments):
        seen.update(arguments)
        return []

    monkeypatch.setattr("keras_synth.tasks.stylize", record)
    words = (
        "stylize a.png b.png c.png --blend d.png e.png --blend-weights 1 2 0.5 "
        "--steps 20 10 --preserve-color --style-size 64"
    )
    assert main(words.split()) == 0
    assert seen.pop("on_file") and seen.pop("verbose") == "auto"
    assert seen == {
        "source": "a.png",
        "style": "b.png",
        "target": "c.png",
        "blend": ["d.png", "e.png"],
        "blend_weights": [1.0, 2.0, 0.5],
        "steps": [20, 10],
        "preserve_color": True,
        "style_size": 64,
    }
    monkeypatch.setattr("keras_synth.tasks.restore", record)
    assert main(["restore", "a", "b", "--skip-existing"]) == 0
    assert seen.pop("files") == io.FileOptions(skip_existing=True)
    for typed, level in (("auto", "auto"), ("0.1", 0.1)):
        assert main(["restore", "a", "b", "--noise-level", typed]) == 0
        assert seen["noise_level"] == level
