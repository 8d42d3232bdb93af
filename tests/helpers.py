"""What every layer and every model must keep, checked in one line each."""

import keras
import numpy as np
import tensorflow as tf


def check_layer(layer, *arguments, tolerance=0.0, **call_arguments):
    """Finite output of the declared shape, the same after saving.

    Args:
        layer: the layer under test.
        *arguments: arrays, its call's first argument (a list of them where
            the layer takes several).
        tolerance: largest difference allowed after saving.
        **call_arguments: further ones that make its call deterministic.
    """
    inputs = list(arguments) if len(arguments) > 1 else arguments[0]
    expected = np.asarray(layer(inputs, **call_arguments))
    assert np.isfinite(expected).all()
    shapes = [np.shape(argument) for argument in arguments]
    shape = shapes if len(shapes) > 1 else shapes[0]
    assert tuple(layer.compute_output_shape(shape)) == expected.shape

    config = keras.saving.serialize_keras_object(layer)
    again = keras.saving.deserialize_keras_object(config)
    assert keras.saving.serialize_keras_object(again) == config
    again(inputs, **call_arguments)
    store = {}
    layer.save_own_variables(store)
    again.load_own_variables(store)
    np.testing.assert_allclose(
        np.asarray(again(inputs, **call_arguments)), expected, atol=tolerance
    )


def check_model(build, data, *, directory, steps=150, fall=0.7):
    """What the design asks of every model, on one small batch.

    Args:
        build: function that gives a compiled model, equal at every call after
            `keras.utils.set_random_seed`.
        data: arguments of `fit`, arrays with at least four rows.
        directory: for the files.
        steps: gradient steps in which the model must learn the batch.
        fall: what part of the first loss the last may be.
    """
    check_overfits(build, data, steps, fall)
    check_resumes(build, data, directory)
    check_mixed_precision(build, data, "mixed_float16")


def check_overfits(build, data, steps, fall):
    """The loss on one batch, shown again and again, falls."""
    model = _fresh(build)
    batch = tf.data.Dataset.from_tensors(data if len(data) > 1 else data[0])
    first = model.evaluate(batch, verbose=0, return_dict=True)["loss"]
    model.fit(batch.repeat(steps), verbose=0)
    last = model.evaluate(batch, verbose=0, return_dict=True)["loss"]
    assert np.isfinite(last) and last < fall * first, (first, last)


def check_resumes(build, data, directory):
    """Stop, save, load and go on equals never stopping, to the last bit."""
    batches = tf.data.Dataset.from_tensor_slices(
        data if len(data) > 1 else data[0]
    ).batch(2, drop_remainder=True)

    def fit(model, **kwargs):
        model.fit(batches, verbose=0, **kwargs)

    straight = _fresh(build)
    fit(straight, epochs=3)

    stopped = _fresh(build)
    checkpoint = directory / "checkpoint.keras"
    fit(
        stopped,
        epochs=1,
        callbacks=[
            keras.callbacks.ModelCheckpoint(checkpoint),
            keras.callbacks.BackupAndRestore(
                directory / "backup", delete_checkpoint=False
            ),
        ],
    )
    stopped.save_weights(directory / "model.weights.h5")

    loaded = keras.saving.load_model(checkpoint)
    fit(loaded, epochs=3, initial_epoch=1)
    assert_same_state(loaded, straight)

    keras.utils.set_random_seed(1)  # another start, to be overwritten
    weights_only = build()
    weights_only.load_weights(directory / "model.weights.h5")
    fit(weights_only, epochs=3, initial_epoch=1)
    assert_same_state(weights_only, straight)

    keras.utils.set_random_seed(1)
    restored = build()
    fit(
        restored,
        epochs=3,
        callbacks=[keras.callbacks.BackupAndRestore(directory / "backup")],
    )
    assert_same_state(restored, straight)


def check_mixed_precision(build, data, policy, epochs=4):
    """Trains under a policy: finite, weights and losses in float32.

    In `mixed_float16` every optimizer scales its loss, and at most one step
    in twenty is skipped (one, where there are fewer).
    """
    keras.config.set_dtype_policy(policy)
    try:
        model = _fresh(build)
        logs = model.fit(*data, epochs=epochs, verbose=0).history
    finally:
        keras.config.set_dtype_policy("float32")
    for optimizer in optimizers(model):
        scaled = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
        assert scaled == (policy == "mixed_float16")
        skipped = epochs - int(optimizer.iterations)
        assert skipped <= max(1, 0.05 * epochs)
    for name, values in logs.items():
        assert np.isfinite(values).all(), name
    for weight in model.trainable_weights:
        assert weight.dtype == "float32"
        assert np.isfinite(weight).all()
    return model, logs


def optimizers(model):
    """The model's one or two optimizers."""
    second = getattr(model, "discriminator_optimizer", None)
    return [model.optimizer] if second is None else [model.optimizer, second]


def assert_same_state(model, other):
    """Weights, optimizers and seeds of two models are bit-equal."""
    pairs = [
        *zip(model.weights, other.weights, strict=True),
        *zip(model.seed_states, other.seed_states, strict=True),
    ]
    for optimizer, twin in zip(
        optimizers(model), optimizers(other), strict=True
    ):
        pairs += zip(optimizer.variables, twin.variables, strict=True)
    for ours, theirs in pairs:
        np.testing.assert_array_equal(
            np.asarray(ours), np.asarray(theirs), ours.path
        )


def _fresh(build):
    keras.utils.set_random_seed(0)
    return build()
