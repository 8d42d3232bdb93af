"""Evaluation: comparison, robustness, cost, privacy, ratings."""

from keras_synth.evaluation.clips import measure_clip
from keras_synth.evaluation.comparison import Comparison, compare
from keras_synth.evaluation.cost_card import CostCard, cost_card
from keras_synth.evaluation.downstream import Downstream, downstream
from keras_synth.evaluation.membership import (
    MembershipInference,
    membership_inference,
)
from keras_synth.evaluation.memorization import (
    memorization,
    nearest_training_images,
)
from keras_synth.evaluation.panel import draw_panel
from keras_synth.evaluation.perceptual_path_length import (
    perceptual_path_length,
)
from keras_synth.evaluation.privacy import PrivacyReport, privacy_report
from keras_synth.evaluation.ratings import (
    BradleyTerry,
    bradley_terry,
    krippendorff_alpha,
    mean_opinion_scores,
    rank_correlation,
    screen_raters,
)
from keras_synth.evaluation.robustness import Robustness, robustness

__all__ = [
    "BradleyTerry",
    "Comparison",
    "CostCard",
    "Downstream",
    "MembershipInference",
    "PrivacyReport",
    "Robustness",
    "bradley_terry",
    "compare",
    "cost_card",
    "downstream",
    "draw_panel",
    "krippendorff_alpha",
    "mean_opinion_scores",
    "measure_clip",
    "membership_inference",
    "memorization",
    "nearest_training_images",
    "perceptual_path_length",
    "privacy_report",
    "rank_correlation",
    "robustness",
    "screen_raters",
]
