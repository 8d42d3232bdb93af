"""Measures that say whether a model is any good."""

from keras_synth.metrics.active_units import ActiveUnits

__all__ = ["ActiveUnits"]
