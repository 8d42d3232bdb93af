"""Downstream accuracy: of what use restored images are to a classifier."""

import dataclasses

import keras
import numpy as np
from scipy.stats import binomtest

from keras_synth.evaluation.comparison import (
    check_methods,
    named_degradations,
    restore_known,
)
from keras_synth.evaluation.memorization import checked_images
from keras_synth.evaluation.tables import markdown_table, write_csv
from keras_synth.io import Progress


@dataclasses.dataclass(frozen=True)
class Downstream:
    """Result of `downstream`: accuracies of a classifier by method.

    Attributes:
        rows: List with a dict for each degradation and method:
            `{"degradation": ..., "method": ..., "num_images": n, "accuracy":
            ..., "low": ..., "high": ...}`, with the 95 % interval (Wilson).
            The method "clean" is the clean image, "degraded" the degraded
            image itself.
        correct: `{(degradation, method): bool (n,)}`, which images were
            classified correctly, to compare two methods image by image.
    """

    rows: list
    correct: dict

    def to_markdown(self):
        """Table in Markdown of the accuracies and their intervals.

        Returns:
            A str, with a line for each method and a column for each
            degradation.
        """
        found = {(row["degradation"], row["method"]): row for row in self.rows}
        degradations, methods = (
            list(dict.fromkeys(pair[index] for pair in found))
            for index in (0, 1)
        )
        return markdown_table(
            ["method", *(f"{name}, accuracy" for name in degradations)],
            [
                [
                    method,
                    *(
                        "{accuracy:.3f} ({low:.3f} to {high:.3f})".format(
                            **found[degradation, method]
                        )
                        for degradation in degradations
                    ),
                ]
                for method in methods
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


def downstream(
    classifier,
    methods,
    images,
    labels,
    degradation,
    *,
    seed=0,
    batch_size=100,
    verbose="auto",
):
    """Downstream accuracy: classifies clean, degraded and restored images.

    A restored image may look better and yet be of less use, or the reverse:
    this measures the use. All methods restore the same degraded images, and
    get the inputs that they take, as in `compare`. The classifier gets all
    images clipped to [0, 1], as files hold them. It should have been trained
    on clean images.

    Args:
        classifier: A `keras.Model`, or function, from images (batch, height,
            width, channels) in [0, 1] to the probabilities or logits of the
            classes, (batch, classes).
        methods: Dict, name → `keras.Model` or function that restores.
        images: Clean images, float (n, height, width, channels) in [0, 1].
            None of them should have been trained on.
        labels: Class of each image, int (n,).
        degradation: A `keras_synth.degradations.Degradation`, or a dict, name
            → degradation.
        seed: Seed of the degradations, an int.
        batch_size: Number of images that are restored at a time. The
            degraded images depend on it.
        verbose: Progress, see `io.Progress`. 0 shows none.

    Returns:
        A `Downstream`.

    Raises:
        ValueError: An argument has another type; images are out of range;
            labels do not fit; a method needs an input that the degradation
            does not record, or returns images of another shape.

    Example:

    >>> from keras_synth import degradations
    >>> def is_bright(images):
    ...     mean = images.mean(axis=(1, 2, 3))
    ...     return np.stack([1.0 - mean, mean], axis=1)
    >>> levels = np.linspace(0.05, 0.95, 10)[:, None, None, None]
    >>> found = downstream(
    ...     is_bright,
    ...     {"brighter": lambda images: images + 0.5},
    ...     levels * np.ones((10, 4, 4, 1)),
    ...     np.arange(10) >= 5,
    ...     degradations.GaussianNoise(0.01),
    ...     verbose=0,
    ... )
    >>> [(row["method"], row["accuracy"]) for row in found.rows]
    [('clean', 1.0), ('degraded', 1.0), ('brighter', 0.5)]
    """
    check_methods(methods)
    kinds = named_degradations(degradation)
    images = checked_images("images", images).astype("float32")
    labels = np.asarray(labels)
    if labels.shape != (len(images),):
        raise ValueError(
            f"`labels` must hold the class of each of {len(images)} images. "
            f"Received: shape {labels.shape}"
        )

    is_model = isinstance(classifier, keras.Model)
    classify = classifier.predict_on_batch if is_model else classifier

    def is_correct(given, batch):
        given = np.clip(given, 0.0, 1.0)
        scores = np.asarray(classify(given))
        if scores.ndim != 2 or len(scores) != len(given):
            raise ValueError(
                "`classifier` must return (batch, classes). "
                f"Received: shape {scores.shape}"
            )
        return scores.argmax(axis=1) == labels[batch]

    progress = Progress(len(images) * len(kinds), "images", verbose)
    correct = {}
    for kind, degrade in kinds.items():
        for start in range(0, len(images), batch_size):
            batch = slice(start, start + batch_size)
            clean = images[batch]
            degraded, record = degrade(
                clean, seed=np.array([seed, start]), return_record=True
            )
            degraded = np.asarray(degraded)
            known = {"mask": record["mask"], **record["parameters"]}
            shown = {"clean": clean, "degraded": degraded}
            for name, method in methods.items():
                shown[name] = restore_known(name, method, degraded, known)
                if shown[name].shape != clean.shape:
                    raise ValueError(
                        f"{name!r} must return images as large as the clean "
                        f"ones, {clean.shape}. Received: shape "
                        f"{shown[name].shape}"
                    )
            for name, given in shown.items():
                correct.setdefault((kind, name), []).append(
                    is_correct(given, batch)
                )
            progress.add(len(clean))
    progress.close()
    correct = {key: np.concatenate(parts) for key, parts in correct.items()}
    return Downstream([_row(*key, x) for key, x in correct.items()], correct)


def _row(degradation, method, correct):
    interval = binomtest(int(correct.sum()), len(correct)).proportion_ci(
        0.95, "wilson"
    )
    return {
        "degradation": degradation,
        "method": method,
        "num_images": len(correct),
        "accuracy": float(correct.mean()),
        "low": float(interval.low),
        "high": float(interval.high),
    }
