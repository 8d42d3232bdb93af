"""Distributed training: on the devices of a machine, or on several machines.

`distribution` gives the strategy to train with; `fit` is that of Keras on one
worker, and `models.workers.fit_on_workers` on several.
"""

import json
import os
from typing import Literal

import keras
import tensorflow as tf

from keras_synth.models.guarded import GuardedModel
from keras_synth.models.workers import (
    fit_on_workers,
    has_workers,
    values_of_replicas,
)


def distribution(
    workers: int | None = None, devices: Literal["one", "all"] = "one"
) -> tf.distribute.Strategy:
    """Distribution of a training over workers or devices.

    The environment variable TF_CONFIG names the workers, as TensorFlow
    describes it; `keras-synth train NAME --workers N` sets it for N processes
    on this machine. Where it names several, all their devices are used.

    Each batch is split between the workers, so that the result is the same,
    up to rounding, as on one of them. Batch statistics and the averages of
    some losses are those of one worker's part, as the docstrings of these say.

    Args:
        workers: Number of processes that train together on this machine,
            with a share of its processor cores each. None takes what the
            environment variable TF_CONFIG says, or one.
        devices: Whether to train on "one" device or on "all" GPUs of this
            machine, with a part of each batch on each. Several workers always
            take all.

    Returns:
        A `tf.distribute.Strategy`. Train in its scope.

    Raises:
        ValueError: `workers` is not the number of workers in TF_CONFIG.

    Example:

        with training.distribution(devices="all").scope():
            training.train_vae("mnist")
    """
    cluster = json.loads(os.environ.get("TF_CONFIG") or "{}").get("cluster", {})
    known = sum(len(cluster.get(job, ())) for job in ("chief", "worker")) or 1
    if workers not in (None, known):
        raise ValueError(
            f"TF_CONFIG names {known} workers (none is 1): `keras-synth train "
            "NAME --workers N` sets it for N processes. "
            f"Received: workers={workers!r}"
        )
    if known > 1:
        return tf.distribute.MultiWorkerMirroredStrategy()
    if devices == "all":
        return tf.distribute.MirroredStrategy()
    return tf.distribute.get_strategy()


def fit(
    model: keras.Model, batches: tf.data.Dataset, **options
) -> keras.callbacks.History:
    """Fits a model, or a plain network, on several workers or on one.

    Args:
        model: A compiled `keras.Model`, made in the scope of a
            `tf.distribute.Strategy`, or in none.
        batches: Dataset of batches. Its order is not changed.
        **options: Further arguments of `keras.Model.fit`; of
            `models.workers.fit_on_workers` where there are several workers.

    Returns:
        `keras.callbacks.History`, the same on every worker.
    """
    if not has_workers(model) and isinstance(batches, tf.data.Dataset):
        _check_parts(batches, model.distribute_strategy.num_replicas_in_sync)
    if has_workers(model) and not isinstance(model, GuardedModel):
        return fit_on_workers(model, batches, **options)
    return model.fit(batches, shuffle=False, **options)


def _check_parts(batches, replicas):
    """Refuses batches that the devices of one process cannot share equally."""
    for spec in keras.tree.flatten(batches.element_spec):
        size = spec.shape[0] if spec.shape.rank else None
        if size is not None and size % replicas:
            raise ValueError(
                f"{replicas} devices train on equal parts of each batch: "
                f"`batch_size` must be a multiple of {replicas}. Received "
                f"batches of {size}"
            )


def wait_for_workers(value: float = 0.0) -> bool:
    """Waits until all workers have come here.

    Args:
        value: A number.

    Returns:
        Whether all workers gave the same number.
    """
    strategy = tf.distribute.get_strategy()
    if strategy.num_replicas_in_sync == 1:
        return True
    values = values_of_replicas(strategy, value)
    return bool((values == values[0]).all())
