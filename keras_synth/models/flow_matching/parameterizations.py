"""Parameterizations of flow matching: rectified flow and EDM.

Both mix an image x₀ with noise ε, `x_t = s(t) x₀ + t ε`, and have a network
for the denoised image `D(x_t, t) = E[x₀ | x_t]`. Images then follow

    dx/dt = (x - D(x, t)) / t

from pure noise, at the largest t, to the image at t = 0. They differ in s(t),
in what the network predicts, and in the times:

- "flow": s(t) = 1 - t, t from 1 to 0; the network predicts `ε - x₀`, whose
  mean is the velocity dx/dt itself.
- "edm": s(t) = 1, t from 80 to 0.002, the noise level; the network is
  preconditioned, so that inputs and targets have variance 1.

The noise level `σ = t / s(t)` is the same in both. Images are in [-1, 1].
"""

import math

import numpy as np
from keras import ops


class Flow:
    """Rectified flow: straight lines from noise to images.

    Reference: Lipman et al., Flow Matching for Generative Modeling, 2023,
    equation 22 (t runs the other way); Liu et al., Flow Straight and Fast,
    2023, equation 1.
    """

    #: Time of pure noise.
    largest = 1.0
    #: Time of the image, where the inverse flow begins.
    smallest = 0.0
    #: Mean and standard deviation of ln σ in training.
    log_levels = (0.0, 1.0)

    def time(self, level):
        """The time of a noise level σ."""
        return level / (1.0 + level)

    def signal(self, t):
        """Factor s of the image at time t."""
        return 1.0 - t

    def network_image(self, x, t):
        """What the network gets as its image."""
        return x

    def network_time(self, t):
        """What the network gets as its time."""
        return t

    def target(self, images, noise, t):
        """What the network should predict."""
        return noise - images

    def denoised(self, x, t, output):
        """The denoised image of a prediction."""
        return x - t * output

    def velocity(self, x, t, output):
        """dx/dt of a prediction."""
        return output

    def gain(self, t):
        """Error of the denoised image for an error 1 of the prediction."""
        return t

    def times(self, num_steps, shift=1.0):
        """Times of the steps of a sampler, from noise to image.

        Equal steps, whose noise levels t / (1 - t) are multiplied by `shift`.
        """
        t = np.linspace(1.0, 0.0, num_steps + 1)
        return shift * t / (1.0 + (shift - 1.0) * t)


class EDM:
    """EDM: preconditioning and noise levels of Karras et al.

    Args:
        sigma_data: Standard deviation of the images, in [-1, 1].

    Reference: Karras et al., Elucidating the Design Space of Diffusion-Based
    Generative Models, 2022, table 1.
    """

    largest = 80.0
    smallest = 0.002
    log_levels = (-1.2, 1.2)

    def __init__(self, sigma_data):
        self.sigma_data = sigma_data

    def time(self, level):
        """The time of a noise level: the level, between the limits."""
        return ops.clip(level, self.smallest, self.largest)

    def signal(self, t):
        """Factor s of the image at time t."""
        return 0.0 * t + 1.0

    def network_image(self, x, t):
        """What the network gets as its image: c_in x."""
        return x / self._scale(t)

    def network_time(self, t):
        """What the network gets as its time: c_noise."""
        return 0.25 * ops.log(t)

    def target(self, images, noise, t):
        """What the network should predict: (x₀ - c_skip x_t) / c_out."""
        x = images + t * noise
        return (images - self._skip(t) * x) / self.gain(t)

    def denoised(self, x, t, output):
        """The denoised image of a prediction: c_skip x + c_out F."""
        return self._skip(t) * x + self.gain(t) * output

    def velocity(self, x, t, output):
        """dx/dt of a prediction."""
        return (x - self.denoised(x, t, output)) / t

    def gain(self, t):
        """c_out: error of the image for an error 1 of the prediction."""
        return t * self.sigma_data / self._scale(t)

    def times(self, num_steps, shift=1.0):
        """Times of the steps of a sampler: equation 5 with ρ = 7, then 0."""
        if shift != 1.0:
            raise ValueError(
                "`shift` is for the times of a rectified flow: EDM has its own "
                f"noise levels. Received: shift={shift!r}"
            )
        ramp = np.linspace(
            self.largest ** (1 / 7), self.smallest ** (1 / 7), num_steps
        )
        return np.append(ramp**7, 0.0)

    def _scale(self, t):
        return ops.sqrt(ops.square(t) + self.sigma_data**2)

    def _skip(self, t):
        return self.sigma_data**2 / (ops.square(t) + self.sigma_data**2)


def error_weight(parameterization, t, weighting, sigma_data):
    """Weight of the squared error of a prediction.

    Args:
        parameterization: A `Flow` or an `EDM`.
        t: Times.
        weighting: None for 1; "edm" or "min_snr" for the weight of the
            squared error of the denoised image, `(σ² + σ_d²) / (σ σ_d)²` or
            `min(1 / σ², 5)`.
        sigma_data: σ_d, standard deviation of the images.

    Returns:
        Weights, of the shape of t.

    Reference: "edm": Karras et al. 2022, table 1; "min_snr": Hang et al.,
    Efficient Diffusion Training via Min-SNR Weighting Strategy, 2023,
    section 3.4.
    """
    if weighting is None:
        return ops.ones_like(t)
    precision = ops.square(parameterization.signal(t) / t)  # 1 / σ²
    if weighting == "edm":
        weight = precision + 1.0 / sigma_data**2
    else:
        weight = ops.minimum(precision, 5.0)
    return weight * ops.square(parameterization.gain(t))


def levels(draws, parameterization, times):
    """Times of a training step.

    Args:
        draws: Standard normal, (batch,).
        parameterization: A `Flow` or an `EDM`.
        times: "logit_normal", "uniform", or mean and standard deviation of
            ln σ.

    Returns:
        Times t, (batch,). With σ = u / (1 - u), u is uniform in [0, 1] or
        ln σ, the logit of u, is normal.
    """
    if times == "uniform":
        u = 0.5 * (1.0 + ops.erf(draws / math.sqrt(2.0)))
        u = ops.clip(u, 1e-4, 1.0 - 1e-4)
        return parameterization.time(u / (1.0 - u))
    mean, deviation = (
        parameterization.log_levels if times == "logit_normal" else times
    )
    return parameterization.time(ops.exp(mean + deviation * draws))
