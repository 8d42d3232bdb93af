"""Metrics: PSNR, SSIM, LPIPS, Frechet and kernel distance, recall."""

from keras_synth.metrics.active_units import ActiveUnits
from keras_synth.metrics.frechet_distance import FrechetDistance
from keras_synth.metrics.kernel_distance import KernelDistance
from keras_synth.metrics.niqe import NIQE
from keras_synth.metrics.perceptual_distance import (
    PerceptualDistance,
    lpips_linear_weights,
)
from keras_synth.metrics.precision_recall import PrecisionRecall
from keras_synth.metrics.restoration import PSNR, SSIM, MultiScaleSSIM

__all__ = [
    "NIQE",
    "PSNR",
    "SSIM",
    "ActiveUnits",
    "FrechetDistance",
    "KernelDistance",
    "MultiScaleSSIM",
    "PerceptualDistance",
    "PrecisionRecall",
    "lpips_linear_weights",
]
