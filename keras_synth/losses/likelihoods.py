"""Likelihoods log p(x | parameters) of images, for VAE decoders.

A likelihood maps the raw output of a decoder to a distribution over images in
[0, 1]. Each has three methods, and `parameters_per_channel`, the number of
parameters that the decoder returns for every channel of every pixel:

- `log_prob(images, parameters)`: nats per image (sum over pixels), shape
  (..., batch);
- `mean(parameters)`: the expected image, in [0, 1];
- `sample(parameters, seed)`: an image drawn from it, in [0, 1].

`images` is (batch, height, width, channels); `parameters` is
(..., batch, height, width, channels * parameters_per_channel): first all
means, then all log-scales.
"""

import math

import keras
from keras import ops

from keras_synth.ops import gaussian_log_prob
from keras_synth.ops.numbers import is_int, is_number

_PIXELS = (-3, -2, -1)


class Likelihood:
    """Base class of likelihoods."""

    @classmethod
    def from_config(cls, config):
        """Rebuilds the likelihood from its configuration."""
        return cls(**config)

    def unclipped_mean(self, parameters):
        """The mean before it is clipped: with a gradient everywhere."""
        return self.mean(parameters)


@keras.saving.register_keras_serializable("keras_synth")
class Bernoulli(Likelihood):
    """Bernoulli likelihood: each pixel is 1 with probability sigmoid(logit).

    `log p(x) = Σ x · logit - log(1 + exp(logit))`

    A distribution over black-and-white images. On gray images it is the
    cross-entropy: useful for training, but not a log-probability. Report nats
    only for binarized images (`datasets.stochastic_binarization`).

    Example:

    >>> ones = keras.ops.ones((1, 2, 2, 1))
    >>> round(float(Bernoulli().log_prob(ones, 0.0 * ones)[0]), 3)  # 4 log ½
    -2.773
    """

    parameters_per_channel = 1

    def log_prob(self, images, parameters):
        """Nats per image; `parameters` are logits."""
        return ops.sum(
            images * parameters - ops.softplus(parameters), axis=_PIXELS
        )

    def mean(self, parameters):
        """The probability of white, per pixel."""
        return ops.sigmoid(parameters)

    def sample(self, parameters, seed=None):
        """A black-and-white image."""
        uniform = keras.random.uniform(ops.shape(parameters), seed=seed)
        return ops.cast(uniform < ops.sigmoid(parameters), parameters.dtype)

    def get_config(self):
        """No arguments."""
        return {}


@keras.saving.register_keras_serializable("keras_synth")
class Gaussian(Likelihood):
    """Gaussian likelihood: each pixel is normal around the decoder's output.

    `log p(x) = Σ -½ (log 2π + log s² + (x - m)² / s²)`, a density: it may
    exceed zero.

    Args:
        standard_deviation: Standard deviation s of every pixel, in units of
            [0, 1]. With None the decoder predicts it: log s² per pixel and
            channel, in the second half of its channels.
        minimum: Smallest standard deviation that a decoder can predict, which
            bounds the density of constant pixels; half a gray level of an
            8-bit image by default.

    Example:

    >>> zeros = keras.ops.zeros((1, 1, 1, 1))
    >>> round(float(Gaussian(1.0).log_prob(zeros, zeros)[0]), 4)
    -0.9189
    """

    def __init__(self, standard_deviation=0.1, minimum=0.5 / 255):
        for name, value in (
            ("standard_deviation", standard_deviation),
            ("minimum", minimum),
        ):
            if value is not None and not (
                is_number(value) and 0 < value < float("inf")
            ):
                raise ValueError(
                    f"`{name}` must be above 0. Received: {name}={value!r}"
                )
        if minimum is None:
            raise ValueError("`minimum` must be above 0. Received: None")
        self.standard_deviation = standard_deviation
        self.minimum = minimum
        self.parameters_per_channel = 1 if standard_deviation else 2

    def _mean_and_log_variance(self, parameters):
        if self.standard_deviation:
            return parameters, 2.0 * math.log(self.standard_deviation)
        mean, raw = ops.split(parameters, 2, axis=-1)
        floor = 2.0 * math.log(self.minimum)
        return mean, floor + ops.softplus(raw - floor)

    def log_prob(self, images, parameters):
        """Nats per image (a log-density)."""
        mean, log_variance = self._mean_and_log_variance(parameters)
        return ops.sum(
            gaussian_log_prob(images, mean, log_variance), axis=_PIXELS
        )

    def unclipped_mean(self, parameters):
        """The mean, as the decoder gives it."""
        return self._mean_and_log_variance(parameters)[0]

    def mean(self, parameters):
        """The mean, clipped to [0, 1]."""
        return ops.clip(self.unclipped_mean(parameters), 0.0, 1.0)

    def sample(self, parameters, seed=None):
        """An image with its noise, clipped to [0, 1]."""
        mean, log_variance = self._mean_and_log_variance(parameters)
        noise = keras.random.normal(ops.shape(mean), seed=seed)
        deviation = ops.exp(ops.convert_to_tensor(0.5 * log_variance))
        return ops.clip(mean + deviation * noise, 0.0, 1.0)

    def get_config(self):
        """The constructor's arguments."""
        return {
            "standard_deviation": self.standard_deviation,
            "minimum": self.minimum,
        }


