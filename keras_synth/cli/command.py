"""Commands: a function of keras_synth, its options and what it prints."""

import contextlib
import dataclasses
import functools
import importlib
import inspect
import json
import math
import os
import pathlib
import re
import shutil
import sys
import textwrap
import typing
from collections.abc import Callable
from typing import Annotated

from cyclopts import CoercionError, Parameter, convert

import keras_synth
from keras_synth.cli.signatures import read_function

#: Options of every command: name and description.
OUTPUT_OPTIONS = {
    "quiet": "Print no progress and no results, only errors.",
    "json": "Print each result as one JSON object on a line of its own, with "
    "the settings that it was made with.",
    "debug": "Print the whole traceback of an error, and what TensorFlow "
    "prints when it is imported.",
}
# What a function calls with its results, while it goes on.
_CALLBACKS = ("on_file", "on_ready")
_FLAGS = {"True": True, "False": False}
# Options whose values may look like options: `--suffix -restored`.
_WITH_HYPHEN = ("suffix",)
# How the program itself calls a function is no option.
_NO_OPTIONS = ("verbose", *_CALLBACKS)


def _as_dict(result, arguments):
    return dataclasses.asdict(result)


@dataclasses.dataclass(frozen=True)
class Command:
    """A command, whose options are the parameters of a function.

    Attributes:
        name: What is typed, such as "upscale-video".
        package: Name of the subpackage of the function, such as "tasks".
        function: Name of the function.
        group: Heading of the command in the help of the program.
        examples: Tuple of lines to type.
        lines: Function from the facts of a result to the lines to print.
        facts: Function from a result and all arguments to a dict that says
            what was done; of a dataclass its fields by default.
        module: Name of the module of the function; None if named as it is.
        keywords: Whether arguments without a default are options too.
        shows_epochs: Whether the function's progress is that of Keras.
        distributed: Whether the function can run on several workers or
            devices: the parameters of `training.distribution` are options
            too.
    """

    name: str
    package: str
    function: str
    group: str
    examples: tuple
    lines: Callable
    facts: Callable = _as_dict
    module: str | None = None
    keywords: bool = False
    shows_epochs: bool = False
    distributed: bool = False

    @functools.cached_property
    def source(self):
        """What the source says of the function, a `signatures.Function`."""
        module = self.module or self.function
        return read_function(self.package, module, self.function)

    @functools.cached_property
    def distribution(self):
        """The same of `training.distribution`; None if not distributed."""
        if not self.distributed:
            return None
        return read_function("training", "distributed", "distribution")

    @property
    def options(self):
        """The parameters of the functions that the command line offers."""
        parameters = [*self.source.parameters]
        if self.distribution:
            parameters += self.distribution.parameters
        return [
            parameter
            for parameter in parameters
            if parameter.name not in _NO_OPTIONS
            and parameter.annotation is not None
        ]

    @property
    def arguments(self):
        """Dict from each option to its description, as one line."""
        further = self.distribution.arguments if self.distribution else {}
        entries = {**self.source.arguments, **further}
        return {name: self._about(text) for name, text in entries.items()}

    @property
    def help(self):
        """Summary and description, as text."""
        about = f"{self.source.summary}\n\n{self.source.description}".strip()
        return self._about(about)

    def error_text(self, text):
        """The message of an error in the words of the command line."""
        names = "|".join(parameter.name for parameter in self.options)
        return re.sub(
            rf"(?<=[\s(])({names})=(?=\S)",
            lambda match: f"{self._written(match[1])} ",
            self._typed(text),
        )

    def _about(self, text):
        """A text of the docstring in the words of the command line."""
        text = re.sub(r" In Python [^.]*(\.\w[^.]*)*\.(?= |$)", "", text)
        return self._typed(text)

    def _typed(self, text):
        """A text with `name` and `name=value` as they are typed."""
        names = {parameter.name for parameter in self.options}

        def options(match):
            found = re.findall(r"(\w+)(?:=([\w.]+))?(?:,\s+|$)", match[1])
            if not {name for name, _ in found} <= names:
                return match[0]
            return " ".join(
                f"{self._written(name)} {value}".strip()
                for name, value in found
            )

        return re.sub(r"`(\w+(?:=[\w.]+)?(?:,\s+\w+=[\w.]+)*)`", options, text)

    def entry(self):
        """A function with the options as its signature, which runs it all."""

        def run(**given):
            self.run(**given)

        run.command = self
        run.__name__ = self.function
        run.__signature__ = inspect.Signature(
            [self._option(parameter) for parameter in self.options]
            + [_output_option(name) for name in OUTPUT_OPTIONS]
        )
        return run

    def run(self, *, quiet=False, json=False, debug=False, **given):
        """Calls the function, and prints what it did.

        Args:
            quiet: See `OUTPUT_OPTIONS`.
            json: See `OUTPUT_OPTIONS`.
            debug: See `OUTPUT_OPTIONS`; `main` reads it.
            **given: The arguments that were typed.
        """
        _check_finite(given)
        package = importlib.import_module(f"keras_synth.{self.package}")
        function = getattr(package, self.function)
        parameters = {p.name: p.default for p in self.source.parameters}
        parameters |= {p.name: p.default for p in self.options}
        for name, value in given.items():  # True or the name of a file
            if isinstance(parameters[name], bool) and value in _FLAGS:
                given[name] = _FLAGS[value]
        options = dict(given)
        for name, (kind, fields) in self.source.bundles.items():
            values = {n: options.pop(n) for n in fields if n in options}
            if values:
                options[name] = getattr(keras_synth.io, kind)(**values)
        if "verbose" in parameters:
            options["verbose"] = self._verbose(quiet, json)

        def show(result):
            facts = self.facts(result, {**parameters, **given})
            if json:
                settings = {p.name: parameters[p.name] for p in self.options}
                _print(_as_json({**facts, "settings": {**settings, **given}}))
            elif not quiet:
                _print("\n".join(self.lines(facts)))

        callbacks = [name for name in _CALLBACKS if name in parameters]
        with self._strategy(package, options):
            if callbacks:
                made = function(**options, **dict.fromkeys(callbacks, show))
                if given.get("skip_existing") and made == [] and not quiet:
                    print("nothing to do: all is written", file=sys.stderr)
            else:
                show(function(**options))

    def _strategy(self, package, options):
        """The scope of the strategy that options ask for; takes these out."""
        if not self.distribution:
            return contextlib.nullcontext()
        names = [p.name for p in self.distribution.parameters]
        given = {name: options.pop(name) for name in names if name in options}
        return package.distribution(**given).scope()

    def _verbose(self, quiet, json):
        if quiet:
            return 0
        if not self.shows_epochs:
            return "auto"
        # Keras prints to standard output: a bar, or a line for each epoch.
        if json:
            return 0
        return 1 if sys.stdout.isatty() else 2

    def _written(self, name):
        """A parameter as it is written: STYLE by its place, or --style."""
        (parameter,) = (p for p in self.options if p.name == name)
        return (
            name.upper() if self._has_place(parameter) else _option_name(name)
        )

    def _has_place(self, parameter):
        required = parameter.default is inspect.Parameter.empty
        by_place = parameter.kind is parameter.POSITIONAL_OR_KEYWORD
        return required and by_place and not self.keywords

    def _option(self, parameter):
        required = parameter.default is inspect.Parameter.empty
        kind = parameter.KEYWORD_ONLY
        if self._has_place(parameter):
            kind = parameter.POSITIONAL_ONLY
        bundles = self.source.bundles.values()
        of_files = any(parameter.name in fields for _, fields in bundles)
        text = self.arguments.get(parameter.name, "")
        about = Parameter(
            help=text,
            show_default=False if required else _shown(parameter.default, text),
            converter=_converter(parameter.annotation),
            allow_leading_hyphen=parameter.name in _WITH_HYPHEN,
            **({"group": "Files"} if of_files else {}),
        )
        annotation = Annotated[parameter.annotation, about]
        return parameter.replace(kind=kind, annotation=annotation)


