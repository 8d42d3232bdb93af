"""Writes the options of each command, as `--help` shows them."""

import contextlib
import io
import os
import pathlib

FILE = pathlib.Path(__file__).parent / "api" / "commands.txt"


def commands():
    """The words of each command, such as ("train", "vae")."""
    from keras_synth.cli import main

    return [
        *((command.name,) for command in main.COMMANDS),
        *(
            (name, command.name)
            for name, module in main.FAMILIES.items()
            for command in module.COMMANDS
        ),
    ]


def help_of(words):
    """What a command prints for `--help`, 80 columns wide."""
    from keras_synth.cli.main import main

    columns, printed = os.environ.get("COLUMNS"), io.StringIO()
    os.environ["COLUMNS"] = "80"
    try:
        with contextlib.redirect_stdout(printed):
            main([*words, "--help"])
    finally:
        del os.environ["COLUMNS"]
        if columns is not None:
            os.environ["COLUMNS"] = columns
    return printed.getvalue().strip()


def page():
    """The text that `command_line.md` includes, in Markdown."""
    parts = ["## keras-synth", "```text", help_of(()), "```"]
    for words in commands():
        parts += [f"## {' '.join(words)}", "```text", help_of(words), "```"]
    return "\n".join(parts) + "\n"


def write_page(file=FILE):
    """Writes the text where the site finds it."""
    file.parent.mkdir(exist_ok=True)
    text = page()
    if not file.exists() or file.read_text(encoding="utf-8") != text:
        file.write_text(text, encoding="utf-8")
