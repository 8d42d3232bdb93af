"""Training procedures: `keras.Model`s that own compile and train_step."""

from keras_synth.models.vae import VAE

__all__ = ["VAE"]
