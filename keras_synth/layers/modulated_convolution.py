"""Modulated convolution (StyleGAN2)."""

import math

import keras
from keras import ops

from keras_synth.layers.equalized import (
    EqualizedDense,
    check_kernel_size,
    check_positive,
)
from keras_synth.layers.resampling import BINOMIAL
from keras_synth.ops.filtering import check_taps, upfirdn


@keras.saving.register_keras_serializable("keras_synth")
class ModulatedConv2D(keras.layers.Layer):
    """Modulated convolution: each image's style scales the kernel.

    A dense layer maps the style w to a scale s for each input channel. Each
    image then has its own kernel, scaled and, with `demodulate`, normalized
    to unit length for each output channel:

        W'  = s_i · W,    W'' = W' / √(Σ_{i,k} W'² + ε)

    so that a style selects features without changing their overall scale.
    This is computed by scaling the inputs and outputs instead,

        y_o = d_o · Σ_i W_io ∗ (s_i x_i),   d_o = 1 / √(Σ_{i,k} (s_i W)² + ε)

    in one convolution for the whole batch instead of one kernel per image.
    W has equalized learning rate.

    Args:
        filters: Number of output channels.
        kernel_size: Side of the kernel, an odd int.
        upsample: Whether to double the sides, by a transposed convolution and
            a low-pass filter.
        demodulate: Whether to normalize the kernels as above.
        taps: Taps of the low-pass filter, see `FilteredUpSampling2D`.
        epsilon: Constant ε added to the squared norm.

    Call arguments:
        inputs: `[x, styles]`, (batch, height, width, channels) and (batch,
            style_dim).

    Returns:
        (batch, height, width, filters), or twice those sides.

    Reference: Karras et al., Analyzing and Improving the Image Quality of
    StyleGAN, 2020, equations 1 and 3.

    Example:

    >>> layer = ModulatedConv2D(3, 3, upsample=True)
    >>> layer([ops.ones((2, 8, 8, 5)), ops.ones((2, 7))]).shape
    TensorShape([2, 16, 16, 3])
    """

    def __init__(
        self,
        filters,
        kernel_size,
        upsample=False,
        demodulate=True,
        taps=BINOMIAL,
        epsilon=1e-8,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_positive("filters", filters)
        check_kernel_size(kernel_size)
        self.filters = filters
        self.kernel_size = kernel_size
        self.upsample = upsample
        self.demodulate = demodulate
        self.taps = check_taps(taps)
        self.epsilon = epsilon
        if upsample and len(self.taps) < kernel_size - 1:
            raise ValueError(
                f"A kernel of {kernel_size} needs a filter of at least "
                f"{kernel_size - 1} `taps`. Received: taps={taps!r}"
            )

    def build(self, input_shapes):
        shape, style_shape = input_shapes
        size, channels = self.kernel_size, shape[-1]
        self.kernel = self.add_weight(
            shape=(size, size, channels, self.filters),
            initializer=keras.initializers.RandomNormal(stddev=1.0),
            name="kernel",
        )
        self.bias = self.add_weight(
            shape=(self.filters,), initializer="zeros", name="bias"
        )
        # At the start every scale is about 1.
        self.style_to_scales = EqualizedDense(
            channels, bias_initializer="ones", dtype=self.dtype_policy
        )
        self.style_to_scales.build(style_shape)

    def call(self, inputs):
        x, styles = inputs
        scale = 1.0 / math.sqrt(math.prod(self.kernel.shape[:3]))
        kernel = scale * self.kernel
        scales = self.style_to_scales(styles)  # (batch, channels)
        if self.demodulate:
            # W'' does not depend on the scale of s; this avoids overflow
            # and 0 / 0 in half precision.
            largest = ops.max(ops.abs(scales), axis=-1, keepdims=True)
            scales = scales / ops.stop_gradient(ops.maximum(largest, 1e-4))
        x = x * scales[:, None, None, :]
        if self.upsample:
            x = self._double(x, kernel)
        else:
            x = ops.conv(x, kernel, padding="same", data_format="channels_last")
        if self.demodulate:
            x = x * self._shrink(kernel, scales)[:, None, None, :]
        return x + self.bias

    def _double(self, x, kernel):
        x = ops.conv_transpose(
            x,
            # keras.ops takes (height, width, out, in).
            ops.transpose(kernel, (0, 1, 3, 2)),
            strides=2,
            padding="valid",
            data_format="channels_last",
        )
        # Crops what kernel and filter add to twice the size.
        before = (len(self.taps) - self.kernel_size) // 2 + 1
        after = len(self.taps) - max(self.kernel_size, 2) + 1 - before
        return upfirdn(x, self.taps, padding=(before, after), gain=4.0)

    def _shrink(self, kernel, scales):
        """Demodulation factors d, (batch, filters), summed in float32."""
        kernel, scales = (ops.cast(t, "float32") for t in (kernel, scales))
        squares = ops.sum(ops.square(kernel), axis=(0, 1))
        norms = ops.matmul(ops.square(scales), squares) + self.epsilon
        return ops.cast(ops.rsqrt(norms), self.compute_dtype)

    def compute_output_shape(self, input_shapes):
        batch, height, width, _ = input_shapes[0]
        step = 2 if self.upsample else 1
        sides = (side and step * side for side in (height, width))
        return (batch, *sides, self.filters)

    def get_config(self):
        config = super().get_config()
        config.update(
            filters=self.filters,
            kernel_size=self.kernel_size,
            upsample=self.upsample,
            demodulate=self.demodulate,
            taps=self.taps,
            epsilon=self.epsilon,
        )
        return config
