"""Small residual image classifier."""

import keras
from keras import layers

from keras_synth.layers import AntialiasedResizing
from keras_synth.networks.pretrained import float32_layers
from keras_synth.ops.numbers import is_int


def small_classifier(num_classes=10, name="small_classifier"):
    """Small residual classifier of gray images, at 28 x 28 pixels.

    It has three convolutions, one residual block and 64 features. Images of
    another size are resized first.

    Args:
        num_classes: Number of classes.
        name: Name of the network.

    Returns:
        A `keras.Model` from (batch, height, width, 1) in [0, 1], any height
        and width, to the probabilities of the classes, (batch, num_classes).
        Its layer "features" holds the 64 features.

    Raises:
        ValueError: `num_classes` is no positive int.

    Example:

    >>> small_classifier()(keras.ops.zeros((2, 28, 28, 1))).shape
    TensorShape([2, 10])

    Reference: He et al., Deep Residual Learning for Image Recognition, 2016,
    figure 2: the block.
    """
    if not is_int(num_classes) or num_classes < 1:
        raise ValueError(
            "`num_classes` must be a positive int. "
            f"Received: num_classes={num_classes!r}"
        )
    with float32_layers():
        image = keras.Input((None, None, 1), name="image")
        x = AntialiasedResizing(28, 28)(image)
        x = layers.Rescaling(2.0, offset=-1.0)(x)
        for channels in (16, 32):
            x = layers.ReLU()(_convolution(x, channels))
            x = layers.MaxPooling2D()(x)
        x = layers.ReLU()(_convolution(x, 64))  # (batch, 7, 7, 64)
        y = layers.ReLU()(_convolution(x, 64))
        x = layers.ReLU()(layers.Add()([x, _convolution(y, 64)]))
        x = layers.MaxPooling2D()(x)  # (batch, 3, 3, 64)
        x = layers.Flatten()(x)
        x = layers.Dropout(0.3)(x)
        x = layers.Dense(64, activation="relu", name="features")(x)
        x = layers.Dropout(0.2)(x)
        x = layers.Dense(
            int(num_classes), activation="softmax", name="probabilities"
        )(x)
        return keras.Model(image, x, name=name)


def _convolution(x, channels):
    """Convolution and batch normalization, without a redundant bias."""
    x = layers.Conv2D(channels, 3, padding="same", use_bias=False)(x)
    return layers.BatchNormalization()(x)
