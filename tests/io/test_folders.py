"""Folders of files: walked, paired by name, planned, written atomically."""

import errno
import os
import pathlib
import stat
import sys
import time

import numpy as np
import pytest

from keras_synth.io import (
    FileOptions,
    beside_target,
    check_target,
    find_images,
    folder_written_whole,
    folders,
    is_finished,
    pair_by_name,
    plan_targets,
    write_image,
    write_whole,
    written_whole,
)
from tests.jobs import CONTEXT


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def test_images_are_found_in_all_folders_below_and_sorted(tmp_path):
    touch(tmp_path, "b/c.JPG", "a.png", "b/a.tiff", "notes.txt", "d.png/e.png")
    names = [str(f.relative_to(tmp_path)) for f in find_images(tmp_path)]
    assert names == ["a.png", "b/a.tiff", "b/c.JPG", "d.png/e.png"]


def test_hidden_files_and_folders_are_no_images(tmp_path):
    """As file managers leave them: thumbnails, and macOS' `._a.png`."""
    folder = tmp_path / ".hidden"  # what the user names may be hidden
    touch(folder, "a.png", "._a.png", ".cache/b.png", "b/.c/d/e.png", ".png")
    assert find_images(folder) == [folder / "a.png"]


def test_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no folder"):
        find_images(tmp_path / "none")


def test_pairs_have_the_same_name_whatever_their_endings(tmp_path):
    left = touch(tmp_path / "left", "a.png", "b/a.jpg", "b/c.png")
    right = touch(tmp_path / "right", "b/a.bmp", "a.png", "d.png")
    pairs = pair_by_name(find_images(left), left, find_images(right), right)
    assert pairs == {
        left / "a.png": right / "a.png",
        left / "b/a.jpg": right / "b/a.bmp",
    }


def test_two_partners_of_one_name_are_refused(tmp_path):
    left = touch(tmp_path / "left", "a.png")
    right = touch(tmp_path / "right", "a.bmp", "a.png")
    with pytest.raises(ValueError, match="a.bmp and .*a.png have the same"):
        pair_by_name(find_images(left), left, find_images(right), right)


def test_a_file_is_planned_as_a_file_and_a_folder_as_a_folder(tmp_path):
    touch(tmp_path, "in/a.png", "in/b/c.jpg", "in/.d.png")
    plan = plan_targets(tmp_path / "in/a.png", tmp_path / "out.png")
    assert plan == [(tmp_path / "in/a.png", tmp_path / "out.png")]
    plan = plan_targets(str(tmp_path / "in"), str(tmp_path / "out"))
    assert [str(goal.relative_to(tmp_path)) for _, goal in plan] == [
        "out/a.png",
        "out/b/c.jpg",
    ]
    assert not (tmp_path / "out").exists()


def test_what_is_written_beside_a_target_is_checked_too(tmp_path):
    touch(tmp_path, "in/a.png", "out/a-compare.png", "out/a-step-01.png")
    places = tmp_path / "in", tmp_path / "out"
    for suffix in ("-compare.png", "-step-*.png"):
        with pytest.raises(FileExistsError, match="exists already"):
            plan_targets(*places, beside=(suffix,))
        plan_targets(*places, beside=(suffix,), overwrite=True)
    plan_targets(*places, beside=("-steps-*.png", "-other.png"))
    goal = tmp_path / "out/a.jpg"
    assert beside_target(goal, "-b.png") == tmp_path / "out/a-b.png"


def test_a_target_above_a_missing_folder_is_the_file_that_is_there(tmp_path):
    touch(tmp_path, "in/a.png", "in/a-step-01.png")
    (tmp_path / "in/a.png").write_bytes(b"an image")
    source, target = tmp_path / "in", tmp_path / "new" / ".." / "in"
    with pytest.raises(FileExistsError, match="exists already"):
        plan_targets(source, target)
    with pytest.raises(FileExistsError, match="step-01.png exists already"):
        plan_targets(
            source / "a.png", target / "a.jpg", beside=("-step-*.png",)
        )
    assert plan_targets(source, target, overwrite=True)
    skipped = FileOptions(skip_existing=True)
    assert not plan_targets(source / "a.png", target / "a.png", files=skipped)


