"""Antialiased bilinear resizing as a layer."""

import keras
from keras import ops


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

    def build(self, input_shape):
        # So that gray images for a color network are refused here.
        axes = {-1: input_shape[-1]}
        self.input_spec = keras.layers.InputSpec(ndim=4, axes=axes)

    def call(self, images):
        # Products with matrices, which XLA, ONNX and LiteRT have, where they
        # have no antialiased resizing.
        rows, columns = (
            ops.cast(_triangles(side, wanted), images.dtype)
            for side, wanted in zip(
                ops.shape(images)[1:3], (self.height, self.width), strict=True
            )
        )
        _, height, width, channels = ops.shape(images)
        if images.shape[1] != self.height:
            lines = ops.reshape(images, (-1, height, width * channels))
            lines = ops.matmul(rows, lines)
            images = ops.reshape(lines, (-1, self.height, width, channels))
        if images.shape[2] != self.width:
            images = ops.matmul(columns, images)
        return images

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.height, self.width, input_shape[-1])

    def get_config(self):
        return super().get_config() | {
            "height": self.height,
            "width": self.width,
        }


def _triangles(side, wanted):
    """Weights of the pixels of one side in those of the other.

    Triangles as wide as two pixels of the coarser of both sides.
    """
    scale = ops.cast(side, "float32") / wanted
    centers = (ops.arange(wanted, dtype="float32") + 0.5) * scale
    pixels = ops.arange(side, dtype="float32") + 0.5
    distance = ops.abs(pixels[None] - centers[:, None])
    weights = ops.maximum(1.0 - distance / ops.maximum(scale, 1.0), 0.0)
    return weights / ops.sum(weights, axis=1, keepdims=True)
