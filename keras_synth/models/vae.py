"""The variational autoencoder.

An encoder says, for each picture x, which latents z may have made it:
`q(z|x) = N(m(x), s²(x))`. A decoder says which pictures a latent makes:
`p(x|z)`, a likelihood. Training raises a lower bound (ELBO) of log p(x):

    log p(x) >= E_q[log p(x|z)] - KL(q(z|x) || N(0, I))

Both terms are in nats per picture: sums over pixels and over latents, means
over the batch. New pictures come from z ~ N(0, I) through the decoder.
"""

import keras
import tensorflow as tf
from keras import ops

from keras_synth.layers import GaussianSampling
from keras_synth.losses import Bernoulli
from keras_synth.metrics import ActiveUnits
from keras_synth.models.resumable import ResumableModel
from keras_synth.ops import gaussian_log_prob, standard_normal_kl


@keras.saving.register_keras_serializable("keras_synth")
class VAE(ResumableModel):
    """Variational autoencoder: β-VAE, IWAE and class-conditional in one.

    Trained on pictures alone (`fit(images)` or a dataset of images); a
    class-conditional one, whose encoder and decoder take a label as second
    input, on `fit(images, labels)` or a dataset of `(image, label)`.

    The loss, in nats per picture, with KL_j of latent dimension j:

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
        encoder: network from a picture (or `[image, label]`) to
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
        _check_objective(beta, free_bits, num_importance_samples)
        _check_networks(encoder, decoder, likelihood)
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
        # beta as training sees it: callbacks.KLWarmup moves it.
        self.kl_weight = self.add_weight(
            name="kl_weight",
            shape=(),
            dtype="float32",
            initializer=keras.initializers.Constant(beta),
            trainable=False,
        )
        self.loss_tracker = keras.metrics.Mean("loss")
        self.reconstruction_tracker = keras.metrics.Mean("reconstruction")
        self.kl_tracker = keras.metrics.Mean("kl")
        self.active_units = ActiveUnits(self.latent_dim)
        self.built = True

    # Training -------------------------------------------------------------

    def compile(self, optimizer=None, loss=None, metrics=None, **kwargs):
        """Configures training.

        Args:
            optimizer: name or optimizer; `Adam(1e-3)` by default.
            loss: not for a VAE; its loss is the negative ELBO.
            metrics: not for a VAE; see the log names above.
            **kwargs: as `keras.Model.compile` takes them
                (`steps_per_execution`, `jit_compile`, ...).
        """
        if loss is not None or metrics is not None:
            raise ValueError(
                "A VAE minimises its negative ELBO and logs its terms: "
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

    def train_step(self, data):
        inputs = self._network_inputs(data)
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        with tf.GradientTape() as tape:
            terms = self._terms(inputs, self.kl_weight, training=True)
            loss = terms["loss"] + sum(self.losses)  # weight regularisation
            # Keras sums gradients over replicas.
            scaled_loss = self.optimizer.scale_loss(loss / replicas)
        gradients = tape.gradient(scaled_loss, self.trainable_variables)
        self.optimizer.apply(gradients, self.trainable_variables)
        return self._update_metrics(terms, loss)

    def test_step(self, data):
        terms = self._terms(self._network_inputs(data), self.beta)
        return self._update_metrics(terms, terms["loss"])

    def _terms(self, inputs, kl_weight, training=False):
        """The objective and its parts for one batch."""
        images = ops.cast(inputs[0], "float32")
        mean, log_variance = self._posterior(inputs, training)
        latents = self.sampling([mean, log_variance])
        parameters = self._parameters(latents, inputs[1:], training)
        log_likelihood = self.likelihood.log_prob(images, parameters)
        divergence = standard_normal_kl(mean, log_variance)
        terms = {
            "mean": mean,
            "reconstruction": -ops.mean(log_likelihood),
            "kl": ops.mean(ops.sum(divergence, axis=-1)),
        }
        if self.num_importance_samples > 1:
            log_weights = log_likelihood + _log_prior_ratio(
                latents, mean, log_variance
            )
            terms["loss"] = -ops.mean(_log_mean_exp(log_weights))
            return terms
        per_dimension = ops.mean(divergence, axis=0)
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

    # Use ------------------------------------------------------------------

    def call(self, inputs, training=False):
        """Pictures (with labels: `(images, labels)`) to reconstructions."""
        inputs = inputs if isinstance(inputs, list | tuple) else (inputs,)
        self._check_inputs(inputs)
        mean, _ = self._posterior(inputs, training)
        return self.likelihood.mean(
            self._parameters(mean, inputs[1:], training)
        )

    def predict_step(self, data):
        return self(self._network_inputs(data))

    def encode(self, images, labels=None):
        """Pictures to their posterior.

        Args:
            images: (batch, height, width, channels), in [0, 1].
            labels: int (batch,), for a class-conditional model.

        Returns:
            `(mean, log_variance)`, each (batch, latent_dim).
        """
        return self._posterior(self._inputs(images, labels))

    def decode(self, latents, labels=None):
        """Latents to the mean of the likelihood.

        Args:
            latents: (batch, latent_dim).
            labels: int (batch,), for a class-conditional model.

        Returns:
            Pictures in [0, 1], (batch, height, width, channels).
        """
        latents, *rest = self._inputs(latents, labels)
        return self.likelihood.mean(self._parameters(latents, rest))

    def generate(self, latents, labels=None):
        """The same as `decode`: the name all generators share."""
        return self.decode(latents, labels)

    def reconstruct(self, images, labels=None):
        """Pictures through the posterior's mean and back, in [0, 1]."""
        return self(self._inputs(images, labels))

    def sample(self, num_images, *, labels=None, truncation=1.0, seed=None):
        """New pictures.

        Args:
            num_images: how many.
            labels: class of each, int (num_images,), or one int for all; for
                a class-conditional model.
            truncation: scale of the latents' standard deviation; below 1
                gives more typical and less varied pictures.
            seed: int for the same pictures each time, None for new ones.

        Returns:
            The likelihood's means, (num_images, height, width, channels) in
            [0, 1].
        """
        shape = (num_images, self.latent_dim)
        if seed is None:
            latents = tf.random.normal(shape)
        else:
            latents = tf.random.stateless_normal(shape, seed=[seed, 0])
        if labels is not None:
            labels = tf.broadcast_to(tf.cast(labels, "int32"), (num_images,))
        return self.generate(truncation * latents, labels)

    def interpolate(self, a, b, steps=8, labels=None):
        """Pictures on the line between two, in latent space.

        Args:
            a: pictures to start from, (batch, height, width, channels).
            b: pictures to end at, of the same shape.
            steps: pictures a line, both ends included; at least 2.
            labels: int (batch,), for a class-conditional model.

        Returns:
            (batch, steps, height, width, channels), in [0, 1].
        """
        if steps < 2:
            raise ValueError(f"`steps` must be at least 2. Received: {steps}")
        start, _ = self.encode(a, labels)
        end, _ = self.encode(b, labels)
        weight = ops.reshape(ops.linspace(0.0, 1.0, steps), (1, steps, 1))
        latents = start[:, None] * (1.0 - weight) + end[:, None] * weight
        if labels is not None:
            labels = ops.repeat(ops.convert_to_tensor(labels), steps)
        pictures = self.decode(
            ops.reshape(latents, (-1, self.latent_dim)), labels
        )
        return ops.reshape(pictures, (-1, steps, *self.image_shape))

    def log_likelihood(
        self,
        images,
        num_samples=500,
        labels=None,
        batch_size=100,
        samples_per_step=50,
        seed=0,
        verbose=0,
    ):
        """Importance-sampled estimate of log p(x).

        `log p(x) ≈ log 1/S Σ_s p(x|z_s) p(z_s) / q(z_s|x)`, `z_s ~ q(z|x)`:
        a lower bound in expectation, closer the larger S.

        Args:
            images: (n, height, width, channels), in [0, 1].
            num_samples: S; papers use 500 to 5,000.
            labels: int (n,), for a class-conditional model: log p(x | label).
            batch_size: pictures at a time.
            samples_per_step: latents per picture at a time; memory grows with
                `batch_size * samples_per_step` decoded pictures.
            seed: of the latents.
            verbose: 1 shows a progress bar.

        Returns:
            NumPy array (n,), nats per picture.

        Reference: Burda et al. 2016, equation 8 and section 5.
        """
        if num_samples < 1:
            raise ValueError(
                f"`num_samples` must be at least 1. Received: {num_samples}"
            )
        samples_per_step = min(samples_per_step, num_samples)
        inputs = self._inputs(images, labels)
        data = tf.data.Dataset.from_tensor_slices(tuple(inputs))
        data = data.batch(batch_size)
        progress = keras.utils.Progbar(len(data), verbose=verbose)
        random = tf.random.Generator.from_seed(seed)
        estimates = []
        for batch in data:
            batch = [tf.convert_to_tensor(part) for part in batch]
            posterior = self._posterior_graph(batch)
            total = tf.fill(tf.shape(batch[0])[:1], -float("inf"))
            for start in range(0, num_samples, samples_per_step):
                count = min(samples_per_step, num_samples - start)
                noise = random.normal((count, *posterior[0].shape))
                total = self._add_log_weights(total, batch, *posterior, noise)
            estimates.append(total - tf.math.log(float(num_samples)))
            progress.add(1)
        return tf.concat(estimates, axis=0).numpy()

    def export_endpoints(self):
        """What `export.export_saved_model` serves.

        Returns:
            `{name: (function, input signature)}`: encode, decode,
            reconstruct, sample, sample_seeded.
        """
        image = tf.TensorSpec((None, *self.image_shape), name="images")
        latents = tf.TensorSpec((None, self.latent_dim), name="latents")
        label = [tf.TensorSpec((None,), "int32", name="labels")]
        label = label if self.conditional else []
        count = tf.TensorSpec((), "int32", name="num_images")
        seed = tf.TensorSpec((), "int32", name="seed")

        def sample(num_images, labels=None):
            return self.sample(num_images, labels=labels)

        def sample_seeded(num_images, seed, labels=None):
            return self.sample(num_images, labels=labels, seed=seed)

        return {
            "encode": (self.encode, [image, *label]),
            "decode": (self.decode, [latents, *label]),
            "reconstruct": (self.reconstruct, [image, *label]),
            "sample": (sample, [count, *label]),
            "sample_seeded": (sample_seeded, [count, seed, *label]),
        }

    def picture_decoder(self):
        """The decoder with the likelihood's mean on top, one network.

        Returns:
            A functional `keras.Model` from latents (or `[latents, label]`)
            to pictures in [0, 1].
        """
        parameters = ops.cast(self.decoder.outputs[0], "float32")
        return keras.Model(
            self.decoder.inputs,
            self.likelihood.mean(parameters),
            name="picture_decoder",
        )

    # Parts ----------------------------------------------------------------

    def _posterior(self, inputs, training=False):
        inputs = inputs if self.conditional else inputs[0]
        mean, log_variance = self.encoder(inputs, training=training)
        return ops.cast(mean, "float32"), ops.cast(log_variance, "float32")

    def _parameters(self, latents, labels, training=False):
        """Decodes (..., batch, latent_dim) to (..., batch, h, w, c')."""
        leading = ops.shape(latents)[:-1]
        inputs = ops.reshape(latents, (-1, self.latent_dim))
        if self.conditional:
            label = ops.broadcast_to(labels[0], leading)
            inputs = [inputs, ops.reshape(label, (-1,))]
        parameters = self.decoder(inputs, training=training)
        parameters = ops.cast(parameters, "float32")
        return ops.reshape(parameters, (*leading, *parameters.shape[1:]))

    @tf.function(reduce_retracing=True)
    def _posterior_graph(self, inputs):
        return self._posterior(inputs)

    @tf.function(reduce_retracing=True)
    def _add_log_weights(self, total, inputs, mean, log_variance, noise):
        """Adds log Σ_s p(x, z_s) / q(z_s|x) to a running log-sum."""
        latents = self.sampling([mean, log_variance], noise=noise)
        parameters = self._parameters(latents, inputs[1:])
        log_weights = self.likelihood.log_prob(inputs[0], parameters)
        log_weights += _log_prior_ratio(latents, mean, log_variance)
        return ops.logaddexp(total, ops.logsumexp(log_weights, axis=0))

    def _network_inputs(self, data):
        """What the encoder takes, from what `fit` hands over."""
        images, labels, weights = keras.utils.unpack_x_y_sample_weight(data)
        if weights is not None:
            raise ValueError("A VAE takes no sample weights.")
        if isinstance(images, list | tuple):
            images, labels = images
        return self._inputs(images, labels)

    def _inputs(self, first, labels):
        inputs = [ops.convert_to_tensor(first)]
        if labels is not None:
            inputs.append(ops.convert_to_tensor(labels))
        if not self.conditional and labels is not None:
            raise ValueError(
                "This VAE takes no labels: train and use it on images alone, "
                "`fit(images)`, or build a class-conditional one with "
                "networks made with `num_classes=...`."
            )
        self._check_inputs(inputs)
        return inputs

    def _check_inputs(self, inputs):
        if self.conditional and len(inputs) != 2:
            raise ValueError(
                "This VAE is class-conditional: give the class of each "
                "picture, `labels=...` (`fit(images, labels)` when training)."
            )
        shape = tuple(inputs[0].shape[1:])
        if shape not in {self.image_shape, (self.latent_dim,)}:
            raise ValueError(
                f"This VAE takes images of shape (batch, {self._wanted()}). "
                f"Received: shape {tuple(inputs[0].shape)}"
            )
        if not tf.as_dtype(inputs[0].dtype).is_floating:
            raise ValueError(
                "Images must be floats in [0, 1] (divide 8-bit ones by 255). "
                f"Received: dtype {inputs[0].dtype}"
            )

    def _wanted(self):
        return ", ".join(str(size) for size in self.image_shape)

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


