"""The variational autoencoder (VAE).

An encoder gives, for each image x, a distribution of the latents z that may
have made it: `q(z|x) = N(m(x), s²(x))`. A decoder gives the distribution of
the images that a latent makes: `p(x|z)`, a likelihood. Training maximizes a
lower bound (ELBO) of log p(x):

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
from keras_synth.models.checks import (
    check_count,
    check_is_network,
    check_latents,
    is_weight,
    last_activation,
)
from keras_synth.models.generative import GenerativeModel
from keras_synth.models.parts import deserialized
from keras_synth.models.replicas import gradient_step
from keras_synth.ops import (
    gaussian_log_prob,
    mean_or_zero,
    standard_normal_kl,
)
from keras_synth.ops.numbers import is_int

#: Smallest and largest log-variance of the latents.
LOG_VARIANCES = (-30.0, 20.0)


@keras.saving.register_keras_serializable("keras_synth")
class VAE(GenerativeModel):
    """Variational autoencoder (VAE): also β-VAE, IWAE and class-conditional.

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
    `reconstruction`, -E_q[log p(x|z)]; `kl`, the analytic KL divergence;
    `active_units`, the number of latent dimensions in use; and the metrics
    given to `compile`. During a KL warm-up the training `loss` uses the
    warmed-up beta, `val_loss` always `beta` itself.

    Args:
        encoder: Network from an image (or `[image, label]`) to
            `[mean, log_variance]`, each (batch, latent_dim).
        decoder: Network from latents (or `[latents, label]`) to the
            likelihood's parameters, (batch, height, width,
            channels * likelihood.parameters_per_channel).
        likelihood: Distribution of the images: `losses.Bernoulli()`
            (default), `losses.Gaussian(...)` or `losses.DiscretizedLogistic()`.
        beta: Weight of the KL divergence, at least 0. 1 gives the ELBO, more
            the β-VAE (Higgins et al. 2017).
        free_bits: Nats of KL divergence of each latent dimension that the
            loss does not penalize, at least 0 (Kingma et al. 2016, appendix
            C.8). 0 gives the ELBO.
        num_importance_samples: Number k of latents drawn for each image. 1 is
            the VAE, more the IWAE (Burda et al. 2016), which has no KL term
            for `beta` and `free_bits` to change.
        seed: Seed of the sampling, an int. None draws a random one.

    Raises:
        ValueError: Arguments that do not fit together, or networks whose
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
        self.sampling = GaussianSampling(
            None if num_importance_samples == 1 else num_importance_samples,
            seed=seed,
            name="sampling",
        )
        # beta in training, which callbacks.KLWarmup changes. Not a weight: it
        # follows from the optimizer's step, and is not saved.
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

    @property
    def labeled_network(self):
        """The decoder."""
        return self.decoder

    def compile(self, optimizer=None, loss=None, metrics=None, **kwargs):
        """Configures training.

        Args:
            optimizer: Name of an optimizer, or a Keras optimizer; `Adam(1e-3)`
                by default.
            loss: Not for a VAE: its loss is the negative ELBO.
            metrics: List of metrics that compare the images with their
                reconstructions, such as `metrics.PSNR()`. In training these
                are decoded from the latents that the step has drawn (the
                first of several), in evaluation from the posterior's mean,
                as `call` gives them.
            **kwargs: Further arguments of `keras.Model.compile`
                (`steps_per_execution`, `jit_compile`, ...).
        """
        for name in ("loss_weights", "weighted_metrics"):
            if kwargs.get(name) is not None:
                loss = {name: kwargs[name]}
        if loss is not None:
            raise ValueError(
                "A VAE minimizes its negative ELBO and logs its terms: "
                "choose the likelihood with VAE(likelihood=...), and call "
                "compile without `loss`, `loss_weights` and "
                f"`weighted_metrics`. Received: {loss!r}"
            )
        if optimizer is None:
            optimizer = keras.optimizers.Adam(1e-3)
        super().compile(optimizer=optimizer, metrics=metrics, **kwargs)
        self.optimizer.build(self.trainable_variables)

    # Training ---------------------------------------------------------------

    def fit(self, x=None, y=None, *args, **kwargs):
        """`keras.Model.fit`, on images, or on images and labels."""
        self.kl_weight.assign(self.beta)
        return super().fit(x, y, *args, **kwargs)

    def train_step(self, data):
        inputs = self._batch(data)
        with tf.GradientTape() as tape:
            terms = self._terms(inputs, self.kl_weight, training=True)
            regularization = sum(self.losses)
        gradient_step(
            tape,
            terms["loss"],
            regularization,
            self.optimizer,
            self.trainable_variables,
            inputs[0],
        )
        if self.compiled_metrics():
            self._compare_reconstructions(inputs, terms)
        return self._update_logs(terms, terms["loss"] + regularization)

    def _compare_reconstructions(self, inputs, terms):
        """Metrics of images and what was decoded from the drawn latents."""
        parameters = terms["parameters"]
        if self.num_importance_samples > 1:
            parameters = parameters[0]
        reconstructions = self.likelihood.mean(parameters)
        self.compute_metrics(None, inputs[0], reconstructions)

    def test_step(self, data):
        inputs = self._batch(data)
        terms = self._terms(inputs, self.beta)
        if self.compiled_metrics():
            parameters = self.parameters(terms["mean"], inputs[1:])
            reconstructions = self.likelihood.mean(parameters)
            self.compute_metrics(None, inputs[0], reconstructions)
        return self._update_logs(terms, terms["loss"] + sum(self.losses))

    def check_inputs(self, data):
        self.check_batch(data)

    def predict_step(self, data):
        return self(self._batch(data))

    def _terms(self, inputs, kl_weight, training=False, noise=None):
        """The loss and its parts for one batch; `noise` of the latents."""
        images = inputs[0]
        mean, log_variance = self.posterior(inputs, training)
        latents = self.sampling([mean, log_variance], noise=noise)
        parameters = self.parameters(latents, inputs[1:], training)
        log_likelihood = self.likelihood.log_prob(images, parameters)
        kl = standard_normal_kl(mean, log_variance)
        terms = {
            "mean": mean,
            "parameters": parameters,
            "reconstruction": -mean_or_zero(log_likelihood),
            "kl": mean_or_zero(ops.sum(kl, axis=-1)),
        }
        if self.num_importance_samples > 1:
            log_weights = log_likelihood + log_prior_ratio(
                latents, mean, log_variance
            )
            terms["loss"] = -mean_or_zero(log_mean_exp(log_weights))
            return terms
        per_dimension = mean_or_zero(kl, axis=0)
        if self.free_bits > 0:
            per_dimension = ops.maximum(per_dimension, self.free_bits)
        terms["loss"] = terms["reconstruction"] + kl_weight * ops.sum(
            per_dimension
        )
        return terms

    def own_metrics(self):
        return [
            self.loss_tracker,
            self.reconstruction_tracker,
            self.kl_tracker,
            self.active_units,
        ]

    def _update_logs(self, terms, loss):
        count = ops.shape(terms["mean"])[0]
        self.loss_tracker.update_state(loss, count)
        self.reconstruction_tracker.update_state(terms["reconstruction"], count)
        self.kl_tracker.update_state(terms["kl"], count)
        self.active_units.update_state(terms["mean"])
        results = {
            metric.name: metric.result() for metric in self.own_metrics()
        }
        return {**results, **self.compiled_results()}

    # Use --------------------------------------------------------------------

    def call(self, inputs, training=False):
        """Images (with labels: `(images, labels)`) to reconstructions.

        They are in [0, 1]: the mean of the likelihood at the posterior's mean.
        """
        images, *labels = (
            inputs if isinstance(inputs, list | tuple) else (inputs,)
        )
        inputs = self._inputs(images, self.condition.packed(labels))
        mean, _ = self.posterior(inputs, training)
        return self.likelihood.mean(self.parameters(mean, inputs[1:], training))

    def encode(self, images, labels=None):
        """Images to the posterior of their latents.

        Args:
            images: (batch, height, width, channels), in [0, 1].
            labels: Class of each image, int (batch,), or one int for all; for
                a class-conditional model.

        Returns:
            `(mean, log_variance)`, each (batch, latent_dim).
        """
        return self.posterior(self._inputs(images, labels))

    def decode(self, latents, labels=None, clip=True):
        """Latents to images, the mean of the likelihood.

        Args:
            latents: (batch, latent_dim).
            labels: Class of each image, int (batch,), or one int for all; for
                a class-conditional model.
            clip: Whether to clip the mean to [0, 1]. Where it is clipped it
                has no gradient.

        Returns:
            Images in [0, 1], (batch, height, width, channels).
        """
        latents = ops.convert_to_tensor(latents, "float32")
        check_latents(latents, self.latent_dim)
        labels = self._labels(labels, ops.shape(latents)[0])
        parameters = self.parameters(latents, labels)
        if clip:
            return self.likelihood.mean(parameters)
        return self.likelihood.unclipped_mean(parameters)

    def generate(self, latents, labels=None, clip=True):
        """Latents to images: `decode` under the name that generators share."""
        return self.decode(latents, labels, clip)

    def reconstruct(self, images, labels=None):
        """Images through the posterior's mean and back, in [0, 1]."""
        return self(self._inputs(images, labels))

    def interpolate_images(self, start, end, steps=8, labels=None):
        """Images on the straight line between two, in latent space.

        Args:
            start: Images to start from, (batch, height, width, channels).
            end: Images to end at, of the same shape.
            steps: Number of images on each line, both ends included; at least
                2.
            labels: Class of each pair, int (batch,), or one int for all; for
                a class-conditional model.

        Returns:
            Images in [0, 1], (batch, steps, height, width, channels).

        Raises:
            ValueError: Images of another shape, or fewer than 2 steps.
        """
        return self.interpolate_latents(
            self.encode(start, labels)[0],
            self.encode(end, labels)[0],
            steps,
            labels,
        )

    def latents_between(self, start, end, t):
        """Points on the straight line between two latents."""
        return start * (1.0 - t) + end * t

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
        """Log-likelihood: an importance-sampled estimate of log p(x).

        `log p(x) ≈ log 1/S Σ_s p(x|z_s) p(z_s) / q(z_s|x)`, `z_s ~ q(z|x)`:
        a lower bound in expectation, closer the larger S.

        Args:
            images: (n, height, width, channels), in [0, 1].
            num_samples: Number S of latents for each image; papers use 500 to
                5,000.
            labels: Class of each image, int (n,), or one int for all; for a
                class-conditional model, whose estimate is of log p(x | label).
            batch_size: Number of images at a time.
            samples_per_step: Number of latents per image at a time; memory
                grows with `batch_size * samples_per_step` decoded images.
            seed: Seed of the latents, an int.
            verbose: 1 shows a progress bar, 0 nothing.

        Returns:
            NumPy array (n,), nats per image.

        Reference: Burda et al. 2016, equation 8 and section 5.
        """
        check_count("num_samples", num_samples)
        check_count("batch_size", batch_size)
        check_count("samples_per_step", samples_per_step)
        check_count("seed", seed, least=0)
        data = tf.data.Dataset.from_tensor_slices(
            tuple(self._inputs(images, labels))
        ).batch(batch_size)
        progress = keras.utils.Progbar(len(data), verbose=verbose)
        random = tf.random.Generator.from_seed(seed)
        estimates = []
        for batch in data:
            mean, log_variance = self.posterior(batch)
            total = tf.fill(tf.shape(batch[0])[:1], -float("inf"))
            for start in range(0, num_samples, samples_per_step):
                count = min(samples_per_step, num_samples - start)
                noise = random.normal((count, *mean.shape))
                log_weights = self.log_weights(
                    list(batch), mean, log_variance, noise
                )
                total = ops.logaddexp(total, ops.logsumexp(log_weights, axis=0))
            estimates.append(total - tf.math.log(float(num_samples)))
            progress.add(1)
        return tf.concat(estimates, axis=0).numpy()

    @tf.function(reduce_retracing=True)
    def log_weights(self, inputs, mean, log_variance, noise):
        """Log importance weights, log p(x, z) / q(z|x), of given noise.

        Args:
            inputs: `[images]` or `[images, labels]`.
            mean: Mean of q, (batch, latent_dim).
            log_variance: Log-variance of q, (batch, latent_dim).
            noise: (samples, batch, latent_dim), standard normal.

        Returns:
            Nats, (samples, batch).
        """
        latents = self.sampling([mean, log_variance], noise=noise)
        parameters = self.parameters(latents, inputs[1:])
        log_likelihood = self.likelihood.log_prob(inputs[0], parameters)
        return log_likelihood + log_prior_ratio(latents, mean, log_variance)

    def export_endpoints(self):
        """The endpoints of `export.export_saved_model`.

        Returns:
            `{name: (function, input signature)}`: encode, decode,
            reconstruct, sample, sample_seeded.
        """
        image = tf.TensorSpec((None, *self.image_shape), name="images")
        latents = tf.TensorSpec((None, self.latent_dim), name="latents")
        label = self._label_signature()
        return {
            "encode": (self.encode, [image, *label]),
            "decode": (self.decode, [latents, *label]),
            "reconstruct": (self.reconstruct, [image, *label]),
            **self.sampling_endpoints(),
        }

    def call_signature(self):
        spec = tf.TensorSpec((None, *self.image_shape), name="images")
        return self.with_label(spec)

    def image_decoder(self):
        """The decoder with the likelihood's mean on top, for export.

        Returns:
            A functional `keras.Model` from latents (or `[latents, label]`)
            to images in [0, 1].
        """
        parameters = ops.cast(self.decoder.outputs[0], "float32")
        return keras.Model(
            self.decoder.inputs,
            self.likelihood.mean(parameters),
            name="image_decoder",
        )

    def posterior(self, inputs, training=False):
        """`[images]` or `[images, labels]` to `(mean, log_variance)`."""
        inputs = inputs if len(inputs) > 1 else inputs[0]
        mean, log_variance = self.encoder(inputs, training=training)
        mean, log_variance = (
            ops.cast(x, "float32") for x in (mean, log_variance)
        )
        # Clamped so that no variance overflows; the gradient is that of the
        # clamped value, and leads back into the range.
        clamped = ops.clip(log_variance, *LOG_VARIANCES)
        return mean, log_variance + ops.stop_gradient(clamped - log_variance)

    def parameters(self, latents, labels=(), training=False):
        """The likelihood's parameters.

        Args:
            latents: (..., batch, latent_dim), any number of leading axes.
            labels: Condition as a list of tensors (batch, ...), such as
                `[labels]`; empty for none.
            training: Argument of the decoder's call.

        Returns:
            (..., batch, height, width, channels').
        """
        leading = ops.shape(latents)[:-1]
        inputs = ops.reshape(latents, (-1, self.latent_dim))
        if labels:
            repeated = [
                ops.reshape(
                    ops.broadcast_to(each, (*leading, *each.shape[1:])),
                    (-1, *each.shape[1:]),
                )
                for each in labels
            ]
            inputs = [inputs, *repeated]
        parameters = self.decoder(inputs, training=training)
        parameters = ops.cast(parameters, "float32")
        return ops.reshape(parameters, (*leading, *parameters.shape[1:]))

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
        return cls(
            **deserialized(
                config, ("encoder", "decoder", "likelihood"), custom_objects
            )
        )


