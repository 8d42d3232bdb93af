"""Benchmark rows: measured figures as JSON files with units and bars.

A row is the result of one benchmark, `results/NAME.json`:

| key | value |
|---|---|
| `name` | The benchmark's name in `python -m benchmarks`. |
| `question` | Heading of the table in `docs/benchmarks.md` that it is in. |
| `figures` | `{figure's name: figure}`, in the table's order. |
| `data` | The images that were measured on. |
| `protocol` | How it was measured, and where the bars come from. |
| `seed` | Seed of everything random, an int. |
| `commit` | Short hash of the commit that was measured. |
| `hardware` | Cores, processor and GPUs. |
| `date` | Day of the measurement, ISO 8601. |
| `command` | The line that measures it again. |

A figure is one number. Its name is `METRIC`, or `LINE: METRIC` where a row
compares several methods or test sets: the line and the column of the table.

| key | value |
|---|---|
| `value` | The number, rounded to `decimals`. |
| `unit` | One of `UNITS`; "" for a score or a count without a unit. |
| `decimals` | Decimals that are shown. |
| `better` | "higher", "lower", or null where neither is better. |
| `bar` | What was to be reached at least (or at most), or null. |
| `baseline` | The same measure of the method to compare with, or null. |
| `baseline_name` | Optional: that method. |
| `goal` | Optional: a second, harder bar. |
| `error` | Optional: standard error of the value. |
"""

import datetime
import functools
import json
import math
import os
import pathlib
import platform
import subprocess

ROOT = pathlib.Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"
RUNS = ROOT / "runs" / "benchmarks"
UNITS = (
    "",
    "dB",
    "nats",
    "bits",
    "%",
    "ratio",
    "s",
    "ms",
    "min",
    "kB",
    "MB",
    "GiB",
    "images/s",
    "gray levels",
)
_KEYS = {
    "name": str,
    "question": str,
    "figures": dict,
    "data": str,
    "protocol": str,
    "seed": int,
    "commit": str,
    "hardware": str,
    "date": str,
    "command": str,
}
_FIGURE_KEYS = {"value", "unit", "decimals", "better", "bar", "baseline"}
_OPTIONAL_KEYS = {"baseline_name", "goal", "error"}
# Rows and their page are written between one measurement and the next.
_CODE = ["--", ".", ":!benchmarks/results", ":!docs/benchmarks.md"]


def data_folder():
    """Folder of the real images, from the variable KERAS_SYNTH_DATA."""
    folder = os.environ.get("KERAS_SYNTH_DATA")
    if not folder:
        raise SystemExit(
            "Set KERAS_SYNTH_DATA to the folder that holds mnist/ with the "
            "four original .gz files."
        )
    return pathlib.Path(folder)


def figure(
    value,
    unit="",
    decimals=2,
    *,
    better=None,
    bar=None,
    goal=None,
    baseline=None,
    baseline_name=None,
    error=None,
):
    """One figure of a row, rounded.

    Args:
        value: The measured number.
        unit: One of `UNITS`.
        decimals: Decimals to keep of `value`, `baseline` and `error`.
        better: "higher", "lower", or None where neither is better.
        bar: The least value that passes where higher is better, else the
            greatest. None without one.
        goal: A second, harder bar.
        baseline: The same measure of the method to compare with.
        baseline_name: That method.
        error: Standard error of the value.

    Returns:
        A dict, as the module's docstring describes it.
    """

    def rounded(number):
        return None if number is None else round(float(number), decimals)

    made = {
        "value": rounded(value),
        "unit": unit,
        "decimals": decimals,
        "better": better,
        "bar": None if bar is None else float(f"{bar:.6g}"),
        "baseline": rounded(baseline),
    }
    optional = {
        "baseline_name": baseline_name,
        "goal": goal,
        "error": rounded(error),
    }
    return made | {k: v for k, v in optional.items() if v is not None}


def write_row(name, question, figures, *, data, protocol, seed):
    """Stores a row and prints it.

    A row names the commit that it measures. With uncommitted changes of the
    code it is written into `runs/benchmarks/uncommitted/` instead.

    Args:
        name: The benchmark's name.
        question: Heading of the table it is in.
        figures: `{name: figure(...)}`.
        data: The images that were measured on.
        protocol: How it was measured, and where the bars come from.
        seed: Seed of everything random.
    """
    commit = current_commit()
    row = {
        "name": name,
        "question": question,
        "figures": figures,
        "data": data,
        "protocol": protocol,
        "seed": seed,
        "commit": commit.removesuffix("-dirty"),
        "hardware": _hardware(),
        "date": datetime.date.today().isoformat(),
        "command": f"make benchmark NAME={name}",
    }
    check_row(row)
    clean = not commit.endswith("-dirty")
    folder = RESULTS if clean else RUNS / "uncommitted"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    path.write_text(row_text(row), "utf-8")
    print(row_text(row), f"written: {path}", sep="")
    if not clean:
        print("Not a row of benchmarks/results/: the code has changes that")
        print("are not committed. Commit them and run it again.")


