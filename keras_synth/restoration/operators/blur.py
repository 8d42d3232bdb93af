"""Blur by any kernel, and the loss of pixels after it, as operators."""

import keras
import numpy as np
import tensorflow as tf

from keras_synth.ops.numbers import is_int
from keras_synth.restoration.operators.base import (
    Operator,
    conjugate_gradients,
)


@keras.saving.register_keras_serializable("keras_synth")
class Blur(Operator):
    """Blur by a known kernel, then every `scale`-th pixel: `y = (k * x)↓s`.

    Pixel i of y lies in the middle of the s pixels of x from `s · i` on, with
    a kernel of odd size where s is odd, and of even size where it is even.

    With "unknown" borders x reaches beyond y as far as the kernel does, and
    nothing is assumed of what lies there: no border rings. The proximal step
    is found by conjugate gradients with the closed form of the circular blur
    as their preconditioner. With "circular" borders it is that closed form,

        x = z + kᵀ * (u↑s),  û = (y - (k * z)↓s)^ / (ĝ + ρ)

    where g is `(k * kᵀ)↓s`.

    Args:
        kernel: Weights k, (rows, columns), an array or nested lists. They are
            divided by their sum.
        scale: Factor s of the decimation, an int of at least 1. 1 is a blur.
        borders: "unknown" or "circular", where images continue periodically.

    Raises:
        ValueError: The kernel is no matrix of finite numbers with a sum above
            0; another argument has another value.

    Reference: Zhao et al., Fast Single Image Super-Resolution Using a New
    Analytical Solution for ℓ2–ℓ2 Problems, 2016, theorem 1; Zhang et al.,
    Plug-and-Play Image Restoration with Deep Denoiser Prior, 2022,
    equation 27.

    Example:

    >>> blur = Blur(np.ones((3, 3)), borders="circular")
    >>> point = np.zeros((1, 6, 6, 1), "float32")
    >>> point[0, 0, 0] = 9.0
    >>> np.abs(blur.forward(point)[0, 0, :, 0]).round(3).tolist()
    [1.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    """

    def __init__(self, kernel, scale=1, borders="unknown"):
        kernel = np.asarray(kernel, "float64")
        if (
            kernel.ndim != 2
            or not np.isfinite(kernel).all()
            or not kernel.sum() > 0
        ):
            raise ValueError(
                "`kernel` must be a matrix of finite numbers with a sum above "
                f"0. Received: shape {kernel.shape}"
            )
        if not is_int(scale) or scale < 1:
            raise ValueError(
                f"`scale` must be an int, at least 1. Received: scale={scale!r}"
            )
        if borders not in ("unknown", "circular"):
            raise ValueError(
                '`borders` must be "unknown" or "circular". '
                f"Received: borders={borders!r}"
            )
        self.kernel = (kernel / kernel.sum()).astype("float32")
        self.scale = scale
        self.borders = borders
        #: Pixels of y that x reaches beyond it at the top and at the left,
        #: and the same number at the bottom and at the right.
        self.margin = (0, 0)
        if borders == "unknown":
            self.margin = tuple(
                -(-(side // 2) // scale) for side in kernel.shape
            )

    def forward(self, x):
        x = _planes(x)
        return _images(self._forward(x, self._transfer(x)))

    def adjoint(self, y):
        spread = self._spread(self._padded(_planes(y)))
        return _images(_correlated(spread, self._transfer(spread)))

    def prox(self, z, y, rho):
        z = _planes(z)
        transfer = self._transfer(z)
        residual = _planes(y) - self._forward(z, transfer)
        gram = self._gram(transfer, tf.shape(z)[2:])
        rho = tf.reshape(tf.cast(rho, "float32"), (-1, 1, 1, 1))

        def filtered(u, gain):
            return self._cropped(_filtered(self._padded(u), gain))

        inverse = 1.0 / (gram + rho)
        if self.borders == "circular":
            found = filtered(residual, inverse)
        else:
            found = conjugate_gradients(
                lambda u: filtered(u, gram) + rho * u,
                residual,
                lambda u: filtered(u, inverse),
            )
        spread = self._spread(self._padded(found))
        return _images(z + _correlated(spread, transfer))

    def start(self, y):
        """y, continued as its mirror image, and upscaled bicubically."""
        for axis, margin in enumerate(self.margin, 1):
            y = _mirrored(y, axis, margin)
        if self.scale == 1:
            return y
        size = self.scale * tf.shape(y)[1:3]
        return tf.image.resize(y, size, "bicubic", antialias=True)

    def visible(self, x):
        return _images(self._cropped(_planes(x), self.scale))

    def get_config(self):
        return {
            "kernel": self.kernel.tolist(),
            "scale": self.scale,
            "borders": self.borders,
        }

    def _transfer(self, planes):
        """Transfer function of the kernel, (1, 1, height, width // 2 + 1)."""
        size = tf.shape(planes)[2:]
        rows, columns = self.kernel.shape
        # A kernel that is larger than the image goes around it.
        rounds = [-(-rows // size[0]), -(-columns // size[1])]
        kernel = tf.pad(
            self.kernel,
            [
                [0, rounds[0] * size[0] - rows],
                [0, rounds[1] * size[1] - columns],
            ],
        )
        kernel = tf.reshape(kernel, (rounds[0], size[0], rounds[1], size[1]))
        kernel = tf.reduce_sum(kernel, axis=(0, 2))
        kernel = tf.roll(kernel, [-(rows // 2), -(columns // 2)], [0, 1])
        return tf.signal.rfft2d(kernel)[None, None]

    def _gram(self, transfer, size):
        """That of `A Aᵀ`, with x of a size, without its border: real."""
        power = tf.square(tf.abs(transfer))
        if self.scale == 1:
            return power
        correlation = tf.signal.irfft2d(tf.cast(power, "complex64"), size)
        step = self.scale
        return tf.math.real(tf.signal.rfft2d(correlation[..., ::step, ::step]))

    # Below, x and y are planes: (batch, channels, height, width), of which
    # Fourier transforms are taken.

    def _forward(self, x, transfer):
        first, step = (self.scale - 1) // 2, self.scale
        blurred = _filtered(x, transfer)
        return self._cropped(blurred[..., first::step, first::step])

    def _spread(self, y):
        """Zeros between the pixels: the adjoint of their choice."""
        if self.scale == 1:
            return y
        first = (self.scale - 1) // 2
        zeros = [first, self.scale - 1 - first]
        shape = tf.shape(y)
        y = y[:, :, :, None, :, None]
        y = tf.pad(y, [[0, 0], [0, 0], [0, 0], zeros, [0, 0], zeros])
        return tf.reshape(y, shape * (1, 1, self.scale, self.scale))

    def _padded(self, y):
        vertical, horizontal = ([margin, margin] for margin in self.margin)
        return tf.pad(y, [[0, 0], [0, 0], vertical, horizontal])

    def _cropped(self, y, times=1):
        rows, columns = (times * margin for margin in self.margin)
        shape = tf.shape(y)
        return y[:, :, rows : shape[2] - rows, columns : shape[3] - columns]


def _planes(images):
    return tf.transpose(images, (0, 3, 1, 2))


def _images(planes):
    return tf.transpose(planes, (0, 2, 3, 1))


def _filtered(planes, transfer):
    """Circular convolution, with (1 or batch, 1, height, width // 2 + 1)."""
    spectrum = tf.signal.rfft2d(planes) * tf.cast(transfer, "complex64")
    return tf.signal.irfft2d(spectrum, tf.shape(planes)[2:])


def _correlated(planes, transfer):
    """Circular correlation: the adjoint of the convolution."""
    return _filtered(planes, tf.math.conj(transfer))


def _mirrored(images, axis, margin):
    """Continues images as their mirror image."""
    if not margin:
        return images
    size = tf.shape(images)[axis]
    place = tf.range(-margin, size + margin) % (2 * size)
    place = tf.minimum(place, 2 * size - 1 - place)
    return tf.gather(images, place, axis=axis)
