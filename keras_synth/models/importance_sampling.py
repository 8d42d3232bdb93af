"""Estimating log p(x) of a latent-variable model by importance sampling."""

import keras
import tensorflow as tf
from keras import ops

from keras_synth.ops import gaussian_log_prob


def log_prior_ratio(latents, mean, log_variance):
    """log p(z) - log q(z|x), with p(z) = N(0, I) and q = N(mean, variance).

    Args:
        latents: z, (..., batch, latent_dim).
        mean: of q, (batch, latent_dim).
        log_variance: of q, (batch, latent_dim).

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


def estimate_log_likelihood(
    model, inputs, num_samples, batch_size, samples_per_step, seed, verbose
):
    """What `Autoencoder.log_likelihood` gives, see there.

    Args:
        model: a model with `posterior` and `log_weights`.
        inputs: what its encoder takes, a list: images, or images and
            labels.
        num_samples: as in `log_likelihood`, and so all that follow.
    """
    data = tf.data.Dataset.from_tensor_slices(tuple(inputs)).batch(batch_size)
    progress = keras.utils.Progbar(len(data), verbose=verbose)
    random = tf.random.Generator.from_seed(seed)
    estimates = []
    for batch in data:
        mean, log_variance = model.posterior(batch)
        total = tf.fill(tf.shape(batch[0])[:1], -float("inf"))
        for start in range(0, num_samples, samples_per_step):
            count = min(samples_per_step, num_samples - start)
            noise = random.normal((count, *mean.shape))
            log_weights = model.log_weights(
                list(batch), mean, log_variance, noise
            )
            total = ops.logaddexp(total, ops.logsumexp(log_weights, axis=0))
        estimates.append(total - tf.math.log(float(num_samples)))
        progress.add(1)
    return tf.concat(estimates, axis=0).numpy()
