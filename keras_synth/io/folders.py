"""Folders of files: walking, pairing by name, planning, atomic writing."""

import contextlib
import os
import pathlib
import secrets

from keras_synth.io.options import FileOptions

#: Endings of the image files that are read and written.
EXTENSIONS = frozenset(
    [
        ".bmp",
        ".gif",
        ".jpeg",
        ".jpg",
        ".pgm",
        ".png",
        ".ppm",
        ".tif",
        ".tiff",
        ".webp",
    ]
)


def find_images(folder):
    """Lists the image files of a folder and of all folders below it.

    Hidden files and folders, whose names begin with a dot, are left out.

    Args:
        folder: Path of the folder.

    Returns:
        A list of `pathlib.Path`, sorted.

    Raises:
        FileNotFoundError: There is no such folder.
    """
    folder = pathlib.Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"There is no folder {folder}")
    found = []
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [pathlib.Path(parent, name) for name in files]
    return sorted(
        file
        for file in found
        if file.suffix.lower() in EXTENSIONS and not file.name.startswith(".")
    )


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


def plan_targets(source, target, *, overwrite=False, beside=(), files=None):
    """Plans which image file becomes which, and checks every target.

    Args:
        source: Path of an image file, or of a folder with images.
        target: Path of the file to write. For a folder, path of the folder
            that gets files of the same names.
        overwrite: Whether existing files may be replaced.
        beside: What else is written beside each target: "-compare.png"
            stands for `NAME-compare.png`. A suffix with a `*` stands for
            several files.
        files: `io.FileOptions`, or None for the defaults.

    Returns:
        A list of `(file to read, file to write)`, `pathlib.Path` both.

    Raises:
        FileExistsError: A file exists and `overwrite` is False.
        FileNotFoundError: There is no such source.
        PermissionError: The place cannot be written to.
        ValueError: There are no images, the target is a file where it must
            be a folder, or the files beside two targets would be the same.
    """
    source, target = pathlib.Path(source), pathlib.Path(target)
    files = files or FileOptions()
    plan = _plan(source, target)
    if files.skip_existing:
        plan = [(file, goal) for file, goal in plan if not goal.exists()]
    if beside:
        _check_stems(plan)
    for _, goal in plan:
        check_target(goal, overwrite)
        for suffix in beside:
            _check_beside(goal, suffix, overwrite)
    return plan


def beside_target(goal, suffix):
    """The path `NAME` + suffix of a file written beside `NAME.png`."""
    return goal.with_name(f"{goal.stem}{suffix}")


def _plan(source, target):
    if source.is_file():
        return [(source, target)]
    if not source.is_dir():
        raise FileNotFoundError(f"There is no image or folder {source}")
    if target.is_file():
        raise ValueError(
            f"{source} is a folder, so the target must be one. "
            f"Received: the file {target}"
        )
    files = find_images(source)
    if not files:
        raise ValueError(f"{source} holds no images.")
    return [(file, target / file.relative_to(source)) for file in files]


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


def _check_beside(goal, suffix, overwrite):
    if "*" not in suffix:
        check_target(beside_target(goal, suffix), overwrite)
        return
    start, _, end = suffix.partition("*")
    if overwrite or not goal.parent.is_dir():
        return
    for old in sorted(goal.parent.iterdir()):
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
    if path.exists() and not overwrite:
        raise FileExistsError(_exists(path))
    there = next(folder for folder in path.parents if folder.exists())
    if not there.is_dir():
        raise PermissionError(
            f"Cannot write {path}: {path.parent} cannot be a folder."
        )
    if path.is_dir() or not os.access(there, os.W_OK):
        raise PermissionError(f"Cannot write {path}.")


@contextlib.contextmanager
def written_whole(path):
    """Atomic writing: a file is written whole or not at all.

    Gives a temporary name in the folder of the file, hidden and unique. When
    the block ends without an error, the file takes its own name; otherwise it
    is removed, and a file that existed stays as it was. Missing folders are
    made.

    Args:
        path: Path of the file.

    Yields:
        The `pathlib.Path` to write to.

    Example:

    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "notes.txt"
    >>> with written_whole(path) as unfinished:
    ...     _ = unfinished.write_text("all of it")
    >>> path.read_text()
    'all of it'
    """
    path = pathlib.Path(os.path.realpath(path))  # a link stays a link
    path.parent.mkdir(parents=True, exist_ok=True)
    unique = f"{os.getpid()}-{secrets.token_hex(4)}"
    ending = "".join(path.suffixes[-2:])  # Keras wants .weights.h5
    unfinished = path.with_name(f".unfinished-{unique}{ending}")
    try:
        yield unfinished
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
