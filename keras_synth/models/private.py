"""Models trained with differential privacy (DP-SGD): VAE, plain networks."""

import keras
import tensorflow as tf
from keras import ops

from keras_synth.layers.nested import all_layers
from keras_synth.models.checks import check_is_network, check_no_weights
from keras_synth.models.differential_privacy import DifferentialPrivacy
from keras_synth.models.parts import deserialized
from keras_synth.models.resumable import ResumableModel
from keras_synth.models.vae import VAE


class PrivateTraining(ResumableModel):
    """Base class of models trained with differential privacy (DP-SGD).

    `fit` takes batches of Poisson sampling alone, and never the same twice.
    The noise follows from the seed and the number of the step, so that a
    training that was resumed with the same seed equals one that never stopped.

    What protects is the noise in the weights. Logs, and images that callbacks
    reconstruct from training images, are not protected: keep them.
    """

    def private_networks(self):
        """List of the networks that are trained."""
        raise NotImplementedError

    def compile(self, *args, privacy=None, jit_compile=False, **kwargs):
        """Configures training.

        Args:
            *args: As in the base class.
            privacy: A `models.DifferentialPrivacy`.
            jit_compile: As in `keras.Model.compile`. True compiles the step
                again for each size that a batch has.
            **kwargs: As in the base class.

        Raises:
            ValueError: `privacy` is missing; a layer mixes the images of a
                batch or draws random numbers; several replicas;
                `mixed_float16`.
        """
        if not isinstance(privacy, DifferentialPrivacy):
            raise ValueError(
                "`privacy` must be a `models.DifferentialPrivacy`. "
                f"Received: privacy={privacy!r}"
            )
        if tf.distribute.get_strategy().num_replicas_in_sync > 1:
            raise ValueError(
                "Training with differential privacy runs on one replica: "
                "leave the strategy out."
            )
        if self.dtype_policy.name == "mixed_float16":
            raise ValueError(
                "Gradients are clipped in float32: train in float32 or "
                "mixed_bfloat16. Received: mixed_float16"
            )
        for network in self.private_networks():
            for layer in all_layers(network):
                _check_layer(layer)
        super().compile(*args, jit_compile=jit_compile, **kwargs)
        self.privacy = privacy
        self.optimizer.build(self.trainable_variables)

    def get_compile_config(self):
        """The arguments of `compile`, serialized; Keras saves them."""
        config = super().get_compile_config()
        if config:
            privacy = keras.saving.serialize_keras_object(self.privacy)
            config = {**config, "privacy": privacy}
        return config

    def fit(self, x=None, y=None, *args, initial_epoch=0, **kwargs):
        """`keras.Model.fit`, on batches of Poisson sampling."""
        if self.compiled:  # or Keras says that it is not
            self.privacy.check_data(
                x, initial_epoch, int(self.optimizer.iterations)
            )
        return super().fit(x, y, *args, initial_epoch=initial_epoch, **kwargs)

    def private_step(self, loss, examples):
        """One step of DP-SGD: updates the weights.

        Args:
            loss: As in `DifferentialPrivacy.gradients`.
            examples: As in `DifferentialPrivacy.gradients`.
        """
        variables = self.trainable_variables
        gradients = self.privacy.gradients(
            loss, examples, variables, self.optimizer.iterations
        )
        self.optimizer.apply(gradients, variables)


@keras.saving.register_keras_serializable("keras_synth")
class PrivateVAE(PrivateTraining, VAE):
    """Variational autoencoder trained with differential privacy (DP-SGD).

    A `VAE` whose `compile` takes `privacy`. The loss and the logs are those of
    a VAE; free bits count for each image alone.

    Example:

    >>> from keras_synth import networks
    >>> vae = PrivateVAE(networks.dense_encoder((8, 8, 1), latent_dim=2),
    ...                  networks.dense_decoder((8, 8, 1), latent_dim=2))
    >>> vae.compile(privacy=DifferentialPrivacy(1.0, 1.0, 32, 1000))
    """

    def private_networks(self):
        """Encoder and decoder."""
        return [self.encoder, self.decoder]

    def train_step(self, data):
        inputs = self._batch(data)
        drawn = self.num_importance_samples
        noise = self.privacy.normal(
            (ops.shape(inputs[0])[0], drawn, self.latent_dim),
            self.optimizer.iterations,
            0,
        )

        def terms(inputs, noise):
            noise = ops.swapaxes(noise, 0, 1)  # (samples, batch, latent_dim)
            return self._terms(
                inputs,
                self.kl_weight,
                training=True,
                noise=noise[0] if drawn == 1 else noise,
            )

        def loss(example):
            return terms(*example)["loss"] + sum(self.losses)

        whole = terms(inputs, noise)
        logs_loss = whole["loss"] + sum(self.losses)
        if self.compiled_metrics():
            self._compare_reconstructions(inputs, whole)
        self.private_step(loss, (inputs, noise))
        return self._update_logs(whole, logs_loss)