def _option_name(name):
    return f"--{name.strip('_').replace('_', '-')}"


def _converter(annotation):
    """Of whole numbers one that does not round; else None for the usual."""
    kinds = _kinds(annotation)
    return _whole if int in kinds and float not in kinds else None


def _kinds(annotation):
    """An annotation and all that it is made of."""
    return {annotation}.union(*map(_kinds, typing.get_args(annotation)))


def _whole(kind, tokens):
    for token in tokens:
        if "." in token.value:
            raise CoercionError(token=token, argument=None, target_type=int)
    return convert(kind, tokens)


def _shown(default, text):
    """The default in the help, where it says something."""
    if default is None:
        return "None " in text and (lambda _: "None")
    if default is False or default in ((), ""):
        return False
    if isinstance(default, tuple):
        default = " ".join(map(str, default))
    return lambda _: str(default)


def _output_option(name):
    about = Parameter(
        help=OUTPUT_OPTIONS[name], group="Output", show_default=False
    )
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=False,
        annotation=Annotated[bool, about],
    )


def _check_finite(arguments):
    for name, value in arguments.items():
        for number in value if isinstance(value, list | tuple) else [value]:
            if isinstance(number, float) and not math.isfinite(number):
                raise ValueError(
                    f"`{name}` must be a finite number. Received: {number}"
                )


def _as_json(facts):
    facts = _finite(facts)
    text = json.dumps(facts, default=str, ensure_ascii=False)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:  # a name that is no UTF-8
        text = json.dumps(facts, default=str)
    return text


def _finite(value):
    """The same with words for infinite numbers and NaN, which JSON lacks."""
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def _print(text):
    try:
        print(text, flush=True)
    except BrokenPipeError:
        # The reader of a pipe has seen enough; the files are still wanted.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def examples_text(examples):
    """Examples as they stand below the options in a help."""
    lines = ["Examples:"]
    for example in examples:
        words = textwrap.wrap(
            example, 74, break_long_words=False, break_on_hyphens=False
        )
        lines.append("  " + " \\\n      ".join(words))
    return "\n".join(lines)


def program(name):
    """A program as one types it: by its path where it is not on the PATH."""
    beside = pathlib.Path(sys.executable).parent / name
    if shutil.which(name) == str(beside) or not beside.exists():
        return name
    return os.path.relpath(beside)


def image_lines(what):
    """Lines about a written image file, for `Command.lines`.

    Args:
        what: Function from the facts to a str that says what was done.
    """

    def lines(facts):
        yield f"image: {facts['target']} ({what(facts)})"
        if facts["comparison"]:
            yield f"before and after: {facts['comparison']}"
        for note in facts["notes"]:
            yield f"note: {note}"

    return lines
