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


# Their examples take more than a second.
SLOW = {
    "keras_synth.callbacks.style_mixing_grid",
    "keras_synth.datasets.paired",
    "keras_synth.datasets.unpaired",
    "keras_synth.datasets.video",
    "keras_synth.models.style_transfer.style_transfer",
    "keras_synth.restoration.blur_estimation",
    "keras_synth.tasks.upscale_video",
}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW))
        for name in MODULES
    ],
)
def test_docstring_examples(name):
    module = importlib.import_module(name)
    results = doctest.testmod(module, optionflags=doctest.ELLIPSIS)
    assert results.failed == 0
