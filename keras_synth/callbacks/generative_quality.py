"""Scores of a model's samples, as training goes."""

import keras
import numpy as np


class GenerativeQuality(keras.callbacks.Callback):
    """Measures samples against real images every few epochs.

    Samples come from `model.sample`, with the same seeds each time, so that
    scores of two epochs differ by the model alone. They are put into the
    epoch's logs under the metric's name (`frechet_distance`;
    `kernel_distance` and `kernel_distance_standard_error`), or, where a
    metric has several, under theirs (`precision`, `recall`, `density`,
    `coverage`). Keras hands these logs from callback to callback: **put this
    one before** `EarlyStopping`, `ModelCheckpoint`, `TensorBoard` and
    whatever else shall see the scores. History and progress line come last by
    themselves.

    With `every` above 1 the epochs between have no scores: History's lists
    are shorter, and callbacks that monitor one should be told the same
    rhythm.

    Args:
        metrics: one or a list of `metrics.FrechetDistance`,
            `metrics.KernelDistance`, `metrics.PrecisionRecall`. The callback
            empties them when training begins.
        images: real images, (n, height, width, channels) in [0, 1].
        every: epochs between scores.
        num_images: samples to draw; as many as `images` by default.
        batch_size: images at a time.
        labels: int (num_images,), classes to sample, for a class-conditional
            model. Give the classes of `images`, or as many of each.
        seed: of the samples, an int.

    Raises:
        TypeError: what is given as metric is none of these, or the model
            cannot sample.
        ValueError: arguments that do not fit; when training begins, too few
            images for a metric, or labels missing or too many.

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
        every=1,
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
            ("every", every, 1),
            ("num_images", num_images, 1),
            ("batch_size", batch_size, 1),
            ("seed", seed, 0),
        ):
            if not isinstance(value, int) or value < least:
                raise ValueError(
                    f"`{name}` must be an int of at least {least}. "
                    f"Received: {name}={value!r}"
                )
        if labels is not None and np.shape(labels) != (num_images,):
            raise ValueError(
                f"`labels` must be the class of each of {num_images} samples. "
                f"Received: labels of shape {np.shape(labels)}"
            )
        self.metrics = metrics
        self.images = images
        self.every = every
        self.num_images = num_images
        self.batch_size = batch_size
        self.labels = None if labels is None else np.asarray(labels)
        self.seed = seed

    def on_train_begin(self, logs=None):
        if not hasattr(self.model, "sample"):
            raise TypeError(
                "GenerativeQuality needs a model with `sample`. "
                f"Received: {self.model!r}"
            )
        conditional = getattr(self.model, "conditional", False)
        if conditional and self.labels is None:
            raise ValueError(
                "This model is class-conditional: give GenerativeQuality the "
                "classes to sample, `labels=...`."
            )
        if self.labels is not None and not conditional:
            raise ValueError(
                "This model takes no labels: make GenerativeQuality without "
                f"`labels`. Received: {len(self.labels)} labels"
            )
        for metric in self.metrics:
            metric.require_samples(len(self.images), self.num_images)
            metric.reset_state()
        for batch in self._batches(len(self.images), "real images"):
            for metric in self.metrics:
                metric.update_real(self.images[batch])

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % self.every:
            return
        for metric in self.metrics:
            metric.reset_generated()
        seeds = np.random.default_rng(self.seed)
        for batch in self._batches(self.num_images, "samples"):
            samples = self.model.sample(
                batch.stop - batch.start,
                labels=None if self.labels is None else self.labels[batch],
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

    def _batches(self, count, what):
        """Slices of `count`, with a progress bar where `fit` has one."""
        bar = None
        if (self.params or {}).get("verbose") in (1, "auto"):
            print(f"\nScoring {count} {what}")
            bar = keras.utils.Progbar(count, unit_name="image")
        for start in range(0, count, self.batch_size):
            stop = min(start + self.batch_size, count)
            yield slice(start, stop)
            if bar is not None:
                bar.update(stop)
