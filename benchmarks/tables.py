"""The page `docs/benchmarks.md`: one small table a question, from the rows.

`python -m benchmarks tables` writes it.
"""

import textwrap

from benchmarks import rows

PATH = rows.ROOT / "docs" / "benchmarks.md"
COLUMNS = 6  # a wider table becomes two
CELL = 80  # characters
_HEAD = """\
# Benchmarks

Each table answers one question. It is made from the rows in
`benchmarks/results/`, which `make benchmark NAME=...` measures;
`make benchmark NAME=tables` writes this page.

✓ and ✗ mark figures that have a bar: whether they reach it. The bar stands
behind the figure, ≥ where higher is better and ≤ where lower is. ± is a
standard error. Speeds are ratios of medians of interleaved runs.
"""


def run(name):
    """Writes the page."""
    PATH.parent.mkdir(exist_ok=True)
    PATH.write_text(page(stored_rows()), "utf-8")
    print(f"written: {PATH}")


def stored_rows():
    """All rows, in the order of the list of benchmarks."""
    from benchmarks.__main__ import BENCHMARKS

    names = {path.stem for path in rows.RESULTS.glob("*.json")}
    return [rows.read_row(name) for name in BENCHMARKS if name in names]


def page(all_rows):
    """The page as Markdown.

    Args:
        all_rows: Rows as `rows.check_row` accepts them.
    """
    questions = {}
    for row in all_rows:
        questions.setdefault(row["question"], []).append(row)
    sections = [_section(*question) for question in questions.items()]
    return "\n".join([_HEAD, *sections])


def _section(question, of_question):
    lines = {}  # {line: {metric: figure}}
    beside = {}  # {row's name: {figure's name: figure}}
    for row in of_question:
        columns, others = _placed(row, len(of_question) > 1)
        for line, metric, one in columns:
            lines.setdefault(line, {})[metric] = one
        beside[row["name"]] = others
    metrics = list(dict.fromkeys(m for line in lines.values() for m in line))
    parts = -(-len(metrics) // COLUMNS)
    length = -(-len(metrics) // parts)
    tables = [
        _table(lines, metrics[start : start + length])
        for start in range(0, len(metrics), length)
    ]
    notes = _notes(of_question, beside)
    return "\n".join([f"## {question}\n", *tables, *notes])


def _placed(row, several):
    """`([(line, metric, figure)], {name: figure beside the table})`."""
    figures = row["figures"]
    compared = any(": " in name for name in figures)
    columns, others = [], {}
    for name, one in figures.items():
        line, colon, metric = name.rpartition(": ")
        if colon:
            label = f"`{row['name']}`, {line}" if several else line
            columns.append((label, metric, one))
        elif compared or name.startswith("training time"):
            others[name] = one
        else:
            columns.append((f"`{row['name']}`", name, one))
    return columns, others


def _table(lines, metrics):
    headings = ["", *(_heading(m, lines) for m in metrics)]
    body = [
        [line, *(_cell(figures.get(m), m, lines) for m in metrics)]
        for line, figures in lines.items()
        if any(m in figures for m in metrics)
    ]
    text = []
    for cells in [headings, ["---"] * len(headings), *body]:
        for cell in cells:
            if len(cell) > CELL:
                raise ValueError(f"More than {CELL} characters: {cell!r}")
        text.append(f"| {' | '.join(cells)} |")
    return "\n".join(text) + "\n"


def _units(metric, lines):
    figures = (line[metric] for line in lines.values() if metric in line)
    return {one["unit"] for one in figures} - {"", "ratio"}


def _heading(metric, lines):
    units = _units(metric, lines)
    return f"{metric}, {units.pop()}" if len(units) == 1 else metric


def _cell(one, metric, lines):
    if one is None:
        return ""
    return _text(one, unit=len(_units(metric, lines)) > 1)


def _text(one, unit=True):
    """A figure in words: `✓ 30.1 (≥ 29.5; ✗ goal 31)`."""
    marks = {True: "✓ ", False: "✗ ", None: ""}
    unit = f" {one['unit']}" if unit and one["unit"] != "ratio" else ""
    unit = unit.rstrip()
    text = f"{one['value']:,.{one['decimals']}f}"
    if "error" in one:
        text += f" ± {one['error']:.{one['decimals']}f}"
    text = f"{marks[rows.met(one)]}{text}{unit}"
    behind = []
    if one["bar"] is not None:
        sign = {"higher": "≥", "lower": "≤"}[one["better"]]
        behind.append(f"{sign} {_bar(one, 'bar')}")
    if "goal" in one:
        goal = _bar(one, "goal")
        behind.append(f"{marks[rows.met(one, 'goal')]}goal {goal}")
    if one["baseline"] is not None:
        name = one.get("baseline_name", "baseline")
        if one["baseline"] == one["bar"]:
            behind[0] += f", {name}"
        else:
            behind.append(f"{name} {one['baseline']:,.{one['decimals']}f}")
    return f"{text} ({'; '.join(behind)})" if behind else text


def _bar(one, key):
    """Whole numbers as such, others with the decimals of the figure."""
    bar = one[key]
    if float(bar).is_integer():
        return f"{bar:,.0f}"
    exact = f"{bar:,.{one['decimals']}f}"
    return exact if float(exact.replace(",", "")) == bar else f"{bar:,g}"


def _notes(of_question, beside):
    """What stands below the table: first what all its rows share."""
    clauses = {r["name"]: r["protocol"].split("; ") for r in of_question}
    shared = [
        clause
        for clause in clauses[of_question[0]["name"]]
        if all(clause in each for each in clauses.values())
    ]
    data = {row["data"] for row in of_question}
    paragraphs = []
    if len(data) == 1:
        paragraphs.append(f"Data: {data.pop()}.")
        data = None
    if shared:
        paragraphs.append(f"Protocol: {'; '.join(shared)}.")
    for row in of_question:
        own = [c for c in clauses[row["name"]] if c not in shared]
        words = [row["data"]] if data else []
        words += ["; ".join(own)] if own else []
        words += [
            f"{name}: {_text(one)}" for name, one in beside[row["name"]].items()
        ]
        words.append(
            f"commit `{row['commit']}`, {row['date']}, seed {row['seed']}, "
            f"{row['hardware']}"
        )
        paragraphs.append(f"- `{row['name']}`: {'; '.join(words)}.")
    return [
        textwrap.fill(
            paragraph,
            79,
            subsequent_indent="  " if paragraph.startswith("- ") else "",
            break_long_words=False,
            break_on_hyphens=False,
        )
        + "\n"
        for paragraph in paragraphs
    ]