def _log_prior_ratio(latents, mean, log_variance):
    """log p(z) - log q(z|x), summed over latent dimensions."""
    zero = ops.zeros(())
    prior = gaussian_log_prob(latents, zero, zero)
    posterior = gaussian_log_prob(latents, mean, log_variance)
    return ops.sum(prior - posterior, axis=-1)


def _log_mean_exp(log_weights):
    """log 1/k Σ_i exp(w_i) over the first axis."""
    count = ops.cast(ops.shape(log_weights)[0], log_weights.dtype)
    return ops.logsumexp(log_weights, axis=0) - ops.log(count)


def _check_objective(beta, free_bits, num_importance_samples):
    for name, value in (("beta", beta), ("free_bits", free_bits)):
        if not value >= 0:
            raise ValueError(
                f"`{name}` must be at least 0. Received: {name}={value!r}"
            )
    if not isinstance(num_importance_samples, int) or (
        num_importance_samples < 1
    ):
        raise ValueError(
            "`num_importance_samples` must be a positive int. Received: "
            f"num_importance_samples={num_importance_samples!r}"
        )
    if num_importance_samples > 1 and (beta != 1 or free_bits != 0):
        raise ValueError(
            "The importance-weighted bound has no divergence term to weigh: "
            "use `num_importance_samples=1`, or `beta=1` and `free_bits=0`. "
            f"Received: num_importance_samples={num_importance_samples}, "
            f"beta={beta}, free_bits={free_bits}"
        )


