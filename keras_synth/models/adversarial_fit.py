"""Fitting a GAN with Keras: learning-rate callbacks of two optimizers."""

import contextlib
import copy
import types

import keras
import tensorflow as tf

_OF_RATES = (
    keras.callbacks.LearningRateScheduler,
    keras.callbacks.ReduceLROnPlateau,
)


def for_both_optimizers(callbacks, model):
    """Lets learning-rate callbacks reach both optimizers of a model.

    Args:
        callbacks: Callbacks of `fit`, or None.
        model: The `models.AdversarialModel`.

    Returns:
        List of callbacks.
    """
    both = []
    for callback in keras.tree.flatten(callbacks or []):
        if isinstance(callback, _OF_RATES):
            # Before it, so that the logs keep the generator's rate.
            both.append(_for_discriminator(callback, model))
        both.append(callback)
    return both


def _for_discriminator(callback, model):
    """A learning-rate callback once more, for the other optimizer."""
    twin = copy.copy(callback)
    twin.verbose = 0
    twin.set_model(
        types.SimpleNamespace(
            optimizer=model.discriminator_optimizer, metrics=model.metrics
        )
    )
    return keras.callbacks.LambdaCallback(
        on_train_begin=twin.on_train_begin,
        on_epoch_begin=twin.on_epoch_begin,
        on_epoch_end=lambda epoch, logs: twin.on_epoch_end(epoch, dict(logs)),
    )


@contextlib.contextmanager
def without_remapper():
    """Context without an optimization of graphs that fails on this training.

    The remapper fuses convolutions with what follows. It stops, with an error
    on the terminal, at a leaky ReLU whose gradient is penalized.
    """
    before = tf.config.optimizer.get_experimental_options()
    tf.config.optimizer.set_experimental_options({"remapping": False})
    try:
        yield
    finally:
        tf.config.optimizer.set_experimental_options(
            {"remapping": before.get("remapping", True)}
        )
