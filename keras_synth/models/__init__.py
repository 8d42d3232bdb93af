"""Training procedures: `keras.Model`s that own compile and train_step."""

from keras_synth.models.adversarial import AdversarialModel
from keras_synth.models.gan import GAN
from keras_synth.models.generative import GenerativeModel
from keras_synth.models.vae import VAE

__all__ = ["GAN", "VAE", "AdversarialModel", "GenerativeModel"]