def _check_networks(encoder, decoder, likelihood):
    if len(encoder.outputs) != 2:
        raise ValueError(
            "`encoder` must have two outputs, mean and log-variance, each "
            f"(batch, latent_dim). Received: {len(encoder.outputs)} outputs"
        )
    if len(encoder.inputs) != len(decoder.inputs):
        raise ValueError(
            "`encoder` and `decoder` must both take a label or neither: make "
            "both with the same `num_classes`. Received: "
            f"{len(encoder.inputs)} and {len(decoder.inputs)} inputs"
        )
    latent_dim = encoder.outputs[0].shape[-1]
    if decoder.inputs[0].shape[-1] != latent_dim:
        raise ValueError(
            f"`encoder` gives {latent_dim} latents, `decoder` takes "
            f"{decoder.inputs[0].shape[-1]}: make both with the same "
            "`latent_dim`."
        )
    *size, channels = encoder.inputs[0].shape[1:]
    per_channel = likelihood.parameters_per_channel
    wanted = (*size, channels * per_channel)
    got = tuple(decoder.outputs[0].shape[1:])
    if got != wanted:
        raise ValueError(
            f"With {type(likelihood).__name__} the decoder must give "
            f"{wanted} per picture ({per_channel} parameters a channel: "
            f"`parameters_per_channel={per_channel}`). Received: {got}"
        )
