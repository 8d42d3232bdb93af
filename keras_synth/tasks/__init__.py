"""Tasks on files: restore, inpaint, upscale, stylize, sample, export."""

from keras_synth.tasks.restore import METHODS, Restored, restore_images
from keras_synth.tasks.saved import (
    EXPORTS,
    export_model,
    load_model,
    save_samples,
)
from keras_synth.tasks.stylize import (
    Stylized,
    stylize_images,
)
from keras_synth.tasks.upscale import Upscaled, upscale_images
from keras_synth.tasks.upscale_video import (
    UpscaledVideo,
    upscale_frames,
    upscale_video,
)

__all__ = [
    "EXPORTS",
    "METHODS",
    "Restored",
    "Stylized",
    "Upscaled",
    "UpscaledVideo",
    "export_model",
    "load_model",
    "restore_images",
    "save_samples",
    "stylize_images",
    "upscale_frames",
    "upscale_images",
    "upscale_video",
]
