"""Restoration methods side by side: the same damage, the same measures."""

import dataclasses
import inspect

import keras
import numpy as np

from keras_synth.datasets import Source
from keras_synth.degradations import Degradation
from keras_synth.evaluation.panel import draw_panel
from keras_synth.evaluation.tables import markdown_table, write_csv
from keras_synth.inference import restore_batch
from keras_synth.models import RestorationGAN


@dataclasses.dataclass(frozen=True)
class Comparison:
    """What `compare` found.

    Attributes:
        metrics: their names.
        picture_rows: a dict for each damage, picture and method:
            `{"damage": ..., "picture": 0, "method": ..., metric: figure}`.
            The damaged pictures themselves are the method "damaged" (where
            they are as large as the clean ones).
        shown: the first pictures, for `panel`: `{(damage, picture): {"clean":
            ..., "damaged": ..., method: ...}}`.
    """

    metrics: tuple
    picture_rows: list
    shown: dict

    @property
    def rows(self):
        """A dict for each damage and method: means over the pictures.

        `{"damage": ..., "method": ..., "num_images": n, metric: mean}`.
        """
        groups = {}
        for row in self.picture_rows:
            groups.setdefault((row["damage"], row["method"]), []).append(row)
        return [
            {
                "damage": damage,
                "method": method,
                "num_images": len(group),
                **{
                    metric: float(np.mean([row[metric] for row in group]))
                    for metric in self.metrics
                },
            }
            for (damage, method), group in groups.items()
        ]

    def to_markdown(self):
        """A line for each method, a column for each damage and metric."""
        damages = list(dict.fromkeys(row["damage"] for row in self.rows))
        methods = list(dict.fromkeys(row["method"] for row in self.rows))
        found = {(row["damage"], row["method"]): row for row in self.rows}
        columns = [
            (damage, metric) for damage in damages for metric in self.metrics
        ]
        header = [
            f"{damage} {metric}" if len(damages) > 1 else metric
            for damage, metric in columns
        ]
        lines = [
            [
                method,
                *(
                    found.get((damage, method), {}).get(metric)
                    for damage, metric in columns
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
        picture=0,
        damage=None,
        crop=None,
        crop_size=64,
        columns=6,
    ):
        """Draws one picture as every method mends it, with a part enlarged.

        Args:
            path: of the file, .png.
            picture: which, counted from 0; the first `num_shown` were kept.
            damage: name of the damage; None for the first.
            crop: the part to enlarge, (top, left, height, width) in pixels of
                the clean picture; None takes the square where the methods
                differ most.
            crop_size: side of that square.
            columns: pictures side by side, at most.

        Returns:
            The path, a `pathlib.Path`.

        Raises:
            ValueError: no such picture or damage, a part outside of it.
        """
        if damage is None:
            damage = self.picture_rows[0]["damage"]
        if (damage, picture) not in self.shown:
            raise ValueError(
                "`damage` and `picture` must be among those kept, "
                f"{list(self.shown)}. Received: {(damage, picture)}"
            )
        labels = {
            row["method"]: "  ".join(
                f"{metric} {row[metric]:#.4g}" for metric in self.metrics
            )
            for row in self.picture_rows
            if (row["damage"], row["picture"]) == (damage, picture)
        }
        pictures = self.shown[damage, picture]
        return draw_panel(path, pictures, labels, crop, crop_size, columns)


def compare(
    methods, dataset, degradation, metrics, *, seed=0, num_shown=1, verbose=1
):
    """Damages pictures, mends them with every method, and measures.

    Each picture is damaged once, with a seed of its own, and all methods get
    that same damaged picture, one picture at a time, in its own size. Each
    figure is the metric of a single picture; tables show their means.
    Nothing is clipped, rounded or cropped: that is the metrics' choice.

    What a method gets:

    - a functional network with one input: the damaged picture (1, height,
      width, channels);
    - one whose inputs are a dict: "image", the damaged picture; "mask", and
      others such as "noise_level", from the degradation's record (see
      `keras_synth.degradations.Degradation`);
    - a `RestorationGAN`: what its generator takes, as above;
    - another `keras.Model` (`BM3D`): the damaged picture;
    - a function: the damaged picture as its only positional argument; where
      its parameters include `mask` or `noise_level`, those by name.

    Args:
        methods: dict, name → method.
        dataset: `keras_synth.datasets.Source`, or any iterable of clean
            pictures (height, width, channels) in [0, 1], of any sizes.
        degradation: `keras_synth.degradations.Degradation`, or a dict name →
            degradation.
        metrics: a `keras.metrics.Metric`, a list of them, or a dict name →
            metric; called with (1, height, width, channels) clean and mended.
        seed: int; picture i is damaged with the seed (seed, i).
        num_shown: how many pictures, from the first, to keep for
            `Comparison.panel`.
        verbose: 1 shows progress, 0 does not.

    Returns:
        A `Comparison`.

    Raises:
        ValueError: arguments of another kind, pictures out of range, a
            method that needs what the degradation does not record, or that
            returns a picture of another shape than the clean one.

    Example:

    >>> from keras_synth import degradations
    >>> from keras_synth.evaluation import median
    >>> comparison = compare(
    ...     {"median": median(3), "nothing": lambda images: images},
    ...     np.full((2, 16, 16, 1), 0.5),
    ...     degradations.GaussianNoise(0.1),
    ...     keras.metrics.MeanAbsoluteError(name="mae"),
    ...     verbose=0,
    ... )
    >>> [row["method"] for row in comparison.rows]
    ['damaged', 'median', 'nothing']
    >>> comparison.rows[1]["mae"] < comparison.rows[0]["mae"]
    True
    """
    _check_methods(methods)
    damages = _named_damages(degradation)
    metrics = _named_metrics(metrics)
    progress = keras.utils.Progbar(
        dataset.num_images if isinstance(dataset, Source) else None,
        verbose=verbose,
        unit_name="picture",
    )
    picture_rows, shown = [], {}
    for index, clean in enumerate(_clean_pictures(dataset)):
        for damage_name, damage in damages.items():
            damaged, record = damage(
                clean[None], seed=np.array([seed, index]), return_record=True
            )
            damaged = np.asarray(damaged)
            known = {"mask": record["mask"], **record["parameters"]}
            pictures = {"clean": clean, "damaged": damaged[0]}
            for name, method in methods.items():
                restored = _restore(name, method, damaged, known)
                if restored.shape != (1, *clean.shape):
                    raise ValueError(
                        f"{name!r} must return a picture as large as the "
                        f"clean one, {(1, *clean.shape)}. Received: shape "
                        f"{restored.shape}"
                    )
                pictures[name] = restored[0]
            picture_rows += [
                {
                    "damage": damage_name,
                    "picture": index,
                    "method": name,
                    **_figures(metrics, clean, picture),
                }
                for name, picture in list(pictures.items())[1:]
                if picture.shape == clean.shape
            ]
            if index < num_shown:
                shown[damage_name, index] = pictures
        progress.add(1)
    if not picture_rows:
        raise ValueError("`dataset` must hold at least one picture.")
    return Comparison(tuple(metrics), picture_rows, shown)


def _restore(name, method, damaged, known):
    """One damaged picture, with what else the method wants to be told."""
    wanted = _wanted(method)
    missing = [each for each in wanted if each not in known]
    if missing:
        raise ValueError(
            f"{name!r} needs {missing[0]!r}, which the degradation does not "
            f"record (it has {list(known)}): wrap the method in a function "
            "that provides it."
        )
    told = {each: np.asarray(known[each]) for each in wanted}
    if named_inputs(method):
        return restore_batch(method, {"image": damaged, **told})
    if isinstance(method, keras.Model):
        return restore_batch(method, damaged)
    # Its own copy: a function may work in place.
    return restore_batch(lambda x: method(x.copy(), **told), damaged)


def _wanted(method):
    """Names of what a method takes besides the picture."""
    if isinstance(method, keras.Model):
        return [name for name in named_inputs(method) if name != "image"]
    try:
        parameters = inspect.signature(method).parameters
    except ValueError:  # functions written in C
        return []
    return [name for name in ("mask", "noise_level") if name in parameters]


def named_inputs(method):
    """The inputs of a network, or a RestorationGAN, that takes a dict of them.

    Args:
        method: anything.

    Returns:
        dict, name → `keras.KerasTensor`; empty for all other methods.
    """
    if isinstance(method, RestorationGAN):
        method = method.generator
    # Other models that are not functional have no `input`.
    inputs = isinstance(method, keras.Model) and getattr(method, "input", None)
    return inputs if isinstance(inputs, dict) else {}


def _clean_pictures(dataset):
    """float32 (height, width, channels), one after the other."""
    if isinstance(dataset, Source):
        for element in dataset.dataset:
            yield np.asarray(element["image"], "float32") / 255.0
        return
    for element in dataset:
        picture = np.asarray(element)
        if picture.ndim != 3 or not np.issubdtype(picture.dtype, np.floating):
            raise ValueError(
                "`dataset` must give float pictures (height, width, "
                f"channels). Received: {picture.dtype}, shape {picture.shape}"
            )
        if not (picture.min() >= 0.0 and picture.max() <= 1.0):
            raise ValueError(
                "`dataset` must give pictures in [0, 1]. Received: values "
                f"from {picture.min()} to {picture.max()}"
            )
        yield picture.astype("float32")


def _figures(metrics, clean, picture):
    figures = {}
    for name, metric in metrics.items():
        metric.reset_state()
        metric.update_state(clean[None], picture[None])
        figures[name] = float(metric.result())
    return figures


def _check_methods(methods):
    names = {"clean", "damaged"}
    if (
        not isinstance(methods, dict)
        or not methods
        or names & set(methods)
        or not all(callable(method) for method in methods.values())
    ):
        raise ValueError(
            "`methods` must be a dict of name → network or function, none of "
            f"them named 'clean' or 'damaged'. Received: {methods!r}"
        )


def _named_damages(degradation):
    damages = degradation
    if isinstance(degradation, Degradation):
        damages = {type(degradation).__name__: degradation}
    if (
        not isinstance(damages, dict)
        or not damages
        or not all(isinstance(x, Degradation) for x in damages.values())
    ):
        raise ValueError(
            "`degradation` must be one of `keras_synth.degradations`, or a "
            f"dict of them by name. Received: {degradation!r}"
        )
    return damages


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
