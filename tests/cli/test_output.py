"""What commands print: results, JSON, progress and errors."""

import dataclasses
import json
import os
import shlex
import subprocess
import sys
import types

import numpy as np
import pytest
import tensorflow as tf

from keras_synth.cli.main import main
from keras_synth.io import FileOptions, Progress, progress, write_image


@pytest.fixture
def folder(tmp_path, monkeypatch):
    # On a busy machine too, what is quick says nothing.
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 600.0)
    monkeypatch.setattr(progress, "SECONDS_OF_SILENCE", 600.0)
    for name in ("a.png", "b/c.png"):
        write_image(tmp_path / "in" / name, np.full((8, 8, 3), 0.5))
    return tmp_path


def restore(folder, *options):
    words = ["restore", folder / "in", folder / "out", "--method", "median"]
    return main([str(word) for word in (*words, "--overwrite", *options)])


def fails_with(monkeypatch, error):
    def fail(**_):
        raise error

    monkeypatch.setattr("keras_synth.tasks.restore", fail)


def test_each_file_is_a_line(folder, capsys):
    assert restore(folder) == 0
    out, error = capsys.readouterr()
    assert [line.partition(" (")[0] for line in out.splitlines()] == [
        f"image: {folder}/out/a.png",
        f"image: {folder}/out/b/c.png",
    ]
    assert error == ""


def test_json_is_an_object_for_each_file(folder, capsys):
    (folder / "in/broken.png").write_text("no image")
    assert restore(folder, "--json", "--compare") == 2
    out, error = capsys.readouterr()
    first, second = [json.loads(line) for line in out.splitlines()]
    assert first == {
        "source": f"{folder}/in/a.png",
        "target": f"{folder}/out/a.png",
        "noise_level": pytest.approx(0.0, abs=1e-6),
        "jpeg_quality": None,
        "method": "median",
        "marked": None,
        "mask": None,
        "comparison": f"{folder}/out/a-compare.png",
        "notes": [],
        "settings": {
            "source": f"{folder}/in",
            "target": f"{folder}/out",
            "method": "median",
            "noise_level": "auto",
            "strength": 1.0,
            "ensemble": False,
            "old_photo": False,
            "detector": None,
            "mask": None,
            "save_mask": None,
            "keep_levels": False,
            "contrast": 0.0,
            "sharpness": 0.0,
            "compare": True,
            "overwrite": True,
            **dataclasses.asdict(FileOptions()),
        },
    }
    assert second["target"] == f"{folder}/out/b/c.png"
    assert error.count("\n") == 1 and "broken.png" in error


def test_results_are_printed_before_the_next_file_is_restored(
    folder, capsys, monkeypatch
):
    from keras_synth.restoration import median

    printed = []

    def slow(size):
        printed.append(capsys.readouterr().out.count("\n"))
        return median(size)

    monkeypatch.setattr("keras_synth.restoration.median", slow)
    assert restore(folder) == 0
    assert printed == [0, 1]


@pytest.mark.parametrize("words", [["--suffix", "-a"], ["--suffix=-a"]])
def test_a_suffix_may_begin_with_a_hyphen(folder, words):
    assert restore(folder, *words) == 0
    assert (folder / "out" / "b" / "c-a.png").exists()


def test_quiet_prints_nothing_but_errors(folder, capsys):
    assert restore(folder, "--quiet") == 0
    assert capsys.readouterr() == ("", "")
    (folder / "in/broken.png").write_text("no image")
    assert restore(folder, "--quiet") == 2
    out, error = capsys.readouterr()
    assert out == "" and error.count("\n") == 1 and "broken.png" in error


def test_progress_in_a_pipe_is_a_line_every_so_often(
    folder, capsys, monkeypatch
):
    for index in range(8):
        write_image(folder / f"in/{index}.png", np.full((4, 4, 1), 0.5))
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    assert restore(folder) == 0
    error = capsys.readouterr().err
    assert "\r" not in error and error.count("\n") == 10
    assert "1/10 images, " in error and "10/10 images, " in error
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 600.0)
    assert restore(folder) == 0
    assert capsys.readouterr().err == ""


