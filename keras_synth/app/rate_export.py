"""Export of the answers of a rating study as CSV or JSON."""

import csv
import dataclasses
import io
import json
import os
import pathlib

from keras_synth.app.studies import Study
from keras_synth.io import check_target, write_whole

_ENDINGS = (".csv", ".json")


@dataclasses.dataclass(frozen=True)
class Exported:
    """Result of `rate_export`.

    Attributes:
        target: Path of the file that was written.
        num_answers: Number of answers in it.
    """

    target: pathlib.Path
    num_answers: int


def rate_export(
    study: str | os.PathLike,
    target: str | os.PathLike,
    *,
    overwrite: bool = False,
) -> Exported:
    """Exports the answers of a rating study, one row an answer.

    Columns: rater, number and kind of the question ("new", "repeat", "catch"),
    image, the methods left and right (none for the coarse copy of a catch
    trial), value, number of the question that is repeated, seconds, and when
    it was received. The value is 1 where the left image is better, 0 for no
    difference, -1 where the right one is; or the score.

    Args:
        study: Path of the folder of the study.
        target: Path of the `.csv` or `.json` file to write.
        overwrite: Whether an existing file may be replaced.

    Returns:
        An `Exported`.

    Raises:
        FileExistsError: The file exists and `overwrite` is False.
        FileNotFoundError: There is no such study.
        PermissionError: The place cannot be written to.
        ValueError: The file has another ending.
    """
    target = pathlib.Path(target)
    check_target(target, overwrite, _ENDINGS)
    opened = Study(study)
    answers = opened.answers()
    opened.close()
    if target.suffix.lower() == ".json":
        data = {"settings": opened.settings, "answers": answers}
        text = json.dumps(data, ensure_ascii=False, indent=1) + "\n"
    else:
        names = (
            "rater number kind image left right value repeats seconds received"
        ).split()
        lines = io.StringIO()
        writer = csv.DictWriter(lines, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(answers)
        text = lines.getvalue()
    write_whole(target, text.encode("utf-8", "surrogateescape"))
    return Exported(target, len(answers))
