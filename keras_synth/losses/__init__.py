"""What training minimises."""

from keras_synth.losses.likelihoods import (
    Bernoulli,
    DiscretizedLogistic,
    Gaussian,
)

__all__ = ["Bernoulli", "DiscretizedLogistic", "Gaussian"]