def test_what_is_read_as_well_is_no_target(tmp_path):
    touch(tmp_path, "in/a.png", "masks/a.png", "masks/b.png")
    source, masks = tmp_path / "in", tmp_path / "masks"
    for places in (source, masks), (source / "a.png", masks / "b.png"):
        with pytest.raises(ValueError, match="is read as well, and would be"):
            plan_targets(*places, overwrite=True, also_read=[masks])
    # A style that is the source itself, which is replaced in place.
    files = [source / "a.png"]
    assert plan_targets(*files * 2, overwrite=True, also_read=files)


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("in", "out"),  # two images to be written are one file
        ("in", "in"),  # an image to be read
        ("in/a-compare.png", "in/a.png"),
        ("in/b.png", "masks/m.png"),  # what is read as well
    ],
)
def test_what_is_written_beside_a_target_is_no_image(tmp_path, source, target):
    names = "a.png", "a-compare.png", "b.png"
    touch(tmp_path / "in", *names)
    masks = touch(tmp_path / "masks", "m-compare.png")
    for suffix in "-compare.png", "-*.png":
        with pytest.raises(ValueError, match="a-compare.png would|m-compare"):
            plan_targets(
                tmp_path / source,
                tmp_path / target,
                overwrite=True,
                beside=(suffix,),
                also_read=[masks],
            )


def test_names_that_differ_in_their_endings_share_what_is_beside(tmp_path):
    touch(tmp_path, "in/a.png", "in/a.jpg")
    places = tmp_path / "in", tmp_path / "out"
    with pytest.raises(ValueError, match="differ in their endings alone"):
        plan_targets(*places, beside=("-compare.png",))
    assert len(plan_targets(*places)) == 2


def test_any_ending_is_allowed_where_none_is_asked_for(tmp_path):
    check_target(tmp_path / "a.onnx", endings=None)
    with pytest.raises(ValueError, match="must end in one of .mp4"):
        check_target(tmp_path / "a.onnx", endings=(".mp4",))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_the_right_to_write_is_refused(tmp_path):
    (tmp_path / "locked").mkdir(mode=0o500)
    with pytest.raises(PermissionError, match="Cannot write"):
        check_target(tmp_path / "locked/a.png")


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "new/a.txt"
    with written_whole(path) as unfinished:
        unfinished.write_text("first")
        assert not path.exists() and unfinished.name == path.name
        assert unfinished.parent.name.startswith(".")
        assert unfinished.parent.parent == path.parent
    assert path.read_text() == "first"
    with pytest.raises(OSError, match="no space"):
        with written_whole(path) as unfinished:
            unfinished.write_text("sec")
            raise OSError("no space")
    assert path.read_text() == "first"
    assert [file.name for file in path.parent.iterdir()] == ["a.txt"]


def test_links_and_rights_stay_as_they_are(tmp_path):
    (tmp_path / "real.png").touch()
    (tmp_path / "link.png").symlink_to(tmp_path / "real.png")
    write_image(tmp_path / "link.png", np.zeros((2, 2)))
    assert (tmp_path / "link.png").is_symlink()
    assert (tmp_path / "real.png").stat().st_size > 0
    (tmp_path / "plain.png").touch()
    rights = [
        stat.S_IMODE((tmp_path / name).stat().st_mode)
        for name in ("plain.png", "real.png")
    ]
    assert rights[0] == rights[1]
    (tmp_path / "real.png").chmod(0o600)  # nobody else's business
    write_image(tmp_path / "real.png", np.ones((2, 2)))
    assert stat.S_IMODE((tmp_path / "real.png").stat().st_mode) == 0o600


