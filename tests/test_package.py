"""A wheel that is built and installed works outside of the checkout."""

import os
import pathlib
import subprocess
import sys
import tomllib

import pytest

import keras_synth

ROOT = pathlib.Path(__file__).parent.parent
CODE = """
import pathlib, sys
import keras_synth
installed = pathlib.Path(sys.argv[1])
assert pathlib.Path(keras_synth.__file__).parent.parent == installed
assert (installed / "keras_synth" / "py.typed").exists()
from keras_synth import presets
for build in (
    presets.color_denoiser,
    presets.damage_detector,
    lambda: presets.emoji_flow().network,
    presets.gray_denoiser,
    presets.inpainter,
    presets.photo_restorer,
    presets.photo_upscaler,
    lambda: presets.upscaler(2),
    lambda: presets.upscaler(3),
    lambda: presets.upscaler(4),
    presets.mnist_features,
    presets.fashion_mnist_features,
    presets.fashion_mnist_stylegan2,
    lambda: presets.video_upscaler(3),
    lambda: presets.video_upscaler(4),
):
    assert build().weights
folder = installed / "keras_synth" / "presets"
cards = {path.stem for path in folder.glob("*.md")}
files = {path.name.partition(".")[0] for path in folder.glob("*.h5")}
assert files and files == cards
pages = installed / "keras_synth" / "app" / "static"
assert {"studio.html", "rate.js", "style.css"} <= {
    path.name for path in pages.iterdir()
}
"""


def run(command, place):
    """Runs a command in a folder, where only `PYTHONPATH` finds us."""
    environment = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith("PYTEST")
    }
    done = subprocess.run(
        command,
        cwd=place,
        env=environment | {"PYTHONPATH": str(place / "installed")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_names_and_versions_agree():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    citation = (ROOT / "CITATION.cff").read_text()
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert f"\nversion: {keras_synth.__version__}\n" in citation
    latest = changelog.partition("\n## ")[2].split()[0]
    assert latest == keras_synth.__version__
    assert project["name"] == "keras_synth"


@pytest.mark.slow
def test_wheel_works_outside_of_the_checkout(tmp_path):
    pip = [sys.executable, "-m", "pip", "--quiet"]
    offline = ["--no-deps", "--no-build-isolation", "--no-index"]
    # The build leaves files beside what it builds: not in the checkout.
    source = tmp_path / "source"
    source.mkdir()
    files = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in files.stdout.decode().split("\0"):
        if name.startswith("keras_synth/") or name in (
            "pyproject.toml",
            "README.md",
            "LICENSE",
        ):
            target = source / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((ROOT / name).read_bytes())
    run([*pip, "wheel", *offline, "-w", "wheels", "./source"], tmp_path)
    (wheel,) = (tmp_path / "wheels").glob("*.whl")
    run(
        [*pip, "install", *offline, "--target", "installed", str(wheel)],
        tmp_path,
    )
    run([sys.executable, "-c", CODE, str(tmp_path / "installed")], tmp_path)
    shown = run([sys.executable, "-m", "keras_synth", "--help"], tmp_path)
    assert "restore" in shown
