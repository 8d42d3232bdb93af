"""Adversarial losses of GANs: non-saturating, hinge, Wasserstein, ...

A discriminator gives logits, r of real images and f of generated ones,
(batch,) or, of a patch discriminator, (batch, height, width, 1). Each loss
has two methods, both means over all logits, in float32:

- `discriminator(real_logits, fake_logits)`, which the discriminator lowers;
- `generator(real_logits, fake_logits)`, which the generator lowers. All but
  the relativistic one ignore `real_logits` there (`generator_sees_real`), and
  None may be given.

No discriminator ends in a sigmoid: the losses take logits, and a second
sigmoid would squash every logit into [0.5, 0.73]. `σ(x)` is the sigmoid,
`softplus(x) = log(1 + exp(x)) = -log σ(-x)`.

Under a `MirroredStrategy` each replica takes the mean over its own part.
"""

import keras
from keras import ops

from keras_synth.ops import mean_or_zero


class AdversarialLoss:
    """Base class of adversarial losses.

    Args:
        label_smoothing: The discriminator aims at `1 - label_smoothing`
            instead of 1 for real images, so that it never grows certain.
            One-sided (Salimans et al. 2016, section 3.4): smoothing the fakes'
            target would reward the generator for staying where it is.
    """

    generator_sees_real = False

    def boundary(self, real_logits, fake_logits):
        """Decision boundary: the logit above which an image counts as real."""
        return 0.0

    def __init__(self, label_smoothing=0.0):
        if not 0 <= label_smoothing < 0.5:
            raise ValueError(
                "`label_smoothing` must be at least 0 and below 0.5. "
                f"Received: label_smoothing={label_smoothing!r}"
            )
        self.label_smoothing = label_smoothing

    def get_config(self):
        """The constructor's arguments."""
        return {"label_smoothing": self.label_smoothing}

    @classmethod
    def from_config(cls, config):
        """Rebuilds one from what `get_config` gave."""
        return cls(**config)


@keras.saving.register_keras_serializable("keras_synth")
class Minimax(AdversarialLoss):
    """Minimax GAN loss (saturating), as in the original paper.

    - discriminator: `-E[log σ(r)] - E[log(1 - σ(f))]`
    - generator: `E[log(1 - σ(f))]`

    The same quantity, one minimizing it and the other maximizing. It stalls:
    where the discriminator is sure of a fake (f very negative), the
    generator's gradient σ(f) vanishes, just when it has most to learn. Use
    `NonSaturating`, whose gradient there is 1.

    Reference: Goodfellow et al., Generative Adversarial Nets, 2014,
    equation 1.

    Example:

    >>> logits = ops.zeros((4,))
    >>> round(float(Minimax().discriminator(logits, logits)), 4)  # 2 log 2
    1.3863
    """

    def discriminator(self, real_logits, fake_logits):
        """Cross-entropy of "real" on r and "fake" on f."""
        real, fake = _float32(real_logits, fake_logits)
        # target 1 - ε: (1 - ε) softplus(-r) + ε softplus(r)
        on_real = ops.softplus(-real) + self.label_smoothing * real
        return mean_or_zero(on_real) + mean_or_zero(ops.softplus(fake))

    def generator(self, real_logits, fake_logits):
        """E[log(1 - σ(f))]."""
        (fake,) = _float32(fake_logits)
        return -mean_or_zero(ops.softplus(fake))


@keras.saving.register_keras_serializable("keras_synth")
class NonSaturating(Minimax):
    """Non-saturating GAN loss: the generator maximizes log σ(f).

    - discriminator: `-E[log σ(r)] - E[log(1 - σ(f))]`
    - generator: `-E[log σ(f)]`

    Same fixed point as `Minimax`, with a gradient that does not vanish while
    the discriminator is winning.

    Reference: Goodfellow et al. 2014, section 3, below equation 1.
    """

    def generator(self, real_logits, fake_logits):
        """-E[log σ(f)]."""
        (fake,) = _float32(fake_logits)
        return mean_or_zero(ops.softplus(-fake))


