"""Report of a rating study: strengths or scores, agreement, metrics."""

import csv
import dataclasses
import io
import json
import math
import os
import pathlib

import numpy as np

from keras_synth.app.studies import Study, passed
from keras_synth.io import folder_written_whole, read_image

_LEAST_RATERS = 10  # from which on the bootstrap draws raters


@dataclasses.dataclass(frozen=True)
class Report:
    """Result of `rate_report`.

    Attributes:
        target: Path of the folder with `report.md`, `report.png` and
            `report.json`.
        num_raters: Number of raters whose answers count.
        num_answers: Number of their answers that count.
        ranking: Names of the methods, the best first.
        notes: Who was left out, in words.
    """

    target: pathlib.Path
    num_raters: int
    num_answers: int
    ranking: tuple[str, ...]
    notes: tuple[str, ...] = ()


def rate_report(
    study: str | os.PathLike,
    target: str | os.PathLike,
    *,
    min_passed: float = 0.75,
    metrics_file: str | None = None,
    seed: int = 0,
    overwrite: bool = False,
) -> Report:
    """Reports a rating study as Markdown, a plot and JSON.

    Pairs give Bradley-Terry strengths with ties and bootstrap intervals;
    scores give mean opinion scores with the screening and the intervals of
    ITU-R BT.500. Krippendorff's alpha says how far raters agree. Repeated
    questions and catch trials count in the checks alone.

    Args:
        study: Path of the folder of the study.
        target: Path of the folder to write.
        min_passed: Least share of the catch trials that a rater must have
            passed to count, from 0 to 1.
        metrics_file: Path of a CSV file with a column "method" and a column for
            each metric, as `evaluation.Comparison.to_csv` writes it. Their
            rank correlations with the ratings are reported, and those of PSNR
            and SSIM where the study has a reference.
        seed: Seed of the bootstrap.
        overwrite: Whether a report that exists may be replaced.

    Returns:
        A `Report`.

    Raises:
        FileExistsError: The folder exists and `overwrite` is False.
        FileNotFoundError: There is no such study or file of metrics.
        ValueError: There are too few answers, or arguments are out of range.
    """
    target = pathlib.Path(target)
    if target.exists() and not (overwrite and _is_report(target)):
        raise FileExistsError(
            f"{target} exists already: ask to overwrite it (`overwrite`, "
            "--overwrite), which replaces a report and no other folder."
        )
    if not 0 <= min_passed <= 1:
        raise ValueError(
            f"`min_passed` must be from 0 to 1. Received: {min_passed}"
        )
    given = {} if metrics_file is None else _read_metrics(metrics_file)
    opened = Study(study)
    try:
        answers = opened.answers()
        methods = [opened.methods[key] for key in sorted(opened.methods)]
        pairs = opened.is_pairs
        known = {**opened.settings["metrics"], **_measured(opened), **given}
        title = opened.settings["title"] or pathlib.Path(study).name
    finally:
        opened.close()
    checks = _checks(answers, pairs)
    careless = {
        rater
        for rater, check in checks.items()
        if check["passed"] is not None and check["passed"] < min_passed
    }
    notes = []
    if careless:
        notes.append(f"{len(careless)} raters failed the catch trials")
    counted = [
        answer
        for answer in answers
        if answer["kind"] == "new" and answer["rater"] not in careless
    ]
    if not counted:
        raise ValueError(f"{study} has no answers that count yet.")
    analyzed = _of_pairs if pairs else _of_scores
    rows, facts, more = analyzed(counted, methods, seed)
    notes += more
    facts |= {
        "title": title,
        "kind": "pairs" if pairs else "scores",
        "raters": len({a["rater"] for a in counted}) - facts["screened"],
        "answers": sum(row["answers"] for row in rows) // (1 + pairs),
        "left_out": sorted(careless),
        "catch_trials_passed": _mean(c["passed"] for c in checks.values()),
        "repeats_alike": _mean(c["alike"] for c in checks.values()),
        "median_seconds": float(np.median([a["seconds"] for a in counted])),
        "correlations": _correlations(rows, known),
        "methods": rows,
        "notes": notes,
    }
    with folder_written_whole(target) as folder:
        _draw(folder / "report.png", rows, pairs)
        text = json.dumps(_without_nan(facts), ensure_ascii=False, indent=1)
        _write(folder / "report.json", text + "\n")
        _write(folder / "report.md", _markdown(facts))
    return Report(
        target,
        facts["raters"],
        facts["answers"],
        tuple(row["method"] for row in rows),
        tuple(notes),
    )


def _is_report(folder):
    names = {"report.md", "report.png", "report.json"}
    return folder.is_dir() and set(os.listdir(folder)) <= names


