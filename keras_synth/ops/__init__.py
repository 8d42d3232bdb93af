"""Pure functions on tensors."""

from keras_synth.ops.activations import gelu, scaled_leaky_relu
from keras_synth.ops.color import full_range_luma, studio_range_luma
from keras_synth.ops.distances import pairwise_distances
from keras_synth.ops.feature_maps import (
    adaptive_instance_normalization,
    channel_statistics,
    gram_matrix,
    relative_squared_error,
)
from keras_synth.ops.filtering import upfirdn
from keras_synth.ops.flow import optical_flow
from keras_synth.ops.gaussian import gaussian_log_prob, standard_normal_kl
from keras_synth.ops.gradients import path_lengths, squared_gradient_norms
from keras_synth.ops.jpeg import (
    estimate_jpeg_quality,
    jpeg_noise,
    jpeg_quality,
    luma_table,
)
from keras_synth.ops.kernels import gaussian_kernels, line_kernels
from keras_synth.ops.means import mean_or_zero
from keras_synth.ops.motion import (
    adaptive_compensation,
    compensate_motion,
    scene_change,
)
from keras_synth.ops.noise_estimation import (
    estimate_noise_level,
    opponent_noise_levels,
)
from keras_synth.ops.random import ReplicaSeedGenerator
from keras_synth.ops.resampling import resample
from keras_synth.ops.residual_structure import residual_structure
from keras_synth.ops.similarity import (
    multi_scale_structural_similarity,
    peak_signal_to_noise_ratio,
    structural_similarity,
)
from keras_synth.ops.texts import byte_ids
from keras_synth.ops.warping import (
    sample,
    visible_pixels,
    warp,
    warping_error,
)
from keras_synth.ops.weights import weight_hash
from keras_synth.ops.windows import random_windows

__all__ = [
    "ReplicaSeedGenerator",
    "adaptive_compensation",
    "adaptive_instance_normalization",
    "byte_ids",
    "channel_statistics",
    "compensate_motion",
    "estimate_jpeg_quality",
    "estimate_noise_level",
    "full_range_luma",
    "gaussian_log_prob",
    "gaussian_kernels",
    "gelu",
    "gram_matrix",
    "jpeg_noise",
    "jpeg_quality",
    "line_kernels",
    "luma_table",
    "mean_or_zero",
    "multi_scale_structural_similarity",
    "opponent_noise_levels",
    "optical_flow",
    "pairwise_distances",
    "path_lengths",
    "peak_signal_to_noise_ratio",
    "random_windows",
    "relative_squared_error",
    "resample",
    "residual_structure",
    "sample",
    "scaled_leaky_relu",
    "scene_change",
    "squared_gradient_norms",
    "standard_normal_kl",
    "structural_similarity",
    "studio_range_luma",
    "upfirdn",
    "visible_pixels",
    "warp",
    "warping_error",
    "weight_hash",
]
