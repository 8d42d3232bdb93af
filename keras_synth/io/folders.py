"""Folders of files: walking, pairing by name, planning, atomic writing."""

import contextlib
import functools
import glob
import os
import pathlib
import platform
import re
import shutil
import tempfile

from keras_synth.io.formats import EXTENSIONS
from keras_synth.io.options import FileOptions

try:
    import fcntl
except ImportError:  # Windows has no such locks.
    fcntl = None

#: Longest name of a file, in bytes.
LONGEST_NAME = 255
# A workspace of this machine: one of another may be in use, wherever its
# locks cannot be seen.
_WORKSPACE = f".keras_synth-unfinished-{platform.node()}-"


def find_images(folder):
    """Lists the image files of a folder and of all folders below it.

    Hidden files and folders, whose names begin with a dot, are left out.
    Symbolic links are followed.

    Args:
        folder: Path of the folder.

    Returns:
        A list of `pathlib.Path`, sorted.

    Raises:
        FileNotFoundError: There is no such folder.
        PermissionError: A folder cannot be listed.
    """
    folder = pathlib.Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"There is no folder {folder}")
    return sorted(
        file for file in _walk(folder) if file.suffix.lower() in EXTENSIONS
    )


def image_files(path):
    """The image file of a path, or all image files of a folder.

    Args:
        path: Path of an image file, or of a folder, see `find_images`.

    Returns:
        A sorted list of `pathlib.Path`, of one file at least.

    Raises:
        FileNotFoundError: There is no such file or folder.
        ValueError: The folder holds no images.
    """
    path = pathlib.Path(path)
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise FileNotFoundError(f"There is no image or folder {path}")
    files = find_images(path)
    if not files:
        raise ValueError(f"{path} holds no images.")
    return files


def _walk(folder, above=()):
    """All files below a folder but hidden ones."""
    real = os.path.realpath(folder)
    if real in above:  # A link leads back up.
        return
    for name in os.listdir(folder):
        path = folder / name
        if name.startswith("."):
            continue
        if path.is_dir():
            yield from _walk(path, (*above, real))
        else:
            yield path


def pair_by_name(files, folder, partners, partner_folder):
    """Pairs files of two folders by their names, whatever their endings.

    `input/a/1.png` and `target/a/1.jpg` are a pair of `input` and `target`.

    Args:
        files: List of `pathlib.Path` below `folder`.
        folder: Path that the names of `files` are relative to.
        partners: List of `pathlib.Path` below `partner_folder`.
        partner_folder: Path that the names of `partners` are relative to.

    Returns:
        A dict from file to partner. Files without a partner are left out.

    Raises:
        ValueError: Two partners have the same name.
    """
    named = {}
    for partner in partners:
        other = named.setdefault(_name_below(partner, partner_folder), partner)
        if other != partner:
            raise ValueError(
                f"{other} and {partner} have the same name: which of them "
                "makes the pair?"
            )
    names = {file: _name_below(file, folder) for file in files}
    return {file: named[name] for file, name in names.items() if name in named}


def _name_below(file, folder):
    return file.relative_to(folder).with_suffix("")


def plan_targets(
    source,
    target,
    *,
    overwrite=False,
    beside=(),
    files=None,
    also_read=(),
    also_written=(),
    only=None,
):
    """Plans which image file becomes which, and checks every target.

    What lies in the target is no source, where the target is a folder inside
    the source.

    Args:
        source: Path of an image file, or of a folder with images.
        target: Path of the file to write, or of a folder that exists, for a
            file of the same name. For a folder, path of the folder that gets
            files of the same names.
        overwrite: Whether existing files may be replaced.
        beside: What else is written beside each target: "-compare.png"
            stands for `NAME-compare.png`. A suffix with a `*` stands for
            several files.
        files: `io.FileOptions`, or None for the defaults.
        also_read: Paths of what is read besides, such as masks: of files, or
            of folders of images. None of them is a target.
        also_written: Folders that other files are written to. What lies in
            them is no source, either.
        only: The files of a folder that are planned, None for all.

    Returns:
        A list of `(file to read, file to write)`, `pathlib.Path` both.

    Raises:
        FileExistsError: A file exists and `overwrite` is False.
        FileNotFoundError: There is no such source.
        PermissionError: The place cannot be written to.
        ValueError: There are no images, the target is a file where it must
            be a folder, `files` do not fit, two files or the files beside
            them would be the same, or a source would be lost.
    """
    source, target = pathlib.Path(source), pathlib.Path(target)
    files = files or FileOptions()
    if overwrite and files.skip_existing:
        raise ValueError(
            "`overwrite` replaces the files that `skip_existing` leaves as "
            "they are: give one of them."
        )
    plan = _plan(source, target, files, also_written)
    if only is not None:
        plan = [(file, goal) for file, goal in plan if file in only]
    if files.skip_existing:
        plan = _without_made(plan, beside)
    _check_distinct(plan)
    check_not_read(
        [
            goal
            for file, goal in plan
            if os.path.realpath(goal) != os.path.realpath(file)
        ],
        also_read,
    )
    if beside:
        _check_stems(plan)
        _check_none_beside(plan, beside, also_read)
    plan = _shard(plan, files.shard)
    if files.skip_existing:
        plan = [(file, goal) for file, goal in plan if not is_finished(goal)]
    # What a job that was stopped has left beside a target may stay.
    may_exist = overwrite or files.skip_existing
    try:
        for _, goal in plan:
            check_target(goal, may_exist)
            for suffix in beside:
                _check_beside(goal, suffix, may_exist)
    except FileExistsError as error:
        if not source.is_dir():
            raise
        raise FileExistsError(
            f"{error} Or go on with what is missing (`skip_existing`)."
        ) from None
    return plan