@keras.saving.register_keras_serializable("keras_synth")
class PrivateNetwork(PrivateTraining):
    """A network trained with differential privacy (DP-SGD): a classifier, say.

    It shares its weights with the network, which is afterwards used, saved or
    exported alone. `fit` takes batches of `(inputs, targets)`.

    Args:
        network: A `keras.Model` without batch normalization and dropout.

    Example:

    >>> import numpy as np
    >>> from keras_synth import datasets
    >>> network = keras.Sequential(
    ...     [keras.Input((8,)), keras.layers.Dense(1)])
    >>> private = PrivateNetwork(network)
    >>> private.compile("sgd", "mean_squared_error",
    ...                 privacy=DifferentialPrivacy(1.0, 1.0, 25, 100))
    >>> batches = datasets.poisson_batches(
    ...     (np.ones((100, 8), "float32"), np.ones((100, 1), "float32")),
    ...     batch_size=25)
    >>> history = private.fit(batches, verbose=0)
    """

    def __init__(self, network, **kwargs):
        super().__init__(**kwargs)
        check_is_network(network, "network")
        self.network = network
        self.loss_tracker = keras.metrics.Mean("loss")
        self.built = True

    def private_networks(self):
        """The network."""
        return [self.network]

    def call(self, inputs, training=False):
        """The network's outputs."""
        return self.network(inputs, training=training)

    def train_step(self, data):
        x, y = self._pair(data)
        outputs = self(x, training=True)
        logs = self._update_logs(x, y, outputs)

        def loss(example):
            x, y = example
            return self.compute_loss(x, y, self(x, training=True))

        self.private_step(loss, (x, y))
        return logs

    def test_step(self, data):
        x, y = self._pair(data)
        return self._update_logs(x, y, self(x))

    def check_batch(self, data):
        self._pair(data)

    def check_inputs(self, data):
        """Every network has its own inputs: nothing to refuse."""

    def own_metrics(self):
        return [self.loss_tracker]

    def _pair(self, data):
        x, y, weights = keras.utils.unpack_x_y_sample_weight(data)
        check_no_weights(weights, type(self).__name__)
        if y is None:
            raise ValueError(
                "A PrivateNetwork is trained on batches of (inputs, targets). "
                "Received: no targets"
            )
        return x, y

    def _update_logs(self, x, y, outputs):
        count = ops.shape(keras.tree.flatten(y)[0])[0]
        loss = self.compute_loss(x, y, outputs)
        # Of a batch without images the mean loss is not a number.
        loss = ops.where(count > 0, loss, 0.0)
        self.loss_tracker.update_state(loss, count)
        self.compute_metrics(x, y, outputs)
        return {"loss": self.loss_tracker.result(), **self.compiled_results()}

    def get_config(self):
        config = super().get_config()
        network = keras.saving.serialize_keras_object(self.network)
        return {**config, "network": network}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return cls(**deserialized(config, ("network",), custom_objects))


def _check_layer(layer):
    mixes = isinstance(layer, keras.layers.BatchNormalization)
    if mixes or hasattr(layer, "seed_generator"):
        raise ValueError(
            "Training with differential privacy takes the gradient of each "
            "image alone: build the network without "
            + (
                "batch normalization (a group or layer normalization is fine)."
                if mixes
                else "layers that draw random numbers."
            )
            + f" Received: the layer {layer.name!r}, a {type(layer).__name__}"
        )
