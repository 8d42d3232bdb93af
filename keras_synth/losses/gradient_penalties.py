"""Gradient penalties on the discriminator of a GAN: R1, R2, WGAN-GP.

A penalty is called with the discriminator (a function from images to
logits), real and generated images in [0, 1], and a seed. It returns a scalar,
the mean over the batch, to be added to the discriminator's loss. Gradients
are taken with respect to images in [-1, 1], so that published weights hold.

With `interval` k a model computes the penalty at every k-th step only, with k
times the weight ("lazy regularization", Karras et al., StyleGAN2, 2020, section
3.1). That is cheaper, with about the same effect.
"""

import keras
from keras import ops

from keras_synth.ops import mean_or_zero, squared_gradient_norms
from keras_synth.ops.numbers import is_int, is_number


class GradientPenalty:
    """Base class of gradient penalties.

    Args:
        weight: Weight of the penalty in the discriminator's loss.
        interval: Number of discriminator steps from one computation of the
            penalty to the next. 1 computes it at every step.
    """

    def __init__(self, weight=10.0, interval=1):
        if not (is_number(weight) and 0 < weight < float("inf")):
            raise ValueError(
                f"`weight` must be above 0. Received: weight={weight!r}"
            )
        if not is_int(interval) or interval < 1:
            raise ValueError(
                "`interval` must be a positive int. "
                f"Received: interval={interval!r}"
            )
        self.weight = weight
        self.interval = interval

    def get_config(self):
        """The constructor's arguments."""
        return {"weight": self.weight, "interval": self.interval}

    @classmethod
    def from_config(cls, config):
        """Rebuilds the penalty from its configuration."""
        return cls(**config)


@keras.saving.register_keras_serializable("keras_synth")
class R1(GradientPenalty):
    """R1 penalty: squared gradient norm of the logits at real images.

    `weight / 2 · E‖∇D(x)‖²` over real x.

    Args:
        weight: Weight of the penalty in the discriminator's loss.
        interval: Number of discriminator steps from one computation of the
            penalty to the next.

    Reference: Mescheder et al., Which Training Methods for GANs do actually
    Converge?, 2018, equation 9.

    Example:

    >>> real = ops.zeros((2, 4, 4, 1))
    >>> brightness = lambda x: ops.sum(x, axis=(1, 2, 3))
    >>> float(R1(weight=10.0)(brightness, real, None, seed=0))  # 5 · 16 · ½²
    20.0
    """

    def __call__(self, discriminator, real, fake, seed):
        """The penalty's mean over the real images."""
        norms = squared_gradient_norms(discriminator, real)
        return 0.5 * self.weight * mean_or_zero(norms)


@keras.saving.register_keras_serializable("keras_synth")
class R2(GradientPenalty):
    """R2 penalty: squared gradient norm of the logits at generated images.

    `weight / 2 · E‖∇D(x)‖²` over generated x.

    Args:
        weight: Weight of the penalty in the discriminator's loss.
        interval: Number of discriminator steps from one computation of the
            penalty to the next.

    Reference: Mescheder et al. 2018, equation 10.
    """

    def __call__(self, discriminator, real, fake, seed):
        """The penalty's mean over the generated images."""
        norms = squared_gradient_norms(discriminator, fake)
        return 0.5 * self.weight * mean_or_zero(norms)


@keras.saving.register_keras_serializable("keras_synth")
class WassersteinGradientPenalty(GradientPenalty):
    """WGAN-GP penalty: keeps gradient norms at 1 between real and fake images.

    `weight · E[(‖∇D(x̂)‖ - 1)²]`, with `x̂ = u x + (1 - u) G(z)` and one
    `u ~ U(0, 1)` per pair.

    Args:
        weight: Weight of the penalty in the discriminator's loss.
        interval: Number of discriminator steps from one computation of the
            penalty to the next.

    Reference: Gulrajani et al., Improved Training of Wasserstein GANs, 2017,
    equation 3.
    """

    def __call__(self, discriminator, real, fake, seed):
        """The penalty's mean over random mixtures of real and fake images."""
        real, fake = ops.cast(real, "float32"), ops.cast(fake, "float32")
        share = keras.random.uniform(
            (ops.shape(real)[0], 1, 1, 1), dtype="float32", seed=seed
        )
        mixed = share * real + (1.0 - share) * fake
        # The root of 0 has no gradient.
        norms = ops.sqrt(squared_gradient_norms(discriminator, mixed) + 1e-12)
        return self.weight * mean_or_zero(ops.square(norms - 1.0))
