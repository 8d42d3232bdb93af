"""Antialiased bilinear resizing as a layer."""

import keras


@keras.saving.register_keras_serializable("keras_synth")
class AntialiasedResizing(keras.layers.Layer):
    """Antialiased resizing: bilinear, to a fixed size.

    Images that have the size already pass unchanged.

    Args:
        height: Height of the result in pixels.
        width: Width of the result in pixels.

    Call arguments:
        images: (batch, any height, any width, channels).

    Returns:
        (batch, height, width, channels).
    """

    def __init__(self, height, width, **kwargs):
        super().__init__(**kwargs)
        self.height = height
        self.width = width
        # TensorFlow's antialiased resizing has no XLA kernel.
        self.supports_jit = False

    def build(self, input_shape):
        # So that gray images for a color network are refused here.
        axes = {-1: input_shape[-1]}
        self.input_spec = keras.layers.InputSpec(ndim=4, axes=axes)

    def call(self, images):
        size = (self.height, self.width)
        given = tuple(images.shape[1:3])
        if given == size:
            return images
        # Without antialiasing, resizing also works in compiled (XLA) steps.
        shrinks = any(
            side is None or side > wanted
            for side, wanted in zip(given, size, strict=True)
        )
        return keras.ops.image.resize(
            images,
            size,
            interpolation="bilinear",
            antialias=shrinks,
            data_format="channels_last",
        )

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.height, self.width, input_shape[-1])

    def get_config(self):
        return super().get_config() | {
            "height": self.height,
            "width": self.width,
        }
