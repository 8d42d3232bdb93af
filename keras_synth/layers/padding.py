"""Padding by reflection, also to a multiple, and cropping back."""

import keras
from keras import ops

from keras_synth.ops.numbers import is_int


@keras.saving.register_keras_serializable("keras_synth")
class PadToMultiple(keras.layers.Layer):
    """Reflection padding at the bottom and right to a multiple.

    The edge pixel is repeated (`abc` becomes `abccba`), and the reflection as
    often as needed, so that the smallest images work too. `CropLike`, with the
    same frame, inverts it.

    Args:
        multiple: Number that both sides become divisible by, a positive int.
        minimum: Least length of both sides, a multiple of `multiple`; None
            for `multiple`.
        frame: Number of pixels that are added on all four sides besides.

    Call arguments:
        images: (batch, height, width, channels).

    Returns:
        (batch, height', width', channels), sides rounded up to multiples, and
        twice the frame longer.

    Example:

    >>> PadToMultiple(4)(ops.ones((1, 5, 8, 1))).shape
    TensorShape([1, 8, 8, 1])
    """

    def __init__(self, multiple, minimum=None, frame=0, **kwargs):
        # Images stay in full precision, whatever the policy.
        super().__init__(**{**kwargs, "dtype": "float32"})
        if not is_int(multiple) or multiple < 1:
            raise ValueError(
                "`multiple` must be a positive int. "
                f"Received: multiple={multiple!r}"
            )
        if minimum is not None and (
            not is_int(minimum) or minimum < 1 or minimum % multiple
        ):
            raise ValueError(
                f"`minimum` must be a multiple of {multiple}, or None. "
                f"Received: minimum={minimum!r}"
            )
        _check_frame(frame)
        self.multiple = multiple
        self.minimum = minimum
        self.frame = frame

    def call(self, images):
        for axis in (1, 2):
            side = ops.shape(images)[axis]
            padded = self._padded(side)
            if isinstance(side, int) and side == padded and not self.frame:
                continue
            # From -frame, but by whole periods later, for ONNX knows no
            # remainder of numbers below 0; then there and back again.
            start = self.frame * (2 * side - 1)
            place = ops.arange(padded + 2 * self.frame) + start
            place %= 2 * side
            place = ops.minimum(place, 2 * side - 1 - place)
            images = ops.take(images, place, axis=axis)
        return images

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        sides = (
            side and self._padded(side) + 2 * self.frame
            for side in (height, width)
        )
        return (batch, *sides, channels)

    def _padded(self, side):
        # Not -(-side // multiple): ONNX divides towards 0.
        padded = (side + self.multiple - 1) // self.multiple * self.multiple
        if self.minimum is None:
            return padded
        if isinstance(side, int):
            return max(padded, self.minimum)
        return ops.maximum(padded, self.minimum)

    def get_config(self):
        config = {**super().get_config(), "multiple": self.multiple}
        if self.minimum is not None:
            config["minimum"] = self.minimum
        if self.frame:
            config["frame"] = self.frame
        return config


@keras.saving.register_keras_serializable("keras_synth")
class CropLike(keras.layers.Layer):
    """Cropping at the bottom and right to the size of another image.

    Args:
        frame: Number of pixels that are cut off at the top and left before.

    Call arguments:
        inputs: `[images, reference]`, (batch, height, width, channels) each;
            only the size of the second is used.

    Returns:
        `images`, as high and wide as the reference.

    Example:

    >>> CropLike()([ops.ones((1, 8, 8, 1)), ops.ones((1, 5, 8, 3))]).shape
    TensorShape([1, 5, 8, 1])
    """

    def __init__(self, frame=0, **kwargs):
        super().__init__(**{**kwargs, "dtype": "float32"})
        _check_frame(frame)
        self.frame = frame

    def call(self, inputs):
        images, reference = inputs
        _, height, width, _ = ops.shape(reference)
        frame = self.frame
        return images[:, frame : frame + height, frame : frame + width]

    def compute_output_shape(self, input_shape):
        images, reference = input_shape
        return (images[0], *reference[1:3], images[3])

    def get_config(self):
        frame = {"frame": self.frame} if self.frame else {}
        return {**super().get_config(), **frame}


@keras.saving.register_keras_serializable("keras_synth")
class ReflectionPadding2D(keras.layers.Layer):
    """Reflection padding on all four sides.

    The edge pixel is not repeated (`abcd` becomes `cbabcdcb` for 2).

    Args:
        padding: Pixels on each side, a positive int.

    Call arguments:
        images: (batch, height, width, channels), sides longer than `padding`.

    Returns:
        (batch, height + 2 padding, width + 2 padding, channels).

    Example:

    >>> ReflectionPadding2D(3)(ops.ones((1, 5, 8, 1))).shape
    TensorShape([1, 11, 14, 1])
    """

    def __init__(self, padding=1, **kwargs):
        super().__init__(**kwargs)
        if not is_int(padding) or padding < 1:
            raise ValueError(
                "`padding` must be a positive int. "
                f"Received: padding={padding!r}"
            )
        self.padding = padding

    def call(self, images):
        edges = 2 * (self.padding,)
        return ops.pad(images, ((0, 0), edges, edges, (0, 0)), mode="reflect")

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        sides = (side and side + 2 * self.padding for side in (height, width))
        return (batch, *sides, channels)

    def get_config(self):
        return {**super().get_config(), "padding": self.padding}


def _check_frame(frame):
    if not is_int(frame) or frame < 0:
        raise ValueError(
            f"`frame` must be an int of at least 0. Received: frame={frame!r}"
        )
