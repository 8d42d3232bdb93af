"""Writes one page of the API reference for each public module.

Every exported name gets an entry, so that none can be forgotten: `__all__`
of a subpackage, the public functions of a single file.
"""

import importlib
import inspect
import pathlib
import re

import keras_synth

# What Keras calls when it saves and loads; nobody else does.
KERAS_METHODS = (
    "build",
    "build_from_config",
    "compile_from_config",
    "compute_output_shape",
    "compute_output_spec",
    "from_config",
    "get_build_config",
    "get_compile_config",
    "get_config",
    "load_own_variables",
    "save_own_variables",
)
FOLDER = pathlib.Path(__file__).parent / "api"


def public_modules():
    """Names of the modules of keras_synth that a user imports."""
    return sorted(keras_synth.__dir__.__globals__["_SUBMODULES"])


def public_names(module):
    """The names that a module exports, classes first, in alphabetical order.

    Args:
        module: The module, already imported.

    Returns:
        List of str.
    """
    names = getattr(module, "__all__", None)
    if names is None:
        names = [
            name
            for name, value in vars(module).items()
            if inspect.isfunction(value)
            and value.__module__ == module.__name__
            and not name.startswith("_")
        ]
    return sorted(names, key=lambda name: (name.lower(), name))


def first_line(value):
    """The first line of a docstring; a constant's is made from its value."""
    if not _has_docstring(value):
        return constant_line(value)
    return inline_code((inspect.getdoc(value) or "").partition("\n")[0])


def _has_docstring(value):
    return (
        inspect.isclass(value)
        or inspect.isroutine(value)
        or inspect.ismodule(value)
    )


def constant_line(value):
    """What stands for the docstring that a constant cannot have."""
    kind = type(value).__name__
    if isinstance(value, dict):
        kind = "dict with the keys"
    if not isinstance(value, dict | tuple | list | set | frozenset):
        return f"Constant: ``{value!r}``."
    entries = ", ".join(f"``{entry!r}``" for entry in value)
    return f"Constant, a {kind} {entries}."


_CODE = re.compile(r"(?<!`)(`+)([^`]+)\1(?!`)")


def inline_code(text):
    """Markdown's `code` as reStructuredText, special characters escaped."""
    parts, end = [], 0
    for found in _CODE.finditer(text):
        before = text[found.start() - 1 : found.start()]
        after = text[found.end() : found.end() + 1]
        code = " ".join(found.group(2).split())
        # Markup must not touch a letter, but for a space that is escaped.
        parts += [
            _escape(text[end : found.start()]),
            "\\ " * before.isalnum(),
            f"``{code}``",
            "\\ " * after.isalnum(),
        ]
        end = found.end()
    return "".join([*parts, _escape(text[end:])])


def _escape(text):
    return re.sub(r"(?<!\\)([*|])", r"\\\1", text)


def to_rest(lines):
    """A docstring of ours as the reStructuredText that napoleon reads.

    Our docstrings have `code` between single backquotes, formulas and code in
    indented blocks after a colon, and no other markup.

    Args:
        lines: The docstring's lines, without common indentation.

    Returns:
        List of str.
    """
    blocks = re.split(r"\n[ \t]*\n", "\n".join(lines))
    done, announced = [], None
    for block, following in zip(blocks, [*blocks[1:], ""], strict=True):
        if announced is not None and _indent(block, 0) > announced:
            done.append(block)  # code, or a formula
            continue
        announced = None
        if block.lstrip().startswith(">>>"):
            done.append(block)
            continue
        text = inline_code(block)
        if (
            text.endswith(":")
            and not text.endswith("::")
            and not following.lstrip().startswith((">>>", "- ", "1. "))
            and _indent(following, 0) > _indent(block, -1)
        ):
            announced = _indent(block, -1)
            text += ":"
        done.append(text)
    return "\n\n".join(done).split("\n")


def _indent(block, line):
    """Spaces before the first (0) or last (-1) line of a block."""
    text = (block.strip("\n").splitlines() or [""])[line]
    return len(text) - len(text.lstrip())


def directive(name, value):
    """The lines of reStructuredText that document one name."""
    if inspect.isclass(value):
        return [
            f".. autoclass:: {name}",
            "   :members:",
            f"   :exclude-members: {', '.join(KERAS_METHODS)}",
        ]
    if inspect.isroutine(value):
        return [f".. autofunction:: {name}"]
    return [f".. autodata:: {name}", "   :no-value:"]


def table(rows):
    """Lines of a table of two columns, from pairs of a name and a sentence."""
    lines = [".. list-table::", "   :class: names", "   :widths: 35 65", ""]
    for name, sentence in rows:
        lines += [f"   * - {name}", f"     - {sentence}"]
    return [*lines, ""]


def page(module_name):
    """The text of one module's page."""
    full = f"keras_synth.{module_name}"
    module = importlib.import_module(full)
    names = public_names(module)
    lines = [full, "=" * len(full), "", f".. automodule:: {full}"]
    lines += ["   :no-members:", "", f".. currentmodule:: {full}", ""]
    lines += table(
        (f":py:obj:`{name}`", first_line(getattr(module, name)))
        for name in names
    )
    for name in names:
        # A section of its own puts the name into the table on the right.
        lines += [name, "-" * len(name), ""]
        lines += [*directive(name, getattr(module, name)), ""]
    return "\n".join(lines)


def index_page():
    """The text of the page that lists the modules."""
    names = public_modules()
    lines = ["API", "===", "", ".. toctree::", "   :hidden:", ""]
    lines += [*(f"   {name}" for name in names), ""]
    lines += table(
        (
            f":doc:`keras_synth.{name} <{name}>`",
            first_line(importlib.import_module(f"keras_synth.{name}")),
        )
        for name in names
    )
    return "\n".join(lines)


def write_pages(folder=FOLDER):
    """Writes the pages and their index; removes those of former modules.

    Args:
        folder: Where the pages go, a `pathlib.Path`.
    """
    folder.mkdir(exist_ok=True)
    pages = {name: page(name) for name in public_modules()}
    pages["index"] = index_page()
    for old in folder.glob("*.rst"):
        if old.stem not in pages:
            old.unlink()
    for name, text in pages.items():
        path = folder / f"{name}.rst"
        # Sphinx reads again what is newer.
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
