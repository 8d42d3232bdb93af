"""A measured figure as a JSON file, and the README's tables from those."""

import datetime
import json
import os
import pathlib
import platform
import subprocess
import time

import keras
import tensorflow as tf

ROOT = pathlib.Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"
RUNS = ROOT / "runs" / "benchmarks"
# Rows and their table are written between one measurement and the next.
_CODE = ["--", ".", ":!benchmarks/results", ":!README.md"]


def data_folder():
    """Where the real images are; the benchmarks need them."""
    folder = os.environ.get("KERAS_SYNTH_DATA")
    if not folder:
        raise SystemExit(
            "Set KERAS_SYNTH_DATA to the folder that holds mnist/ with the "
            "four original .gz files."
        )
    return pathlib.Path(folder)


def write_row(name, table, figures, *, data, protocol, seed, bar=""):
    """Stores a row and prints it.

    Args:
        name: of the row; its file is `results/NAME.json`.
        table: heading of the README's table it belongs to.
        figures: `{what: value with its unit}`.
        data: on which.
        protocol: how.
        seed: of everything random.
        bar: what was to be reached.
    """
    row = {
        "table": table,
        "row": name,
        "figures": figures,
        "bar": bar,
        "command": f"make benchmark NAME={name}",
        "commit": current_commit(),
        "seed": seed,
        "data": data,
        "protocol": protocol,
        "hardware": _hardware(),
        "date": datetime.date.today().isoformat(),
    }
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(row, indent=2) + "\n")
    print(path.read_text(), f"written: {path}", sep="")


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
    model = platform.processor() or platform.machine()
    cpuinfo = pathlib.Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
    gpus = len(tf.config.list_physical_devices("GPU")) or "no"
    return f"{os.cpu_count()} cores, {model}, {gpus} GPU"


class Stopwatch(keras.callbacks.Callback):
    """Adds up an epoch's wall-clock and CPU minutes, over resumed runs too.

    Args:
        path: JSON file that keeps the sums.
    """

    def __init__(self, path):
        super().__init__()
        self.path = path

    def on_epoch_begin(self, epoch, logs=None):
        self.start = time.perf_counter(), time.process_time()

    def on_epoch_end(self, epoch, logs=None):
        now = time.perf_counter(), time.process_time()
        past = self.read() if epoch else [0.0, 0.0]
        minutes = [
            p + (n - s) / 60
            for p, n, s in zip(past, now, self.start, strict=True)
        ]
        self.path.write_text(json.dumps(minutes))

    def read(self):
        """`[wall minutes, CPU minutes]` so far."""
        return json.loads(self.path.read_text())


def write_tables():
    """Writes the tables between the README's markers, from the rows."""
    rows = [json.loads(p.read_text()) for p in sorted(RESULTS.glob("*.json"))]
    lines = []
    for table in dict.fromkeys(row["table"] for row in rows):
        lines += [
            f"**{table}**",
            "",
            "| row | measured | bar | protocol |",
            "|---|---|---|---|",
        ]
        for row in rows:
            if row["table"] == table:
                figures = "; ".join(
                    f"{what} {value}" for what, value in row["figures"].items()
                )
                lines.append(
                    f"| `{row['row']}` | {figures} | {row['bar']} | "
                    f"{row['data']}; {row['protocol']} (seed {row['seed']}, "
                    f"{row['date']}, commit {row['commit']}) |"
                )
        lines.append("")
    hardware = sorted({row["hardware"] for row in rows})
    lines.append(f"Measured on: {'; '.join(hardware)}.")
    readme = ROOT / "README.md"
    start, end = "<!-- figures -->\n", "<!-- end of figures -->"
    before, _, rest = readme.read_text().partition(start)
    _, _, after = rest.partition(end)
    readme.write_text(before + start + "\n".join(lines) + "\n" + end + after)
    print(f"written: {readme}")