def test_an_image_that_cannot_be_written_leaves_the_old_one(tmp_path):
    path = tmp_path / "a.jpg"
    write_image(path, np.ones((4, 4, 3)))
    before = path.read_bytes()
    with pytest.raises(ValueError, match="Cannot write"):
        # JPEG holds no transparency.
        write_image(path, np.full((4, 4, 4), 0.5))
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["a.jpg"]
    with pytest.raises(ValueError, match="must end in one of"):
        write_image(tmp_path / "new/a.xyz", np.ones((4, 4, 3)))
    assert not (tmp_path / "new").exists()


def _write(path, level):
    for _ in range(20):
        with written_whole(path) as unfinished:
            unfinished.write_text(str(level) * 1000)


@pytest.mark.skipif(sys.platform == "win32", reason="needs spawn's cost")
@pytest.mark.slow
def test_several_processes_can_write_one_file(tmp_path):
    path = tmp_path / "a.txt"
    workers = [
        CONTEXT.Process(target=_write, args=(path, level)) for level in (1, 2)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    assert path.read_text() in ("1" * 1000, "2" * 1000)
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]


def test_names_and_formats_of_a_folder_are_changed_as_asked(tmp_path):
    folder = touch(tmp_path / "in", "b/c.JPG", "a.png")
    plan = plan_targets(
        folder, tmp_path / "new", files=FileOptions(format="webp", suffix="-x")
    )
    for file, goal in plan:
        name = file.relative_to(folder).with_name(f"{file.stem}-x.webp")
        assert goal == tmp_path / "new" / name
    (file, _), *_ = plan
    (tmp_path / "there").mkdir()
    options = FileOptions(suffix="-x")
    ((_, goal),) = plan_targets(file, tmp_path / "there", files=options)
    assert goal == tmp_path / "there" / f"{file.stem}-x{file.suffix}"
    with pytest.raises(ValueError, match="says the name and the format"):
        plan_targets(file, tmp_path / "one.png", files=options)
    with pytest.raises(ValueError, match="must end in one of"):
        plan_targets(folder, tmp_path / "b", files=FileOptions(format="xyz"))


# Links, targets inside their sources, read-only files ------------------------


def names_of(plan, folder):
    return [tuple(str(p.relative_to(folder)) for p in pair) for pair in plan]


def test_links_are_followed_but_not_in_a_circle(tmp_path):
    touch(tmp_path, "in/a.png", "elsewhere/b.png")
    (tmp_path / "in/c.png").symlink_to(tmp_path / "in/a.png")
    (tmp_path / "in/there").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere/up").symlink_to(tmp_path / "in")
    (tmp_path / "in/self").symlink_to(tmp_path / "in/self")
    names = [p.relative_to(tmp_path).as_posix() for p in find_images(tmp_path)]
    assert "in/there/b.png" in names and "in/c.png" in names
    assert len(find_images(tmp_path / "in")) == 3


def test_a_target_inside_of_its_source_is_no_source(tmp_path):
    touch(tmp_path, "a.png", "out/a.png", "out/deep/b.png", "outer/c.png")
    (tmp_path / "link").symlink_to(tmp_path / "out")
    for target in (tmp_path / "out", tmp_path / "link"):
        plan = plan_targets(tmp_path, target, overwrite=True)
        assert names_of(plan, tmp_path) == [
            ("a.png", f"{target.name}/a.png"),
            ("outer/c.png", f"{target.name}/outer/c.png"),
        ]
    # A source inside of its target, and one that is its target.
    plan = plan_targets(tmp_path / "outer", tmp_path)
    assert names_of(plan, tmp_path) == [("outer/c.png", "c.png")]
    plan = plan_targets(tmp_path / "outer", tmp_path / "outer", overwrite=True)
    assert names_of(plan, tmp_path) == [("outer/c.png", "outer/c.png")]


