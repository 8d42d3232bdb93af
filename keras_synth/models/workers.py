"""Training by several workers: the loop of `fit`, which Keras lacks there.

Keras' `fit` fails under `tf.distribute.MultiWorkerMirroredStrategy`. Here each
worker runs `strategy.run(model.train_step)` on its rows of each batch;
optimizers add up the gradients of all workers, and the logs are averaged.
"""

import keras
import tensorflow as tf

from keras_synth.models.replicas import is_chief

# What writes files, and reads nothing that is spread over the workers.
_OF_CHIEF = (keras.callbacks.CSVLogger, keras.callbacks.TensorBoard)
_NOT_SAFE = (keras.callbacks.BackupAndRestore, keras.callbacks.ModelCheckpoint)

# Arguments of `fit` that say nothing about a `tf.data.Dataset`.
_DEFAULTS = (
    ("shuffle", False),
    ("shuffle", True),
    ("validation_freq", 1),
    ("validation_split", 0.0),
)


def has_workers(model):
    """Whether a model was made in the scope of a strategy of several workers.

    Args:
        model: A `keras.Model`.
    """
    return isinstance(
        model.distribute_strategy, tf.distribute.MultiWorkerMirroredStrategy
    )


def fit_on_workers(
    model,
    batches,
    *,
    epochs=1,
    initial_epoch=0,
    callbacks=None,
    verbose="auto",
    **others,
):
    """Fits a model on several workers, as `keras.Model.fit` does on one.

    All workers call it with the same arguments. Each reads all of the data
    and takes its rows of each batch: their order is that of one worker.

    Callbacks run on every worker and get the same logs, so that all stop
    together. Those that write images and logs (with `of_chief = True`) run on
    the chief alone, which also shows the progress.

    Args:
        model: A compiled `keras.Model` with several workers.
        batches: `tf.data.Dataset` of batches whose size is a multiple of the
            number of replicas.
        epochs: As in `keras.Model.fit`.
        initial_epoch: As in `keras.Model.fit`.
        callbacks: As in `keras.Model.fit`.
        verbose: As in `keras.Model.fit`.
        **others: Further arguments of `keras.Model.fit`, which are refused
            unless they say nothing.

    Returns:
        `keras.callbacks.History`, the same on every worker.

    Raises:
        ValueError: Data, callbacks or arguments that do not fit.
    """
    callbacks = keras.tree.flatten(callbacks or [])
    _check(model, batches, callbacks, others)
    steps = _steps(batches, model.distribute_strategy)
    if not is_chief(model.distribute_strategy):
        verbose = 0
        callbacks = [
            callback
            for callback in callbacks
            if not isinstance(callback, _OF_CHIEF)
            and not getattr(callback, "of_chief", False)
        ]
    callbacks = keras.callbacks.CallbackList(
        callbacks,
        add_history=True,
        add_progbar=verbose != 0,
        model=model,
        verbose=1 if verbose == "auto" else verbose,
        epochs=epochs,
        steps=steps if steps > 0 else None,
    )
    rows = _rows_of_replicas(batches, model.distribute_strategy)
    train = _train_function(model)
    model.stop_training, logs = False, None
    callbacks.on_train_begin()
    for epoch in range(initial_epoch, epochs):
        model.reset_metrics()
        callbacks.on_epoch_begin(epoch)
        for step, data in enumerate(rows):
            callbacks.on_train_batch_begin(step)
            logs = train(data)
            callbacks.on_train_batch_end(step, logs)
            if model.stop_training:
                break
        if logs is None:
            raise ValueError("There is no batch to train on.")
        # Results over all images, where the step reports nothing else.
        results = model.get_metrics_result()
        logs = dict(results if results.keys() == logs.keys() else logs)
        callbacks.on_epoch_end(epoch, logs)
        if model.stop_training:
            break
    model.optimizer.finalize_variable_values(model.trainable_weights)
    callbacks.on_train_end(logs)
    return model.history


