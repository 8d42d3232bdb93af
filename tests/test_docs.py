"""The site: every public name has an entry, links resolve, code runs."""

import importlib
import pathlib
import re
import subprocess
import sys
import tomllib
import zlib

import pytest

ROOT = pathlib.Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(
    path
    for path in DOCS.rglob("*.md")
    if not {"api", "notebooks"} & set(path.relative_to(DOCS).parts)
)
# Pages whose examples take seconds; the others' train.
FAST = {"concepts.md", "export.md", "translate.md"}


def of_docs(name):
    """A module of docs/, which is no package."""
    sys.path.insert(0, str(DOCS))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(DOCS))


def api_pages():
    return of_docs("api_pages")


def public_names():
    """(module, name) of all that the package exports."""
    pages = api_pages()
    for module in pages.public_modules():
        full = importlib.import_module(f"keras_synth.{module}")
        for name in pages.public_names(full):
            yield f"keras_synth.{module}", name


def examples(path):
    """The Python code of a page."""
    return re.findall(r"```python\n(.*?)```", path.read_text(), re.DOTALL)


def slow(path):
    marks = () if path.name in FAST else pytest.mark.slow
    return pytest.param(path, marks=marks, id=path.name)


def test_every_public_name_has_an_entry():
    pages = api_pages()
    texts = {f"keras_synth.{m}": pages.page(m) for m in pages.public_modules()}
    for module, name in public_names():
        entry = rf"^\.\. auto(class|function|data):: {name}$"
        assert re.search(entry, texts[module], re.MULTILINE), (module, name)


def test_every_subpackage_that_exports_names_is_public():
    package = ROOT / "keras_synth"
    exporting = {
        path.parent.name
        for path in package.glob("*/__init__.py")
        if "__all__" in path.read_text()
    }
    assert exporting <= {*api_pages().public_modules(), "cli"}


def test_getting_started_names_every_extra():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    page = (DOCS / "getting_started.md").read_text()
    for extra in project["project"]["optional-dependencies"]:
        assert re.search(rf"^\|[^|]*`{extra}`[^|]*\|", page, re.M), extra


def test_every_module_is_described():
    """In what a new user reads, and in what a new contributor reads."""
    modules = set(api_pages().public_modules())
    for page in (DOCS / "getting_started.md", ROOT / "CONTRIBUTING.md"):
        rows = re.findall(r"^\|(.*?)\|", page.read_text(), re.MULTILINE)
        named = {n for row in rows for n in re.findall(r"`(\w+)[`.]", row)}
        assert modules <= named, page.name


def test_every_model_has_its_endpoints():
    page = (DOCS / "tasks" / "export.md").read_text()
    for name in dir(importlib.import_module("keras_synth.models")):
        kind = getattr(importlib.import_module("keras_synth.models"), name)
        if hasattr(kind, "export_endpoints") and "Private" not in name:
            assert f"| `{name}` |" in page, name


def test_every_command_shows_its_options():
    text = of_docs("command_page").page()
    for command in (
        "restore",
        "inpaint",
        "deblur",
        "upscale",
        "upscale-video",
        "stylize",
        "translate",
        "sample",
        "export",
        "demo",
        "datasets",
        "presets",
        "compose",
        "edit project",
        "train vae",
    ):
        part = text.partition(f"\n## {command}\n")[2].partition("\n## ")[0]
        assert f"Usage: keras-synth {command}" in part, command
        assert "\x1b" not in part


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_resolve(path):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text()):
        if re.match(r"https?:", target):
            continue
        wanted = (path.parent / target).resolve()
        # The build makes these: copies of notebooks/, and the API's pages.
        if wanted.parent == DOCS / "notebooks":
            wanted = ROOT / "notebooks" / wanted.name
        if wanted.parent == DOCS / "api":
            names = [*api_pages().public_modules(), "index"]
            assert wanted.stem in names, target
            continue
        assert wanted.exists(), target


def test_every_page_is_in_a_table_of_contents():
    listed = set()
    for path in PAGES:
        for block in re.findall(
            r"```\{toctree\}\n(.*?)```", path.read_text(), re.DOTALL
        ):
            for line in block.split():
                listed.add((path.parent / f"{line}.md").resolve())
    assert set(PAGES) - {DOCS / "index.md"} <= listed


@pytest.mark.parametrize(
    "path", [slow(path) for path in PAGES if examples(path)]
)
@pytest.mark.usefixtures("optimized_graphs")
def test_examples_run_as_written(path, tmp_path, monkeypatch):
    pytest.importorskip("mlxtend")
    monkeypatch.chdir(tmp_path)
    namespace = {}
    for example in examples(path):
        exec(compile(example, path.name, "exec"), namespace)


@pytest.mark.slow
def test_site_builds_without_a_warning(tmp_path):
    pytest.importorskip("furo")
    pytest.importorskip("myst_nb")
    command = "-m sphinx -W --keep-going -q -b html".split()
    built = subprocess.run(
        [sys.executable, *command, str(DOCS), str(tmp_path)],
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr
    inventory = (tmp_path / "objects.inv").read_bytes()
    # Four lines of text, then the entries, compressed.
    entries = zlib.decompress(inventory.split(b"\n", 4)[4]).decode()
    documented = {line.split(" ")[0] for line in entries.splitlines()}
    for module, name in public_names():
        assert f"{module}.{name}" in documented
