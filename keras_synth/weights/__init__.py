"""Small trained weights that ship, each with a card that says what it is."""

import pathlib

_FOLDER = pathlib.Path(__file__).parent


def path(name):
    """Where a shipped file lies.

    Args:
        name: of the file.

    Returns:
        Its `pathlib.Path`.

    Raises:
        ValueError: no such file ships.

    Example:

    >>> path("mnist_classifier.weights.h5").name
    'mnist_classifier.weights.h5'
    """
    files = sorted(
        file.name for file in _FOLDER.iterdir() if file.suffix in (".h5", ".md")
    )
    if name not in files:
        raise ValueError(
            f"`name` must be one of {', '.join(files)}. Received: {name!r}"
        )
    return _FOLDER / name
