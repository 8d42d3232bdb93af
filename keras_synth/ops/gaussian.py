"""Diagonal Gaussians: log-density and KL divergence, in nats."""

import math

from keras import ops


def gaussian_log_prob(x, mean, log_variance):
    """Log-density of a Gaussian, element by element.

    `log N(x; m, s²) = -½ (log 2π + log s² + (x - m)² / s²)`

    Args:
        x: Values at which to evaluate, a float tensor of any shape.
        mean: The mean m, broadcastable to `x`.
        log_variance: The logarithm of the variance s², broadcastable to `x`.

    Returns:
        Log-densities in nats, of the broadcast shape. Their sum over the
        dimensions of a vector is the log-density of the vector.

    Example:

    >>> round(float(gaussian_log_prob(0.0, 0.0, 0.0)), 4)
    -0.9189
    """
    squared = ops.square(x - mean) * ops.exp(-log_variance)
    return -0.5 * (math.log(2.0 * math.pi) + log_variance + squared)


def standard_normal_kl(mean, log_variance):
    """KL divergence of a Gaussian from the standard normal, per dimension.

    `KL(N(m, s²) || N(0, 1)) = ½ (m² + s² - 1 - log s²)`

    Args:
        mean: The mean m, a float tensor (batch, latent_dim).
        log_variance: The logarithm of the variance s², of the same shape.

    Returns:
        KL divergences in nats, (batch, latent_dim); zero where m = 0 and s = 1.

    Reference: Kingma & Welling, Auto-Encoding Variational Bayes, 2014,
    appendix B.

    Example:

    >>> float(standard_normal_kl(0.0, 0.0))
    0.0
    """
    return 0.5 * (ops.square(mean) + ops.exp(log_variance) - 1.0 - log_variance)