def _without_made(plan, beside):
    """Leaves out what an earlier run has written beside its sources."""
    made = set()
    for file, goal in plan:
        paths = [goal] if goal != file else []
        for suffix in beside:
            if "*" in suffix:
                paths += goal.parent.glob(glob.escape(goal.stem) + suffix)
            else:
                paths.append(beside_target(goal, suffix))
        made.update(map(os.path.realpath, paths))
    return [pair for pair in plan if os.path.realpath(pair[0]) not in made]


def is_finished(goal):
    """Whether a file has been written: it exists, and is not empty."""
    goal = _written(goal)
    return goal.is_file() and goal.stat().st_size > 0


def _written(path):
    """Where `written_whole` writes: what is missing before ".." is made."""
    return pathlib.Path(os.path.realpath(path))


def _shard(plan, shard):
    """Part I of N, which differ by one file at most."""
    if shard is None:
        return plan
    part, _, count = str(shard).partition("/")
    numbers = part.isdecimal() and count.isdecimal()
    if not numbers or not 1 <= int(part) <= int(count):
        raise ValueError(
            "`shard` must be I/N, such as 1/4 for the first of four parts, "
            f"with I from 1 to N. Received: shard={shard!r}"
        )
    return plan[int(part) - 1 :: int(count)]


def beside_target(goal, suffix):
    """The path `NAME` + suffix of a file written beside `NAME.png`."""
    return goal.with_name(f"{goal.stem}{suffix}")


def _plan(source, target, options, also_written):
    if source.is_file():
        if target.is_dir():
            return [(source, target / _renamed(source.name, options))]
        if options.format or options.suffix:
            raise ValueError(
                f"{target} says the name and the format: give a folder as the "
                "target for `format` and `suffix`."
            )
        return [(source, target)]
    if not source.is_dir():
        raise FileNotFoundError(f"There is no image or folder {source}")
    if target.is_file():
        raise ValueError(
            f"{source} is a folder, so the target must be one. "
            f"Received: the file {target}"
        )
    files = find_images(source)
    for folder in (target, *also_written):
        if not _lies_in(source, folder):
            files = [
                each for each in files if not _lies_in(each.parent, folder)
            ]
    if not files:
        raise ValueError(f"{source} holds no images.")
    return [
        (file, target / _renamed(file.relative_to(source), options))
        for file in files
    ]


def _renamed(path, options):
    """A path with the ending and the suffix that are asked for."""
    path = pathlib.Path(path)
    ending = path.suffix
    if options.format:
        ending = "." + options.format.lower().removeprefix(".")
    return path.with_name(path.stem + options.suffix + ending)


def _lies_in(path, folder):
    """Whether a path is a folder or lies below it, whatever the links."""
    path, folder = (pathlib.Path(os.path.realpath(x)) for x in (path, folder))
    return folder in (path, *path.parents)


def _check_distinct(plan):
    """Refuses a target that is another one's, or an image to be read."""
    sources = {os.path.realpath(file): file for file, _ in plan}
    goals = {}
    for file, goal in plan:
        real = os.path.realpath(goal)
        other = goals.setdefault(real, file)
        if other != file:
            raise ValueError(f"{other} and {file} would both become {goal}.")
        in_place = os.path.abspath(goal) == os.path.abspath(file)
        if real in sources and not in_place:
            raise ValueError(
                f"{goal} is the image {sources[real]}, which would be lost: "
                "give another target."
            )


