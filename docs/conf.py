"""Settings of Sphinx: `make docs` builds the site into build/docs."""

import inspect
import os
import pathlib
import shutil
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
DOCS = pathlib.Path(__file__).parent
sys.path[:0] = [str(DOCS.parent), str(DOCS)]

import api_pages  # noqa: E402
import command_page  # noqa: E402

import keras_synth  # noqa: E402

project = "keras_synth"
copyright = "the keras_synth authors"
version = release = keras_synth.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.mathjax",
    "myst_nb",
]
exclude_patterns = ["**/.ipynb_checkpoints"]
nitpicky = False

# The notebooks are shown with the outputs that are stored in them.
nb_execution_mode = "off"
myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3

# Docstrings: Google's style; api_pages.py says what else is in them.
default_role = "code"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_include_init_with_doc = False
napoleon_custom_sections = [("Call arguments", "params_style")]
autodoc_member_order = "bysource"
autodoc_typehints = "none"
autodoc_inherit_docstrings = False
autoclass_content = "class"
add_module_names = False

html_theme = "furo"
html_title = f"keras_synth {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
pygments_style = "friendly"

api_pages.write_pages()
command_page.write_page()


def _copy_notebooks():
    """The notebooks, as pages of the site."""
    target = DOCS / "notebooks"
    target.mkdir(exist_ok=True)
    sources = sorted((DOCS.parent / "notebooks").glob("*.ipynb"))
    for old in set(target.iterdir()) - {target / s.name for s in sources}:
        old.unlink()
    for source in sources:
        copy = target / source.name
        if not copy.exists() or copy.read_bytes() != source.read_bytes():
            shutil.copyfile(source, copy)


_copy_notebooks()


def _read_docstring(app, what, name, obj, options, lines):
    if what == "data":
        lines[:] = [api_pages.constant_line(obj), ""]
    else:
        lines[:] = api_pages.to_rest(lines)


def _read_signature(app, what, name, obj, options, signature, returns):
    """Of a class that of its constructor, which Keras' metaclass hides."""
    if what != "class":
        return None
    try:
        found = inspect.signature(obj.__init__)
    except (TypeError, ValueError):
        return None
    parameters = [
        each.replace(annotation=each.empty)
        for each in list(found.parameters.values())[1:]
    ]
    return str(inspect.Signature(parameters)), None


def setup(app):
    """Connects our docstrings' markup; before napoleon, which has 500."""
    app.connect("autodoc-process-docstring", _read_docstring, priority=400)
    app.connect("autodoc-process-signature", _read_signature)
