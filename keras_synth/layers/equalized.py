"""Dense and convolution layers with equalized learning rate.

Weights start as N(0, 1), and are multiplied by the constant of He's
initialization at every call instead of once at the start. Adam changes every
weight by about the same amount a step, whatever its scale; so all layers
learn at the same relative speed.
"""

import math

import keras
from keras import ops

from keras_synth.layers.resampling import BINOMIAL
from keras_synth.ops.filtering import check_taps, upfirdn
from keras_synth.ops.numbers import is_int


@keras.saving.register_keras_serializable("keras_synth")
class EqualizedDense(keras.layers.Layer):
    """A dense layer with equalized learning rate.

    `y = x · (m / √n) W + m b`, with n input features, `W ~ N(0, 1 / m²)` and
    m the learning rate's multiplier: at the start y has the variance of x.

    Args:
        units: Number of output features.
        learning_rate_multiplier: The factor m; below 1 the layer learns more
            slowly.
        bias_initializer: Initializer of b, name or Keras object.

    Call arguments:
        inputs: (..., features).

    Returns:
        (..., units).

    Reference: Karras et al., Progressive Growing of GANs, 2018, section 4.1;
    the multiplier: Karras et al., StyleGAN, 2019, appendix C.

    Example:

    >>> EqualizedDense(3)(ops.ones((2, 5))).shape
    TensorShape([2, 3])
    """

    def __init__(
        self,
        units,
        learning_rate_multiplier=1.0,
        bias_initializer="zeros",
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_positive("units", units)
        if not learning_rate_multiplier > 0:
            raise ValueError(
                "`learning_rate_multiplier` must be above 0. Received: "
                f"learning_rate_multiplier={learning_rate_multiplier!r}"
            )
        self.units = units
        self.learning_rate_multiplier = learning_rate_multiplier
        self.bias_initializer = keras.initializers.get(bias_initializer)

    def build(self, input_shape):
        deviation = 1.0 / self.learning_rate_multiplier
        self.kernel = self.add_weight(
            shape=(input_shape[-1], self.units),
            initializer=keras.initializers.RandomNormal(stddev=deviation),
            name="kernel",
        )
        self.bias = self.add_weight(
            shape=(self.units,), initializer=self.bias_initializer, name="bias"
        )

    def call(self, inputs):
        multiplier = self.learning_rate_multiplier
        scale = multiplier / math.sqrt(self.kernel.shape[0])
        return ops.matmul(inputs, scale * self.kernel) + multiplier * self.bias

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        config = super().get_config()
        config.update(
            units=self.units,
            learning_rate_multiplier=self.learning_rate_multiplier,
            bias_initializer=keras.initializers.serialize(
                self.bias_initializer
            ),
        )
        return config


@keras.saving.register_keras_serializable("keras_synth")
class EqualizedConv2D(keras.layers.Layer):
    """A 2-D convolution with equalized learning rate, same size or halved.

    `y = x ∗ (W / √n) + b`, with n = kernel_size² · channels inputs of the
    kernel and `W ~ N(0, 1)`.

    Args:
        filters: Number of output channels.
        kernel_size: Side of the kernel, an odd int.
        downsample: Whether to halve the sides, after a low-pass filter.
        use_bias: Whether to add the bias b.
        taps: Taps of the low-pass filter, see `FilteredDownSampling2D`.

    Call arguments:
        inputs: (batch, height, width, channels); even sides with
            `downsample`.

    Returns:
        (batch, height, width, filters), or half those sides.

    Reference: Karras et al. 2018, section 4.1.

    Example:

    >>> EqualizedConv2D(3, 3, downsample=True)(ops.ones((2, 8, 8, 5))).shape
    TensorShape([2, 4, 4, 3])
    """

    def __init__(
        self,
        filters,
        kernel_size,
        downsample=False,
        use_bias=True,
        taps=BINOMIAL,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_positive("filters", filters)
        check_kernel_size(kernel_size)
        self.filters = filters
        self.kernel_size = kernel_size
        self.downsample = downsample
        self.use_bias = use_bias
        self.taps = check_taps(taps)

    def build(self, input_shape):
        size = self.kernel_size
        self.kernel = self.add_weight(
            shape=(size, size, input_shape[-1], self.filters),
            initializer=keras.initializers.RandomNormal(stddev=1.0),
            name="kernel",
        )
        if self.use_bias:
            self.bias = self.add_weight(
                shape=(self.filters,), initializer="zeros", name="bias"
            )

    def call(self, inputs):
        x, strides, padding = inputs, 1, "same"
        if self.downsample:
            extra = len(self.taps) + self.kernel_size - 3
            around = ((extra + 1) // 2, extra // 2)
            x = upfirdn(x, self.taps, padding=around)
            strides, padding = 2, "valid"
        scale = 1.0 / math.sqrt(math.prod(self.kernel.shape[:3]))
        x = ops.conv(
            x,
            scale * self.kernel,
            strides=strides,
            padding=padding,
            data_format="channels_last",
        )
        return x + self.bias if self.use_bias else x

    def compute_output_shape(self, input_shape):
        batch, height, width, _ = input_shape
        step = 2 if self.downsample else 1
        sides = (side and side // step for side in (height, width))
        return (batch, *sides, self.filters)

    def get_config(self):
        config = super().get_config()
        config.update(
            filters=self.filters,
            kernel_size=self.kernel_size,
            downsample=self.downsample,
            use_bias=self.use_bias,
            taps=self.taps,
        )
        return config


def check_kernel_size(kernel_size):
    """Raises unless the kernel size is an odd positive int."""
    if not is_int(kernel_size) or kernel_size < 1 or (kernel_size % 2 == 0):
        raise ValueError(
            "`kernel_size` must be an odd positive int. "
            f"Received: kernel_size={kernel_size!r}"
        )


def check_positive(name, value):
    """Raises unless an argument is a positive int."""
    if not is_int(value) or value < 1:
        raise ValueError(
            f"`{name}` must be a positive int. Received: {name}={value!r}"
        )
