"""Folders of files: walked, paired by name, planned, written atomically."""

import multiprocessing
import os
import stat
import sys

import numpy as np
import pytest

from keras_synth.io import (
    FileOptions,
    beside_target,
    check_target,
    find_images,
    pair_by_name,
    plan_targets,
    write_image,
    written_whole,
)


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
        assert not path.exists() and unfinished.name.startswith(".")
        assert unfinished.parent == path.parent
        assert unfinished.suffix == path.suffix
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


def test_an_image_that_cannot_be_written_leaves_the_old_one(tmp_path):
    path = tmp_path / "a.jpg"
    write_image(path, np.ones((4, 4, 3)))
    before = path.read_bytes()
    with pytest.raises(ValueError, match="Cannot write"):
        write_image(path, np.ones((4, 4, 4)))  # JPEG holds no transparency
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
def test_several_processes_can_write_one_file(tmp_path):
    path = tmp_path / "a.txt"
    context = multiprocessing.get_context("forkserver")
    workers = [
        context.Process(target=_write, args=(path, level)) for level in (1, 2)
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