def test_an_image_that_would_be_lost_is_named_even_with_overwrite(tmp_path):
    touch(tmp_path, "in/a.png", "in/in/a.png", "in/b.png", "out/b.png")
    with pytest.raises(ValueError, match="in/a.png is the image .* lost"):
        plan_targets(tmp_path / "in", tmp_path, overwrite=True)
    (tmp_path / "out/a.png").symlink_to(tmp_path / "in/a.png")
    with pytest.raises(ValueError, match="out/a.png is the image .*in/a.png"):
        plan_targets(tmp_path / "in", tmp_path / "out", overwrite=True)
    plan_targets(tmp_path / "in", tmp_path / "in", overwrite=True)  # in place


@pytest.mark.parametrize(
    "options, made",
    [
        ({"suffix": "-r"}, ["a-r.png", "a-r-compare.png", "a-r-step-01.png"]),
        ({"format": "webp"}, ["a.webp", "a-compare.png", "a-step-01.png"]),
    ],
)
def test_a_job_beside_its_sources_goes_on(tmp_path, options, made):
    """What it has written is no source, whatever it is called."""
    touch(tmp_path, "a.png", "b/c.png", "a-r-other.png", *made)
    (tmp_path / made[0]).write_bytes(b"finished")
    beside = ("-compare.png", "-step-*.png")
    files = FileOptions(skip_existing=True, **options)
    plan = plan_targets(tmp_path, tmp_path, beside=beside, files=files)
    assert [file.relative_to(tmp_path).as_posix() for file, _ in plan] == [
        "a-r-other.png",
        "b/c.png",
    ]
    with pytest.raises(ValueError, match="would"):
        plan_targets(tmp_path, tmp_path, files=FileOptions(**options))


def test_links_that_make_two_targets_one_are_refused(tmp_path):
    touch(tmp_path, "in/a.png", "in/b.png", "out/a.png")
    (tmp_path / "out/b.png").symlink_to(tmp_path / "out/a.png")
    with pytest.raises(ValueError, match="in/a.png and .*in/b.png would both"):
        plan_targets(tmp_path / "in", tmp_path / "out", overwrite=True)


def test_what_is_read_only_or_no_file_is_not_replaced(tmp_path):
    touch(tmp_path, "a.png", "b.png")
    (tmp_path / "b.png").chmod(0o444)
    os.mkfifo(tmp_path / "c.png")
    check_target(tmp_path / "a.png", overwrite=True)
    for name, reason in (("b", "is read-only"), ("c", "is no file")):
        with pytest.raises(PermissionError, match=f"{name}.png: it {reason}"):
            check_target(tmp_path / f"{name}.png", overwrite=True)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_cannot_be_listed_is_an_error(tmp_path):
    (tmp_path / "locked").mkdir(mode=0o000)
    with pytest.raises(PermissionError, match="locked"):
        find_images(tmp_path)


def test_names_have_255_bytes_at_most(tmp_path):
    longest = "é" * 125 + "a.png"
    assert len(longest.encode()) == 255
    write_image(tmp_path / longest, np.zeros((2, 2)))
    assert is_finished(tmp_path / longest)
    for length, suffix in ((256, ""), (263, "-compare.png")):
        with pytest.raises(ValueError, match=f"255 bytes. Received: {length}"):
            if suffix:
                plan_targets(
                    tmp_path, tmp_path / "out", beside=("-compare.png",)
                )
            else:
                check_target(tmp_path / f"b{longest}")


# Errors, and what is left of processes that were killed ----------------------


@pytest.mark.parametrize(
    "error, message",
    [
        (OSError(errno.ENOSPC, "No space left on device"), "No space left"),
        (OSError("encoder error -2"), "Cannot write .*a.txt: encoder error"),
        (
            RuntimeError("{}: failed"),
            "^[^ ]*/a.txt: failed",
        ),
    ],
    ids=["full", "writer", "library"],
)
def test_an_error_of_writing_names_the_file(tmp_path, error, message):
    path = tmp_path / "a.txt"
    with pytest.raises(OSError, match=message) as caught:
        with written_whole(path) as unfinished:
            error.args = tuple(
                arg.format(unfinished) if isinstance(arg, str) else arg
                for arg in error.args
            )
            raise error
    assert str(path) in str(caught.value)
    assert "unfinished" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_errors_that_have_nothing_to_do_with_writing_stay(tmp_path):
    for error in (FileNotFoundError(2, "No such file", "b"), KeyError("a")):
        with pytest.raises(type(error)) as caught:
            with written_whole(tmp_path / "a.txt"):
                raise error
        assert caught.value is error