def _write(path, text):
    path.write_text(text, encoding="utf-8", errors="surrogateescape")


def _checks(answers, pairs):
    """Catch trials and repetitions of each rater."""
    by_place = {(a["rater"], a["number"]): a for a in answers}
    checks = {}
    for answer in answers:
        check = checks.setdefault(answer["rater"], {"passed": [], "alike": []})
        if answer["kind"] == "catch":
            check["passed"].append(passed(answer))
        if answer["kind"] == "repeat":
            first = by_place[answer["rater"], answer["repeats"]]["value"]
            again = -answer["value"] if pairs else answer["value"]
            check["alike"].append(first == again)
    return {
        rater: {name: _mean(values) for name, values in check.items()}
        for rater, check in checks.items()
    }


def _mean(values):
    values = [each for each in values if each is not None]
    return float(np.mean(values)) if values else None


def _of_pairs(answers, methods, seed):
    from keras_synth.evaluation import bradley_terry, krippendorff_alpha

    places = {name: index for index, name in enumerate(methods)}
    pairs = np.array([(places[a["left"]], places[a["right"]]) for a in answers])
    outcomes = np.array([a["value"] for a in answers])
    raters = np.array([a["rater"] for a in answers])
    enough = len(set(raters)) >= _LEAST_RATERS
    fit = bradley_terry(
        pairs,
        outcomes,
        len(methods),
        raters=raters if enough else None,
        seed=seed,
    )
    # One unit is an image and a pair of methods, in one order.
    low, high = pairs.min(1), pairs.max(1)
    turned = np.where(pairs[:, 0] == low, outcomes, -outcomes)
    units = [(a["image"], *p) for a, *p in zip(answers, low, high, strict=True)]
    rows = [
        {
            "method": name,
            "strength": float(fit.strengths[index]),
            "low": float(fit.intervals[index, 0]),
            "high": float(fit.intervals[index, 1]),
            "answers": int((pairs == index).sum()),
        }
        for name, index in places.items()
    ]
    facts = {
        "log_tie": fit.log_tie,
        "left_is_better": _share(outcomes == 1),
        "no_difference": _share(outcomes == 0),
        "alpha": krippendorff_alpha(_matrix(raters, units, turned), "ordinal"),
        "bootstrap": "raters" if enough else "answers",
        "screened": 0,
    }
    return _ranked(rows, "strength"), facts, []


def _of_scores(answers, methods, seed):
    from keras_synth.evaluation import (
        krippendorff_alpha,
        mean_opinion_scores,
        screen_raters,
    )

    raters = np.array([a["rater"] for a in answers])
    scores = np.array([a["value"] for a in answers], float)
    units = [(a["image"], a["left"]) for a in answers]
    table = _matrix(raters, units, scores)
    kept = screen_raters(table)
    names = np.array([name for _, name in dict.fromkeys(units)])
    with np.errstate(invalid="ignore"):
        of_method = np.stack(
            [_row_means(table[kept][:, names == name]) for name in methods], 1
        )
    means, half, _ = mean_opinion_scores(of_method)
    rows = [
        {
            "method": name,
            "score": float(means[index]),
            "low": float(means[index] - half[index]),
            "high": float(means[index] + half[index]),
            "answers": int((~np.isnan(table[kept][:, names == name])).sum()),
        }
        for index, name in enumerate(methods)
    ]
    screened = int((~kept).sum())
    notes = [f"{screened} raters screened out by BT.500"] if screened else []
    alpha = krippendorff_alpha(table[kept], "ordinal")
    facts = {"alpha": alpha, "screened": screened}
    return _ranked(rows, "score"), facts, notes


def _row_means(table):
    known = ~np.isnan(table)
    count = known.sum(1)
    return np.where(count, np.where(known, table, 0).sum(1) / count, np.nan)


def _ranked(rows, name):
    known = [row for row in rows if not math.isnan(row[name])]
    return sorted(known, key=lambda row: -row[name])


def _share(values):
    return float(np.mean(values))


def _matrix(raters, units, values):
    """Answers as (raters, units), NaN where there is none."""
    _, who = np.unique(raters, return_inverse=True)
    places = {unit: index for index, unit in enumerate(dict.fromkeys(units))}
    table = np.full((who.max() + 1, len(places)), np.nan)
    table[who, [places[unit] for unit in units]] = values
    return table


