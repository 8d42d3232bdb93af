"""The variational autoencoder.

An encoder says, for each image x, which latents z may have made it:
`q(z|x) = N(m(x), s²(x))`. A decoder says which images a latent makes:
`p(x|z)`, a likelihood. Training raises a lower bound (ELBO) of log p(x):

    log p(x) >= E_q[log p(x|z)] - KL(q(z|x) || N(0, I))

Both terms are in nats per image: sums over pixels and over latents, means
over the batch. New images come from z ~ N(0, I) through the decoder.
"""

import keras
import tensorflow as tf
from keras import ops

from keras_synth.layers import GaussianSampling
from keras_synth.losses import Bernoulli
from keras_synth.metrics import ActiveUnits
from keras_synth.models.autoencoder import Autoencoder
from keras_synth.models.checks import check_networks, check_objective
from keras_synth.models.importance_sampling import (
    log_mean_exp,
    log_prior_ratio,
)
from keras_synth.models.replicas import share_of_batch
from keras_synth.ops import mean_or_zero, standard_normal_kl


@keras.saving.register_keras_serializable("keras_synth")
class VAE(Autoencoder):
    """Variational autoencoder: β-VAE, IWAE and class-conditional in one.

    Trained on images alone (`fit(images)` or a dataset of images); a
    class-conditional one, whose encoder and decoder take a label as second
    input, on `fit(images, labels)` or a dataset of `(image, label)`.

    The loss, in nats per image, with KL_j of latent dimension j:

    - `loss = -E_q[log p(x|z)] + beta · Σ_j max(free_bits, KL_j)`, the
      negative ELBO where beta = 1 and free_bits = 0. KL_j is averaged over
      the batch (of one replica) before the maximum;
    - with `num_importance_samples` k > 1, the importance-weighted bound
      `-log 1/k Σ_i p(x, z_i) / q(z_i|x)`.

    Log names (the same with `val_` from validation data): `loss`;
    `reconstruction`, -E_q[log p(x|z)]; `kl`, the analytic divergence;
    `active_units`, latent dimensions in use. During a KL warm-up the training
    `loss` uses the warmed-up beta, `val_loss` always `beta` itself.

    Args:
        encoder: network from an image (or `[image, label]`) to
            `[mean, log_variance]`, each (batch, latent_dim).
        decoder: network from latents (or `[latents, label]`) to the
            likelihood's parameters, (batch, height, width,
            channels * likelihood.parameters_per_channel).
        likelihood: `losses.Bernoulli()` (default), `losses.Gaussian(...)` or
            `losses.DiscretizedLogistic()`.
        beta: weight of the divergence (Higgins et al. 2017), at least 0.
        free_bits: nats every latent dimension may use for nothing (Kingma et
            al. 2016, appendix C.8).
        num_importance_samples: k; 1 is the VAE, more the IWAE (Burda et al.
            2016). Means nothing together with `beta` or `free_bits`.
        seed: of the sampling, an int or None for a random one.

    Raises:
        ValueError: arguments that do not fit together, or networks whose
            shapes do not.

    Reference: Kingma & Welling, Auto-Encoding Variational Bayes, 2014,
    equations 3, 7 and 10.

    Example:

    >>> from keras_synth import networks
    >>> vae = VAE(networks.dense_encoder((8, 8, 1), latent_dim=2),
    ...           networks.dense_decoder((8, 8, 1), latent_dim=2))
    >>> vae.compile()
    >>> vae.sample(3, seed=0).shape
    TensorShape([3, 8, 8, 1])
    """

    def __init__(
        self,
        encoder,
        decoder,
        likelihood=None,
        beta=1.0,
        free_bits=0.0,
        num_importance_samples=1,
        seed=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        likelihood = Bernoulli() if likelihood is None else likelihood
        check_objective(beta, free_bits, num_importance_samples)
        check_networks(encoder, decoder, likelihood)
        self.encoder = encoder
        self.decoder = decoder
        self.likelihood = likelihood
        self.beta = beta
        self.free_bits = free_bits
        self.num_importance_samples = num_importance_samples
        self.seed = seed

        self.latent_dim = encoder.outputs[0].shape[-1]
        self.image_shape = tuple(encoder.inputs[0].shape[1:])
        self.conditional = len(encoder.inputs) == 2
        self.sampling = GaussianSampling(
            None if num_importance_samples == 1 else num_importance_samples,
            seed=seed,
            name="sampling",
        )
        # beta as training sees it: callbacks.KLWarmup moves it. Not a weight:
        # it follows from the optimizer's step, and is not saved.
        self.kl_weight = tf.Variable(
            beta,
            trainable=False,
            dtype="float32",
            aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
        )
        self.loss_tracker = keras.metrics.Mean("loss")
        self.reconstruction_tracker = keras.metrics.Mean("reconstruction")
        self.kl_tracker = keras.metrics.Mean("kl")
        self.active_units = ActiveUnits(self.latent_dim)
        self.built = True

    def compile(self, optimizer=None, loss=None, metrics=None, **kwargs):
        """Configures training.

        Args:
            optimizer: name or optimizer; `Adam(1e-3)` by default.
            loss: not for a VAE; its loss is the negative ELBO.
            metrics: not for a VAE; see the log names above.
            **kwargs: as `keras.Model.compile` takes them
                (`steps_per_execution`, `jit_compile`, ...).
        """
        foreign = ("loss_weights", "weighted_metrics")
        if any(value is not None for value in (loss, metrics)) or any(
            kwargs.get(name) is not None for name in foreign
        ):
            raise ValueError(
                "A VAE minimizes its negative ELBO and logs its terms: "
                "choose the likelihood with VAE(likelihood=...), and call "
                "compile without `loss` and `metrics`. "
                f"Received: loss={loss!r}, metrics={metrics!r}"
            )
        if optimizer is None:
            optimizer = keras.optimizers.Adam(1e-3)
        super().compile(optimizer=optimizer, **kwargs)
        self.optimizer.build(self.trainable_variables)

    @property
    def metrics(self):
        return [
            self.loss_tracker,
            self.reconstruction_tracker,
            self.kl_tracker,
            self.active_units,
        ]

    def fit(self, x=None, y=None, *args, **kwargs):
        """`keras.Model.fit`, see there."""
        self.kl_weight.assign(self.beta)
        return super().fit(x, y, *args, **kwargs)

    def train_step(self, data):
        inputs = self._batch(data)
        share, replicas = share_of_batch(inputs[0])
        with tf.GradientTape() as tape:
            terms = self._terms(inputs, self.kl_weight, training=True)
            regularization = sum(self.losses)
            # Keras sums gradients over replicas.
            loss = share * terms["loss"] + regularization / replicas
            scaled_loss = self.optimizer.scale_loss(loss)
        gradients = tape.gradient(scaled_loss, self.trainable_variables)
        self.optimizer.apply(gradients, self.trainable_variables)
        return self._update_metrics(terms, terms["loss"] + regularization)

    def test_step(self, data):
        terms = self._terms(self._batch(data), self.beta)
        return self._update_metrics(terms, terms["loss"] + sum(self.losses))

    def _terms(self, inputs, kl_weight, training=False):
        """The objective and its parts for one batch."""
        images = ops.cast(inputs[0], "float32")
        mean, log_variance = self.posterior(inputs, training)
        latents = self.sampling([mean, log_variance])
        parameters = self.parameters(latents, inputs[1:], training)
        log_likelihood = self.likelihood.log_prob(images, parameters)
        divergence = standard_normal_kl(mean, log_variance)
        terms = {
            "mean": mean,
            "reconstruction": -mean_or_zero(log_likelihood),
            "kl": mean_or_zero(ops.sum(divergence, axis=-1)),
        }
        if self.num_importance_samples > 1:
            log_weights = log_likelihood + log_prior_ratio(
                latents, mean, log_variance
            )
            terms["loss"] = -mean_or_zero(log_mean_exp(log_weights))
            return terms
        per_dimension = mean_or_zero(divergence, axis=0)
        if self.free_bits > 0:
            per_dimension = ops.maximum(per_dimension, self.free_bits)
        terms["loss"] = terms["reconstruction"] + kl_weight * ops.sum(
            per_dimension
        )
        return terms

    def _update_metrics(self, terms, loss):
        count = ops.shape(terms["mean"])[0]
        self.loss_tracker.update_state(loss, count)
        self.reconstruction_tracker.update_state(terms["reconstruction"], count)
        self.kl_tracker.update_state(terms["kl"], count)
        self.active_units.update_state(terms["mean"])
        return {metric.name: metric.result() for metric in self.metrics}

    def predict_step(self, data):
        return self(self._batch(data))

    def get_config(self):
        config = super().get_config()
        serialize = keras.saving.serialize_keras_object
        config.update(
            encoder=serialize(self.encoder),
            decoder=serialize(self.decoder),
            likelihood=serialize(self.likelihood),
            beta=self.beta,
            free_bits=self.free_bits,
            num_importance_samples=self.num_importance_samples,
            seed=self.seed,
        )
        return config

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        for key in ("encoder", "decoder", "likelihood"):
            config[key] = keras.saving.deserialize_keras_object(
                config[key], custom_objects=custom_objects
            )
        return cls(**config)
