"""A network, a model and a dataset put together for one job."""

from keras_synth.recipes.adain import train_adain
from keras_synth.recipes.classifier import train_classifier
from keras_synth.recipes.data import describe_data, open_data
from keras_synth.recipes.denoiser import (
    DAMAGES,
    build_denoiser,
    train_denoiser,
)
from keras_synth.recipes.gan import (
    OBJECTIVES,
    build_gan,
    compile_gan,
    train_gan,
)
from keras_synth.recipes.inpainter import (
    HOLES,
    build_inpainter,
    compile_inpainter,
    train_inpainter,
)
from keras_synth.recipes.mending import compile_mender, fit_mender
from keras_synth.recipes.pix2pix import (
    build_pix2pix,
    compile_pix2pix,
    train_pix2pix,
)
from keras_synth.recipes.restore import METHODS, Restored, restore_pictures
from keras_synth.recipes.saved import (
    EXPORTS,
    export_model,
    load_model,
    save_samples,
)
from keras_synth.recipes.stylegan2 import (
    AUGMENTATIONS,
    build_stylegan2,
    compile_stylegan2,
    fashion_mnist_stylegan2,
    train_stylegan2,
)
from keras_synth.recipes.stylize import (
    FEATURE_NETWORKS,
    Stylized,
    stylize_pictures,
)
from keras_synth.recipes.upscale import Upscaled, upscale_pictures
from keras_synth.recipes.upscale_video import (
    UpscaledVideo,
    compensate_enlarged,
    upscale_frames,
    upscale_video,
)
from keras_synth.recipes.upscaler import UPSCALERS, train_upscaler
from keras_synth.recipes.vae import build_vae, demo, train_vae

__all__ = [
    "AUGMENTATIONS",
    "DAMAGES",
    "EXPORTS",
    "FEATURE_NETWORKS",
    "HOLES",
    "METHODS",
    "OBJECTIVES",
    "Restored",
    "Stylized",
    "UPSCALERS",
    "Upscaled",
    "UpscaledVideo",
    "build_denoiser",
    "build_gan",
    "build_inpainter",
    "build_pix2pix",
    "build_stylegan2",
    "build_vae",
    "compensate_enlarged",
    "compile_gan",
    "compile_inpainter",
    "compile_mender",
    "compile_pix2pix",
    "compile_stylegan2",
    "demo",
    "describe_data",
    "export_model",
    "fashion_mnist_stylegan2",
    "fit_mender",
    "load_model",
    "open_data",
    "restore_pictures",
    "save_samples",
    "stylize_pictures",
    "train_adain",
    "train_classifier",
    "train_denoiser",
    "train_gan",
    "train_inpainter",
    "train_pix2pix",
    "train_stylegan2",
    "train_upscaler",
    "train_vae",
    "upscale_frames",
    "upscale_pictures",
    "upscale_video",
]
