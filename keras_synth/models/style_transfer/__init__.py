"""Style transfer: by optimization, and in one pass (AdaIN)."""

from keras_synth.models.style_transfer.adain_transfer import AdaINTransfer
from keras_synth.models.style_transfer.style_transfer import StyleTransfer

__all__ = ["AdaINTransfer", "StyleTransfer"]
