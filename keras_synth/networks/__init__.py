"""Architectures: functions that return a functional `keras.Model`."""

from keras_synth.networks.vae import (
    conv_decoder,
    conv_encoder,
    dense_decoder,
    dense_encoder,
)

__all__ = ["conv_decoder", "conv_encoder", "dense_decoder", "dense_encoder"]
