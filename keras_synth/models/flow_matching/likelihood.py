"""Log-likelihood of images under a flow, by the change of variables."""

import math

import tensorflow as tf

from keras_synth.ops import gaussian_log_prob


def log_density(velocity, x, times, sampler, probes):
    """Log-density of images under a flow, by the change of variables.

    `log p(x₀) = log N(x_T; 0, T²) + ∫ tr(∂v/∂x) dt` from 0 to T, with the
    trace estimated as `zᵀ (∂v/∂x) z` for random signs z (Hutchinson).

    Args:
        velocity: Function from x and scalar t to dx/dt.
        x: Images in [-1, 1], (batch, height, width, channels).
        times: Times from the image to the noise.
        sampler: A `FlowSampler`.
        probes: z, (probes, *x.shape), of -1 and 1.

    Returns:
        Nats per image, (batch,).

    Reference: Chen et al., Neural Ordinary Differential Equations, 2018,
    theorem 1; Grathwohl et al., FFJORD, 2019, equation 8.
    """

    def rates(state, t):
        x, _ = state
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(x)
            rate = velocity(x, t)
            products = [tf.reduce_sum(rate * probe) for probe in probes]
        trace = tf.add_n(
            [
                _sum(tape.gradient(product, x) * probe)
                for product, probe in zip(products, probes, strict=True)
            ]
        )
        return rate, trace / len(probes)

    total = tf.zeros(tf.shape(x)[:1])
    x, total = sampler.solve(rates, (x, total), times)
    largest = float(times[-1])
    zero = tf.zeros(())
    log_prior = gaussian_log_prob(x, zero, zero + 2.0 * math.log(largest))
    return _sum(log_prior) + total


def _sum(x):
    return tf.reduce_sum(x, axis=(1, 2, 3))
