"""Layers that Keras does not have."""

from keras_synth.layers.diff_augment import DiffAugment
from keras_synth.layers.gated_convolution import GatedConv2D
from keras_synth.layers.gaussian_sampling import GaussianSampling
from keras_synth.layers.minibatch_standard_deviation import (
    MinibatchStandardDeviation,
)
from keras_synth.layers.padding import CropLike, PadToMultiple
from keras_synth.layers.partial_convolution import PartialConv2D
from keras_synth.layers.spectral_normalization import SpectralNormalization

__all__ = [
    "CropLike",
    "DiffAugment",
    "GatedConv2D",
    "GaussianSampling",
    "MinibatchStandardDeviation",
    "PadToMultiple",
    "PartialConv2D",
    "SpectralNormalization",
]
