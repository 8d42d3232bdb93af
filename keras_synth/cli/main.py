"""The command line: parses, runs one command, and reports errors."""

import contextlib
import logging
import os
import re
import sys
import tempfile
import traceback

from cyclopts import App, CycloptsError, Group, Parameter

import keras_synth
from keras_synth.cli import (
    anonymize,
    compose,
    datasets,
    deblur,
    demo,
    edit,
    export,
    generate,
    inpaint,
    presets,
    rate,
    restore,
    sample,
    score,
    serve,
    stylize,
    train,
    translate,
    upscale,
    upscale_video,
)
from keras_synth.cli.command import examples_text
from keras_synth.cli.workers import run_workers

EXAMPLES = (
    "keras-synth restore noisy.png clean.png",
    "keras-synth upscale small.png large.png",
    "keras-synth inpaint photo.jpg mask.png out.jpg",
    "keras-synth stylize photo.jpg painting.jpg stylized.png",
    "keras-synth train vae --data FOLDER --image-size 64",
    "keras-synth sample runs/vae/vae.keras samples.png",
    "keras-synth serve",
    "keras-synth COMMAND --help",
)
#: All commands but those of `FAMILIES`, in the order of the help.
COMMANDS = tuple(
    each.COMMAND
    for each in (
        restore,
        inpaint,
        deblur,
        upscale,
        upscale_video,
        sample,
        generate,
        stylize,
        translate,
        compose,
        serve,
        score,
        anonymize,
        demo,
        export,
        datasets,
        presets,
    )
)
#: Commands of several, by their first word.
FAMILIES = {"edit": edit, "rate": rate, "train": train}
_ASK = {"--help", "-h", "--version"}
# What TensorFlow says at each import, and without a GPU.
_GREETING = (
    r"absl::InitializeLog|oneDNN custom operations|rebuild TensorFlow|"
    r"Could not find cuda drivers|failed call to cuInit.*(303|NO_DEVICE)|"
    r"This TensorFlow binary is optimized"
)
_GROUPS = ("Restore", "Synthesize", "Train", "Other")


