"""Top-hat transforms: what is thinner than a window, brighter or darker."""

import keras
from keras import ops

from keras_synth.ops.numbers import is_int


@keras.saving.register_keras_serializable("keras_synth")
class TopHat(keras.layers.Layer):
    """White and black top-hat transforms of the brightness, of given sizes.

    Of the mean g of the channels, with a minimum and a maximum over squares of
    k x k pixels:

        `white = g - max(min(g))`, `black = min(max(g)) - g`

    White is what is brighter than its surroundings and thinner than k pixels,
    black what is darker; both are at least 0, and 0 on edges of large areas.
    At the edges of the image the squares are cut off.

    Args:
        sizes: k of each pair of maps, odd numbers above 1.

    Call arguments:
        images: (batch, height, width, channels).

    Returns:
        (batch, height, width, 2 · len(sizes)): white and black of the first
        size, of the second, ...

    Raises:
        ValueError: `sizes` is empty, or holds other numbers.

    Example:

    >>> line = ops.pad(ops.ones((1, 1, 9, 1)), ((0, 0), (4, 4), (0, 0), (0, 0)))
    >>> [float(x) for x in TopHat((3,))(line)[0, 4, 4]]
    [1.0, 0.0]

    Reference: Serra, Image Analysis and Mathematical Morphology, 1982, chapter
    12, after Meyer.
    """

    def __init__(self, sizes=(3, 7, 15), **kwargs):
        # Images stay in full precision, whatever the policy.
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.sizes = tuple(sizes)
        if not self.sizes or not all(
            is_int(k) and k > 1 and k % 2 for k in self.sizes
        ):
            raise ValueError(
                "`sizes` must be odd numbers above 1. "
                f"Received: sizes={sizes!r}"
            )

    def call(self, images):
        brightness = ops.mean(images, axis=-1, keepdims=True)
        maps = []
        for size in self.sizes:
            opened = _maximum(-_maximum(-brightness, size), size)
            closed = -_maximum(-_maximum(brightness, size), size)
            maps += [brightness - opened, closed - brightness]
        return ops.concatenate(maps, axis=-1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], 2 * len(self.sizes))

    def get_config(self):
        return {**super().get_config(), "sizes": self.sizes}


def _maximum(images, size):
    """Maximum over squares: along rows, then along columns."""
    for window in ((1, size), (size, 1)):
        images = ops.max_pool(images, window, strides=1, padding="same")
    return images
