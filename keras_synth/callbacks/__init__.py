"""Callbacks: grids of images, scores of samples, schedules, backups."""

from keras_synth.callbacks.backup import Backup
from keras_synth.callbacks.epoch_order import EpochOrder
from keras_synth.callbacks.generative_quality import GenerativeQuality
from keras_synth.callbacks.image_grid import ImageGrid, reconstruction_grid
from keras_synth.callbacks.latent_space import (
    LatentManifold,
    latent_manifold,
    write_projector,
)
from keras_synth.callbacks.privacy_budget import PrivacyBudget
from keras_synth.callbacks.restoration_grid import (
    RestorationGrid,
    restoration_grid,
)
from keras_synth.callbacks.style_grid import StyleGrid
from keras_synth.callbacks.style_mixing_grid import (
    StyleMixingGrid,
    style_mixing_grid,
)
from keras_synth.callbacks.translation_grid import TranslationGrid
from keras_synth.callbacks.warmup import KLWarmup

__all__ = [
    "Backup",
    "EpochOrder",
    "GenerativeQuality",
    "ImageGrid",
    "KLWarmup",
    "LatentManifold",
    "PrivacyBudget",
    "RestorationGrid",
    "StyleGrid",
    "StyleMixingGrid",
    "TranslationGrid",
    "latent_manifold",
    "reconstruction_grid",
    "restoration_grid",
    "style_mixing_grid",
    "write_projector",
]
