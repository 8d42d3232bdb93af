"""A network, a model and a dataset put together for one job."""

from keras_synth.recipes.classifier import train_classifier
from keras_synth.recipes.data import describe_data, open_data
from keras_synth.recipes.denoiser import (
    DAMAGES,
    build_denoiser,
    compile_denoiser,
    train_denoiser,
)
from keras_synth.recipes.gan import (
    OBJECTIVES,
    build_gan,
    compile_gan,
    train_gan,
)
from keras_synth.recipes.restore import METHODS, Restored, restore_pictures
from keras_synth.recipes.saved import (
    EXPORTS,
    export_model,
    load_model,
    save_samples,
)
from keras_synth.recipes.vae import build_vae, demo, train_vae

__all__ = [
    "DAMAGES",
    "EXPORTS",
    "METHODS",
    "OBJECTIVES",
    "Restored",
    "build_denoiser",
    "build_gan",
    "build_vae",
    "compile_denoiser",
    "compile_gan",
    "demo",
    "describe_data",
    "export_model",
    "load_model",
    "open_data",
    "restore_pictures",
    "save_samples",
    "train_classifier",
    "train_denoiser",
    "train_gan",
    "train_vae",
]