def test_the_progress_of_steps_and_frames_is_shown(monkeypatch):
    """Every long task counts through `io.Progress`."""
    import importlib

    for name in ("stylize", "upscale_video", "image_files"):
        module = importlib.import_module(f"keras_synth.tasks.{name}")
        assert module.Progress is Progress


@pytest.mark.parametrize(
    "options, verbose", [("", 2), ("--quiet", 0), ("--json", 0)]
)
def test_training_in_a_pipe_prints_a_line_for_an_epoch(
    monkeypatch, options, verbose, capsys
):
    seen = {}
    monkeypatch.setattr(
        "keras_synth.training.train_gan", lambda **words: seen.update(words)
    )
    assert main(["train", "gan", "--output", "there", *options.split()]) == 0
    assert seen == {"output": "there", "verbose": verbose}
    out = capsys.readouterr().out
    if options == "--json":
        printed = json.loads(out)
        settings = printed.pop("settings")
        assert printed == {
            "model": "there/gan.keras",
            "images": None,
            "log": "there/log",
            "conditional": False,
        }
        assert settings["output"] == "there" and settings["epochs"] == 40
    assert bool(out) == (options != "--quiet")


@pytest.mark.parametrize(
    "error, message",
    [
        (ValueError("`a` must be 1.\nReceived: 2"), "`a` must be 1. Received"),
        (
            tf.errors.ResourceExhaustedError(
                None,
                None,
                "Graph execution error:\n\nDetected at node model/conv\n"
                "OOM when allocating tensor with shape[9]\n\t [[{{node a}}]]",
            ),
            "out of memory: OOM when allocating tensor with shape[9]",
        ),
        (
            tf.errors.ResourceExhaustedError(
                None, None, "log/events; No space left on device"
            ),
            "no space: log/events; No space left on device",
        ),
        (OSError(28, "No space left on device"), "No space left on device"),
        (MemoryError(), "out of memory"),
        (
            tf.errors.InternalError(None, None, "cuDNN failed\n[[node]]"),
            "InternalError: cuDNN failed (--debug shows where)",
        ),
        (KeyError("name"), "KeyError: 'name' (--debug shows where)"),
        (
            ValueError(
                'in user code:\n\n    File "a.py", line 5, in call\n'
                "    ValueError: Exception encountered when calling A.call().\n"
                "\n    \x1b[1mImages must be large.\x1b[0m\n\n"
                "    Arguments received by A.call():\n      • x=None"
            ),
            "error: Images must be large.\n",
        ),
        (
            ValueError(
                'in user code:\n\n    File "a.py", line 5, in degrade\n'
                "        raise ValueError(\n\n"
                "    ValueError: Noise has no level: it is pepper.\n"
            ),
            "error: Noise has no level: it is pepper.\n",
        ),
        (
            ValueError("2 files cannot be read:\na is text\n  b is empty\n"),
            "error: 2 files cannot be read: a is text; b is empty\n",
        ),
        (ValueError(), "ValueError: no message"),
    ],
)
def test_every_error_is_one_line_and_2(capsys, monkeypatch, error, message):
    fails_with(monkeypatch, error)
    assert main(["restore", "a", "b"]) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("keras-synth: error: ")
    assert printed.count("\n") == 1 and message in printed


def test_debug_shows_the_traceback(capsys, monkeypatch):
    fails_with(monkeypatch, ValueError("wrong"))
    assert main(["restore", "a", "b", "--debug"]) == 2
    error = capsys.readouterr().err
    assert "Traceback (most recent call last)" in error
    assert "in fail" in error
    assert error.splitlines()[-1] == "keras-synth: error: wrong"


def test_interrupting_ends_with_130(capsys, monkeypatch):
    fails_with(monkeypatch, KeyboardInterrupt())
    assert main(["restore", "a", "b"]) == 130
    assert capsys.readouterr().err.strip() == "keras-synth: stopped"


IMPORT = """
import os, sys
{break_import}
from keras_synth.cli.main import main
sys.exit(main({words!r}))
"""


