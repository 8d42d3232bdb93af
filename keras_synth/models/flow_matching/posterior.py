"""Restoration with a flow as prior: guidance by a degraded image (ΠGDM)."""

import tensorflow as tf

from keras_synth.models.checks import check_images, described, shape_of
from keras_synth.ops.ranges import InvalidInput

_SMALLEST_RHO = 1e-4


class KnownPixels:
    """Degradation operator of a mask: it keeps what the mask does not mark.

    Args:
        masks: float32 (batch, height, width, 1), 1 where a pixel is missing.
    """

    def __init__(self, masks):
        self.known = 1.0 - tf.cast(masks, "float32")

    def forward(self, x):
        """The known pixels, 0 elsewhere."""
        return self.known * x

    def prox(self, z, y, rho):
        """`argmin_x ‖y - A x‖² + ρ ‖x - z‖²`."""
        return z + self.known * (y - z) / (1.0 + rho)


def guided_velocity(denoise, operator, y, noise_level, parameterization, sigma):
    """Velocity of a flow whose images fit a degraded image y.

    With `y = A x₀ + noise` and x₀ given x_t about N(D, r²), `r² = σ² σ_d² /
    (σ² + σ_d²)`, the denoised image is corrected to

        D + σ²/r² · (∂D/∂x)ᵀ Aᵀ (A Aᵀ + σ_y²/r²)⁻¹ (y - A D)

    of which `Aᵀ (...)⁻¹ (y - A D)` is the operator's proximal step from D,
    minus D.

    Args:
        denoise: Function from x and scalar t to D, in [-1, 1].
        operator: Operator with `forward` and `prox`, on images in [0, 1].
        y: Degraded images.
        noise_level: Standard deviation σ_y of the noise in y.
        parameterization: A `Flow` or an `EDM`.
        sigma: Standard deviation σ_d of the images, in [-1, 1].

    Returns:
        Function from x and scalar t to the velocity.

    Reference: Song et al., Pseudoinverse-Guided Diffusion Models for Inverse
    Problems, 2023, equation 7; for flows: Pokle et al., Training-free Linear
    Image Inverses via Flows, 2024, algorithm 1.
    """

    def velocity(x, t):
        signal = tf.cast(parameterization.signal(t), "float32")
        with tf.GradientTape() as tape:
            tape.watch(x)
            clean = denoise(x, t)
        # σ²/r² s, finite where there is no signal yet.
        level = t / tf.maximum(signal, 1e-3)
        ratio = 1.0 + tf.square(level / sigma)
        variance = tf.square(level) / ratio / 4.0  # r², in units of [0, 1]
        rho = tf.maximum(noise_level**2 / variance, _SMALLEST_RHO)
        near = 0.5 * (clean + 1.0)
        pull = 2.0 * (operator.prox(near, y, rho) - near)
        pull = tape.gradient(clean, x, output_gradients=pull)
        return (x - clean - ratio * signal * pull) / t

    return velocity


def check_degraded(operator, y, image_shape):
    """Refuses degraded images that the operator does not make.

    Their size must be that of its results, and where these are images of as
    many channels, the values must lie about [0, 1].

    Args:
        operator: Operator with `forward` and `prox`.
        y: Degraded images.
        image_shape: (height, width, channels) of the restored images.
    """
    for name in ("forward", "prox"):
        if not hasattr(operator, name):
            raise InvalidInput(
                "`operator` must be one of `restoration.operators`, such as "
                f"`restoration.Blur(kernel)`. Received: {operator!r}"
            )
    made = operator.forward(tf.zeros((1, *image_shape))).shape[1:]
    if len(shape_of(y)) != 4 or tuple(made) != shape_of(y)[1:]:
        raise InvalidInput(
            f"Degraded images of this operator must be (batch, {made[0]}, "
            f"{made[1]}, {made[2]}) for images of {tuple(image_shape)}. "
            f"Received: {described(y)}"
        )
    if made[-1] == image_shape[-1]:
        check_images(y, made, degraded=True)
