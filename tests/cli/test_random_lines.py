"""Random command lines: no traceback, no wrong exit code, no lost original."""

import random
import re
import shlex

import numpy as np
import pytest
from PIL import Image

from keras_synth.cli.main import COMMANDS, main
from keras_synth.cli.train import COMMANDS as TRAININGS
from keras_synth.io import write_image
from keras_synth.training import build_denoiser, build_upscaler, build_vae

NUMBERS = ("-1", "0", "1", "2", "0.5", "7", "nan", "inf", "1e400", "many", "")
WORDS = (
    "auto",
    "median",
    "bicubic",
    "savedmodel",
    "litert",
    "1/2",
    "3/2",
    "a.png",
    "photos",
    "nowhere",
    "vae.keras",
    "-",
    "--",
    "\udce9",
    "é$",
    "a b",
    "../..",
)
SENSIBLE = {
    "noise_level": "0.1",
    "contrast": "0.01",
    "sharpness": "1",
    "scale": "2",
    "num_images": "4",
    "truncation": "0.7",
    "seed": "3",
    "format": "litert",
    "shard": "1/2",
}
#: Commands that take a moment.
QUICK = ("restore", "inpaint", "upscale", "sample", "translate", "export")
PLACES = {
    "restore": ("{image}", "{target}"),
    "inpaint": ("{image}", "{mask}", "{target}"),
    "upscale": ("{image}", "{target}"),
    "translate": ("{image}", "{target}"),
    "sample": ("{model}", "{target}"),
    "export": ("{model}", "{target}"),
}
FILES = {
    "image": ("a.png", "photos", "gray.jpg", "bad.png", "nowhere", "empty"),
    "mask": ("mask.png", "masks", "a.png", "bad.png", "nowhere"),
    "model": ("vae.keras", "denoiser.keras", "bad.keras", "a.png", "nowhere"),
    "target": (
        "o.png",
        "o.jpg",
        "out",
        "a.png",
        "photos",
        "o.xyz",
        "s",
        "x/o.png",
    ),
}
METHODS = (
    "median",
    "bicubic",
    "biharmonic",
    "patch_match",
    "denoiser.keras",
    "upscaler.keras",
)


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    folder = tmp_path_factory.mktemp("template")
    draw = np.random.default_rng(0)
    for name in ("a.png", "photos/b.png", "photos/c/d.png"):
        write_image(folder / name, draw.uniform(size=(12, 10, 3)))
    Image.fromarray(draw.integers(0, 255, (9, 9), "uint8")).save(
        folder / "gray.jpg"
    )
    mask = np.zeros((12, 10))
    mask[4:6, 3:7] = 1.0
    for name in ("mask.png", "masks/b.png", "masks/c/d.png"):
        write_image(folder / name, mask)
    (folder / "bad.png").write_bytes(b"\x89PNG no")
    (folder / "bad.keras").write_bytes(b"no")
    (folder / "empty").mkdir()
    build_vae((4, 4, 1), 2, architecture="dense").save(folder / "vae.keras")
    build_denoiser("ffdnet", 3, num_layers=2, width=4).save(
        folder / "denoiser.keras"
    )
    build_upscaler(scale=2, num_blocks=1, width=4).save(
        folder / "upscaler.keras"
    )
    return folder


def random_line(draw):
    """Words of a command, most of which make sense."""
    if draw.random() < 0.1:
        every = [*COMMANDS, *TRAININGS]
        words = ["train"] * (draw.random() < 0.5) + [draw.choice(every).name]
        extra = [
            draw.choice((*WORDS, *NUMBERS)) for _ in range(draw.randrange(4))
        ]
        return [*words, *extra, "--no-such-option"]
    name = draw.choice(QUICK)
    (command,) = (each for each in COMMANDS if each.name == name)
    words = [name]
    for place in PLACES[name]:
        kinds = FILES[place.strip("{}")]
        words.append(kinds[min(int(draw.expovariate(0.9)), len(kinds) - 1)])
    if name == "translate":
        words += ["--model", draw.choice(FILES["model"])]
    options = [p for p in command.options if p.kind is p.KEYWORD_ONLY]
    for option in draw.sample(options, min(len(options), draw.randrange(4))):
        words.append("--" + option.name.replace("_", "-"))
        if option.default is False:
            continue
        if option.name == "method":
            words.append(draw.choice(METHODS))
        elif option.name in SENSIBLE and draw.random() < 0.7:
            words.append(SENSIBLE[option.name])
        elif draw.random() < 0.9:
            words.append(draw.choice((*NUMBERS, *NUMBERS, *WORDS)))
    words += draw.choice(([], [], ["--json"], ["--quiet"]))
    if name in ("restore", "upscale") and "--method" not in words:
        words += ["--method", "median" if name == "restore" else "bicubic"]
    if draw.random() < 0.1:
        words.pop(draw.randrange(1, len(words)))
    return words


def check_lines(template, tmp_path, monkeypatch, capfd, seeds):
    codes = {0: 0, 2: 0}
    for seed in seeds:
        words = random_line(random.Random(seed))
        line = f"seed {seed}: {shlex.join(words)!r}"
        folder = tmp_path / str(seed)
        copies = {}
        for path in template.rglob("*"):
            goal = folder / path.relative_to(template)
            if path.is_dir():
                goal.mkdir(parents=True, exist_ok=True)
            else:
                goal.parent.mkdir(parents=True, exist_ok=True)
                copies[goal] = path.read_bytes()
                goal.write_bytes(copies[goal])
        monkeypatch.chdir(folder)
        capfd.readouterr()
        try:
            code = main(words)
        except BaseException as error:
            raise AssertionError(f"{line}: {type(error).__name__}") from error
        out, error = capfd.readouterr()
        assert code in codes, line
        codes[code] += 1
        assert "Traceback" not in error + out, line
        assert "--debug shows" not in error, f"{line}: {error}"
        ours = re.findall("^keras-synth: error: .+$", error, re.MULTILINE)
        assert (code == 2) == bool(ours), f"{line}: {error!r}"
        if "--overwrite" not in words:
            for path, data in copies.items():
                assert path.read_bytes() == data, f"{line}: {path.name} is lost"
        for path in folder.rglob("*"):
            assert ".keras_synth" not in path.name, line
            assert path.is_dir() or path.stat().st_size, f"{line}: {path}"
    return codes


def test_random_command_lines(template, tmp_path, monkeypatch, capfd):
    codes = check_lines(template, tmp_path, monkeypatch, capfd, range(20))
    assert min(codes.values()) >= 3


@pytest.mark.slow
def test_five_hundred_random_command_lines(
    template, tmp_path, monkeypatch, capfd
):
    seeds = range(1000, 1500)
    codes = check_lines(template, tmp_path, monkeypatch, capfd, seeds)
    assert min(codes.values()) >= 60