def run_process(words, break_import=""):
    """In a process that has not imported TensorFlow."""
    code = IMPORT.format(words=words, break_import=break_import)
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True
    )


@pytest.mark.slow
def test_what_tensorflow_prints_is_shown_only_when_it_matters(tmp_path):
    quiet = run_process(["restore", "none.png", "out.png"])
    assert quiet.returncode == 2
    assert quiet.stderr == (
        "keras-synth: error: There is no image or folder none.png\n"
    )
    # An import that fails, after the library itself has said why.
    (tmp_path / "tensorflow.py").write_text(
        "import os\n"
        "os.write(2, b'library: needs AVX\\n')\n"
        "raise ImportError('broken')\n"
    )
    broken = f"sys.path.insert(0, {str(tmp_path)!r})"
    failed = run_process(["restore", "none.png", "out.png"], broken)
    assert failed.returncode == 2
    assert failed.stderr == "library: needs AVX\nkeras-synth: error: broken\n"


GREETING = "I0000 port.cc:153] oneDNN custom operations are on.\n"


def import_tensorflow(tmp_path, end, debug=False):
    """What is shown of an import that greets, warns and ends somehow."""
    (tmp_path / "tensorflow.py").write_text(
        "import os, types\n"
        f"os.write(2, {GREETING.encode()!r})\n"
        "os.write(2, b'Cannot open the GPU libraries\\n')\n"
        "config = types.SimpleNamespace(list_physical_devices=list)\n" + end
    )
    code = (
        f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\n"
        "from keras_synth.cli import main\n"
        f"main._import_tensorflow({debug})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True
    )
    return done.returncode, done.stderr


def test_of_what_tensorflow_prints_only_its_greetings_are_left_out(tmp_path):
    warning = "Cannot open the GPU libraries\n"
    assert import_tensorflow(tmp_path, "") == (0, warning)
    assert import_tensorflow(tmp_path, "", True) == (0, GREETING + warning)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing is kept back")
def test_what_a_crashing_library_prints_is_shown(tmp_path):
    """As TensorFlow does on a processor that lacks an instruction."""
    crash = "os.write(2, b'needs AVX\\n')\nos.abort()\n"
    code, error = import_tensorflow(tmp_path, crash)
    assert code < 0 and error.endswith("libraries\nneeds AVX\n")


@pytest.mark.parametrize(
    "words",
    [
        "restore a b --contrast nan",
        "restore a b --noise-level inf",
        "stylize a b c --style-weight nan",
        "stylize a b c --blend d --blend-weights 1 inf",
        "sample a.keras b.png --truncation nan",
        "upscale-video a b --frames-per-second inf",
        "train vae --beta nan",
        "train gan --learning-rate inf",
    ],
)
def test_numbers_that_are_none_are_refused(words, capsys):
    assert main(words.split()) == 2
    error = capsys.readouterr().err
    assert "must be a finite number. Received: " in error


def test_a_reader_that_has_seen_enough_does_not_stop_the_work(
    folder, monkeypatch, capsys
):
    end, start = os.pipe()
    os.close(end)
    with os.fdopen(start, "w") as pipe, monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", pipe)
        assert restore(folder) == 0
    assert (folder / "out/b/c.png").exists()
    assert capsys.readouterr().err == ""


def test_results_that_cannot_be_printed_are_an_error(folder):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "keras_synth", "restore", "--help"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.returncode == 2
    assert "No space left on device" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("conditional", [False, True])
def test_what_to_do_next_can_be_typed(conditional, capsys, monkeypatch):
    condition = types.SimpleNamespace(kind="label" if conditional else "none")
    model = types.SimpleNamespace(condition=condition)
    monkeypatch.setattr("keras_synth.training.train_vae", lambda **_: model)
    assert main(["train", "vae", "--output", "my runs/vae"]) == 0
    lines = capsys.readouterr().out.splitlines()
    words = shlex.split(lines[-1].partition(":")[2])[1:]
    expected = ["sample", "my runs/vae/vae.keras", "samples.png"]
    assert words == expected + conditional * ["--labels", "0"]
    assert shlex.split(lines[-2])[-1] == "my runs/vae/log"
