"""Losses: adversarial, contrastive, likelihoods, perceptual, and others."""

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
from keras_synth.losses.patch_nce import PatchNCE
from keras_synth.losses.path_length import PathLength
from keras_synth.losses.perceptual import Perceptual, Style
from keras_synth.losses.restoration import (
    Charbonnier,
    DiceCrossEntropy,
    MultiScaleSSIMLoss,
    SSIMLoss,
    total_variation,
)

__all__ = [
    "R1",
    "R2",
    "AdversarialLoss",
    "Bernoulli",
    "Charbonnier",
    "DiceCrossEntropy",
    "DiscretizedLogistic",
    "Gaussian",
    "GradientPenalty",
    "Hinge",
    "LeastSquares",
    "Minimax",
    "MultiScaleSSIMLoss",
    "NonSaturating",
    "PatchNCE",
    "PathLength",
    "Perceptual",
    "RelativisticAverage",
    "SSIMLoss",
    "Style",
    "Wasserstein",
    "WassersteinGradientPenalty",
    "total_variation",
]