@keras.saving.register_keras_serializable("keras_synth")
class LeastSquares(AdversarialLoss):
    """Least-squares GAN loss (LSGAN).

    - discriminator: `½ E[(r - 1)²] + ½ E[f²]`
    - generator: `½ E[(f - 1)²]`

    Reference: Mao et al., Least Squares Generative Adversarial Networks,
    2017, equation 9.
    """

    def boundary(self, real_logits, fake_logits):
        """Halfway between the two targets."""
        return 0.5 * (1.0 - self.label_smoothing)

    def discriminator(self, real_logits, fake_logits):
        """Squared distances to 1 and to 0."""
        real, fake = _float32(real_logits, fake_logits)
        target = 1.0 - self.label_smoothing
        on_real = mean_or_zero(ops.square(real - target))
        return 0.5 * (on_real + mean_or_zero(ops.square(fake)))

    def generator(self, real_logits, fake_logits):
        """Squared distance to 1."""
        (fake,) = _float32(fake_logits)
        return 0.5 * mean_or_zero(ops.square(fake - 1.0))


class _WithoutLabels(AdversarialLoss):
    """Losses that compare logits with no label to smooth."""

    def __init__(self):
        super().__init__()

    def get_config(self):
        """No arguments."""
        return {}


@keras.saving.register_keras_serializable("keras_synth")
class Hinge(_WithoutLabels):
    """Hinge GAN loss, with a margin of 1.

    - discriminator: `E[max(0, 1 - r)] + E[max(0, 1 + f)]`
    - generator: `-E[f]`

    Reference: Miyato et al., Spectral Normalization for Generative
    Adversarial Networks, 2018, equations 16 and 17.
    """

    def discriminator(self, real_logits, fake_logits):
        """Hinge loss: what is missing to the margin on both sides."""
        real, fake = _float32(real_logits, fake_logits)
        return mean_or_zero(ops.relu(1.0 - real)) + mean_or_zero(
            ops.relu(1.0 + fake)
        )

    def generator(self, real_logits, fake_logits):
        """-E[f]."""
        (fake,) = _float32(fake_logits)
        return -mean_or_zero(fake)


@keras.saving.register_keras_serializable("keras_synth")
class Wasserstein(_WithoutLabels):
    """Wasserstein loss: needs a discriminator with bounded gradients.

    - discriminator: `E[f] - E[r]`
    - generator: `-E[f]`

    Means something only while the discriminator is 1-Lipschitz: use it with
    `WassersteinGradientPenalty`, or with spectral normalization.

    Reference: Arjovsky et al., Wasserstein GAN, 2017, equations 2 and 3.
    """

    def boundary(self, real_logits, fake_logits):
        """The middle between the mean logits, which have no zero."""
        return _middle(real_logits, fake_logits)

    def discriminator(self, real_logits, fake_logits):
        """E[f] - E[r]: minus the estimated distance."""
        real, fake = _float32(real_logits, fake_logits)
        return mean_or_zero(fake) - mean_or_zero(real)

    def generator(self, real_logits, fake_logits):
        """-E[f]."""
        (fake,) = _float32(fake_logits)
        return -mean_or_zero(fake)


@keras.saving.register_keras_serializable("keras_synth")
class RelativisticAverage(_WithoutLabels):
    """Relativistic average GAN loss (RaGAN).

    With `R = r - E[f]` and `F = f - E[r]`:

    - discriminator: `-E[log σ(R)] - E[log(1 - σ(F))]`
    - generator: `-E[log(1 - σ(R))] - E[log σ(F)]`

    The averages run over the batch of one replica.

    Reference: Jolicoeur-Martineau, The relativistic discriminator, 2018,
    equations 17 and 18, with the cross-entropy of section 4.3.
    """

    generator_sees_real = True

    def boundary(self, real_logits, fake_logits):
        """The middle between the mean logits, which have no zero."""
        return _middle(real_logits, fake_logits)

    def discriminator(self, real_logits, fake_logits):
        """Cross-entropy of real logits above the mean fake logit."""
        real, fake = _float32(real_logits, fake_logits)
        return mean_or_zero(
            ops.softplus(mean_or_zero(fake) - real)
        ) + mean_or_zero(ops.softplus(fake - mean_or_zero(real)))

    def generator(self, real_logits, fake_logits):
        """The same with the roles exchanged."""
        return self.discriminator(fake_logits, real_logits)


def _middle(real_logits, fake_logits):
    real, fake = _float32(real_logits, fake_logits)
    return 0.5 * (mean_or_zero(real) + mean_or_zero(fake))


def _float32(*logits):
    return [ops.cast(part, "float32") for part in logits]
