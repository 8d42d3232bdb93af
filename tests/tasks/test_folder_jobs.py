"""Folder jobs: killed, on a full disk, shared, and with files of all kinds."""

import errno
import json
import os
import pathlib
import random
import subprocess
import time

import numpy as np
import pytest

from keras_synth import evaluation, tasks
from keras_synth.cli.main import main
from keras_synth.io import FileOptions, read_image, write_image
from keras_synth.tasks import restore
from keras_synth.tasks.image_files import FilesError
from tests.jobs import Job

DISK = 2 * 1024 * 1024
RNG = np.random.default_rng(0)
MEDIAN = ("--method", "median")


def contents(folder):
    """All files below a folder, hidden ones too, with their bytes."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(pathlib.Path(folder).rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """A folder with 24 images of growing size, and what becomes of them."""
    folder = tmp_path_factory.mktemp("photos")
    for index in range(24):
        side = 8 * (index + 2)
        write_image(
            folder / f"in/{index % 3}/{index:02}.png",
            RNG.uniform(size=(side, side, 3)),
        )
    assert Job("restore", folder / "in", folder / "out", *MEDIAN).wait()[0] == 0
    return folder / "in", contents(folder / "out")


def errors(printed):
    """The lines of errors; on a busy machine there is progress as well."""
    lines = printed.splitlines()
    return [x for x in lines if x.startswith("keras-synth: error: ")]


def run(folder, out, *options):
    return main(["restore", str(folder), str(out), *MEDIAN, *options])


# Going on after a kill -------------------------------------------------------


def kill_and_go_on(photos, tmp_path, seeds):
    """`kill -9` after a random time, then the same command again.

    Returns the number of jobs that were killed between two of their files.
    """
    folder, expected = photos
    words = ("restore", folder, tmp_path / "first", *MEDIAN)
    start = time.monotonic()
    Job(*words).wait()
    duration = time.monotonic() - start
    halves = 0
    for seed in seeds:
        out = tmp_path / f"out{seed}"
        words = ("restore", folder, out, *MEDIAN, "--skip-existing")
        job = Job(*words)
        time.sleep(random.Random(seed).uniform(0.0, duration))
        job.kill()
        for name, data in contents(out).items():
            if ".keras_synth-unfinished" not in name:
                assert data == expected[name], (seed, name)
        before = {
            path: path.stat().st_mtime_ns
            for path in out.rglob("*.png")
            if str(path.relative_to(out)) in expected
        }
        halves += 0 < len(before) < len(expected)
        code, printed, error = Job(*words).wait()
        assert (code, errors(error)) == (0, [])
        assert contents(out) == expected, seed
        assert printed.count("\n") == len(expected) - len(before)
        assert before == {p: p.stat().st_mtime_ns for p in before}
    return halves


def test_a_job_that_was_killed_goes_on(photos, tmp_path):
    kill_and_go_on(photos, tmp_path, range(3))


@pytest.mark.slow
def test_a_job_that_was_killed_fifty_times_goes_on(photos, tmp_path):
    assert kill_and_go_on(photos, tmp_path, range(100, 150)) > 0


def test_a_comparison_that_a_killed_job_has_left_stays(tmp_path, monkeypatch):
    """The image is written last: where it is, all of it is there."""
    write_image(tmp_path / "in/a.png", RNG.uniform(size=(8, 8, 3)))
    places = tmp_path / "in", tmp_path / "out"
    options = {"method": "median", "compare": True}

    class Killed(BaseException):
        pass

    with monkeypatch.context() as patched:
        patched.setattr(
            "keras_synth.tasks.image_files._write",
            lambda *_: (_ for _ in ()).throw(Killed),
        )
        with pytest.raises(Killed):
            restore(*places, **options)
    left = contents(tmp_path / "out")
    assert list(left) == ["a-compare.png"]
    with pytest.raises(FileExistsError, match="a-compare.png exists already"):
        restore(*places, **options)
    monkeypatch.setattr(evaluation, "draw_panel", None)  # not drawn again
    restore(*places, **options, files=FileOptions(skip_existing=True))
    assert contents(tmp_path / "out").keys() == {"a.png", "a-compare.png"}
    assert contents(tmp_path / "out")["a-compare.png"] == left["a-compare.png"]


def test_an_empty_file_is_not_finished(tmp_path, capsys):
    write_image(tmp_path / "in/a.png", RNG.uniform(size=(8, 8, 3)))
    (tmp_path / "out").mkdir()
    (tmp_path / "out/a.png").touch()  # as other programs leave on full disks
    assert run(tmp_path / "in", tmp_path / "out") == 2
    assert "go on with what is missing" in capsys.readouterr().err
    assert run(tmp_path / "in", tmp_path / "out", "--skip-existing") == 0
    assert read_image(tmp_path / "out/a.png").shape == (8, 8, 3)
    assert "nothing to do" not in capsys.readouterr().err
    assert run(tmp_path / "in", tmp_path / "out", "--skip-existing") == 0
    assert "nothing to do" in capsys.readouterr().err


def test_to_skip_and_to_overwrite_is_a_contradiction(tmp_path, capsys):
    write_image(tmp_path / "in/a.png", np.zeros((8, 8)))
    options = ("--skip-existing", "--overwrite")
    assert run(tmp_path / "in", tmp_path / "out", *options) == 2
    assert "give one of them" in capsys.readouterr().err


# Shards and several processes ------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 5, 30])
def test_shards_are_the_whole_folder(photos, tmp_path, count):
    folder, expected = photos
    sizes = []
    for part in range(1, count + 1):
        before = len(contents(tmp_path))
        assert run(folder, tmp_path, "--shard", f"{part}/{count}") == 0
        sizes.append(len(contents(tmp_path)) - before)
    assert contents(tmp_path) == expected
    assert max(sizes) - min(sizes) <= 1


def test_a_shard_stays_the_same_when_a_job_goes_on(photos, tmp_path):
    folder, _ = photos
    options = ("--shard", "2/3", "--skip-existing")
    assert run(folder, tmp_path, *options) == 0
    first = contents(tmp_path)
    assert run(folder, tmp_path, *options) == 0
    assert contents(tmp_path) == first and len(first) == 8


@pytest.mark.parametrize("shard", ["0/4", "5/4", "4", "a/b", "1/0", "-1/2"])
def test_a_shard_that_is_none_is_refused(photos, tmp_path, shard, capsys):
    assert run(photos[0], tmp_path / "out", f"--shard={shard}") == 2
    assert "--shard must be I/N" in capsys.readouterr().err


def test_two_processes_in_one_folder_do_not_disturb_each_other(
    photos, tmp_path
):
    folder, expected = photos
    for option in ("--overwrite", "--skip-existing"):
        words = ("restore", folder, tmp_path / option, *MEDIAN, option)
        jobs = [Job(*words) for _ in range(3)]
        for code, _, error in [job.wait() for job in jobs]:
            assert (code, errors(error)) == (0, [])
        assert contents(tmp_path / option) == expected


def test_a_file_that_appears_meanwhile_is_not_replaced(tmp_path, monkeypatch):
    write_image(tmp_path / "in/a.png", RNG.uniform(size=(8, 8, 3)))
    goal = tmp_path / "out/a.png"

    def slow(*_):
        write_image(goal, np.ones((2, 2)))
        return lambda images: 0.5 * images

    monkeypatch.setitem(tasks.METHODS, "median", slow)
    with pytest.raises(FilesError, match="out/a.png exists already"):
        restore(tmp_path / "in", tmp_path / "out", method="median")
    assert read_image(goal).shape == (2, 2, 1)


# Errors concern one file -----------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [
        ValueError("wrong"),
        OSError(errno.EIO, "Input/output error"),
        MemoryError(),
        IndexError("index 1 is out of bounds"),
        RuntimeError("anything"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_of_any_kind_concerns_one_file(
    error, tmp_path, monkeypatch, capsys
):
    for name in "abcd":
        write_image(tmp_path / f"in/{name}.png", RNG.uniform(size=(8, 8, 3)))
    calls = []

    def failing(*_):
        calls.append(None)
        if len(calls) in (1, 3):
            raise error
        return lambda images: images

    monkeypatch.setitem(tasks.METHODS, "median", failing)
    assert run(tmp_path / "in", tmp_path / "out") == 2
    out, printed = capsys.readouterr()
    assert contents(tmp_path / "out").keys() == {"b.png", "d.png"}
    assert [line.rpartition("/")[2][:5] for line in out.splitlines()] == [
        "b.png",
        "d.png",
    ]
    lines = errors(printed)
    assert len(lines) == 2 and "Traceback" not in printed
    for line, name in zip(lines, ("a.png", "c.png"), strict=True):
        assert line.startswith(f"keras-synth: error: {tmp_path}/in/{name}: ")
    with pytest.raises(FilesError) as caught:
        calls.clear()
        restore(tmp_path / "in", tmp_path / "again", method="median")
    assert set(caught.value.errors.values()) == {error}


def test_files_that_cannot_be_read_are_named_and_the_rest_is_done(
    tmp_path, capsys
):
    folder = tmp_path / "in"
    for name in ("a.png", "m" * 251 + ".png", "z.png"):
        write_image(folder / name, RNG.uniform(size=(8, 8, 3)))
    (folder / "b.png").touch()
    (folder / "c.png").symlink_to(tmp_path / "nowhere.png")
    (folder / "d.png").symlink_to(folder / "d.png")
    os.mkfifo(folder / "e.png")  # to read it would be to wait forever
    assert run(folder, tmp_path / "out") == 2
    error = capsys.readouterr().err
    assert len(errors(error)) == 4
    for name in "bcde":
        assert f"/in/{name}.png" in error
    assert sorted(map(len, contents(tmp_path / "out"))) == [5, 5, 255]


def test_any_name_of_a_file_is_written_and_printed(tmp_path, capfdbinary):
    names = [
        b"caf\xe9.png",
        "日本.png".encode(),
        b"$a_{b.png",
        b"new\nline.png",
    ]
    (tmp_path / "in").mkdir()
    write_image(tmp_path / "a.png", RNG.uniform(size=(8, 8, 3)))
    for name in names:
        path = os.path.join(os.fsencode(tmp_path / "in"), name)
        pathlib.Path(os.fsdecode(path)).write_bytes(
            (tmp_path / "a.png").read_bytes()
        )
    assert run(tmp_path / "in", tmp_path / "out", "--compare") == 0
    assert run(tmp_path / "in", tmp_path / "js", "--json") == 0
    written = {os.fsencode(name) for name in contents(tmp_path / "out")}
    assert written == {
        each for n in names for each in (n, n[:-4] + b"-compare.png")
    }
    lines = capfdbinary.readouterr().out.decode().splitlines()
    objects = [json.loads(line) for line in lines if line.startswith("{")]
    assert {os.fsencode(each["target"]) for each in objects} == {
        os.path.join(os.fsencode(tmp_path / "js"), name) for name in names
    }


# Full disks ------------------------------------------------------------------


def check_full_disk(photos, out, code, error):
    """Whole or absent, and who is absent is named."""
    folder, expected = photos
    found = contents(out) if out.exists() else {}
    for name, data in found.items():
        assert data == expected[name], name
    missing = set(expected) - set(found)
    assert code == (2 if missing else 0)
    lines = errors(error)
    assert len(lines) == len(missing)
    for name in missing:
        assert any(f"{folder}/{name}: " in line for line in lines), name
    return len(missing)


@pytest.mark.parametrize(
    "points", [3, pytest.param(20, marks=pytest.mark.slow)]
)
def test_a_file_that_does_not_fit_on_the_disk_is_absent_and_named(
    points, photos, tmp_path
):
    """As if the disk were full: files cannot grow further than this."""
    largest = max(len(data) for data in photos[1].values())
    counts = []
    for index, limit in enumerate(np.linspace(0, largest, points).astype(int)):
        out = tmp_path / str(index)
        words = ("restore", photos[0], out, *MEDIAN)
        code, _, error = Job(*words, largest_file=int(limit)).wait()
        counts.append(check_full_disk(photos, out, code, error))
        if counts[-1]:
            assert "File too large" in error
    assert counts[0] == 24 and counts[-1] == 0
    assert len(set(counts)) > points // 2


@pytest.fixture
def small_disk(tmp_path):
    """A disk of two megabytes, in memory."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "none", str(disk)]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("mounting a disk needs the rights of root")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.slow
def test_a_disk_that_fills_at_twenty_points(photos, small_disk):
    needed = sum(map(len, photos[1].values()))
    out, filler = small_disk / "out", small_disk / "filler"
    words = ("restore", photos[0], out, *MEDIAN)
    counts = []
    for free in np.linspace(0, 0.95 * needed, 20).astype(int):
        filler.write_bytes(bytes(DISK - int(free) // 4096 * 4096 - 8192))
        code, _, error = Job(*words).wait()
        counts.append(check_full_disk(photos, out, code, error))
        assert "No space left on device" in error
        filler.unlink()
        assert Job(*words, "--skip-existing").wait()[0] == 0
        assert contents(out) == photos[1]
        subprocess.run(["rm", "-r", str(out)], check=True)
    assert counts[0] >= 20 and counts[-1] >= 1 and len(set(counts)) > 10
