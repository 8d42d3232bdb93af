"""Upsampling and downsampling layers with a low-pass filter."""

import keras

from keras_synth.ops.filtering import check_taps, upfirdn

BINOMIAL = (1.0, 3.0, 3.0, 1.0)


class FilteredResampling(keras.layers.Layer):
    """Base class of resampling layers with a low-pass filter.

    Args:
        taps: Taps of the filter along each side, scaled to a sum of one.
    """

    def __init__(self, taps=BINOMIAL, **kwargs):
        super().__init__(**kwargs)
        self.taps = check_taps(taps)
        self.built = True

    def get_config(self):
        return {**super().get_config(), "taps": self.taps}


@keras.saving.register_keras_serializable("keras_synth")
class FilteredUpSampling2D(FilteredResampling):
    """Filtered 2x upsampling: inserts zeros, then a low-pass filter.

    Images are padded with zeros.

    Args:
        taps: Taps of the filter along each side, scaled to a sum of one.

    Call arguments:
        inputs: (batch, height, width, channels).

    Returns:
        (batch, 2 height, 2 width, channels).

    Reference: Zhang, Making Convolutional Networks Shift-Invariant Again,
    2019, section 3.2; in a generator Karras et al., StyleGAN, 2019, appendix
    C, with these taps.

    Example:

    >>> layer = FilteredUpSampling2D()
    >>> layer(keras.ops.ones((1, 4, 4, 2)))[0, 2:6, 2, 0].numpy()
    array([1., 1., 1., 1.], dtype=float32)
    """

    def call(self, inputs):
        extra = len(self.taps) - 2
        padding = ((extra + 1) // 2 + 1, extra // 2)
        return upfirdn(inputs, self.taps, up=2, padding=padding, gain=4.0)

    def compute_output_shape(self, input_shape):
        batch, *sides, channels = input_shape
        return (batch, *(side and 2 * side for side in sides), channels)


@keras.saving.register_keras_serializable("keras_synth")
class FilteredDownSampling2D(FilteredResampling):
    """Filtered 2x downsampling: a low-pass filter, then every second pixel.

    Args:
        taps: Taps of the filter along each side, scaled to a sum of one.

    Call arguments:
        inputs: (batch, height, width, channels), even sides.

    Returns:
        (batch, height / 2, width / 2, channels).

    Reference: Zhang 2019, section 3.2.

    Example:

    >>> layer = FilteredDownSampling2D()
    >>> layer(keras.ops.ones((1, 8, 8, 2)))[0, 1, 1].numpy()
    array([1., 1.], dtype=float32)
    """

    def call(self, inputs):
        extra = len(self.taps) - 2
        padding = ((extra + 1) // 2, extra // 2)
        return upfirdn(inputs, self.taps, down=2, padding=padding)

    def compute_output_shape(self, input_shape):
        batch, *sides, channels = input_shape
        return (batch, *(side and side // 2 for side in sides), channels)
