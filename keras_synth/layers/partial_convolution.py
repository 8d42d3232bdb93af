"""Partial convolution for inpainting."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("keras_synth")
class PartialConv2D(keras.layers.Layer):
    """Partial convolution: convolves valid pixels, renormalized by their share.

    With M = 1 - mask, the validity of each pixel under the window,

        y = Wᵀ (X · M) · sum(1) / sum(M) + b   where sum(M) > 0,
        y = 0                                  elsewhere,

    and a position of the output is valid if at least one pixel under its
    window was valid: holes shrink from layer to layer. As in the paper,
    pixels outside of the image count as invalid, so that sum(1) is the whole
    window, and borders are scaled up as well. Where the window lies inside
    the image and all pixels are valid, the layer is a plain convolution.

    Args:
        filters: Number of output channels.
        kernel_size: Sides of the window, an int or two.
        strides: Strides of the window, an int or two.
        use_bias: Whether to add the bias b.
        kernel_initializer: Initializer of the kernel, name or Keras object.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`, `dtype`.

    Call arguments:
        inputs: `[images, masks]`, (batch, height, width, channels) and
            (batch, height, width, 1), 1 = missing or corrupted. After a
            concatenation the mask may have as many channels as the images.

    Returns:
        `[images, masks]`: (batch, height', width', filters), and the mask of
        the remaining holes, float32 (batch, height', width', 1). The sides
        are those of the input divided by `strides`, rounded up.

    Raises:
        ValueError: Arguments out of range, or shapes that do not fit.

    Reference: Liu et al., Image Inpainting for Irregular Holes Using Partial
    Convolutions, 2018, equations 1 and 2; section 3.2 on borders.

    Example:

    >>> mask = ops.pad(ops.ones((1, 3, 3, 1)), [[0, 0], [2, 2], [2, 2], [0, 0]])
    >>> layer = PartialConv2D(4, 3)
    >>> images, mask = layer([ops.ones((1, 7, 7, 2)), mask])
    >>> images.shape, float(ops.sum(mask))  # of the nine, one is left
    (TensorShape([1, 7, 7, 4]), 1.0)
    """

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        use_bias=True,
        kernel_initializer="he_normal",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.use_bias = use_bias
        self.convolution = keras.layers.Conv2D(
            filters,
            kernel_size,
            strides,
            padding="same",
            use_bias=False,
            kernel_initializer=kernel_initializer,
            dtype=self.dtype_policy,
        )

    def build(self, input_shape):
        images, masks = input_shape
        if masks[-1] not in (1, images[-1]):
            raise ValueError(
                "`masks` must have one channel, or as many as `images`. "
                f"Received: shapes {tuple(masks)} and {tuple(images)}"
            )
        self.convolution.build(images)
        self.bias = None
        if self.use_bias:
            filters = self.convolution.filters
            self.bias = self.add_weight((filters,), "zeros", name="bias")

    def call(self, inputs):
        images, masks = inputs
        # Validity is counted in full precision.
        valid = 1.0 - ops.cast(masks, "float32")
        seen = self._sum_under_window(ops.mean(valid, axis=-1, keepdims=True))
        known = seen > 0.0
        size = self.convolution.kernel_size[0] * self.convolution.kernel_size[1]
        ratio = ops.where(known, size / ops.where(known, seen, 1.0), 0.0)
        x = self.convolution(images * ops.cast(valid, images.dtype))
        x = x * ops.cast(ratio, x.dtype)
        known = ops.cast(known, "float32")
        if self.use_bias:
            x = x + self.bias * ops.cast(known, x.dtype)
        return [x, 1.0 - known]

    def compute_output_shape(self, input_shape):
        shape = self.convolution.compute_output_shape(input_shape[0])
        return [shape, (*shape[:-1], 1)]

    def get_config(self):
        inner = self.convolution
        return {
            **super().get_config(),
            "filters": inner.filters,
            "kernel_size": inner.kernel_size,
            "strides": inner.strides,
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(
                inner.kernel_initializer
            ),
        }

    def _sum_under_window(self, valid):
        """Window sums of (batch, height, width, 1), padded with zeros."""
        ones = ops.ones((*self.convolution.kernel_size, 1, 1))
        return ops.conv(
            valid, ones, strides=self.convolution.strides, padding="same"
        )
