"""What training minimises."""

from keras_synth.losses.adversarial import (
    AdversarialLoss,
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
    GradientPenalty,
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
    "AdversarialLoss",
    "Bernoulli",
    "DiscretizedLogistic",
    "Gaussian",
    "GradientPenalty",
    "Hinge",
    "LeastSquares",
    "Minimax",
    "NonSaturating",
    "RelativisticAverage",
    "Wasserstein",
    "WassersteinGradientPenalty",
]
