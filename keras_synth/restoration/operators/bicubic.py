"""Bicubic downsampling as an operator."""

import keras
import tensorflow as tf

from keras_synth.ops.numbers import is_int
from keras_synth.restoration.operators.base import Operator


@keras.saving.register_keras_serializable("keras_synth")
class BicubicDownsampling(Operator):
    """Bicubic downsampling with antialiasing: `y = R x Cᵀ`.

    R and C are the matrices of one column and one row: the cubic kernel with
    a = -1/2, stretched by the factor, with mirrored borders, as in
    `degradations.Downsample` and MATLAB's `imresize`. From the eigenvectors of
    `R Rᵀ = U Λ Uᵀ` and `C Cᵀ = V M Vᵀ` follows the proximal step

        x = z + Rᵀ U (Uᵀ (y - R z Cᵀ) V / (λ μᵀ + ρ)) Vᵀ C

    Args:
        scale: Factor by which height and width are divided, an int of at
            least 1.

    Raises:
        ValueError: `scale` is not an int of at least 1.

    Reference: Keys, Cubic Convolution Interpolation for Digital Image
    Processing, 1981, equation 15.

    Example:

    >>> BicubicDownsampling(2).forward(tf.ones((1, 8, 12, 3))).shape
    TensorShape([1, 4, 6, 3])
    """

    def __init__(self, scale):
        if not is_int(scale) or scale < 1:
            raise ValueError(
                f"`scale` must be an int, at least 1. Received: scale={scale!r}"
            )
        self.scale = scale

    def forward(self, x):
        if any(side and side % self.scale for side in x.shape[1:3]):
            raise ValueError(
                "Height and width must be multiples of the scale, "
                f"{self.scale} (`io.modulo_crop`). Received: shape "
                f"{tuple(x.shape)}"
            )
        rows, columns = (self._matrix(n // self.scale) for n in _sides(x))
        return _times(rows, x, columns)

    def adjoint(self, y):
        rows, columns = (self._matrix(n) for n in _sides(y))
        return _times(tf.transpose(rows), y, tf.transpose(columns))

    def prox(self, z, y, rho):
        rows, columns = (self._matrix(n) for n in _sides(y))
        (left, row_basis), (right, column_basis) = (
            tf.linalg.eigh(tf.matmul(matrix, matrix, transpose_b=True))
            for matrix in (rows, columns)
        )
        values = left[:, None, None] * right[:, None]
        residual = y - _times(rows, z, columns)
        residual = _times(
            tf.transpose(row_basis), residual, tf.transpose(column_basis)
        )
        found = _times(row_basis, residual / (values + rho), column_basis)
        return z + _times(tf.transpose(rows), found, tf.transpose(columns))

    def start(self, y):
        """Bicubic upscaling."""
        size = self.scale * tf.shape(y)[1:3]
        return tf.image.resize(y, size, "bicubic", antialias=True)

    def get_config(self):
        return {"scale": self.scale}

    def _matrix(self, size):
        """From a line of `scale · size` pixels to one of `size`."""
        scale = self.scale
        reach = 2 * scale  # of the kernel, in pixels of the long line
        # The middle of pixel i, and the pixels that the kernel reaches.
        middle = scale * tf.range(size) + (scale - 1) // 2
        place = middle[:, None] + tf.range(-reach, reach + 1)
        offset = 0.5 * ((scale - 1) % 2)
        distance = tf.abs(tf.range(-reach, reach + 1, dtype="float32") - offset)
        weights = _cubic(distance / scale)
        weights /= tf.reduce_sum(weights)
        length = scale * size
        place %= 2 * length
        place = tf.minimum(place, 2 * length - 1 - place)
        return tf.reduce_sum(
            weights[:, None] * tf.one_hot(place, length), axis=1
        )


def _sides(images):
    shape = tf.shape(images)
    return shape[1], shape[2]


def _times(rows, images, columns):
    """`R x Cᵀ` for each channel."""
    return tf.einsum("yh,bhwc,xw->byxc", rows, images, columns)


def _cubic(distance):
    near = (1.5 * distance - 2.5) * distance**2 + 1.0
    far = ((-0.5 * distance + 2.5) * distance - 4.0) * distance + 2.0
    return tf.where(distance < 1.0, near, tf.where(distance < 2.0, far, 0.0))
