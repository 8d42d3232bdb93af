"""Models: `keras.Model`s that own their training step (VAE, GAN, ...)."""

from keras_synth.models.adversarial import AdversarialModel
from keras_synth.models.cut import CUT
from keras_synth.models.cycle_gan import CycleGAN
from keras_synth.models.differential_privacy import DifferentialPrivacy
from keras_synth.models.flow_matching import FlowMatching, FlowSampler
from keras_synth.models.gan import GAN
from keras_synth.models.generative import GenerativeModel
from keras_synth.models.linear_decay import LinearDecay
from keras_synth.models.private import PrivateNetwork, PrivateVAE
from keras_synth.models.restoration_gan import RestorationGAN
from keras_synth.models.style_transfer import AdaINTransfer, StyleTransfer
from keras_synth.models.stylegan2 import StyleGAN2
from keras_synth.models.vae import VAE

__all__ = [
    "AdaINTransfer",
    "CUT",
    "CycleGAN",
    "FlowMatching",
    "FlowSampler",
    "GAN",
    "VAE",
    "AdversarialModel",
    "DifferentialPrivacy",
    "GenerativeModel",
    "LinearDecay",
    "PrivateNetwork",
    "PrivateVAE",
    "RestorationGAN",
    "StyleTransfer",
    "StyleGAN2",
]