def check_not_read(targets, also_read):
    """Checks that no target is a file that is read, which would be lost.

    Args:
        targets: Paths of the files to write.
        also_read: Paths of what is read: of files, or of folders of images.
            What is None, and a name that is no path, is no file.

    Raises:
        ValueError: A target is read as well, whatever the links.
    """
    kept = _real_paths(also_read)
    for target in targets:
        if os.path.realpath(target) in kept:
            raise ValueError(
                f"{target} is read as well, and would be lost: give another "
                "target."
            )


def _real_paths(also_read):
    """The files that are read besides, whatever the links: a set of str."""
    kept = set()
    for path in also_read:
        if path is not None:
            path = pathlib.Path(path)
            paths = find_images(path) if path.is_dir() else [path]
            kept.update(map(os.path.realpath, paths))
    return kept


def _check_stems(plan):
    """Refuses names that differ in their endings alone."""
    known = {}
    for file, goal in plan:
        other = known.setdefault(goal.with_suffix(""), file)
        if other != file:
            raise ValueError(
                f"{other} and {file} differ in their endings alone, so that "
                "what is written beside them would be one file: rename one."
            )


def _check_none_beside(plan, beside, also_read):
    """Refuses images, read or written, in the place of files beside others."""
    kept = _real_paths(also_read)
    kept.update(os.path.realpath(path) for pair in plan for path in pair)
    goals = {(os.path.realpath(goal.parent), goal.stem) for _, goal in plan}
    for suffix in beside:
        end = ".*".join(map(re.escape, suffix.split("*")))
        for path in sorted(kept):
            folder, name = os.path.split(path)
            match = re.fullmatch(f"(.*){end}", name, re.DOTALL)
            if match and (folder, match[1]) in goals:
                raise ValueError(
                    f"{path} would be lost: what is written beside "
                    f"{match[1]} has that name. Rename it, or give another "
                    "target."
                )


def _check_beside(goal, suffix, overwrite):
    if "*" not in suffix:
        check_target(beside_target(goal, suffix), overwrite)
        return
    start, _, end = suffix.partition("*")
    folder = _written(goal).parent
    if overwrite or not folder.is_dir():
        return
    for old in sorted(folder.iterdir()):
        if old.name.startswith(goal.stem + start) and old.name.endswith(end):
            raise FileExistsError(_exists(old))


def _exists(path):
    return f"{path} exists already: ask to overwrite it (`overwrite`)."


def check_target(path, overwrite=False, endings=EXTENSIONS):
    """Checks that a file can be written, before any work is done for it.

    Args:
        path: Path of the file. Its folders may be missing.
        overwrite: Whether the file may exist already.
        endings: Allowed endings, such as ".png"; None allows any.

    Raises:
        FileExistsError: The file exists and `overwrite` is False.
        PermissionError: Nothing can be written there.
        ValueError: The ending is not an allowed one.
    """
    path = pathlib.Path(path)
    if endings is not None and path.suffix.lower() not in endings:
        raise ValueError(
            f"{path} must end in one of {', '.join(sorted(endings))}."
        )
    length = len(os.fsencode(path.name))
    if length > LONGEST_NAME:
        raise ValueError(
            f"The name of {path} must have at most {LONGEST_NAME} bytes. "
            f"Received: {length}"
        )
    written = _written(path)
    if written.exists() and not overwrite:
        raise FileExistsError(_exists(path))
    there = next(folder for folder in written.parents if folder.exists())
    if not there.is_dir():
        raise PermissionError(
            f"Cannot write {path}: {path.parent} cannot be a folder."
        )
    if not os.access(there, os.W_OK):
        raise PermissionError(f"Cannot write {path}: {there} is read-only.")
    if written.exists():
        if not written.is_file():
            raise PermissionError(f"Cannot write {path}: it is no file.")
        if not written.stat().st_mode & 0o222:
            raise PermissionError(f"Cannot write {path}: it is read-only.")