@keras.saving.register_keras_serializable("keras_synth")
class DiscretizedLogistic(Likelihood):
    """Discretized logistic likelihood over the 256 levels of 8-bit images.

    `p(level) = σ((x + h - m) / s) - σ((x - h - m) / s)`, with h half a level;
    the darkest and the brightest level have the whole tail, so that the
    probabilities of all levels sum to one. The decoder returns m, then log s.

    Args:
        levels: Number of gray levels of a pixel.
        minimum_log_scale: Smallest log s, with s in units of [0, 1].

    Reference: Kingma et al., Improving Variational Inference with Inverse
    Autoregressive Flow, 2016, section 5.2; Salimans et al., PixelCNN++, 2017,
    equation 2.

    Example:

    >>> gray = keras.ops.full((1, 1, 1, 1), 0.5)
    >>> parameters = keras.ops.convert_to_tensor([[[[0.5, -2.0]]]])
    >>> DiscretizedLogistic().log_prob(gray, parameters).shape
    TensorShape([1])
    """

    parameters_per_channel = 2

    def __init__(self, levels=256, minimum_log_scale=-7.0):
        if not is_int(levels) or levels < 2:
            raise ValueError(
                "`levels` must be an int of at least 2. "
                f"Received: levels={levels!r}"
            )
        self.levels = levels
        self.minimum_log_scale = minimum_log_scale

    def _mean_and_log_scale(self, parameters):
        mean, log_scale = ops.split(parameters, 2, axis=-1)
        # Scales far above the range of images all give the same distribution.
        return mean, ops.clip(log_scale, self.minimum_log_scale, 7.0)

    def log_prob(self, images, parameters):
        """Nats per image."""
        mean, log_scale = self._mean_and_log_scale(parameters)
        half = 0.5 / (self.levels - 1)
        inverse_scale = ops.exp(-log_scale)
        upper = (images + half - mean) * inverse_scale
        lower = (images - half - mean) * inverse_scale
        width = 2.0 * half * inverse_scale
        # σ(u) - σ(l) = σ(u) σ(-l) (1 - exp(l - u)), exact and never log 0.
        between = (
            ops.log_sigmoid(upper)
            + ops.log_sigmoid(-lower)
            + ops.log(-ops.expm1(-width))
        )
        log_prob = ops.where(
            images < half,
            ops.log_sigmoid(upper),
            ops.where(images > 1.0 - half, ops.log_sigmoid(-lower), between),
        )
        return ops.sum(log_prob, axis=_PIXELS)

    def unclipped_mean(self, parameters):
        """The location m, as the decoder gives it."""
        return self._mean_and_log_scale(parameters)[0]

    def mean(self, parameters):
        """The location m, clipped to [0, 1]."""
        return ops.clip(self.unclipped_mean(parameters), 0.0, 1.0)

    def sample(self, parameters, seed=None):
        """An image of `levels` gray levels, in [0, 1]."""
        mean, log_scale = self._mean_and_log_scale(parameters)
        uniform = keras.random.uniform(
            ops.shape(mean), minval=1e-5, maxval=1.0 - 1e-5, seed=seed
        )
        logistic = ops.log(uniform) - ops.log(1.0 - uniform)
        value = ops.clip(mean + ops.exp(log_scale) * logistic, 0.0, 1.0)
        return ops.round(value * (self.levels - 1)) / (self.levels - 1)

    def get_config(self):
        """The constructor's arguments."""
        return {
            "levels": self.levels,
            "minimum_log_scale": self.minimum_log_scale,
        }
