"""`--workers N`: processes that find each other, and end together."""

import json
import os
import signal
import subprocess
import time

import pytest

from keras_synth.cli.main import main
from keras_synth.cli.workers import run_workers

# In place of keras_synth: each worker does what its word says.
PROGRAM = """
import json, os, signal, sys, time
config = json.loads(os.environ["TF_CONFIG"])
index = config["task"]["index"]
word = sys.argv[1 + index]
if word == "kill":
    os.kill(os.getpid(), signal.SIGKILL)
if word == "wait":
    time.sleep(600)
config["threads"] = os.environ["TF_NUM_INTRAOP_THREADS"]
print(json.dumps(config), flush=True)
print(f"worker {index} says {word}", file=sys.stderr, flush=True)
sys.exit(int(word))
"""


@pytest.fixture(autouse=True)
def program(tmp_path, monkeypatch):
    (tmp_path / "keras_synth").mkdir()
    (tmp_path / "keras_synth" / "__init__.py").touch()
    (tmp_path / "keras_synth" / "__main__.py").write_text(PROGRAM)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    monkeypatch.setattr("os.cpu_count", lambda: 6)


def test_workers_know_each_other_and_the_first_prints(capfd):
    assert run_workers(["0", "0"], 2) == 0
    printed, _ = capfd.readouterr()
    config = json.loads(printed)
    assert config["task"] == {"type": "worker", "index": 0}
    first, second = config["cluster"]["worker"]
    assert first != second and first.startswith("127.0.0.1:")
    assert config["threads"] == "3"


@pytest.mark.parametrize("words", [["2", "0"], ["0", "2"], ["2", "2"]])
def test_an_error_is_told_once_and_ends_all(capfd, words):
    assert run_workers(words, 2) == 2
    _, errors = capfd.readouterr()
    says = f"worker {words.index('2')} says 2"
    assert [line for line in errors.splitlines() if "2" in line] == [says]


@pytest.mark.parametrize("words", [["kill", "wait"], ["wait", "kill"]])
def test_a_killed_worker_ends_all(words):
    start = time.monotonic()
    with pytest.raises(ChildProcessError, match="SIGKILL.*--resume"):
        run_workers(words, 2)
    assert time.monotonic() - start < 60


def test_workers_end_with_what_started_them(monkeypatch):
    """After SIGTERM, that of Slurm say, as after Ctrl-C."""
    started = []
    popen = subprocess.Popen

    def start(*words, **options):
        started.append(popen(*words, **options))
        return started[-1]

    def end(seconds):
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(subprocess, "Popen", start)
    monkeypatch.setattr("keras_synth.cli.workers.time.sleep", end)
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as caught:
        run_workers(["wait", "wait"], 2)
    assert caught.value.code == 128 + signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) is before
    assert [worker.poll() for worker in started] == [-signal.SIGKILL] * 2


def test_the_number_of_workers_is_checked(capsys):
    assert main(["train", "vae", "--workers", "0"]) == 2
    assert "`workers` must be at least 1" in capsys.readouterr().err


def test_the_command_line_starts_workers(monkeypatch):
    seen = []
    monkeypatch.delenv("TF_CONFIG", raising=False)
    monkeypatch.setattr(
        "keras_synth.cli.main.run_workers",
        lambda argv, count: seen.append((argv, count)) or 7,
    )
    words = ["train", "vae", "--epochs", "3", "--workers", "2"]
    assert main(words) == 7 and seen == [(words, 2)]
