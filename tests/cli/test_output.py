"""What commands print: results, JSON, progress and errors."""

import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from keras_synth.cli.main import main
from keras_synth.io import Progress, progress, write_image


@pytest.fixture
def folder(tmp_path):
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
        "comparison": f"{folder}/out/a-compare.png",
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
    for index in range(40):
        write_image(folder / f"in/{index}.png", np.full((4, 4, 1), 0.5))
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    assert restore(folder) == 0
    error = capsys.readouterr().err
    assert "\r" not in error and error.count("\n") == 42
    assert "1/42 images, " in error and "42/42 images, " in error
    monkeypatch.undo()
    assert restore(folder) == 0  # in less than ten seconds
    assert capsys.readouterr().err.count("\n") <= 1


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
        assert json.loads(out) == {
            "model": "there/gan.keras",
            "images": None,
            "log": "there/log",
        }
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


def test_debug_shows_what_tensorflow_prints(tmp_path):
    (tmp_path / "tensorflow.py").write_text(
        "import os, types\n"
        "os.write(2, b'a greeting\\n')\n"
        "config = types.SimpleNamespace(list_physical_devices=list)\n"
    )
    first = f"sys.path.insert(0, {str(tmp_path)!r})\n"
    first += "from keras_synth.cli import main\n"
    for debug, expected in ((False, ""), (True, "a greeting\n")):
        code = f"import sys\n{first}main._import_tensorflow({debug})"
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True
        )
        assert (done.returncode, done.stderr) == (0, expected)