def test_bytes_that_did_not_arrive_are_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(
        pathlib.Path, "write_bytes", lambda self, _: self.touch()
    )
    with pytest.raises(OSError, match="a.txt: 0 of 3 bytes arrived"):
        write_whole(tmp_path / "a.txt", b"abc")
    assert not list(tmp_path.iterdir())


def _start_and_wait(path, started):
    with written_whole(path) as unfinished:
        unfinished.write_text("half")
        started.set()
        time.sleep(60)


@pytest.mark.skipif(sys.platform == "win32", reason="has no locks of folders")
@pytest.mark.slow
def test_what_a_killed_process_has_left_is_removed(tmp_path):
    started = [CONTEXT.Event() for _ in range(2)]
    workers = [
        CONTEXT.Process(target=_start_and_wait, args=(tmp_path / "a.txt", each))
        for each in started
    ]
    for worker, event in zip(workers, started, strict=True):
        worker.start()
        assert event.wait(30)
    workers[0].kill()
    workers[0].join()
    assert len(list(tmp_path.iterdir())) == 2
    touch(tmp_path, ".unfinished-novel/chapter.txt")  # not ours
    write_whole(tmp_path / "b.txt", b"b")
    left = sorted(path.name for path in tmp_path.iterdir())
    assert len(left) == 3 and left[1:] == [".unfinished-novel", "b.txt"]
    workers[1].kill()  # its own is still there, since it was running
    workers[1].join()
    folders._remove_unfinished.cache_clear()
    write_whole(tmp_path / "b.txt", b"b")
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == [".unfinished-novel", "b.txt"]


def test_a_folder_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "new/model"
    with folder_written_whole(path) as unfinished:
        touch(unfinished, "a.txt", "b/c.txt")
        assert not path.exists()
    with pytest.raises(OSError, match="no space"):
        with folder_written_whole(path) as unfinished:
            touch(unfinished, "d.txt")
            raise OSError("no space")
    names = [p.relative_to(path).as_posix() for p in sorted(path.rglob("*"))]
    assert names == ["a.txt", "b", "b/c.txt"]
    with folder_written_whole(path) as unfinished:
        touch(unfinished, "e.txt")
    assert [p.name for p in path.iterdir()] == ["e.txt"]
    assert [p.name for p in path.parent.iterdir()] == ["model"]


def test_a_folder_that_cannot_be_exchanged_stays(tmp_path, monkeypatch):
    path = touch(tmp_path / "model", "old.txt")
    rename = os.rename

    def failing(source, target):
        if "unfinished" in str(source):
            raise OSError(errno.EBUSY, "Device or resource busy")
        rename(source, target)

    monkeypatch.setattr(folders.os, "rename", failing)
    with pytest.raises(OSError, match="busy: .*model"):
        with folder_written_whole(path) as unfinished:
            touch(unfinished, "new.txt")
    assert [p.name for p in path.iterdir()] == ["old.txt"]
    assert [p.name for p in tmp_path.iterdir()] == ["model"]


def test_a_part_of_a_folder_is_planned(tmp_path):
    touch(tmp_path / "in", *(f"{index}.png" for index in range(7)))
    parts = [
        plan_targets(
            tmp_path / "in",
            tmp_path / "out",
            files=FileOptions(shard=f"{index}/3"),
        )
        for index in (1, 2, 3)
    ]
    assert [len(part) for part in parts] == [3, 2, 2]
    whole = plan_targets(tmp_path / "in", tmp_path / "out")
    assert sorted(sum(parts, [])) == whole
