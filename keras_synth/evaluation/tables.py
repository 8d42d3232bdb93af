"""Tables as Markdown and as CSV."""

import csv
import pathlib

from keras_synth.io import written_whole


def markdown_table(header, rows):
    """Formats a table in Markdown.

    Args:
        header: Names of the columns.
        rows: Lists of cells. Floats have four significant digits, None is a
            dash, and other values are converted to str.

    Returns:
        A str without a line break at the end.

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
    """Writes rows as comma-separated values, with all digits.

    Args:
        path: Path of the file. Missing folders are made.
        rows: Dicts with the same keys, which are the names of the columns.

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
