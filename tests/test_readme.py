"""README.md and README.zh.md: their code runs, their figures are measured."""

import json
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parent.parent
READMES = ("README.md", "README.zh.md")
both = pytest.mark.parametrize("name", READMES)

# The page of a task in the table, and where its figure and its baseline come
# from: a row, a figure of it, and a field of that.
FIGURES = {
    "restore.md": [
        ("denoiser", "U-Net: Set12, σ = 25", "value"),
        ("bm3d", "σ = 25: BM3D", "value"),
    ],
    "inpaint.md": [
        ("inpainter", "film damage, inpainter: PSNR, hole", "value"),
        ("inpainter", "film damage, biharmonic: PSNR, hole", "value"),
    ],
    "deblur.md": [
        ("deblurring", "Gaussian 1.6, σ = 2.55: PlugAndPlay", "value"),
        ("deblurring", "Gaussian 1.6, σ = 2.55: Wiener", "value"),
    ],
    "upscale.md": [
        ("upscaler_x4", "Set5, EDSR: PSNR", "value"),
        ("upscaler_x4", "Set5, bicubic: PSNR", "value"),
    ],
    "upscale_video.md": [
        ("video_x4", "video_edsr: city", "value"),
        ("video_x4", "VSRNet: city", "value"),
    ],
    "stylize.md": [
        (
            "style_transfer",
            "style, VGG-16's block3_conv3: distance",
            ("value", "baseline"),
        ),
    ],
    "stylize.md#in-one-pass": [
        (
            "adain_paintings",
            "means and deviations: distance",
            ("value", "baseline"),
        ),
    ],
    "edit.md": [
        ("projection", "generated, w+: PSNR", "value"),
        ("projection", "generated, w: PSNR", "value"),
    ],
    "vae.md": [("vae_5000", "NLL", ("value", "baseline"))],
    "gan.md": [
        ("dcgan_conditional", "Frechet distance", "value"),
        ("floor", "Frechet distance", "value"),
    ],
    "flow.md": [
        ("flow_mnist_conditional", "Frechet distance", "value"),
        ("floor", "Frechet distance", "value"),
    ],
    "stylegan2.md": [
        ("stylegan2_long", "Frechet distance", "value"),
        ("stylegan2", "Frechet distance", "value"),
        ("dcgan_equal", "Frechet distance", "value"),
    ],
}


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(name):
    """(language, code) of each block of code."""
    return re.findall(r"```(\w+)\n(.*?)```", read(name), flags=re.DOTALL)


def table_rows(name):
    """The cells of each row of the tables, without their heads' lines."""
    for line in read(name).splitlines():
        if line.startswith("|") and not line.startswith("|---"):
            yield [cell.strip() for cell in line.strip("|").split("|")]


@pytest.mark.usefixtures("optimized_graphs")
def test_python_examples_run_as_written(tmp_path, monkeypatch):
    pytest.importorskip("mlxtend")
    monkeypatch.chdir(tmp_path)
    examples = [code for kind, code in blocks("README.md") if kind == "python"]
    assert len(examples) == 2
    namespace = {}
    for example in examples:
        exec(compile(example, "README.md", "exec"), namespace)
    assert namespace["new"].shape == (16, 28, 28, 1)
    assert namespace["denoiser"].count_params() > 100_000


def test_both_languages_show_the_same_code():
    assert blocks("README.md") == blocks("README.zh.md")


@both
def test_every_preset_is_named(name):
    folder = ROOT / "keras_synth" / "presets"
    for card in folder.glob("*.md"):
        preset = re.sub(r"_x\d$", "", card.stem)
        assert f"`{preset}(" in read(name), preset


def test_chinese_text_has_chinese_punctuation():
    text = re.sub(r"```.*?```", "", read("README.zh.md"), flags=re.DOTALL)
    assert not re.findall(r"[\u4e00-\u9fff][,;?!(]|[,(][\u4e00-\u9fff]", text)


def test_both_languages_have_the_same_structure():
    def structure(name):
        links = re.findall(r"\]\(([^)]+)\)", read(name))
        tasks = [row[1:4] for row in table_rows(name) if len(row) == 5]
        return (
            re.findall(r"^#+", read(name), flags=re.MULTILINE),
            sorted(set(links) - set(READMES)),
            tasks[1:],
        )

    assert structure("README.md") == structure("README.zh.md")


@both
def test_links_and_images_exist(name):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", read(name)):
        assert (ROOT / target).exists(), target


@both
def test_page_is_short(name):
    assert len(read(name).splitlines()) <= 200
    for row in table_rows(name):
        assert all(len(cell) <= 80 for cell in row), row


@both
def test_figures_are_those_of_the_rows(name):
    found = {}
    for row in table_rows(name):
        page = re.search(r"docs/tasks/([\w.#-]+)\)", row[0])
        numbers = re.findall(r"\d+\.\d+", row[-1])
        if page and numbers:
            found[page.group(1)] = numbers
    assert found == {page: measured(page) for page in FIGURES}


def measured(page):
    """The numbers of a task as the benchmarks' rows have them."""
    numbers = []
    for name, figure, fields in FIGURES[page]:
        path = ROOT / "benchmarks" / "results" / f"{name}.json"
        stored = json.loads(path.read_text())["figures"][figure]
        for field in [fields] if isinstance(fields, str) else fields:
            numbers.append(f"{stored[field]:.{stored['decimals']}f}")
    return numbers