def main(argv=None):
    """Runs one command.

    Args:
        argv: List of the words that were typed; None takes those of the
            process.

    Returns:
        Exit code: 0, 2 after an error, 130 after Ctrl-C.
    """
    argv = sys.argv[1:] if argv is None else list(argv)
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")  # any file's name
    try:
        code = _run(argv)
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("\nkeras-synth: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of a pipe has seen enough
        _drop_unprinted()
        return 0
    except Exception as error:
        if "--debug" in argv:
            traceback.print_exc()
        code = _fail(error)
        _drop_unprinted()
    return code


def _run(argv):
    entry, bound, _ = _app().parse_args(
        argv, print_error=False, exit_on_error=False
    )
    if not hasattr(entry, "command"):
        entry(*bound.args, **bound.kwargs)  # prints the help, or the version
        return 0 if _ASK & set(argv) else 2
    given = bound.arguments
    workers = given.get("workers") if entry.command.distributed else None
    if workers is not None and "TF_CONFIG" not in os.environ:
        return run_workers(argv, workers)
    _import_tensorflow(given.get("debug", False))
    try:
        entry(**given)
    except Exception as error:
        error.command = entry.command
        raise
    return 0


def _drop_unprinted():
    """Where standard output is closed or full, Python would try again."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _app():
    groups = {
        name: Group(name, sort_key=number)
        for number, name in enumerate(_GROUPS)
    }
    shared = {
        "help_format": "plaintext",
        "default_parameter": Parameter(negative=(), consume_multiple=True),
    }
    app = App(
        name="keras-synth",
        help="Image synthesis and restoration with Keras.",
        help_epilogue=examples_text(EXAMPLES),
        version=keras_synth.__version__,
        **shared,
    )
    app["--help"].group = app["--version"].group = Group("Help", sort_key=9)
    for name, module in FAMILIES.items():
        family = App(
            name=name,
            help=module.HELP,
            help_epilogue=examples_text(module.EXAMPLES),
            usage=f"Usage: keras-synth {name} {module.WHAT} [OPTIONS]",
            group=groups[module.GROUP],
            sort_key=len(COMMANDS),
            **shared,
        )
        (group,) = {command.group for command in module.COMMANDS}
        family.group_commands = Group(group)
        for command in module.COMMANDS:
            _add(family, command)
        app.command(family)
    for number, command in enumerate(COMMANDS):
        _add(app, command, group=groups[command.group], sort_key=number)
    return app


def _add(app, command, **options):
    app.command(
        command.entry(),
        name=command.name,
        help=command.help,
        help_epilogue=examples_text(command.examples),
        **options,
    )


def _fail(error):
    lines = [_message(error)]
    command = getattr(error, "command", None)
    if isinstance(getattr(error, "errors", None), dict):  # several files'
        lines = [
            text if str(file) in text else f"{file}: {text}"
            for file, text in zip(
                error.errors, map(_message, error.errors.values()), strict=True
            )
        ]
    for line in lines:
        line = command.error_text(line) if command else line
        print(f"keras-synth: error: {line}", file=sys.stderr)
    return 2


def _message(error):
    """One line about an error, for a person."""
    text = _plain(error)
    # Keras puts the message of a layer in bold, between the places in the code.
    bold = re.findall(r"\x1b\[1m(.*?)\x1b\[0m", str(error), re.DOTALL)
    text = _one_line(bold[-1] if bold else text)
    kind = type(error).__name__
    if kind == "ResourceExhaustedError" or isinstance(error, MemoryError):
        what = "no space" if "No space left" in text else "out of memory"
        return f"{what}: {_first_cause(error)}"
    expected = (
        ValueError,
        OSError,
        ImportError,
        FloatingPointError,  # a training that diverged
        CycloptsError,
    )
    if isinstance(error, expected) and text:
        return text
    return f"{kind}: {_first_cause(error)} (--debug shows where)"


def _one_line(text):
    """Lines as one; those of a list are separated by semicolons."""
    lines = [" ".join(line.split()) for line in text.splitlines()]
    joined = ""
    for line in filter(None, lines):
        if joined:
            joined += " " if joined[-1] in ".:;,(" else "; "
        joined += line
    return joined


def _plain(error):
    """The message of an error without what Keras writes around it."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    # TensorFlow writes the places in the code before it.
    text = re.sub(r"(?s)^in user code:\n.*\n +\w+Error: ", "", text)
    text = re.sub(r"^Exception encountered when calling .*\n", "", text)
    return text.partition("\nArguments received by ")[0]


def _first_cause(error):
    """What TensorFlow says after the place in its graph, cut to a line."""
    skipped = ("Graph execution error", "Detected at", "File", "[[", "<")
    lines = [line.strip() for line in _plain(error).splitlines()]
    for line in lines:
        if line and not line.startswith(skipped):
            return line[:200]
    return "no message"


def _import_tensorflow(debug):
    """Imports TensorFlow without its greetings.

    It greets on file descriptor 2, whatever its log level. What else it
    prints is shown after the import; where the import fails, and for `debug`,
    all of it.
    """
    if "tensorflow" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if not debug:  # such as that images of another size need another graph
        logging.getLogger("tensorflow").setLevel(logging.ERROR)
    left_out = r"$."  # nothing
    with tempfile.TemporaryFile() as printed:
        try:
            with _shown_after_a_crash(printed), _redirected(2, printed):
                import tensorflow as tf

                tf.config.list_physical_devices()
            left_out = left_out if debug else _GREETING
        finally:
            printed.seek(0)
            for line in printed.read().decode(errors="replace").splitlines():
                if not re.search(left_out, line):
                    print(line, file=sys.stderr)


@contextlib.contextmanager
def _shown_after_a_crash(printed):
    """Shows what was printed to a file if this process dies in the block."""
    if not hasattr(os, "fork"):
        yield
        return
    read, write = os.pipe()
    watcher = os.fork()
    if not watcher:
        try:
            os.close(write)
            if not os.read(read, 1):  # It ended, and did not say that it can.
                os.lseek(printed.fileno(), 0, os.SEEK_SET)
                while text := os.read(printed.fileno(), 4096):
                    os.write(2, text)
        finally:
            os._exit(0)
    try:
        yield
    finally:
        os.write(write, b".")
        os.close(write)
        os.close(read)
        os.waitpid(watcher, 0)


@contextlib.contextmanager
def _redirected(descriptor, file):
    sys.stderr.flush()
    kept = os.dup(descriptor)
    try:
        os.dup2(file.fileno(), descriptor)
        yield
    finally:
        os.dup2(kept, descriptor)
        os.close(kept)