def _check(model, batches, callbacks, others):
    for name, value in others.items():
        says_nothing = value is None or (name, value) in _DEFAULTS
        if not says_nothing:
            raise ValueError(
                f"Several workers train without `{name}`. "
                f"Received: {name}={value!r}"
            )
    if not isinstance(batches, tf.data.Dataset):
        raise ValueError(
            "Several workers train on a `tf.data.Dataset` of batches. "
            f"Received: a {type(batches).__name__}"
        )
    for callback in callbacks:
        if isinstance(callback, _NOT_SAFE):
            raise ValueError(
                f"{type(callback).__name__} would write the same file on all "
                "workers: use `callbacks.Backup`."
            )
    if model.steps_per_execution != 1:
        raise ValueError(
            "Several workers run one step at a time: compile with "
            "`steps_per_execution=1`. "
            f"Received: {model.steps_per_execution}"
        )
    count = model.distribute_strategy.num_replicas_in_sync
    for spec in tf.nest.flatten(batches.element_spec):
        size = spec.shape[0]
        if size is not None and size % count:
            raise ValueError(
                "The batch size must be a multiple of the number of workers "
                f"times the devices of each, {count}. Received: batches of "
                f"{size}"
            )


def values_of_replicas(strategy, value):
    """A number of each replica, on all of them; waits for all.

    Args:
        strategy: A `tf.distribute.Strategy`.
        value: The number of this worker.

    Returns:
        float64 array (replicas,).
    """
    count = strategy.num_replicas_in_sync

    @tf.function
    def values():
        def own():
            context = tf.distribute.get_replica_context()
            place = context.replica_id_in_sync_group
            return tf.one_hot(place, count, tf.cast(value, "float64"))

        return strategy.reduce("SUM", strategy.run(own), axis=None)

    return values().numpy()


def _steps(batches, strategy):
    """Batches of an epoch, as many on all workers; -2 where unknown."""
    steps = int(batches.cardinality())
    if steps == tf.data.INFINITE_CARDINALITY:
        raise ValueError(
            "An epoch must end: give `batches.take(n)` in place of a dataset "
            "without an end."
        )
    found = values_of_replicas(strategy, steps)
    if (found != steps).any():
        raise ValueError(
            "All workers must read the same data. Received: "
            f"{', '.join(f'{each:.0f}' for each in found)} batches on them"
        )
    return steps


def _rows_of_replicas(batches, strategy):
    """Each replica's rows of each batch, in the order of the replicas."""
    count = strategy.num_replicas_in_sync

    def rows_of(context):
        local = count // context.num_input_pipelines
        first = context.input_pipeline_id * local

        def rows(*batch):
            size = tf.shape(tf.nest.flatten(batch)[0])[0]
            whole = tf.debugging.assert_equal(
                size % count,
                0,
                f"A batch cannot be split between {count} replicas: use "
                "`batch(..., drop_remainder=True)`. Its size modulo them",
            )
            with tf.control_dependencies([whole]):  # before `tf.split` fails
                batch = tf.nest.map_structure(tf.identity, batch)
            mine = tf.nest.map_structure(
                lambda tensor: tf.stack(
                    tf.split(tensor, count)[first : first + local]
                ),
                batch if len(batch) > 1 else batch[0],
            )
            return tf.data.Dataset.from_tensor_slices(mine)

        return batches.flat_map(rows).prefetch(tf.data.AUTOTUNE)

    # All workers have as many batches: they need not ask each other.
    strategy.extended.experimental_enable_get_next_as_optional = False
    return strategy.distribute_datasets_from_function(rows_of)


def _train_function(model):
    """A training step on all workers; its logs are averaged over them."""
    strategy = model.distribute_strategy

    def step(data):
        logs = model.train_step(data)
        values = tf.stack([tf.cast(v, "float32") for v in logs.values()])
        means = tf.distribute.get_replica_context().all_reduce("MEAN", values)
        return dict(zip(logs, tf.unstack(means), strict=True))

    def train(data):
        logs = strategy.run(step, args=(data,))
        return {
            name: strategy.experimental_local_results(value)[0]
            for name, value in logs.items()
        }

    return train if model.run_eagerly else tf.function(train, autograph=False)
