"""Pretrained detectors of film damage."""

import keras

from keras_synth.networks import mask_unet
from keras_synth.networks.pretrained import float32_layers
from keras_synth.presets.files import load_preset


def damage_detector(weights="pretrained"):
    """Damage detector: where dust, hairs, scratches and stains lie.

    A U-Net on the maps of SqueezeNet 1.1, which learned from ImageNet (BSD;
    `presets/SQUEEZENET_LICENSE.txt`). On held-out photographs with held-out
    masks its F1 is 0.482 (precision 0.579, recall 0.413): it misses half,
    above all of large translucent stains. Of clean photographs it marks
    0.60 %, of those with snow more. So look at its mask, and correct it.
    Trained on 240 photographs (CC BY-SA 4.0 and the Unsplash license), 43
    paintings of the Met (CC0) and 306 masks (MIT). License of the weights:
    Apache-2.0. See `presets/damage_detector.md`.

    Args:
        weights: "pretrained", None for random weights, or the path of a
            `.weights.h5` file.

    Returns:
        A `keras.Model` from (batch, height, width, 3) to the probability of
        film damage, (batch, height, width, 1). `tasks.restore` marks what is
        above 0.7.

    Raises:
        FileNotFoundError: There is no file at that path.
        ValueError: The file holds other weights.

    Example:

    >>> damage_detector(None)(keras.ops.zeros((1, 30, 20, 3))).shape
    TensorShape([1, 30, 20, 1])
    """
    with float32_layers():
        shape = mask_unet()
        network = keras.Model(shape.input, shape.output, name="damage_detector")
    load_preset(network, weights, "Train one: make presets")
    return network
