"""Gaussian log-density and KL divergence against SciPy and by hand."""

import numpy as np
from scipy import integrate, stats

from keras_synth.ops import gaussian_log_prob, standard_normal_kl


def test_log_prob_equals_scipy():
    rng = np.random.default_rng(0)
    x, mean, log_variance = rng.normal(size=(3, 50)).astype("float32")
    expected = stats.norm.logpdf(x, mean, np.exp(0.5 * log_variance))
    np.testing.assert_allclose(
        gaussian_log_prob(x, mean, log_variance), expected, rtol=1e-5
    )


def test_kl_divergence_equals_the_integral():
    for mean, log_variance in ((0.3, -1.0), (-2.0, 0.7)):
        q = stats.norm(mean, np.exp(0.5 * log_variance))

        def integrand(z, q=q):
            return q.pdf(z) * (q.logpdf(z) - stats.norm.logpdf(z))

        expected, _ = integrate.quad(integrand, -20, 20)
        np.testing.assert_allclose(
            standard_normal_kl(mean, log_variance), expected, rtol=1e-5
        )


def test_kl_divergence_is_zero_only_for_the_prior():
    assert float(standard_normal_kl(0.0, 0.0)) == 0.0
    assert float(standard_normal_kl(0.1, 0.0)) > 0.0
    assert float(standard_normal_kl(0.0, 0.1)) > 0.0
