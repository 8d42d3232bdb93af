"""Flow matching: an ordinary differential equation from noise to images."""

from keras_synth.models.flow_matching.model import FlowMatching
from keras_synth.models.flow_matching.sampler import FlowSampler

__all__ = ["FlowMatching", "FlowSampler"]
