"""Adversarial losses of GANs: non-saturating, hinge, Wasserstein, ...

A discriminator returns logits, r of real images and f of generated ones,
(batch,), or (batch, height, width, 1) of a patch discriminator. Each loss has
two methods, both means over all logits, in float32:

- `discriminator(real_logits, fake_logits)`, minimized by the discriminator;
- `generator(real_logits, fake_logits)`, minimized by the generator. All but
  the relativistic one ignore `real_logits` there (`generator_sees_real`), so
  it may be None.

The losses take logits, so a discriminator must not end in a sigmoid. `σ(x)` is
the sigmoid, `softplus(x) = log(1 + exp(x)) = -log σ(-x)`.

Under a `MirroredStrategy` each replica takes the mean over its own part of
the batch.
"""

import keras
from keras import ops

from keras_synth.ops import mean_or_zero
from keras_synth.ops.numbers import is_number


class AdversarialLoss:
    """Base class of adversarial losses.

    Args:
        label_smoothing: Amount of one-sided label smoothing, from 0 to below
            0.5: the target of real images is `1 - label_smoothing`, which
            keeps the discriminator from overconfidence (Salimans et al.,
            Improved Techniques for Training GANs, 2016, section 3.4). The
            target of generated images stays 0.
    """

    generator_sees_real = False

    def boundary(self, real_logits, fake_logits):
        """Decision boundary: the logit above which an image counts as real."""
        return 0.0

    def __init__(self, label_smoothing=0.0):
        if not (is_number(label_smoothing) and 0 <= label_smoothing < 0.5):
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
        """Rebuilds the loss from its configuration."""
        return cls(**config)


@keras.saving.register_keras_serializable("keras_synth")
class Minimax(AdversarialLoss):
    """Minimax GAN loss (saturating), as in the original paper.

    - discriminator: `-E[log σ(r)] - E[log(1 - σ(f))]`
    - generator: `E[log(1 - σ(f))]`

    The discriminator maximizes and the generator minimizes the same value.
    The generator's gradient, σ(f), vanishes where the discriminator is
    certain of a generated image (f very negative). Use `NonSaturating`, whose
    gradient there is 1.

    Args:
        label_smoothing: Amount of label smoothing, see `AdversarialLoss`.

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

    Same fixed point as `Minimax`, but the gradient does not vanish where the
    discriminator is certain of a generated image.

    Args:
        label_smoothing: Amount of label smoothing, see `AdversarialLoss`.

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

    Args:
        label_smoothing: Amount of label smoothing, see `AdversarialLoss`.

    Reference: Mao et al., Least Squares Generative Adversarial Networks,
    2017, equation 9.
    """

    def boundary(self, real_logits, fake_logits):
        """The mean of the two targets."""
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
    """Base class of losses without label smoothing."""

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
        """Hinge loss of both kinds of logits, with margin 1."""
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

    It estimates the Wasserstein distance only while the discriminator is
    1-Lipschitz: use it with `WassersteinGradientPenalty` or spectral
    normalization.

    Reference: Arjovsky et al., Wasserstein GAN, 2017, equations 2 and 3.
    """

    def boundary(self, real_logits, fake_logits):
        """The mean of the two mean logits, since logits have no fixed zero."""
        return _middle(real_logits, fake_logits)

    def discriminator(self, real_logits, fake_logits):
        """E[f] - E[r], the negative estimate of the distance."""
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
        """The mean of the two mean logits, since logits have no fixed zero."""
        return _middle(real_logits, fake_logits)

    def discriminator(self, real_logits, fake_logits):
        """Cross-entropy of real logits above the mean fake logit."""
        real, fake = _float32(real_logits, fake_logits)
        return mean_or_zero(
            ops.softplus(mean_or_zero(fake) - real)
        ) + mean_or_zero(ops.softplus(fake - mean_or_zero(real)))

    def generator(self, real_logits, fake_logits):
        """The discriminator's loss with real and fake logits exchanged."""
        return self.discriminator(fake_logits, real_logits)


def _middle(real_logits, fake_logits):
    real, fake = _float32(real_logits, fake_logits)
    return 0.5 * (mean_or_zero(real) + mean_or_zero(fake))


def _float32(*logits):
    return [ops.cast(part, "float32") for part in logits]
