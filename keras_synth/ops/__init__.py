"""Pure functions on tensors."""

from keras_synth.ops.gaussian import gaussian_log_prob, standard_normal_kl
from keras_synth.ops.random import ReplicaSeedGenerator

__all__ = ["ReplicaSeedGenerator", "gaussian_log_prob", "standard_normal_kl"]
