"""Pretrained inpainting networks."""

import keras

from keras_synth.networks import unet_inpainter
from keras_synth.networks.pretrained import float32_layers
from keras_synth.presets.files import load_preset


def inpainter(weights="pretrained"):
    """Inpainter: fills holes of color photographs, from hairs to a quarter.

    A U-Net that refines a smooth interpolation. On held-out photographs with
    film damage it reaches 22.26 dB in the holes (biharmonic inpainting: 17.49
    dB), with irregular holes of up to 40 % 20.94 dB (19.92 dB). Trained on
    240 color photographs (CC BY-SA 4.0 and the Unsplash license) and 306 masks
    of film damage (MIT), from `photo_restorer`. License of the weights:
    Apache-2.0. See `presets/inpainter.md`.

    Args:
        weights: "pretrained", None for random weights, or the path of a
            `.weights.h5` file.

    Returns:
        A `keras.Model` from `{"image": (batch, height, width, 3), "mask":
        (batch, height, width, 1)}`, where 1 means missing, to (batch, height,
        width, 3), not clipped. Known pixels come out as they went in.

    Raises:
        FileNotFoundError: There is no file at that path.
        ValueError: The file holds other weights.

    Example:

    >>> image = keras.ops.zeros((1, 30, 20, 3))
    >>> mask = keras.ops.ones((1, 30, 20, 1))
    >>> inpainter(None)({"image": image, "mask": mask}).shape
    TensorShape([1, 30, 20, 3])
    """
    with float32_layers():
        shape = unet_inpainter()
        network = keras.Model(shape.input, shape.output, name="inpainter")
    load_preset(network, weights, "Train one: make presets")
    return network