def log_prior_ratio(latents, mean, log_variance):
    """Log-ratio of prior and posterior, log p(z) - log q(z|x).

    The prior is p(z) = N(0, I), the posterior q = N(mean, variance).

    Args:
        latents: z, (..., batch, latent_dim).
        mean: Mean of q, (batch, latent_dim).
        log_variance: Log-variance of q, (batch, latent_dim).

    Returns:
        Nats, (..., batch).
    """
    zero = ops.zeros(())
    prior = gaussian_log_prob(latents, zero, zero)
    posterior = gaussian_log_prob(latents, mean, log_variance)
    return ops.sum(prior - posterior, axis=-1)


def log_mean_exp(log_weights):
    """log 1/k Σ_i exp(w_i) over the first axis, (k, batch) to (batch,)."""
    count = ops.cast(ops.shape(log_weights)[0], log_weights.dtype)
    return ops.logsumexp(log_weights, axis=0) - ops.log(count)


def _check_objective(beta, free_bits, num_importance_samples):
    """Refuses objectives that do not exist."""
    for name, value in (("beta", beta), ("free_bits", free_bits)):
        if not is_weight(value):
            raise ValueError(
                f"`{name}` must be a number of at least 0. "
                f"Received: {name}={value!r}"
            )
    if not is_int(num_importance_samples) or (num_importance_samples < 1):
        raise ValueError(
            "`num_importance_samples` must be a positive int. Received: "
            f"num_importance_samples={num_importance_samples!r}"
        )
    if num_importance_samples > 1 and (beta != 1 or free_bits != 0):
        raise ValueError(
            "The importance-weighted bound has no KL divergence to weight: "
            "use `num_importance_samples=1`, or `beta=1` and `free_bits=0`. "
            f"Received: num_importance_samples={num_importance_samples}, "
            f"beta={beta}, free_bits={free_bits}"
        )