def row_text(row):
    """A row as JSON, one figure a line."""
    dumps = functools.partial(json.dumps, ensure_ascii=False)
    lines = []
    for key, value in row.items():
        if key == "figures":
            figures = ",\n".join(
                f"    {dumps(name)}: {dumps(one)}"
                for name, one in value.items()
            )
            text = f"{{\n{figures}\n  }}"
        else:
            text = dumps(value)
        lines.append(f"  {dumps(key)}: {text}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def read_row(name):
    """A stored row as a dict."""
    return json.loads((RESULTS / f"{name}.json").read_text("utf-8"))


def stored_value(name, metric):
    """Value of a figure in a stored row, or None without that row."""
    if not (RESULTS / f"{name}.json").exists():
        return None
    return read_row(name)["figures"][metric]["value"]


def check_row(row):
    """Raises ValueError for what is not a row as the module describes it."""
    name = row.get("name")
    if list(row) != list(_KEYS):
        raise ValueError(
            f"Row {name!r} must have the keys {list(_KEYS)}, got {list(row)}."
        )
    for key, kind in _KEYS.items():
        if not isinstance(row[key], kind) or row[key] in ("", {}):
            raise ValueError(
                f"Row {name!r}: {key!r} must be a {kind.__name__} that is "
                f"not empty, got {row[key]!r}."
            )
    if row["commit"].endswith("-dirty"):
        raise ValueError(
            f"Row {name!r} was measured with uncommitted changes: "
            f"{row['commit']}."
        )
    if row["command"] != f"make benchmark NAME={name}":
        raise ValueError(f"Row {name!r} has the command {row['command']!r}.")
    datetime.date.fromisoformat(row["date"])
    for what, one in row["figures"].items():
        try:
            _check_figure(what, one)
        except ValueError as error:
            raise ValueError(
                f"Row {name!r}, figure {what!r}: {error}"
            ) from None


def _check_figure(name, one):
    if name.count(": ") > 1:
        raise ValueError("its name must be `METRIC` or `LINE: METRIC`.")
    missing = _FIGURE_KEYS - set(one)
    unknown = set(one) - _FIGURE_KEYS - _OPTIONAL_KEYS
    if missing or unknown:
        raise ValueError(
            f"keys {sorted(missing)} are missing, {sorted(unknown)} unknown."
        )
    if one["unit"] not in UNITS:
        raise ValueError(f"the unit must be in {UNITS}, got {one['unit']!r}.")
    if one["better"] not in (None, "higher", "lower"):
        raise ValueError(
            "`better` must be 'higher', 'lower' or null, got "
            f"{one['better']!r}."
        )
    if not isinstance(one["decimals"], int):
        raise ValueError(f"`decimals` must be an int, got {one['decimals']!r}.")
    for key in ("value", "bar", "baseline", "goal", "error"):
        number = one.get(key)
        if number is None and key != "value":
            continue
        if (
            isinstance(number, bool)
            or not isinstance(number, (int, float))
            or not math.isfinite(number)
        ):
            raise ValueError(
                f"{key!r} must be a finite number, got {number!r}."
            )
    if one["better"] is None and (one["bar"], one.get("goal")) != (None, None):
        raise ValueError("a figure with a bar needs `better`.")


def met(one, key="bar"):
    """Whether a figure reaches its bar (or its goal); None without one."""
    if one.get(key) is None:
        return None
    sign = 1 if one["better"] == "higher" else -1
    return sign * one["value"] >= sign * one[key]


def current_commit():
    """The commit measured, "-dirty" with changes on top, rows apart."""
    try:
        commit = _git("rev-parse", "--short", "HEAD")
        changes = _git("status", "--porcelain", "--untracked-files=no", *_CODE)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{commit}-dirty" if changes else commit


def _git(*words):
    return subprocess.run(
        ["git", *words], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()


def _hardware():
    import tensorflow as tf

    model = platform.processor() or platform.machine()
    cpuinfo = pathlib.Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
    gpus = len(tf.config.list_physical_devices("GPU")) or "no"
    return f"{os.cpu_count()} cores, {model}, {gpus} GPU"
