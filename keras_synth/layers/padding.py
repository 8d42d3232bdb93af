"""Padding to a multiple, and cropping back, for images of any size."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("keras_synth")
class PadToMultiple(keras.layers.Layer):
    """Reflection padding at the bottom and right to a multiple.

    The edge pixel is repeated (`abc` becomes `abccba`), and the reflection as
    often as needed, so that the smallest images work too. `CropLike` inverts
    it.

    Args:
        multiple: Number that both sides become divisible by, a positive int.

    Call arguments:
        images: (batch, height, width, channels).

    Returns:
        (batch, height', width', channels), sides rounded up to multiples.

    Example:

    >>> PadToMultiple(4)(ops.ones((1, 5, 8, 1))).shape
    TensorShape([1, 8, 8, 1])
    """

    def __init__(self, multiple, **kwargs):
        # Images stay in full precision, whatever the policy.
        super().__init__(**{**kwargs, "dtype": "float32"})
        if not isinstance(multiple, int) or multiple < 1:
            raise ValueError(
                "`multiple` must be a positive int. "
                f"Received: multiple={multiple!r}"
            )
        self.multiple = multiple

    def call(self, images):
        for axis in (1, 2):
            side = ops.shape(images)[axis]
            if isinstance(side, int) and side % self.multiple == 0:
                continue
            padded = _rounded_up(side, self.multiple)
            place = ops.arange(padded) % (2 * side)  # there and back again
            place = ops.minimum(place, 2 * side - 1 - place)
            images = ops.take(images, place, axis=axis)
        return images

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        sides = (
            side and _rounded_up(side, self.multiple)
            for side in (height, width)
        )
        return (batch, *sides, channels)

    def get_config(self):
        return {**super().get_config(), "multiple": self.multiple}


def _rounded_up(side, multiple):
    # Not -(-side // multiple): ONNX divides towards 0.
    return (side + multiple - 1) // multiple * multiple


@keras.saving.register_keras_serializable("keras_synth")
class CropLike(keras.layers.Layer):
    """Cropping at the bottom and right to the size of another image.

    Call arguments:
        inputs: `[images, reference]`, (batch, height, width, channels) each;
            only the size of the second is used.

    Returns:
        `images`, as high and wide as the reference.

    Example:

    >>> CropLike()([ops.ones((1, 8, 8, 1)), ops.ones((1, 5, 8, 3))]).shape
    TensorShape([1, 5, 8, 1])
    """

    def __init__(self, **kwargs):
        super().__init__(**{**kwargs, "dtype": "float32"})

    def call(self, inputs):
        images, reference = inputs
        _, height, width, _ = ops.shape(reference)
        return images[:, :height, :width]

    def compute_output_shape(self, input_shape):
        images, reference = input_shape
        return (images[0], *reference[1:3], images[3])
