"""Who may import whom, and what every module must have."""

import ast
import pathlib
import sys

import pytest

import keras_synth

PACKAGE = pathlib.Path(keras_synth.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))

# Each part, and the parts of keras_synth that it may import besides itself.
MAY_IMPORT = {
    "ops": set(),
    "io": {"ops"},
    "layers": {"ops"},
    "losses": {"ops"},
    "metrics": {"ops"},
    "degradations": {"ops"},
    "networks": {"layers", "ops"},
    "datasets": {"degradations", "io", "ops"},
    "models": {"ops", "layers", "losses", "metrics"},
    "restoration": {"layers", "ops"},
}
_BASE = set(MAY_IMPORT)
MAY_IMPORT["presets"] = _BASE
MAY_IMPORT["inference"] = _BASE
MAY_IMPORT["callbacks"] = _BASE | {"inference"}
MAY_IMPORT["editing"] = _BASE
MAY_IMPORT["export"] = _BASE
_BELOW_EVALUATION = set(MAY_IMPORT)
MAY_IMPORT["evaluation"] = _BELOW_EVALUATION
MAY_IMPORT["training"] = _BELOW_EVALUATION | {"evaluation"}
MAY_IMPORT["tasks"] = MAY_IMPORT["training"] | {"training"}
MAY_IMPORT["app"] = MAY_IMPORT["tasks"] | {"tasks"}
# What a command calls is imported when it runs, by name.
MAY_IMPORT["cli"] = set()
MAY_IMPORT["__main__"] = {"cli"}
MAY_IMPORT["__init__"] = set()

# ops/random.py asks which replica it runs on, inside the function;
# ops/flow.py compiles its graph there.
TENSORFLOW = {
    "io",
    "models",
    "restoration/bm3d",
    "restoration/operators",
    "restoration/plug_and_play.py",
    "training/distributed.py",
    "datasets",
    "degradations",
    "callbacks",
    "editing",
    "export",
    "ops/flow.py",
    "ops/gradients.py",
    "ops/random.py",
    "cli/main.py",
}
# Base class of Keras, and the part in which its subclasses are defined.
HOMES = {
    "keras.layers.Layer": "layers",
    "keras.layers.Wrapper": "layers",
    "keras.initializers.Initializer": "layers",
    "keras.losses.Loss": "losses",
    "keras.callbacks.Callback": "callbacks",
}
OPTIONAL = {
    "av",
    "dp_accounting",
    "filelock",
    "starlette",
    "uvicorn",
    "matplotlib",
    "mlxtend",
    "onnx",
    "ray",
    "tf2onnx",
}


def part_of(path):
    relative = path.relative_to(PACKAGE)
    return relative.parts[0].removesuffix(".py")


def imports(path, top_level_only=False):
    """Full names of the modules that a file imports."""
    tree = ast.parse(path.read_text())
    nodes = tree.body if top_level_only else ast.walk(tree)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", FILES, ids=str)
def test_imports_point_downwards(path):
    part = part_of(path)
    for name in imports(path):
        words = name.split(".")
        if words[0] == "keras_synth" and len(words) > 1:
            assert words[1] in MAY_IMPORT[part] | {part}, name


@pytest.mark.parametrize("path", FILES, ids=str)
def test_tensorflow_stays_where_it_belongs(path):
    relative = path.relative_to(PACKAGE).as_posix()
    if part_of(path) in TENSORFLOW or relative.startswith(tuple(TENSORFLOW)):
        return
    assert "tensorflow" not in {name.split(".")[0] for name in imports(path)}


@pytest.mark.parametrize("path", FILES, ids=str)
def test_subclasses_of_keras_are_defined_in_their_part(path):
    for node in ast.walk(ast.parse(path.read_text())):
        for base in getattr(node, "bases", ()):
            part = HOMES.get(ast.unparse(base), part_of(path))
            assert part == part_of(path), node.name


@pytest.mark.parametrize("part", ["layers", "losses", "metrics", "networks"])
def test_networks_and_losses_run_on_every_backend(part):
    """They import no TensorFlow, not even inside a function."""
    for path in (PACKAGE / part).rglob("*.py"):
        names = {name.split(".")[0] for name in imports(path)}
        known = {"keras", "keras_synth", "numpy", "scipy", "h5py", "torch"}
        assert names <= known | sys.stdlib_module_names, path


@pytest.mark.parametrize("path", FILES, ids=str)
def test_optional_packages_are_imported_inside_functions(path):
    top = {name.split(".")[0] for name in imports(path, True)}
    assert not top & OPTIONAL
    if part_of(path) in {"ops", "io"}:
        assert "tensorflow" not in top


@pytest.mark.parametrize("path", FILES, ids=str)
def test_files_and_public_names_are_documented(path):
    text = path.read_text()
    tree = ast.parse(text)
    assert ast.get_docstring(tree), "say what the file is for"
    for node in tree.body:
        public = isinstance(node, ast.FunctionDef | ast.ClassDef) and (
            not node.name.startswith("_")
        )
        assert not public or ast.get_docstring(node), node.name


def test_every_name_exported_exists():
    for name in dir(keras_synth):
        getattr(keras_synth, name)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        keras_synth.nonsense  # noqa: B018
