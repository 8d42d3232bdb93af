"""Layers that Keras does not have."""

from keras_synth.layers.gaussian_sampling import GaussianSampling

__all__ = ["GaussianSampling"]
