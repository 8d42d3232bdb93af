"""What training minimises."""

from keras_synth.losses.adversarial import (
    Hinge,
    LeastSquares,
    Minimax,
    NonSaturating,
    RelativisticAverage,
    Wasserstein,
)
from keras_synth.losses.gradient_penalties import (
    R1,
    R2,
    WassersteinGradientPenalty,
)
from keras_synth.losses.likelihoods import (
    Bernoulli,
    DiscretizedLogistic,
    Gaussian,
)

__all__ = [
    "R1",
    "R2",
    "Bernoulli",
    "DiscretizedLogistic",
    "Gaussian",
    "Hinge",
    "LeastSquares",
    "Minimax",
    "NonSaturating",
    "RelativisticAverage",
    "Wasserstein",
    "WassersteinGradientPenalty",
]
