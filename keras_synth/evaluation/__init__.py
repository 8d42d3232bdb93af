"""Looking at what a trained model makes: comparisons, privacy."""

from keras_synth.evaluation.memorisation import (
    memorisation,
    nearest_training_pictures,
)

__all__ = ["memorisation", "nearest_training_pictures"]
