"""Restoration methods side by side: the same degradation, the same measures."""

import dataclasses

import keras
import numpy as np

from keras_synth.datasets import Source
from keras_synth.degradations import Degradation
from keras_synth.evaluation.panel import draw_panel
from keras_synth.evaluation.tables import markdown_table, write_csv
from keras_synth.inference import input_names, run_restorer


@dataclasses.dataclass(frozen=True)
class Comparison:
    """What `compare` found.

    Attributes:
        metrics: their names.
        image_rows: a dict for each degradation, image and method:
            `{"degradation": ..., "image": 0, "method": ..., metric: figure}`.
            The degraded images themselves are the method "degraded" (where
            they are as large as the clean ones).
        shown: the first images, for `panel`: `{(degradation, image): {"clean":
            ..., "degraded": ..., method: ...}}`.
    """

    metrics: tuple
    image_rows: list
    shown: dict

    @property
    def rows(self):
        """A dict for each degradation and method: means over the images.

        `{"degradation": ..., "method": ..., "num_images": n, metric: mean}`.
        """
        groups = {}
        for row in self.image_rows:
            groups.setdefault((row["degradation"], row["method"]), []).append(
                row
            )
        return [
            {
                "degradation": degradation,
                "method": method,
                "num_images": len(group),
                **{
                    metric: float(np.mean([row[metric] for row in group]))
                    for metric in self.metrics
                },
            }
            for (degradation, method), group in groups.items()
        ]

    def to_markdown(self):
        """A line for each method, a column for each degradation and metric."""
        degradations = list(
            dict.fromkeys(row["degradation"] for row in self.rows)
        )
        methods = list(dict.fromkeys(row["method"] for row in self.rows))
        found = {(row["degradation"], row["method"]): row for row in self.rows}
        columns = [
            (degradation, metric)
            for degradation in degradations
            for metric in self.metrics
        ]
        header = [
            f"{degradation} {metric}" if len(degradations) > 1 else metric
            for degradation, metric in columns
        ]
        lines = [
            [
                method,
                *(
                    found.get((degradation, method), {}).get(metric)
                    for degradation, metric in columns
                ),
            ]
            for method in methods
        ]
        return markdown_table(["method", *header], lines)

    def to_csv(self, path):
        """Writes `rows`; gives the path."""
        return write_csv(path, self.rows)

    def panel(
        self,
        path,
        *,
        image=0,
        degradation=None,
        crop=None,
        crop_size=64,
        columns=6,
    ):
        """Draws one image as every method restores it, with a part upscaled.

        Args:
            path: of the file, .png.
            image: which, counted from 0; the first `num_shown` were kept.
            degradation: name of the degradation; None for the first.
            crop: the part to upscale, (top, left, height, width) in pixels of
                the clean image; None takes the square where the methods
                differ most.
            crop_size: side of that square.
            columns: images side by side, at most.

        Returns:
            The path, a `pathlib.Path`.

        Raises:
            ValueError: no such image or degradation, a part outside of it.
        """
        if degradation is None:
            degradation = self.image_rows[0]["degradation"]
        if (degradation, image) not in self.shown:
            raise ValueError(
                "`degradation` and `image` must be among those kept, "
                f"{list(self.shown)}. Received: {(degradation, image)}"
            )
        labels = {
            row["method"]: "  ".join(
                f"{metric} {row[metric]:#.4g}" for metric in self.metrics
            )
            for row in self.image_rows
            if (row["degradation"], row["image"]) == (degradation, image)
        }
        images = self.shown[degradation, image]
        return draw_panel(path, images, labels, crop, crop_size, columns)


