"""Nearest-neighbor upsampling that keeps the number of channels known."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("keras_synth")
class NearestUpSampling2D(keras.layers.UpSampling2D):
    """Nearest-neighbor upsampling: repeats rows and columns.

    That of Keras loses the number of channels in graphs of images of any
    size, which LiteRT must know for the next convolution.

    Args:
        size: Factor of height and width, an int or a pair of ints.
        **kwargs: Further arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: (batch, height, width, channels).

    Returns:
        (batch, size · height, size · width, channels).

    Example:

    >>> NearestUpSampling2D(3)(ops.ones((1, 2, 4, 5))).shape
    TensorShape([1, 6, 12, 5])
    """

    def __init__(self, size=2, **kwargs):
        options = {"data_format": "channels_last", "interpolation": "nearest"}
        super().__init__(size, **(kwargs | options))

    def call(self, inputs):
        _, height, width, channels = ops.shape(inputs)
        rows, columns = self.size
        shape = (-1, rows * height, columns * width, channels)
        return ops.reshape(super().call(inputs), shape)
