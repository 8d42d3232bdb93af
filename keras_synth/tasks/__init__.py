"""Tasks on files: restore, inpaint, upscale, stylize, translate, sample."""

from keras_synth.tasks.demo import demo
from keras_synth.tasks.export import EXPORTS, export
from keras_synth.tasks.image_files import FilesError
from keras_synth.tasks.inpaint import Inpainted, inpaint
from keras_synth.tasks.loading import load_model
from keras_synth.tasks.restore import METHODS, Restored, restore
from keras_synth.tasks.sample import sample
from keras_synth.tasks.stylize import Stylized, stylize
from keras_synth.tasks.translate import Translated, translate
from keras_synth.tasks.upscale import Upscaled, upscale
from keras_synth.tasks.upscale_video import (
    UpscaledVideo,
    upscale_frames,
    upscale_video,
)

__all__ = [
    "EXPORTS",
    "METHODS",
    "FilesError",
    "Inpainted",
    "Restored",
    "Stylized",
    "Translated",
    "Upscaled",
    "UpscaledVideo",
    "demo",
    "export",
    "inpaint",
    "load_model",
    "restore",
    "sample",
    "stylize",
    "translate",
    "upscale",
    "upscale_frames",
    "upscale_video",
]