def compare(
    methods, dataset, degradation, metrics, *, seed=0, num_shown=1, verbose=1
):
    """Degradations images, restores them with every method, and measures.

    Each image is degraded once, with a seed of its own, and all methods get
    that same degraded image, one image at a time, in its own size. Each
    figure is the metric of a single image; tables show their means.
    Nothing is clipped, rounded or cropped: that is the metrics' choice.

    A method gets the inputs that it takes, see `inference.input_names`: the
    degraded image as "image" (1, height, width, channels), and from the
    degradation's record (see `keras_synth.degradations.Degradation`) "mask",
    and parameters such as "noise_level".

    Args:
        methods: dict, name → method.
        dataset: `keras_synth.datasets.Source`, or any iterable of clean
            images (height, width, channels) in [0, 1], of any sizes.
        degradation: `keras_synth.degradations.Degradation`, or a dict name →
            degradation.
        metrics: a `keras.metrics.Metric`, a list of them, or a dict name →
            metric; called with (1, height, width, channels) clean and restored.
        seed: int; image i is degraded with the seed (seed, i).
        num_shown: how many images, from the first, to keep for
            `Comparison.panel`.
        verbose: 1 shows progress, 0 does not.

    Returns:
        A `Comparison`.

    Raises:
        ValueError: arguments of another kind, images out of range, a
            method that needs what the degradation does not record, or that
            returns an image of another shape than the clean one.

    Example:

    >>> from keras_synth import degradations
    >>> from keras_synth.restoration import median
    >>> comparison = compare(
    ...     {"median": median(3), "nothing": lambda images: images},
    ...     np.full((2, 16, 16, 1), 0.5),
    ...     degradations.GaussianNoise(0.1),
    ...     keras.metrics.MeanAbsoluteError(name="mae"),
    ...     verbose=0,
    ... )
    >>> [row["method"] for row in comparison.rows]
    ['degraded', 'median', 'nothing']
    >>> comparison.rows[1]["mae"] < comparison.rows[0]["mae"]
    True
    """
    _check_methods(methods)
    kinds = _named_degradations(degradation)
    metrics = _named_metrics(metrics)
    progress = keras.utils.Progbar(
        dataset.num_images if isinstance(dataset, Source) else None,
        verbose=verbose,
        unit_name="image",
    )
    image_rows, shown = [], {}
    for index, clean in enumerate(_clean_images(dataset)):
        for kind, degrade in kinds.items():
            degraded, record = degrade(
                clean[None], seed=np.array([seed, index]), return_record=True
            )
            degraded = np.asarray(degraded)
            known = {"mask": record["mask"], **record["parameters"]}
            images = {"clean": clean, "degraded": degraded[0]}
            for name, method in methods.items():
                restored = _restore(name, method, degraded, known)
                if restored.shape != (1, *clean.shape):
                    raise ValueError(
                        f"{name!r} must return an image as large as the "
                        f"clean one, {(1, *clean.shape)}. Received: shape "
                        f"{restored.shape}"
                    )
                images[name] = restored[0]
            image_rows += [
                {
                    "degradation": kind,
                    "image": index,
                    "method": name,
                    **_figures(metrics, clean, image),
                }
                for name, image in list(images.items())[1:]
                if image.shape == clean.shape
            ]
            if index < num_shown:
                shown[kind, index] = images
        progress.add(1)
    if not image_rows:
        raise ValueError("`dataset` must hold at least one image.")
    return Comparison(tuple(metrics), image_rows, shown)


def _restore(name, method, degraded, known):
    """One degraded image, restored with the inputs that the method takes."""
    known = {"image": degraded, **known}
    wanted = input_names(method)
    missing = [each for each in wanted if each not in known]
    if missing:
        raise ValueError(
            f"{name!r} needs {missing[0]!r}, which the degradation does not "
            f"record (it has {list(known)[1:]}): wrap the method in a function "
            "that provides it."
        )
    # Copies: a function may work in place.
    inputs = {each: np.array(known[each]) for each in wanted}
    return run_restorer(method, inputs if len(inputs) > 1 else inputs["image"])


def _clean_images(dataset):
    """float32 (height, width, channels), one after the other."""
    if isinstance(dataset, Source):
        for element in dataset.dataset:
            yield np.asarray(element["image"], "float32") / 255.0
        return
    for element in dataset:
        image = np.asarray(element)
        if image.ndim != 3 or not np.issubdtype(image.dtype, np.floating):
            raise ValueError(
                "`dataset` must give float images (height, width, "
                f"channels). Received: {image.dtype}, shape {image.shape}"
            )
        if not (image.min() >= 0.0 and image.max() <= 1.0):
            raise ValueError(
                "`dataset` must give images in [0, 1]. Received: values "
                f"from {image.min()} to {image.max()}"
            )
        yield image.astype("float32")


def _figures(metrics, clean, image):
    figures = {}
    for name, metric in metrics.items():
        metric.reset_state()
        metric.update_state(clean[None], image[None])
        figures[name] = float(metric.result())
    return figures


def _check_methods(methods):
    names = {"clean", "degraded"}
    if (
        not isinstance(methods, dict)
        or not methods
        or names & set(methods)
        or not all(callable(method) for method in methods.values())
    ):
        raise ValueError(
            "`methods` must be a dict of name → network or function, none of "
            f"them named 'clean' or 'degraded'. Received: {methods!r}"
        )


def _named_degradations(degradation):
    degradations = degradation
    if isinstance(degradation, Degradation):
        degradations = {type(degradation).__name__: degradation}
    if (
        not isinstance(degradations, dict)
        or not degradations
        or not all(isinstance(x, Degradation) for x in degradations.values())
    ):
        raise ValueError(
            "`degradation` must be one of `keras_synth.degradations`, or a "
            f"dict of them by name. Received: {degradation!r}"
        )
    return degradations


def _named_metrics(metrics):
    named = metrics
    if isinstance(metrics, keras.metrics.Metric):
        metrics = [metrics]
    if isinstance(metrics, list | tuple):
        named = {getattr(metric, "name", ""): metric for metric in metrics}
    if (
        not isinstance(named, dict)
        or not named
        or len(named) != len(metrics)
        or not all(isinstance(x, keras.metrics.Metric) for x in named.values())
    ):
        raise ValueError(
            "`metrics` must be Keras metrics of different names: one, a list, "
            f"or a dict by name. Received: {metrics!r}"
        )
    return named
