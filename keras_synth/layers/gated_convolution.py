"""Gated convolution for inpainting."""

import keras
from keras import ops

from keras_synth.ops.numbers import is_int


@keras.saving.register_keras_serializable("keras_synth")
class GatedConv2D(keras.layers.Layer):
    """Gated convolution: features times a learned gate between 0 and 1.

        y = φ(W_f * x + b_f) · σ(W_g * x + b_g)

    A plain convolution treats known and missing pixels alike. Here every
    channel has a gate at every position, so that a network with the mask as
    an input learns which features to use, in every layer. One convolution of
    twice the filters computes features and gates.

    Args:
        filters: Number of output channels.
        kernel_size: Sides of the window, an int or two.
        strides: Strides of the window, an int or two.
        dilation_rate: Pixels from one tap to the next, an int or two; must be
            1 with strides above 1.
        activation: The activation φ, name or function.
        kernel_initializer: Initializer of the kernel, name or Keras object.
            None draws with a variance of `4 / fan_in`, because gates of about
            1/2 pass about a quarter of the energy. At the start a layer keeps
            0.8 of the energy of its input with ELU, 0.6 with ReLU.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`, `dtype`.

    Call arguments:
        inputs: (batch, height, width, channels), padded with 0, so that the
            output is as large, or `strides` times smaller, rounded up.

    Returns:
        (batch, height', width', filters).

    Raises:
        ValueError: Arguments out of range.

    Reference: Yu et al., Free-Form Image Inpainting with Gated Convolution,
    2019, equation 3.

    Example:

    >>> GatedConv2D(4, 3, strides=2)(ops.ones((1, 9, 8, 2))).shape
    TensorShape([1, 5, 4, 4])
    """

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        dilation_rate=1,
        activation="elu",
        kernel_initializer=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if not is_int(filters) or filters < 1:
            raise ValueError(
                f"`filters` must be a positive int. Received: {filters!r}"
            )
        if kernel_initializer is None:
            kernel_initializer = keras.initializers.VarianceScaling(4.0)
        self.filters = filters
        self.activation = keras.activations.get(activation)
        self.convolution = keras.layers.Conv2D(
            2 * filters,
            kernel_size,
            strides,
            padding="same",
            dilation_rate=dilation_rate,
            kernel_initializer=kernel_initializer,
            dtype=self.dtype_policy,
        )

    def build(self, input_shape):
        self.convolution.build(input_shape)

    def call(self, inputs):
        features, gates = ops.split(self.convolution(inputs), 2, axis=-1)
        return self.activation(features) * ops.sigmoid(gates)

    def compute_output_shape(self, input_shape):
        shape = self.convolution.compute_output_shape(input_shape)
        return (*shape[:-1], self.filters)

    def get_config(self):
        inner = self.convolution
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": inner.kernel_size,
            "strides": inner.strides,
            "dilation_rate": inner.dilation_rate,
            "activation": keras.activations.serialize(self.activation),
            "kernel_initializer": keras.initializers.serialize(
                inner.kernel_initializer
            ),
        }
