"""Presets: pretrained networks, each with a card.

The card, `NAME.md` beside the weights, states the training data, the command,
the seed, the figures and the license. `catalog` reads the cards. The weights
of `realesrgan` are others' and in an optional package.
"""

from keras_synth.presets.catalog import (
    Preset,
    catalog,
    describe_presets,
    load,
)
from keras_synth.presets.classifiers import (
    fashion_mnist_classifier,
    fashion_mnist_features,
    mnist_classifier,
    mnist_features,
)
from keras_synth.presets.denoisers import (
    color_denoiser,
    gray_denoiser,
    photo_restorer,
)
from keras_synth.presets.detectors import damage_detector
from keras_synth.presets.files import path
from keras_synth.presets.flows import emoji_flow
from keras_synth.presets.inpainters import inpainter
from keras_synth.presets.realesrgan import REALESRGAN, realesrgan
from keras_synth.presets.style import adain
from keras_synth.presets.stylegan2 import fashion_mnist_stylegan2
from keras_synth.presets.upscalers import (
    compensate_upscaled,
    photo_upscaler,
    upscaler,
    video_upscaler,
)

__all__ = [
    "REALESRGAN",
    "Preset",
    "adain",
    "catalog",
    "color_denoiser",
    "compensate_upscaled",
    "damage_detector",
    "describe_presets",
    "emoji_flow",
    "fashion_mnist_classifier",
    "fashion_mnist_features",
    "fashion_mnist_stylegan2",
    "gray_denoiser",
    "inpainter",
    "load",
    "mnist_classifier",
    "mnist_features",
    "path",
    "photo_restorer",
    "photo_upscaler",
    "realesrgan",
    "upscaler",
    "video_upscaler",
]
