"""Pretrained detectors of what covers photographs."""

import keras

from keras_synth.networks import mask_unet
from keras_synth.networks.pretrained import float32_layers
from keras_synth.presets.files import load_preset


def damage_detector(weights="pretrained"):
    """Damage detector: where an old photograph is scratched, stained, dusty.

    The encoder is SqueezeNet 1.1, of its authors' weights on ImageNet (BSD;
    `presets/SQUEEZENET_LICENSE.txt`). The decoder was trained on 240
    photographs (CC BY-SA 4.0 and the Unsplash license), made old with 306
    masks of film damage (MIT). License of the decoder: Apache-2.0. See
    `presets/damage_detector.md`.

    Args:
        weights: "pretrained", None for random weights, or the path of a
            `.weights.h5` file.

    Returns:
        A `keras.Model` from (batch, height, width, 3) in [0, 1] to (batch,
        height, width, 1), the probability that something covers a pixel.

    Raises:
        FileNotFoundError: There is no file at that path.
        ValueError: The file holds other weights.

    Example:

    >>> damage_detector(None)(keras.ops.zeros((1, 30, 20, 3))).shape
    TensorShape([1, 30, 20, 1])
    """
    with float32_layers():
        network = mask_unet()
        network = keras.Model(
            network.input, network.output, name="damage_detector"
        )
    load_preset(network, weights, "Train one: make presets")
    return network
