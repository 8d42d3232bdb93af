"""Layers that Keras does not have."""

from keras_synth.layers.adaptive_augment import AdaptiveAugment
from keras_synth.layers.adaptive_instance_normalization import (
    AdaptiveInstanceNormalization,
    StyledInstanceNormalization,
)
from keras_synth.layers.antialiased_resizing import AntialiasedResizing
from keras_synth.layers.diff_augment import DiffAugment
from keras_synth.layers.equalized import EqualizedConv2D, EqualizedDense
from keras_synth.layers.gated_convolution import GatedConv2D
from keras_synth.layers.gaussian_sampling import GaussianSampling
from keras_synth.layers.image_pool import ImagePool
from keras_synth.layers.image_scaling import ImageScaling
from keras_synth.layers.initializers import ICNR
from keras_synth.layers.learned_constant import LearnedConstant
from keras_synth.layers.minibatch_standard_deviation import (
    MinibatchStandardDeviation,
)
from keras_synth.layers.modulated_convolution import ModulatedConv2D
from keras_synth.layers.nearest_upsampling import NearestUpSampling2D
from keras_synth.layers.noise_injection import NoiseInjection
from keras_synth.layers.padding import (
    CropLike,
    PadToMultiple,
    ReflectionPadding2D,
)
from keras_synth.layers.partial_convolution import PartialConv2D
from keras_synth.layers.pull_push import PullPush
from keras_synth.layers.resampling import (
    FilteredDownSampling2D,
    FilteredUpSampling2D,
)
from keras_synth.layers.sinusoidal_embedding import SinusoidalEmbedding
from keras_synth.layers.spectral_normalization import SpectralNormalization
from keras_synth.layers.top_hat import TopHat

__all__ = [
    "AdaptiveAugment",
    "AdaptiveInstanceNormalization",
    "AntialiasedResizing",
    "CropLike",
    "DiffAugment",
    "EqualizedConv2D",
    "EqualizedDense",
    "FilteredDownSampling2D",
    "FilteredUpSampling2D",
    "GatedConv2D",
    "GaussianSampling",
    "ICNR",
    "ImagePool",
    "LearnedConstant",
    "MinibatchStandardDeviation",
    "ModulatedConv2D",
    "NearestUpSampling2D",
    "NoiseInjection",
    "PadToMultiple",
    "PartialConv2D",
    "PullPush",
    "ReflectionPadding2D",
    "ImageScaling",
    "SinusoidalEmbedding",
    "SpectralNormalization",
    "StyledInstanceNormalization",
    "TopHat",
]
