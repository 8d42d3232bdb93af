"""Pure functions on tensors."""

from keras_synth.ops.distances import pairwise_distances
from keras_synth.ops.gaussian import gaussian_log_prob, standard_normal_kl
from keras_synth.ops.gradients import squared_gradient_norms
from keras_synth.ops.means import mean_or_zero
from keras_synth.ops.random import ReplicaSeedGenerator
from keras_synth.ops.weights import weight_hash

__all__ = [
    "ReplicaSeedGenerator",
    "gaussian_log_prob",
    "mean_or_zero",
    "pairwise_distances",
    "squared_gradient_norms",
    "standard_normal_kl",
    "weight_hash",
]
