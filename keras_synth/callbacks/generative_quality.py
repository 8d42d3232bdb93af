"""Generative quality: scores of a model's samples during training."""

import keras
import numpy as np

from keras_synth.callbacks.labels import check_labels
from keras_synth.ops.numbers import is_int


class GenerativeQuality(keras.callbacks.Callback):
    """Scores samples against real images every `interval` epochs.

    Samples come from `model.sample`, with the same seeds each time, so that
    the scores of two epochs differ by the model alone. The scores are added
    to the logs of the epoch under the metric's name (`frechet_distance`;
    `kernel_distance` and `kernel_distance_standard_error`). A metric with
    several scores has names for each (`precision`, `recall`, `density`,
    `coverage`). Keras passes the logs from callback to callback: **put this
    callback before** `EarlyStopping`, `ModelCheckpoint`, `TensorBoard` and
    others that need the scores. History and the progress bar come last by
    themselves.

    With `interval` above 1, epochs in between have no scores. History has
    shorter lists, and callbacks that monitor a score skip these epochs with a
    warning.

    Args:
        metrics: One or a list of `metrics.FrechetDistance`,
            `metrics.KernelDistance` and `metrics.PrecisionRecall`. Their
            states are reset when training begins.
        images: Real images, (n, height, width, channels) in [0, 1].
        interval: Number of epochs from one score to the next.
        num_images: Number of samples. None draws as many as `images`.
        batch_size: Number of images that are sampled and scored at a time.
        labels: Classes of the samples, int (num_images,) or one int for all,
            for a class-conditional model; vectors or token ids, (num_images,
            ...), or `(tokens, mask)` of such, for one of another condition.
            Their shares should be those of `images`. None samples a flow
            without condition.
        seed: Seed of the samples, an int of at least 0.

    Raises:
        TypeError: `metrics` has another metric; when training begins, a model
            without `sample`.
        ValueError: An argument is out of range; when training begins, too few
            images for a metric, or labels that the model does not take or
            lacks.

    Example:

    >>> from keras_synth import metrics
    >>> quality = GenerativeQuality(
    ...     metrics.FrechetDistance(feature_dim=2), np.zeros((3, 8, 8, 1)))
    >>> quality.num_images
    3
    """

    def __init__(
        self,
        metrics,
        images,
        interval=1,
        num_images=None,
        batch_size=250,
        labels=None,
        seed=0,
    ):
        super().__init__()
        metrics = metrics if isinstance(metrics, list | tuple) else [metrics]
        for metric in metrics:
            if not hasattr(metric, "update_generated"):
                raise TypeError(
                    "`metrics` must compare real and generated images "
                    f"(metrics.FrechetDistance, ...). Received: {metric!r}"
                )
        names = [metric.name for metric in metrics]
        if not names or len(set(names)) < len(names):
            raise ValueError(
                "`metrics` must be one or several metrics of different names. "
                f"Received: names {names}"
            )
        num_images = len(images) if num_images is None else num_images
        for name, value, least in (
            ("interval", interval, 1),
            ("num_images", num_images, 1),
            ("batch_size", batch_size, 1),
            ("seed", seed, 0),
        ):
            if not is_int(value) or value < least:
                raise ValueError(
                    f"`{name}` must be an int of at least {least}. "
                    f"Received: {name}={value!r}"
                )
        if labels is not None:
            labels = _rows(labels, num_images)
        self.metrics = metrics
        self.images = images
        self.interval = interval
        self.num_images = num_images
        self.batch_size = batch_size
        self.labels = labels
        self.seed = seed

    def on_train_begin(self, logs=None):
        if not hasattr(self.model, "sample"):
            raise TypeError(
                "GenerativeQuality needs a model with `sample`. "
                f"Received: {self.model!r}"
            )
        conditional = getattr(self.model, "conditional", False)
        required = getattr(self.model, "requires_labels", conditional)
        if required and self.labels is None:
            raise ValueError(
                "This model is class-conditional: give GenerativeQuality the "
                "classes to sample, `labels=...`."
            )
        if self.labels is not None and not conditional:
            raise ValueError(
                "This model takes no labels: build GenerativeQuality without "
                f"`labels`. Received: {self.num_images} labels"
            )
        check_labels(self.model, self.labels, self.num_images)
        for metric in self.metrics:
            metric.require_samples(len(self.images), self.num_images)
            metric.reset_state()
        for batch in self._batches(len(self.images), "real images"):
            for metric in self.metrics:
                metric.update_real(self.images[batch])

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % self.interval:
            return
        for metric in self.metrics:
            metric.reset_generated()
        seeds = np.random.default_rng(self.seed)
        for batch in self._batches(self.num_images, "samples"):
            samples = self.model.sample(
                batch.stop - batch.start,
                labels=self._labels(batch),
                seed=int(seeds.integers(2**31)),
            )
            for metric in self.metrics:
                metric.update_generated(samples)
        for metric in self.metrics:
            report = metric.describe()
            scores = report["value"]
            if not isinstance(scores, dict):
                scores = {metric.name: scores}
            if "standard_error" in report:
                name = f"{metric.name}_standard_error"
                scores[name] = report["standard_error"]
            if logs is not None:
                logs.update(scores)

    def _labels(self, batch):
        """The labels of a slice of the samples."""
        if isinstance(self.labels, tuple):
            return tuple(rows[batch] for rows in self.labels)
        return None if self.labels is None else self.labels[batch]

    def _batches(self, count, what):
        """Slices of `count`, with a progress bar if `fit` shows one."""
        bar = None
        if (self.params or {}).get("verbose") in (1, "auto"):
            print(f"\nScoring {count} {what}")
            bar = keras.utils.Progbar(count, unit_name="image")
        for start in range(0, count, self.batch_size):
            stop = min(start + self.batch_size, count)
            yield slice(start, stop)
            if bar is not None:
                bar.update(stop)


def _rows(labels, count):
    """Labels as an array (count, ...), or `(tokens, mask)` of such."""
    if isinstance(labels, tuple) and np.ndim(labels[0]) == 3:
        return tuple(_rows(each, count) for each in labels)
    labels = np.asarray(labels)
    if labels.shape[:1] not in ((), (count,)):
        raise ValueError(
            "`labels` must be one int, or the class or another condition of "
            f"each of {count} samples. Received: labels of shape "
            f"{labels.shape}"
        )
    return labels if labels.shape else np.broadcast_to(labels, (count,))
