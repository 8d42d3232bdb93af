"""Tables of figures, for people (Markdown) and for programs (CSV)."""

import csv
import pathlib

from keras_synth.io import written_whole


def markdown_table(header, rows):
    """A table in Markdown.

    Args:
        header: names of the columns.
        rows: lists of cells; floats are shown with four significant digits,
            None as a dash, and the rest as it is.

    Returns:
        str, lines without a last line break.

    Example:

    >>> print(markdown_table(["method", "psnr"], [["median", 29.601]]))
    | method | psnr |
    |---|---|
    | median | 29.60 |
    """
    lines = [header, *rows]
    lines = ["| " + " | ".join(map(_cell, line)) + " |" for line in lines]
    return "\n".join([lines[0], "|" + "---|" * len(header), *lines[1:]])


def write_csv(path, rows):
    """Writes rows, all digits of them, as comma-separated values.

    Args:
        path: where; missing folders are made.
        rows: dicts with the same keys, the columns' names.

    Returns:
        The path, a `pathlib.Path`.
    """
    path = pathlib.Path(path)
    with written_whole(path) as unfinished:
        with unfinished.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    return path


def _cell(value):
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:#.4g}"
    return str(value).replace("|", "\\|")
