"""Resumable training: the base class of all models, with seeds saved."""

import types

import keras
import tensorflow as tf

from keras_synth.models.guarded import GuardedModel


class ResumableModel(GuardedModel):
    """A `keras.Model` whose saved state is the whole state of training.

    Keras does not save the state of seed generators, neither the model's nor
    that of its layers (Dropout, say). Here they are stored with the model's
    own variables, in `.keras` files, `.weights.h5` files, `ModelCheckpoint`
    and `BackupAndRestore` alike, so that load-and-continue draws the noise
    that never stopping would have drawn.

    `fit` tells a pipeline of `keras_synth.datasets` which epoch begins, so
    that the order of the images depends on the epoch's number, also after
    `initial_epoch=k`. Together: training stopped at the end of an epoch and
    resumed equals training that never stopped, to the last bit. (Arrays are
    shuffled by Keras, in another order after a stop.)

    Attributes:
        image_shape: (height, width, channels) of the images, set by the
            subclass.
    """

    @property
    def seed_states(self):
        """State variables of all seed generators, in a fixed order."""
        known = {id(v) for v in (*self.weights, *self.metrics_variables)}
        states = []
        for variable in self.variables:
            if id(variable) not in known:
                known.add(id(variable))
                states.append(variable)
        return states

    def save_own_variables(self, store):
        super().save_own_variables(store)
        for index, state in enumerate(self.seed_states):
            store[f"seed_{index}"] = state

    def load_own_variables(self, store):
        states = self.seed_states
        names = [f"seed_{index}" for index in range(len(states))]
        own = {key: store[key] for key in store.keys() if key not in names}
        super().load_own_variables(own)
        for name, state in zip(names, states, strict=True):
            state.assign(store[name])

    def own_metrics(self):
        """The metrics that the model itself updates, the loss first."""
        return []

    def compiled_metrics(self):
        """The metrics given to `compile`, a list that may be empty."""
        own = {id(metric) for metric in self.own_metrics()}
        # Keras has a loss tracker besides, which ours replaces.
        return [
            metric
            for metric in super().metrics
            if id(metric) not in own and metric.name != "loss"
        ]

    def compiled_results(self):
        """`{name: value}` of the metrics given to `compile`."""
        results = {}
        for metric in self.compiled_metrics():
            result = metric.result()
            named = (
                result if isinstance(result, dict) else {metric.name: result}
            )
            results.update(named)
        return results

    @property
    def metrics(self):
        """The model's own metrics, and those given to `compile`."""
        return [*self.own_metrics(), *self.compiled_metrics()]

    def call_signature(self):
        """The inputs of `call` as `tf.TensorSpec`; None if Keras knows."""
        return None

    def export(self, filepath, *args, input_signature=None, **kwargs):
        """Exports `call` with `keras.Model.export`.

        `export.export_saved_model` exports every use of the model.
        """
        signature = self.call_signature()
        if input_signature is None and signature is not None:
            input_signature = [signature]
        return super().export(
            filepath, *args, input_signature=input_signature, **kwargs
        )

    def compile_from_config(self, config):
        config = keras.saving.deserialize_keras_object(config)
        self.compile(**config)

    def fit(self, x=None, y=None, *args, callbacks=None, **kwargs):
        """`keras.Model.fit`; the order of a pipeline follows the epoch."""
        # Keras has no public way to forget the epoch at which a restored
        # model went on, and would begin every later `fit` there.
        self._initial_epoch = None
        if isinstance(x, tf.data.Dataset | types.GeneratorType):
            kwargs.setdefault("shuffle", False)  # or Keras warns
        if hasattr(x, "set_epoch"):
            keep_order = keras.callbacks.LambdaCallback(
                on_epoch_begin=lambda epoch, logs: x.set_epoch(epoch)
            )
            callbacks = [keep_order, *keras.tree.flatten(callbacks or [])]
        return super().fit(x, y, *args, callbacks=callbacks, **kwargs)