def _check_networks(encoder, decoder, likelihood):
    """Refuses networks whose shapes do not fit each other."""
    check_is_network(encoder, "encoder")
    check_is_network(decoder, "decoder")
    if isinstance(likelihood, str | type) or not hasattr(
        likelihood, "log_prob"
    ):
        raise ValueError(
            "`likelihood` must be an object such as losses.Bernoulli(). "
            f"Received: likelihood={likelihood!r}"
        )
    squashed = {"sigmoid", "softmax", "tanh"}
    if isinstance(likelihood, Bernoulli) and (
        last_activation(decoder) in squashed
    ):
        raise ValueError(
            "`decoder` must end in logits: the Bernoulli likelihood applies "
            "the sigmoid itself. Received: a network that ends in "
            f"{last_activation(decoder)}"
        )
    if len(encoder.outputs) != 2:
        raise ValueError(
            "`encoder` must have two outputs, mean and log-variance, each "
            f"(batch, latent_dim). Received: {len(encoder.outputs)} outputs"
        )
    if len(encoder.inputs) != len(decoder.inputs):
        raise ValueError(
            "`encoder` and `decoder` must both take a label or neither: make "
            "both with the same `num_classes` (or `condition_shape`). "
            "Received: "
            f"{len(encoder.inputs)} and {len(decoder.inputs)} inputs"
        )
    mean, log_variance = encoder.outputs
    if mean.shape != log_variance.shape:
        raise ValueError(
            "Mean and log-variance of `encoder` must have the same shape. "
            f"Received: {mean.shape} and {log_variance.shape}"
        )
    latent_dim = mean.shape[-1]
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
            f"{wanted} per image ({per_channel} parameters a channel: "
            f"`parameters_per_channel={per_channel}`). Received: {got}"
        )
