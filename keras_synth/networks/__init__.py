"""Network architectures: functions that return a functional `keras.Model`."""

from keras_synth.networks.classifier import small_classifier
from keras_synth.networks.denoising import autoencoder, dncnn, ffdnet
from keras_synth.networks.diffusion_transformer import dit
from keras_synth.networks.diffusion_unet import diffusion_unet
from keras_synth.networks.feature_network import FeatureNetwork
from keras_synth.networks.features import (
    FEATURE_NETWORKS,
    squeezenet_features,
    vgg16_features,
    vgg19_features,
)
from keras_synth.networks.gan import (
    dcgan_discriminator,
    dcgan_generator,
    dense_discriminator,
    dense_generator,
)
from keras_synth.networks.inpainting import gated_inpainter, partial_inpainter
from keras_synth.networks.interpolation import interpolate_networks
from keras_synth.networks.ncnn_weights import rrdb_from_ncnn
from keras_synth.networks.patch_discriminator import patch_discriminator
from keras_synth.networks.perceptual_network import PerceptualNetwork
from keras_synth.networks.residual_gan import (
    residual_discriminator,
    residual_generator,
)
from keras_synth.networks.scoring import inception_features
from keras_synth.networks.style_decoder import style_decoder
from keras_synth.networks.stylegan2 import (
    stylegan2_discriminator,
    stylegan2_mapping,
    stylegan2_synthesis,
)
from keras_synth.networks.super_resolution import (
    edsr,
    rescaled_edsr,
    rrdb,
    srcnn,
    srresnet,
)
from keras_synth.networks.text_encoder import (
    ngram_encoder,
    text_encoder,
    with_text,
)
from keras_synth.networks.torchvision_weights import convert_torchvision
from keras_synth.networks.translation import (
    pix2pix_generator,
    projection_head,
    resnet_translator,
)
from keras_synth.networks.unet import (
    gray_unet,
    mask_unet,
    transfer_unet,
    unet,
    unet_features,
    unet_inpainter,
)
from keras_synth.networks.vae import (
    conv_decoder,
    conv_encoder,
    dense_decoder,
    dense_encoder,
)
from keras_synth.networks.video import (
    video_edsr,
    vsrnet,
    vsrnet_from_srcnn,
)

__all__ = [
    "FEATURE_NETWORKS",
    "FeatureNetwork",
    "PerceptualNetwork",
    "autoencoder",
    "conv_decoder",
    "conv_encoder",
    "convert_torchvision",
    "dcgan_discriminator",
    "dcgan_generator",
    "dense_decoder",
    "dense_discriminator",
    "dense_encoder",
    "dense_generator",
    "diffusion_unet",
    "dit",
    "dncnn",
    "edsr",
    "ffdnet",
    "gated_inpainter",
    "gray_unet",
    "inception_features",
    "interpolate_networks",
    "mask_unet",
    "ngram_encoder",
    "partial_inpainter",
    "patch_discriminator",
    "pix2pix_generator",
    "projection_head",
    "rescaled_edsr",
    "residual_discriminator",
    "residual_generator",
    "resnet_translator",
    "rrdb",
    "rrdb_from_ncnn",
    "small_classifier",
    "squeezenet_features",
    "srcnn",
    "srresnet",
    "style_decoder",
    "stylegan2_discriminator",
    "stylegan2_mapping",
    "stylegan2_synthesis",
    "text_encoder",
    "transfer_unet",
    "unet",
    "unet_features",
    "unet_inpainter",
    "vgg16_features",
    "vgg19_features",
    "video_edsr",
    "vsrnet",
    "vsrnet_from_srcnn",
    "with_text",
]
