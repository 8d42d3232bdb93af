"""Tasks on files: restore, inpaint, deblur, upscale, stylize, edit, ..."""

from keras_synth.models.loading import load_model
from keras_synth.tasks.anonymize import Anonymized, anonymize
from keras_synth.tasks.compose import Composed, compose
from keras_synth.tasks.deblur import Deblurred, deblur
from keras_synth.tasks.demo import demo
from keras_synth.tasks.edit_directions import edit_directions
from keras_synth.tasks.edit_film import edit_film
from keras_synth.tasks.edit_mix import edit_mix
from keras_synth.tasks.edit_move import edit_move
from keras_synth.tasks.edit_project import edit_project
from keras_synth.tasks.export import EXPORTS, export
from keras_synth.tasks.generate import generate
from keras_synth.tasks.generators import Edited
from keras_synth.tasks.image_files import FilesError
from keras_synth.tasks.inpaint import Inpainted, inpaint
from keras_synth.tasks.restore import METHODS, Restored, restore
from keras_synth.tasks.sample import sample
from keras_synth.tasks.score import Scored, score
from keras_synth.tasks.stylize import Stylized, stylize
from keras_synth.tasks.translate import Translated, translate
from keras_synth.tasks.upscale import Upscaled, upscale
from keras_synth.tasks.upscale_video import (
    UpscaledVideo,
    upscale_frames,
    upscale_video,
)

__all__ = [
    "Deblurred",
    "EXPORTS",
    "Anonymized",
    "METHODS",
    "Composed",
    "Edited",
    "FilesError",
    "Inpainted",
    "Restored",
    "Scored",
    "Stylized",
    "Translated",
    "Upscaled",
    "UpscaledVideo",
    "anonymize",
    "deblur",
    "compose",
    "demo",
    "edit_directions",
    "edit_film",
    "edit_mix",
    "edit_move",
    "edit_project",
    "export",
    "generate",
    "inpaint",
    "load_model",
    "restore",
    "sample",
    "score",
    "stylize",
    "translate",
    "upscale",
    "upscale_frames",
    "upscale_video",
]
