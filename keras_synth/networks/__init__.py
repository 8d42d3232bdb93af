"""Architectures: functions that return a functional `keras.Model`."""

from keras_synth.networks.denoising import autoencoder, dncnn, ffdnet
from keras_synth.networks.feature_network import FeatureNetwork
from keras_synth.networks.gan import (
    dcgan_discriminator,
    dcgan_generator,
    dense_discriminator,
    dense_generator,
)
from keras_synth.networks.residual_gan import (
    residual_discriminator,
    residual_generator,
)
from keras_synth.networks.scoring import (
    fashion_mnist_classifier,
    fashion_mnist_features,
    inception_features,
    mnist_classifier,
    mnist_features,
)
from keras_synth.networks.super_resolution import (
    ICNR,
    edsr,
    grey_upscaler,
    rrdb,
    srcnn,
    srresnet,
)
from keras_synth.networks.unet import grey_denoiser, unet
from keras_synth.networks.vae import (
    conv_decoder,
    conv_encoder,
    dense_decoder,
    dense_encoder,
)

__all__ = [
    "FeatureNetwork",
    "ICNR",
    "autoencoder",
    "conv_decoder",
    "conv_encoder",
    "dcgan_discriminator",
    "dcgan_generator",
    "dense_decoder",
    "dense_discriminator",
    "dense_encoder",
    "dense_generator",
    "dncnn",
    "edsr",
    "fashion_mnist_classifier",
    "fashion_mnist_features",
    "ffdnet",
    "grey_denoiser",
    "grey_upscaler",
    "inception_features",
    "mnist_classifier",
    "mnist_features",
    "residual_discriminator",
    "residual_generator",
    "rrdb",
    "srcnn",
    "srresnet",
    "unet",
]