@contextlib.contextmanager
def written_whole(path):
    """Atomic writing: a file is written whole or not at all.

    Gives a path of the same name in a hidden folder beside it, of one's own.
    When the block ends without an error, the file is flushed to the disk and
    takes its place; otherwise it is removed, and a file that existed stays as
    it was. Missing folders are made. What a process that was killed has left
    is removed by the next one.

    Args:
        path: Path of the file.

    Yields:
        The `pathlib.Path` to write to.

    Raises:
        OSError: The file cannot be written; the error names it.

    Example:

    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "notes.txt"
    >>> with written_whole(path) as unfinished:
    ...     _ = unfinished.write_text("all of it")
    >>> path.read_text()
    'all of it'
    """
    path = pathlib.Path(os.path.realpath(path))  # a link stays a link
    with _errors_that_name(path), _workspace(path.parent) as workspace:
        unfinished = workspace / path.name
        yield unfinished
        _flush(unfinished)
        if path.exists():
            shutil.copymode(path, unfinished)
        os.replace(unfinished, path)
        _flush_folder(path.parent)


def write_whole(path, data):
    """Writes bytes to a file, whole or not at all; see `written_whole`.

    Args:
        path: Path of the file.
        data: The bytes.

    Raises:
        OSError: The file cannot be written; the error names it.
    """
    with written_whole(path) as unfinished:
        unfinished.write_bytes(data)
        written = unfinished.stat().st_size
        if written != len(data):
            raise OSError(
                f"Cannot write {path}: {written} of {len(data)} bytes arrived."
            )


@contextlib.contextmanager
def folder_written_whole(path):
    """Atomic writing of a folder with all its files; see `written_whole`.

    Args:
        path: Path of the folder. One that exists is replaced, with all that
            it holds.

    Yields:
        The `pathlib.Path` of an empty folder to write to.

    Raises:
        OSError: The folder cannot be written; the error names it.
    """
    path = pathlib.Path(os.path.realpath(path))
    with _errors_that_name(path), _workspace(path.parent) as workspace:
        unfinished = workspace / path.name
        unfinished.mkdir()
        yield unfinished
        for parent, _, names in os.walk(unfinished):
            for name in names:
                _flush(os.path.join(parent, name))
            _flush_folder(parent)
        if path.exists():
            _exchange(unfinished, path)
        else:
            os.rename(unfinished, path)
        _flush_folder(path.parent)


def _exchange(new, old):
    """Puts one folder in the place of another, which is removed."""
    # Not in the workspace, which the next process removes after a kill.
    aside = pathlib.Path(tempfile.mkdtemp(prefix=".replaced-", dir=old.parent))
    os.rename(old, aside / old.name)
    try:
        os.rename(new, old)
    except OSError:
        os.rename(aside / old.name, old)
        raise
    finally:
        shutil.rmtree(aside)


@contextlib.contextmanager
def _workspace(folder):
    """A hidden folder of one's own in a folder, locked while it is used."""
    folder.mkdir(parents=True, exist_ok=True)
    _remove_unfinished(folder)
    workspace, lock = _new_workspace(folder)
    try:
        yield workspace
    finally:
        shutil.rmtree(workspace, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def _new_workspace(folder):
    """`(path, descriptor that locks it)`, None where there are no locks."""
    while True:
        path = pathlib.Path(tempfile.mkdtemp(prefix=_WORKSPACE, dir=folder))
        if fcntl is None:
            return path, None
        # Another process may take it for a left one before it is locked.
        with contextlib.suppress(FileNotFoundError):
            lock = os.open(path, os.O_RDONLY)
            with contextlib.suppress(OSError):  # a disk without locks
                fcntl.flock(lock, fcntl.LOCK_EX)
            if path.exists():
                return path, lock
            os.close(lock)


@functools.cache
def _remove_unfinished(folder):
    """Removes the workspaces of processes that were killed."""
    if fcntl is None:
        return
    for path in folder.glob(f"{glob.escape(_WORKSPACE)}*"):
        # In use, gone, another user's, or on a disk without locks.
        with contextlib.suppress(OSError):
            lock = os.open(path, os.O_RDONLY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path)
            finally:
                os.close(lock)


def _flush(path):
    """Waits until a file is on the disk: a full disk may tell only then."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _flush_folder(path):
    with contextlib.suppress(OSError):  # not all systems can
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def _errors_that_name(path):
    """Turns errors of writing in a workspace into errors about the file."""
    try:
        yield
    except Exception as error:
        of_system = isinstance(error, OSError)
        nameless = of_system and error.filename is None
        if not nameless and _WORKSPACE not in str(error):
            raise
        if of_system and error.errno is not None:
            raise OSError(error.errno, error.strerror, str(path)) from error
        text = re.sub(rf"{re.escape(_WORKSPACE)}[^/\\]*[/\\]", "", str(error))
        if str(path) not in text:
            text = f"Cannot write {path}: {text}"
        kind = ValueError if isinstance(error, ValueError) else OSError
        raise kind(text) from error
