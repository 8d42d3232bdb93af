"""Training in a folder that can be resumed: network, model and data set."""

from keras_synth.training.adain import train_adain
from keras_synth.training.augmentation import AUGMENTATIONS
from keras_synth.training.classifier import train_classifier
from keras_synth.training.cut import build_cut, compile_cut, train_cut
from keras_synth.training.cyclegan import (
    build_cyclegan,
    compile_cyclegan,
    train_cyclegan,
)
from keras_synth.training.damage_detector import train_damage_detector
from keras_synth.training.data import describe_data, open_data
from keras_synth.training.denoiser import (
    DEGRADATIONS,
    build_denoiser,
    train_denoiser,
)
from keras_synth.training.distributed import distribution
from keras_synth.training.flow import build_flow, compile_flow, train_flow
from keras_synth.training.gan import (
    OBJECTIVES,
    build_gan,
    compile_gan,
    train_gan,
)
from keras_synth.training.inpainter import (
    HOLES,
    build_inpainter,
    compile_inpainter,
    train_inpainter,
)
from keras_synth.training.pix2pix import (
    build_pix2pix,
    compile_pix2pix,
    train_pix2pix,
)
from keras_synth.training.ray import run_on_ray
from keras_synth.training.restorer import compile_restorer, fit_restorer
from keras_synth.training.stylegan2 import (
    build_stylegan2,
    compile_stylegan2,
    train_stylegan2,
)
from keras_synth.training.upscaler import (
    UPSCALERS,
    build_upscaler,
    train_upscaler,
)
from keras_synth.training.upscaler_gan import (
    build_upscaler_gan,
    compile_upscaler_gan,
    train_upscaler_gan,
)
from keras_synth.training.vae import LIKELIHOODS, build_vae, train_vae

__all__ = [
    "AUGMENTATIONS",
    "DEGRADATIONS",
    "HOLES",
    "LIKELIHOODS",
    "OBJECTIVES",
    "UPSCALERS",
    "build_cut",
    "build_cyclegan",
    "build_denoiser",
    "build_flow",
    "build_gan",
    "build_inpainter",
    "build_pix2pix",
    "build_stylegan2",
    "build_upscaler",
    "build_upscaler_gan",
    "build_vae",
    "compile_cut",
    "compile_cyclegan",
    "compile_flow",
    "compile_gan",
    "compile_inpainter",
    "compile_pix2pix",
    "compile_restorer",
    "compile_stylegan2",
    "compile_upscaler_gan",
    "describe_data",
    "distribution",
    "fit_restorer",
    "open_data",
    "run_on_ray",
    "train_adain",
    "train_classifier",
    "train_cut",
    "train_cyclegan",
    "train_damage_detector",
    "train_denoiser",
    "train_flow",
    "train_gan",
    "train_inpainter",
    "train_pix2pix",
    "train_stylegan2",
    "train_upscaler",
    "train_upscaler_gan",
    "train_vae",
]
