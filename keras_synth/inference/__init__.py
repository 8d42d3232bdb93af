"""Running restorers: on images larger than memory, and on video."""

from keras_synth.inference.images import (
    restore_batch,
    restore_tiled,
    self_ensemble,
)
from keras_synth.inference.video import restore_video

__all__ = ["restore_batch", "restore_tiled", "restore_video", "self_ensemble"]