def _measured(study):
    """PSNR and SSIM of each method, where there is a reference."""
    pairs = study.with_reference()
    if not pairs:
        return {}
    from keras_synth.metrics import PSNR, SSIM

    found = {"PSNR": {}, "SSIM": {}}
    for method, files in pairs.items():
        metrics = {"PSNR": PSNR(), "SSIM": SSIM()}
        for clean, restored in files:
            images = [read_image(path, 3)[None] for path in (clean, restored)]
            small = min(images[0].shape[1:3]) < 11  # the window of SSIM
            for name, metric in metrics.items():
                if not (small and name == "SSIM"):
                    metric.update_state(*images)
        for name, metric in metrics.items():
            found[name][method] = float(metric.result())
    return found


def _read_metrics(path):
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if not rows or "method" not in rows[0]:
        raise ValueError(
            f'{path} must have a column "method" and one for each metric.'
        )
    found = {}
    for row in rows:
        for name, value in row.items():
            if name not in ("method", "degradation", "num_images"):
                try:
                    values = found.setdefault(name, {})
                    values.setdefault(row["method"], []).append(float(value))
                except (TypeError, ValueError) as error:
                    raise ValueError(
                        f"{path}: {name} of {row['method']} must be a number. "
                        f"Received: {value!r}"
                    ) from error
    return {
        name: {method: float(np.mean(each)) for method, each in values.items()}
        for name, values in found.items()
    }


def _correlations(rows, metrics):
    """Rank correlation of people's ranking with each metric."""
    from keras_synth.evaluation import rank_correlation

    found = []
    for name, values in metrics.items():
        common = [row for row in rows if row["method"] in values]
        ratings = [row.get("strength", row.get("score")) for row in common]
        measured = [values[row["method"]] for row in common]
        if len(common) > 1:
            rho, tau = rank_correlation(ratings, measured)
            found.append(
                {
                    "metric": name,
                    "spearman": rho,
                    "kendall": tau,
                    "methods": len(common),
                }
            )
    return found


def _draw(path, rows, pairs):
    from matplotlib.figure import Figure

    name = "strength" if pairs else "score"
    figure = Figure(figsize=(6.4, 0.9 + 0.4 * len(rows)), layout="constrained")
    axes = figure.subplots()
    places = np.arange(len(rows))[::-1]
    values = np.array([row[name] for row in rows])
    ends = np.array([[row["low"], row["high"]] for row in rows]).T
    errors = np.nan_to_num(np.abs(ends - values), posinf=0.0)
    axes.errorbar(values, places, xerr=errors, fmt="o", capsize=4)
    labels = [row["method"].encode(errors="replace").decode() for row in rows]
    axes.set_yticks(places, [each.replace("$", r"\$") for each in labels])
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_xlabel(
        "log strength, 95 % interval"
        if pairs
        else "mean opinion score, 95 % interval"
    )
    axes.grid(axis="x", alpha=0.3)
    made = io.BytesIO()
    figure.savefig(made, dpi=150, format="png")
    path.write_bytes(made.getvalue())


def _markdown(facts):
    from keras_synth.evaluation.tables import markdown_table

    pairs = facts["kind"] == "pairs"
    name = "strength" if pairs else "score"
    rows = [
        [row["method"], row[name], row["low"], row["high"], row["answers"]]
        for row in facts["methods"]
    ]
    lines = [
        f"# {facts['title']}",
        f"{facts['raters']} raters, {facts['answers']} answers that count, "
        f"{facts['median_seconds']:.1f} s each (median).",
        markdown_table(["method", name, "from", "to", "answers"], rows),
        "![The methods with their intervals](report.png)",
    ]
    if pairs:
        how = facts["bootstrap"]
        lines.append(
            "Log strengths of a Bradley-Terry model with ties (Davidson), of "
            f"mean 0; intervals of 95 % by a bootstrap of {how}."
        )
    else:
        lines.append("Mean opinion scores with intervals of 95 % (BT.500).")
    checks = [
        ("Krippendorff's alpha (ordinal)", facts["alpha"]),
        ("catch trials passed", facts["catch_trials_passed"]),
        ("repetitions answered alike", facts["repeats_alike"]),
    ]
    if pairs:
        checks += [
            ("left image better", facts["left_is_better"]),
            ("no difference", facts["no_difference"]),
        ]
    lines += ["## Checks", markdown_table(["check", "value"], checks)]
    lines += [f"- {note}" for note in facts["notes"]]
    if facts["correlations"]:
        table = [
            [each["metric"], each["spearman"], each["kendall"], each["methods"]]
            for each in facts["correlations"]
        ]
        header = ["metric", "Spearman's rho", "Kendall's tau", "methods"]
        lines += ["## Metrics", markdown_table(header, table)]
    return "\n\n".join(lines) + "\n"


def _without_nan(value):
    """JSON knows neither NaN nor infinity."""
    if isinstance(value, dict):
        return {name: _without_nan(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_without_nan(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
