"""Robustness of restoration methods to the severity of a degradation."""

import dataclasses

from keras_synth.degradations import Degradation
from keras_synth.evaluation.comparison import compare
from keras_synth.evaluation.panel import save_figure
from keras_synth.evaluation.tables import markdown_table, write_csv


@dataclasses.dataclass(frozen=True)
class Robustness:
    """Result of `robustness`: scores of methods by severity.

    Attributes:
        metric: Name of the metric.
        rows: List with a dict for each degradation, severity and method:
            `{"degradation": ..., "severity": 1, "method": ..., "num_images":
            n, metric: mean}`. The method "degraded" is the degraded image
            itself.
    """

    metric: str
    rows: list

    def to_markdown(self):
        """Table in Markdown of the means.

        Returns:
            A str, with a line for each degradation and method and a column
            for each severity.
        """
        severities = sorted({row["severity"] for row in self.rows})
        lines = {}
        for row in self.rows:
            line = lines.setdefault((row["degradation"], row["method"]), {})
            line[row["severity"]] = row[self.metric]
        return markdown_table(
            ["degradation", "method", *(f"severity {x}" for x in severities)],
            [
                [*names, *(line.get(severity) for severity in severities)]
                for names, line in lines.items()
            ],
        )

    def to_csv(self, path):
        """Writes `rows` as comma-separated values.

        Args:
            path: Path of the file.

        Returns:
            The path, a `pathlib.Path`.
        """
        return write_csv(path, self.rows)

    def plot(self, path, columns=4):
        """Plots the metric against the severity, one plot a degradation.

        Args:
            path: Path of the file, .png or another format of Matplotlib.
            columns: Largest number of plots side by side.

        Returns:
            The path, a `pathlib.Path`.
        """
        from matplotlib.figure import Figure

        degradations = list(
            dict.fromkeys(row["degradation"] for row in self.rows)
        )
        methods = list(dict.fromkeys(row["method"] for row in self.rows))
        columns = min(columns, len(degradations))
        lines = -(-len(degradations) // columns)
        figure = Figure(
            figsize=(3.2 * columns, 2.8 * lines + 0.5), layout="constrained"
        )
        axes = figure.subplots(lines, columns, squeeze=False, sharey=True)
        for each in axes.flat[len(degradations) :]:
            each.set_axis_off()
        for degradation, each in zip(degradations, axes.flat, strict=False):
            for method in methods:
                points = [
                    (row["severity"], row[self.metric])
                    for row in self.rows
                    if (row["degradation"], row["method"])
                    == (degradation, method)
                ]
                plain = method == "degraded"
                each.plot(
                    *zip(*sorted(points), strict=True),
                    label=method,
                    marker="o",
                    color="gray" if plain else None,
                    linestyle="--" if plain else "-",
                )
            each.set_title(degradation)
            each.set_xlabel("severity")
            each.set_xticks(sorted({row["severity"] for row in self.rows}))
        for each in axes[:, 0]:
            each.set_ylabel(self.metric)
        figure.legend(
            *axes[0, 0].get_legend_handles_labels(),
            loc="outside lower center",
            ncols=len(methods),
        )
        return save_figure(path, figure)


def robustness(
    methods,
    dataset,
    degradations,
    metric,
    severities=range(1, 6),
    *,
    seed=0,
    verbose="auto",
):
    """Robustness sweep: scores methods on degradations of rising severity.

    It runs `compare` at every `degradation.severity(level)`. All severities of
    an image have the same seed, so that curves are smooth. For a degradation
    that changes the size of an image, every method must restore the size.

    Args:
        methods: Dict, name → `keras.Model` or function, see `compare`.
        dataset: `keras_synth.datasets.Source`, or any iterable of clean
            images (height, width, channels) in [0, 1], of any sizes.
        degradations: Classes of `keras_synth.degradations`, as a list or as a
            dict, name → class.
        metric: A `keras.metrics.Metric`.
        severities: Ints from 1 (hardly visible) to 5 (strong); 0 is no
            degradation.
        seed: Seed of the degradations, an int.
        verbose: Progress, see `io.Progress`. 0 shows none.

    Returns:
        A `Robustness`.

    Raises:
        ValueError: `degradations` holds other objects than classes of
            `keras_synth.degradations`; or as in `compare`.

    Example:

    >>> import keras, numpy
    >>> from keras_synth import degradations
    >>> found = robustness(
    ...     {"nothing": lambda images: images},
    ...     numpy.full((2, 16, 16, 1), 0.5),
    ...     [degradations.GaussianNoise],
    ...     keras.metrics.MeanAbsoluteError(name="mae"),
    ...     verbose=0,
    ... )
    >>> mae = [r["mae"] for r in found.rows if r["method"] == "nothing"]
    >>> len(mae), mae == sorted(mae)
    (5, True)
    """
    kinds = _named_classes(degradations)
    by_severity = {
        (name, level): kind.severity(level)
        for name, kind in kinds.items()
        for level in severities
    }
    comparison = compare(
        methods,
        dataset,
        by_severity,
        [metric],
        seed=seed,
        num_shown=0,
        verbose=verbose,
    )
    rows = []
    for row in comparison.rows:
        name, level = row.pop("degradation")
        rows.append({"degradation": name, "severity": level, **row})
    return Robustness(comparison.metrics[0], rows)


def _named_classes(degradations):
    kinds = degradations
    if isinstance(degradations, list | tuple):
        kinds = {getattr(x, "__name__", ""): x for x in degradations}
    if (
        not isinstance(kinds, dict)
        or not kinds
        or not all(
            isinstance(x, type) and issubclass(x, Degradation)
            for x in kinds.values()
        )
    ):
        raise ValueError(
            "`degradations` must be classes of `keras_synth.degradations`, a "
            f"list or a dict by name. Received: {degradations!r}"
        )
    return kinds
