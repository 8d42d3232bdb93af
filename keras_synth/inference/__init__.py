"""Running restorers: on pictures larger than memory, and on video."""

from keras_synth.inference.pictures import (
    restore_batch,
    restore_tiled,
    self_ensemble,
)
from keras_synth.inference.video import restore_video

__all__ = ["restore_batch", "restore_tiled", "restore_video", "self_ensemble"]
