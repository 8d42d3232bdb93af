"""Inference: running restorers on arrays, dicts, large images and video.

A restorer is a keras network, a model or a function. `input_names` says which
inputs it takes, `run_restorer` runs it on one batch.
"""

from keras_synth.inference.images import restore_tiled, self_ensemble
from keras_synth.inference.inputs import (
    input_names,
    input_shapes,
    restoring_network,
    run_restorer,
)
from keras_synth.inference.video import restore_video

__all__ = [
    "input_names",
    "input_shapes",
    "restore_tiled",
    "restore_video",
    "restoring_network",
    "run_restorer",
    "self_ensemble",
]
