"""Signatures and docstrings of functions, read without importing them.

To import `keras_synth.tasks` or `keras_synth.training` is to import
TensorFlow, which takes seconds. What a command's help needs stands in the
source: it is parsed, and annotations and defaults are evaluated by themselves.
"""

import ast
import dataclasses
import functools
import inspect
import operator
import pathlib
import re
import types
import typing

_PACKAGE = pathlib.Path(__file__).parents[1]
# What annotations of options are made of. Other types, `keras.Model` say,
# cannot be typed on a command line.
_NAMES = {
    "Literal": typing.Literal,
    "Sequence": list,
    "bool": bool,
    "float": float,
    "int": int,
    "list": list,
    "str": str,
    "tuple": tuple,
}
# Parameters that stand for several options: a dataclass, and its module.
_BUNDLES = {"FileOptions": ("io", "options")}
_SECTION = re.compile(
    r"^(Args|Returns|Yields|Raises|Example|Reference)s?:", re.MULTILINE
)
_ENTRY = re.compile(r"^    (\w+): ?", re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class Function:
    """What the source says of a function.

    Attributes:
        name: Name of the function.
        parameters: List of `inspect.Parameter`, in order. The annotation is
            None for what a command line cannot give.
        summary: First line of the docstring.
        description: What follows it, up to the first section.
        arguments: Dict from parameter to its description, as one line.
        bundles: Dict from a parameter of the function that is a dataclass to
            `(its class, names of the fields)`. The fields stand among the
            parameters in its place.
    """

    name: str
    parameters: list
    summary: str
    description: str
    arguments: dict
    bundles: dict = dataclasses.field(default_factory=dict)


def read_function(package, module, name):
    """Reads the signature and the docstring of a function from its source.

    Args:
        package: Name of the subpackage of keras_synth, such as "tasks".
        module: Name of the module in it.
        name: Name of the function.

    Returns:
        A `Function`.

    Raises:
        LookupError: The module has no such function.
    """
    node = _definition(package, module, name)
    text = ast.get_docstring(node) or ""
    about = _SECTION.split(text)[0].strip()
    summary, _, description = about.partition("\n")
    parameters, entries, bundles = [], _arguments(text), {}
    for parameter, annotation in _parameters(node.args):
        kinds = {getattr(each, "id", None) for each in _union(annotation)}
        for kind in kinds & set(_BUNDLES):
            definition = _definition(*_BUNDLES[kind], kind)
            fields = list(_fields(definition))
            entries |= _arguments(ast.get_docstring(definition))
            bundles[parameter.name] = kind, [field.name for field in fields]
            parameters += fields
        if parameter.name not in bundles:
            parameters.append(parameter)
    return Function(
        name, parameters, summary, description.strip("\n"), entries, bundles
    )


def _definition(package, module, name):
    path = _PACKAGE / package / f"{module}.py"
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        kinds = (ast.FunctionDef, ast.ClassDef)
        if isinstance(node, kinds) and node.name == name:
            return node
    raise LookupError(f"{path} has no {name}")


def _fields(definition):
    """The fields of a dataclass, as parameters."""
    for node in definition.body:
        if isinstance(node, ast.AnnAssign):
            yield inspect.Parameter(
                node.target.id,
                inspect.Parameter.KEYWORD_ONLY,
                default=_value(node.value),
                annotation=_option_type(node.annotation),
            )


def _parameters(arguments):
    """Pairs of a parameter and the node of its annotation."""
    positional = [*arguments.posonlyargs, *arguments.args]
    missing = [None] * (len(positional) - len(arguments.defaults))
    kinds = (
        (positional, [*missing, *arguments.defaults], "POSITIONAL_OR_KEYWORD"),
        (arguments.kwonlyargs, arguments.kw_defaults, "KEYWORD_ONLY"),
    )
    for nodes, defaults, kind in kinds:
        for node, default in zip(nodes, defaults, strict=True):
            parameter = inspect.Parameter(
                node.arg,
                getattr(inspect.Parameter, kind),
                default=inspect.Parameter.empty
                if default is None
                else _value(default),
                annotation=_option_type(node.annotation),
            )
            yield parameter, node.annotation


def _value(node):
    """A default: a constant, or arithmetic on constants (1 / 32)."""
    return eval(compile(ast.Expression(node), "default", "eval"), {})  # noqa: S307


def _option_type(annotation):
    """What of an annotation a command line can give; None if nothing."""
    members = [_member(node) for node in _union(annotation)]
    optional = any(member is types.NoneType for member in members)
    kept = [m for m in members if m not in (None, types.NoneType)]
    if len(kept) > 1:  # a flag takes no value, and a number is one word
        kept = [m for m in kept if m is not bool and not _is_list(m)]
    if not kept:
        return None
    if optional:
        kept.append(None)
    return functools.reduce(operator.or_, kept)


def _is_list(member):
    return typing.get_origin(member) in (list, tuple)


def _union(node):
    """The members of `A | B | C`."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return [*_union(node.left), *_union(node.right)]
    return [] if node is None else [node]


def _member(node):
    if isinstance(node, ast.Constant) and node.value is None:
        return types.NoneType
    code = compile(ast.Expression(node), "annotation", "eval")
    try:
        return eval(code, {"__builtins__": {}, **_NAMES})  # noqa: S307
    except (NameError, TypeError):
        return None


def _arguments(docstring):
    """The entries of the section "Args", each as one line."""
    parts = _SECTION.split(docstring)
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    entries = _ENTRY.split(sections.get("Args", ""))
    return {
        name: " ".join(text.split())
        for name, text in zip(entries[1::2], entries[2::2], strict=True)
    }
