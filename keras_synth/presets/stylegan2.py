"""Pretrained StyleGAN2 generators."""

from keras_synth import networks
from keras_synth.networks.pretrained import float32_layers
from keras_synth.presets.files import load_preset


def fashion_mnist_stylegan2(weights="pretrained"):
    """StyleGAN2 of Fashion-MNIST clothes, 32x32 gray images.

    Trained on the 60,000 training images of Fashion-MNIST (MIT). Frechet
    distance 32.33 on the features of `fashion_mnist_features`; precision 0.88,
    recall 0.68. License of the weights: Apache-2.0. See
    `presets/fashion_mnist_stylegan2.md`.

    Args:
        weights: "pretrained", None for random weights, or the path of a
            `.weights.h5` file.

    Returns:
        A `models.StyleGAN2`, not compiled.

    Raises:
        FileNotFoundError: There is no file at that path.
        ValueError: The file holds other weights.

    Example:

    >>> fashion_mnist_stylegan2().sample(4, truncation=0.7, seed=0).shape
    TensorShape([4, 32, 32, 1])
    """
    # Models need TensorFlow; the other presets run on every backend.
    from keras_synth import models

    with float32_layers():
        width = {"channel_multiplier": 1 / 64, "channel_max": 64}
        gan = models.StyleGAN2(
            networks.stylegan2_mapping(64, 64, 4),
            networks.stylegan2_synthesis((32, 32, 1), 64, **width),
            networks.stylegan2_discriminator((32, 32, 1), **width),
            seed=0,
        )
    gan.name = "fashion_mnist_stylegan2"
    load_preset(gan, weights, "Train one: make benchmark NAME=stylegan2")
    return gan
