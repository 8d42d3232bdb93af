"""Looking at what a trained model makes: comparisons, cost, privacy."""

from keras_synth.evaluation.classical import (
    adaptive_median,
    bicubic,
    biharmonic,
    median,
    non_local_means,
    total_variation,
    wiener,
)
from keras_synth.evaluation.clips import measure_clip
from keras_synth.evaluation.comparison import Comparison, compare
from keras_synth.evaluation.cost_card import CostCard, cost_card
from keras_synth.evaluation.memorisation import (
    memorisation,
    nearest_training_pictures,
)
from keras_synth.evaluation.panel import draw_panel
from keras_synth.evaluation.perceptual_path_length import (
    perceptual_path_length,
)
from keras_synth.evaluation.robustness import Robustness, robustness

__all__ = [
    "Comparison",
    "CostCard",
    "Robustness",
    "adaptive_median",
    "bicubic",
    "biharmonic",
    "compare",
    "cost_card",
    "draw_panel",
    "measure_clip",
    "median",
    "memorisation",
    "nearest_training_pictures",
    "non_local_means",
    "perceptual_path_length",
    "robustness",
    "total_variation",
    "wiener",
]
