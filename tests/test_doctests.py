"""The examples in the docstrings give what they show."""

import doctest
import importlib
import pathlib

import pytest

import keras_synth

PACKAGE = pathlib.Path(keras_synth.__file__).parent
MODULES = [
    ".".join(("keras_synth", *path.relative_to(PACKAGE).with_suffix("").parts))
    for path in sorted(PACKAGE.rglob("*.py"))
    if path.name not in ("__init__.py", "__main__.py")
]


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples(name):
    module = importlib.import_module(name)
    results = doctest.testmod(module, optionflags=doctest.ELLIPSIS)
    assert results.failed == 0
