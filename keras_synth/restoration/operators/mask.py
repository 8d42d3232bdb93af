"""Missing pixels and missing colors, as operators."""

import keras
import numpy as np
import tensorflow as tf

from keras_synth.restoration.operators.base import Operator

_LEVELS = 6  # halvings: gaps of more than 64 pixels are filled evenly
_PATTERNS = ("RGGB", "BGGR", "GRBG", "GBRG")


class _Selection(Operator):
    """Some of the values of an image: an operator whose `A Aᵀ` is a mask.

    A subclass has `_known`, 1 where a value is kept and 0 elsewhere.
    """

    def prox(self, z, y, rho):
        """In closed form, value by value: `(known y + ρ z) / (known + ρ)`."""
        residual = self.adjoint(y - self.forward(z))
        return z + residual / (1.0 + rho)

    def start(self, y):
        """Missing values from the means of ever larger neighborhoods."""
        values = self.adjoint(y)
        return _filled(values, self._known(values), _LEVELS)

    def noise_level(self, y):
        """0: among missing pixels no noise can be estimated."""
        return tf.zeros((tf.shape(y)[0], 1, 1, 1))


@keras.saving.register_keras_serializable("keras_synth")
class Mask(_Selection):
    """Missing pixels: `y = (1 - mask) x`.

    Args:
        mask: float32 (batch or 1, height, width, 1), 1 where a pixel is
            missing. None (default) takes that of the inputs.

    Raises:
        ValueError: Raised by the other methods where the mask is None.

    Example:

    >>> mask = np.float32([[0.0, 1.0], [0.0, 0.0]])[None, ..., None]
    >>> white = np.ones((1, 2, 2, 1), "float32")
    >>> Mask(mask).forward(white)[0, ..., 0].numpy().tolist()
    [[1.0, 0.0], [1.0, 1.0]]
    """

    input_names = ("mask",)

    def __init__(self, mask=None):
        self.mask = mask
        if mask is not None:
            self.input_names = ()

    def given(self, inputs):
        return self if self.mask is not None else Mask(inputs["mask"])

    def forward(self, x):
        return x * self._known(x)

    def adjoint(self, y):
        return y * self._known(y)

    def get_config(self):
        mask = self.mask
        return {"mask": None if mask is None else np.asarray(mask).tolist()}

    def _known(self, like):
        if self.mask is None:
            raise ValueError(
                "`mask` is missing: give it to Mask, or to the restorer as "
                '{"image": ..., "mask": ...}.'
            )
        known = tf.cast(self.mask, "float32") <= 0.5
        return tf.cast(known, "float32") * tf.ones_like(like)


@keras.saving.register_keras_serializable("keras_synth")
class ColorFilterArray(_Selection):
    """Color filter array of a camera (Bayer): one color at each pixel.

    Args:
        pattern: Colors of the first 2 x 2 pixels, row by row: "RGGB",
            "BGGR", "GRBG" or "GBRG".

    Raises:
        ValueError: `pattern` is none of these.

    Example:

    >>> red = np.float32([1.0, 0.0, 0.0]) * np.ones((1, 2, 4, 1), "float32")
    >>> ColorFilterArray("RGGB").forward(red)[0, ..., 0].numpy().tolist()
    [[1.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0]]
    """

    channels = 1

    def __init__(self, pattern="RGGB"):
        if pattern not in _PATTERNS:
            raise ValueError(
                f"`pattern` must be one of {', '.join(_PATTERNS)}. "
                f"Received: pattern={pattern!r}"
            )
        self.pattern = pattern

    def forward(self, x):
        return tf.reduce_sum(x * self._known(x), axis=-1, keepdims=True)

    def adjoint(self, y):
        return y * self._known(y)

    def get_config(self):
        return {"pattern": self.pattern}

    def _known(self, like):
        sites = np.float32(
            [[color == site for color in "RGB"] for site in self.pattern]
        ).reshape(1, 2, 2, 3)
        shape = tf.shape(like)
        sites = tf.tile(sites, [1, shape[1] // 2 + 1, shape[2] // 2 + 1, 1])
        return sites[:, : shape[1], : shape[2]]


def _filled(values, known, levels):
    """Push-pull: known values, elsewhere means of the nearest ones.

    Args:
        values: (batch, height, width, channels), 0 where nothing is known.
        known: Weights from 0 to 1, of the same shape or with a batch of 1.
        levels: Number of times that the image is halved.
    """
    known = known * tf.ones_like(values)
    if levels:
        sums, weights = (_halved(x) for x in (values, known))
        means = tf.math.divide_no_nan(sums, weights)
        coarse = _filled(
            means * tf.minimum(4.0 * weights, 1.0),
            tf.minimum(4.0 * weights, 1.0),
            levels - 1,
        )
        coarse = tf.image.resize(coarse, tf.shape(values)[1:3], "bilinear")
    else:
        sums, weights = (
            tf.reduce_sum(x, axis=(1, 2), keepdims=True)
            for x in (values, known)
        )
        coarse = tf.math.divide_no_nan(sums, weights)
    return values + (1.0 - known) * coarse


def _halved(x):
    """Means of 4 x 4 neighborhoods, at half the size."""
    return tf.nn.avg_pool2d(x, 4, 2, "SAME")
