"""Comparison of restoration methods on the same degraded images."""

import dataclasses

import keras
import numpy as np

from keras_synth.datasets import Source
from keras_synth.degradations import Degradation
from keras_synth.evaluation.panel import draw_panel
from keras_synth.evaluation.tables import markdown_table, write_csv
from keras_synth.inference import input_names, run_restorer
from keras_synth.io import Progress


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Result of `compare`: scores of methods, and images for a panel.

    Attributes:
        metrics: Names of the metrics.
        image_rows: List with a dict for each degradation, image and method:
            `{"degradation": ..., "image": 0, "method": ..., metric: score}`.
            The method "degraded" is the degraded image itself, where it has
            the size of the clean image.
        shown: The first images, for `panel`: `{(degradation, image): {"clean":
            ..., "degraded": ..., method: ...}}`, arrays (height, width,
            channels).
    """

    metrics: tuple
    image_rows: list
    shown: dict

    @property
    def rows(self):
        """Means over the images, a dict for each degradation and method.

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
        """Table in Markdown of the means.

        Returns:
            A str, with a line for each method and a column for each
            degradation and metric.
        """
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
        """Writes `rows` as comma-separated values.

        Args:
            path: Path of the file.

        Returns:
            The path, a `pathlib.Path`.
        """
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
        """Draws one image restored by every method, with a magnified crop.

        Args:
            path: Path of the PNG file.
            image: Index of the image. The first `num_shown` were kept.
            degradation: Name of the degradation. None takes the first.
            crop: Region to magnify, (top, left, height, width) in pixels of
                the clean image. None takes the square in which the methods
                differ most.
            crop_size: Side of that square in pixels.
            columns: Largest number of images side by side.

        Returns:
            The path, a `pathlib.Path`.

        Raises:
            ValueError: The image or degradation was not kept, or the crop
                reaches beyond the image.
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
    methods,
    dataset,
    degradation,
    metrics,
    *,
    seed=0,
    num_shown=1,
    verbose="auto",
):
    """Compares restoration methods on the same degraded images.

    Each image is degraded once, with its own seed, and every method restores
    that degraded image. Images are processed one by one, in their own sizes.
    A metric is computed for each image, and tables show the means. Images are
    not clipped, rounded or cropped before; metrics have options for that.

    A method gets the inputs that it takes, see `inference.input_names`: the
    degraded image as "image" (1, height, width, channels), and from the
    degradation's record (see `keras_synth.degradations.Degradation`) "mask",
    and parameters such as "noise_level".

    Args:
        methods: Dict, name → `keras.Model` or function.
        dataset: `keras_synth.datasets.Source`, or any iterable of clean
            images (height, width, channels) in [0, 1], of any sizes.
        degradation: A `keras_synth.degradations.Degradation`, or a dict, name
            → degradation.
        metrics: A `keras.metrics.Metric`, a list of metrics, or a dict, name →
            metric. They get the clean and the restored image, (1, height,
            width, channels).
        seed: Seed of the degradations, an int. Image i is degraded with the
            seed (seed, i).
        num_shown: Number of images, from the first, that are kept for
            `Comparison.panel`.
        verbose: Progress, see `io.Progress`. 0 shows none.

    Returns:
        A `Comparison`.

    Raises:
        ValueError: An argument has another type; images are out of range; a
            method needs an input that the degradation does not record, or
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
    check_methods(methods)
    kinds = named_degradations(degradation)
    metrics = _named_metrics(metrics)
    progress = Progress(
        dataset.num_images if isinstance(dataset, Source) else None,
        "images",
        verbose,
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
                restored = restore_known(name, method, degraded, known)
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
                    **_scores(metrics, clean, image),
                }
                for name, image in list(images.items())[1:]
                if image.shape == clean.shape
            ]
            if index < num_shown:
                shown[kind, index] = images
        progress.add()
    progress.close()
    if not image_rows:
        raise ValueError("`dataset` must hold at least one image.")
    return Comparison(tuple(metrics), image_rows, shown)


def restore_known(name, method, degraded, known):
    """Degraded images, restored with the inputs that the method takes."""
    known = {"image": degraded, **known}
    wanted = input_names(method)
    missing = [each for each in wanted if each not in known]
    if missing:
        raise ValueError(
            f"{name!r} needs {missing[0]!r}, which the degradation does not "
            f"record (it has {list(known)[1:]}): wrap the method in a function "
            "that provides it."
        )
    # Copies, because a function may change its input in place.
    inputs = {each: np.array(known[each]) for each in wanted}
    return run_restorer(method, inputs if len(inputs) > 1 else inputs["image"])


def _clean_images(dataset):
    """Yields clean images, float32 (height, width, channels)."""
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


def _scores(metrics, clean, image):
    scores = {}
    for name, metric in metrics.items():
        metric.reset_state()
        metric.update_state(clean[None], image[None])
        scores[name] = float(metric.result())
    return scores


def check_methods(methods):
    """Refuses methods that are not functions by name."""
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


def named_degradations(degradation):
    """One degradation or a dict of them, as a dict by name."""
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
