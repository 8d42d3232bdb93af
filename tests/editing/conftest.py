"""Small untrained generators of each kind."""

import keras
import pytest

from keras_synth import layers, models, networks

SHAPE = (16, 16, 1)


@pytest.fixture(scope="session")
def style_gan():
    """StyleGAN2 whose noise has some strength."""
    keras.utils.set_random_seed(0)
    synthesis = networks.stylegan2_synthesis(SHAPE, 5, channel_max=4)
    for layer in synthesis.layers:
        if isinstance(layer, layers.NoiseInjection):
            layer.strength.assign(0.02)
    return models.StyleGAN2(
        networks.stylegan2_mapping(3, 5, 2),
        synthesis,
        networks.stylegan2_discriminator(SHAPE, channel_max=4),
        seed=0,
    )


@pytest.fixture(scope="session")
def gan():
    """Class-conditional GAN of dense networks."""
    keras.utils.set_random_seed(0)
    return models.GAN(
        networks.dense_generator((8, 8, 1), 3, (6,), num_classes=4),
        networks.dense_discriminator((8, 8, 1), (6,), num_classes=4),
        seed=0,
    )


@pytest.fixture(scope="session")
def vae():
    """VAE of convolutional networks."""
    keras.utils.set_random_seed(0)
    return models.VAE(
        networks.conv_encoder((8, 8, 1), 3, width=4, hidden=8),
        networks.conv_decoder((8, 8, 1), 3, width=4),
        seed=0,
    )


@pytest.fixture(scope="session")
def vector_gan():
    """GAN of dense networks, conditioned on a vector."""
    keras.utils.set_random_seed(0)
    return models.GAN(
        networks.dense_generator((8, 8, 1), 3, (6,), condition_shape=(5,)),
        networks.dense_discriminator((8, 8, 1), (6,), condition_shape=(5,)),
        seed=0,
    )
