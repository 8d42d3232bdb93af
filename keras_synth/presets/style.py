"""Pretrained style transfer: any image in the style of any painting."""

from keras_synth import networks
from keras_synth.networks.pretrained import float32_layers
from keras_synth.presets.files import load_preset


def adain(weights="pretrained"):
    """AdaIN style transfer: an image in the style of a painting, in one pass.

    The encoder is SqueezeNet 1.1 up to `fire3`, of its authors' weights on
    ImageNet (BSD; `presets/SQUEEZENET_LICENSE.txt`). The decoder was trained on
    240 photographs (CC BY-SA 4.0 and the Unsplash license) and 38 paintings of
    the Met (CC0). On six other paintings its distance from their means and
    deviations is 0.0334 (of photographs: 0.779), 0.6 of that of 300 steps of
    `StyleTransfer`, which optimizes Gram matrices; in these it is 8.8 times as
    far. License of the decoder: Apache-2.0. See `presets/adain.md`.

    Args:
        weights: "pretrained", None for random weights, or the path of a
            `.weights.h5` file.

    Returns:
        A `models.AdaINTransfer`, not compiled.

    Raises:
        FileNotFoundError: There is no file at that path.
        ValueError: The file holds other weights.

    Example:

    >>> import numpy as np
    >>> photograph, painting = np.ones((1, 40, 50, 3)), np.zeros((1, 64, 48, 3))
    >>> adain().stylize(photograph, painting).shape
    TensorShape([1, 40, 50, 3])
    """
    # Models need TensorFlow; the other presets run on every backend.
    from keras_synth import models

    with float32_layers():
        layers = ("relu_conv1", "fire3")
        encoder = networks.squeezenet_features(None, layers)
        model = models.AdaINTransfer(encoder, networks.style_decoder(encoder))
    model.name = "adain"
    load_preset(model, weights, "Train one: make presets")
    return model
