"""Samplers of flow matching: Euler, and Heun with or without churn."""

import math

import keras
import numpy as np
import tensorflow as tf

from keras_synth.models.checks import check_count, is_weight


@keras.saving.register_keras_serializable("keras_synth")
class FlowSampler:
    """Sampler of a flow: Euler's or Heun's method (EDM's Algorithms 1 and 2).

    Args:
        method: "euler", or "heun" for the second order. Heun evaluates the
            network twice in each step but the last.
        num_steps: Number of steps.
        churn: S_churn of EDM's Algorithm 2: new noise is added before each
            step, which corrects errors of earlier ones. 0 (default) is the
            deterministic Algorithm 1.
        churn_levels: Noise levels (S_tmin, S_tmax) between which noise is
            added.
        churn_noise: Standard deviation S_noise of that noise.
        shift: Factor of the noise level at the times of a rectified flow: with
            more than 1 the steps are smaller near the noise and larger near
            the image. 1 (default) for equal steps. EDM's steps follow its
            own rule and take no other.

    Raises:
        ValueError: Arguments are out of range.

    Reference: Karras et al., Elucidating the Design Space of Diffusion-Based
    Generative Models, 2022, algorithms 1 and 2; `shift`: Esser et al., Scaling
    Rectified Flow Transformers for High-Resolution Image Synthesis, 2024,
    equation 23.

    Example:

    >>> FlowSampler("heun", num_steps=20).num_evaluations
    39
    """

    def __init__(
        self,
        method="heun",
        num_steps=20,
        churn=0.0,
        churn_levels=(0.05, 50.0),
        churn_noise=1.003,
        shift=1.0,
    ):
        if method not in ("euler", "heun"):
            raise ValueError(
                '`method` must be "euler" or "heun". '
                f"Received: method={method!r}"
            )
        check_count("num_steps", num_steps)
        for name, value in (("churn", churn), ("churn_noise", churn_noise)):
            if not is_weight(value):
                raise ValueError(
                    f"`{name}` must be a number of at least 0. "
                    f"Received: {name}={value!r}"
                )
        pair = isinstance(churn_levels, list | tuple) and len(churn_levels) == 2
        if not pair or not 0 <= churn_levels[0] <= churn_levels[1]:
            raise ValueError(
                "`churn_levels` must be (smallest, largest), at least 0. "
                f"Received: churn_levels={churn_levels!r}"
            )
        if not is_weight(shift) or not shift:
            raise ValueError(
                f"`shift` must be a number above 0. Received: shift={shift!r}"
            )
        self.method = method
        self.num_steps = int(num_steps)
        self.churn = churn
        self.churn_levels = tuple(churn_levels)
        self.churn_noise = churn_noise
        self.shift = float(shift)

    @property
    def num_evaluations(self):
        """Number of evaluations of the network, without guidance."""
        return self.num_steps * (2 if self.method == "heun" else 1) - (
            self.method == "heun"
        )

    def solve(self, velocity, x, times, parameterization=None, seed=None):
        """Solves `dx/dt = velocity(x, t)` along given times.

        Args:
            velocity: Function from x and a scalar tensor t to a tensor, or to
                a structure of tensors, like x.
            x: Tensor, or structure of tensors, at the first time.
            times: Times, (num_steps + 1,).
            parameterization: What `churn` needs to add noise to x, a tensor;
                None adds none.
            seed: Seed of that noise, an int; None for a random one.

        Returns:
            x at the last time.
        """
        steps = self._steps(times, parameterization)
        churned = self.churn and parameterization is not None
        # The field is not defined at t = 0: the step to there is Euler's.
        ends_at_zero = self.method == "heun" and times[-1] == 0.0
        count = len(steps) - ends_at_zero

        def move(index, x, method=self.method):
            now, after, step, ratio, deviation = tf.unstack(
                tf.constant(steps)[index]
            )
            if churned:
                x = _with_noise(x, ratio, deviation, seed, index)
            rate = velocity(x, now)
            if method == "heun":
                second = velocity(_moved(x, rate, step), after)
                rate = tf.nest.map_structure(
                    lambda a, b: 0.5 * (a + b), rate, second
                )
            return index + 1, _moved(x, rate, step)

        if tf.executing_eagerly():
            for index in range(count):
                _, x = move(index, x)
        else:  # a loop, so that the graph holds the network once
            _, x = tf.while_loop(
                lambda index, x: index < count,
                move,
                (tf.constant(0), x),
                maximum_iterations=count,  # XLA's gradient needs it
            )
        return move(count, x, "euler")[1] if ends_at_zero else x

    # AutoGraph would make tensors of `float`.
    @tf.autograph.experimental.do_not_convert
    def _steps(self, times, parameterization):
        """Time, time after, their difference, and churn: (num_steps, 5)."""
        steps = []
        for now, after in zip(times[:-1], times[1:], strict=True):
            now, after = float(now), float(after)
            ratio, deviation = 1.0, 0.0
            if self.churn and parameterization is not None:
                now, ratio, deviation = self._churn(now, parameterization)
            steps.append((now, after, after - now, ratio, deviation))
        return np.array(steps, "float32")

    def _churn(self, now, parameterization):
        """Time after the noise, factor of x, and deviation of the noise."""
        signal = float(parameterization.signal(now))
        level = now / signal if signal else math.inf
        low, high = self.churn_levels
        if not low <= level <= high:
            return now, 1.0, 0.0
        gain = 1.0 + min(self.churn / self.num_steps, math.sqrt(2.0) - 1.0)
        with tf.init_scope():  # a number, in a graph too
            time = float(parameterization.time(tf.constant(gain * level)))
        ratio = float(parameterization.signal(time)) / signal
        deviation = math.sqrt(max(time**2 - (ratio * now) ** 2, 0.0))
        return time, ratio, self.churn_noise * deviation

    def get_config(self):
        """Arguments of the constructor, as a dict."""
        return {
            "method": self.method,
            "num_steps": self.num_steps,
            "churn": self.churn,
            "churn_levels": list(self.churn_levels),
            "churn_noise": self.churn_noise,
            "shift": self.shift,
        }

    @classmethod
    def from_config(cls, config):
        """The sampler with the arguments of `get_config`."""
        return cls(**config)


def check_sampler(sampler):
    """Refuses what is no `FlowSampler`."""
    if not isinstance(sampler, FlowSampler):
        raise ValueError(
            "`sampler` must be a `models.FlowSampler`, such as "
            f'FlowSampler("euler", 10). Received: {sampler!r}'
        )


def _with_noise(x, ratio, deviation, seed, index):
    """x with more noise (lines 4 to 6 of Algorithm 2)."""
    if seed is None:
        noise = tf.random.normal(tf.shape(x))
    else:
        # The same type for a number and a tensor, in a graph or not.
        seeds = tf.stack([tf.cast(seed, "int64"), tf.cast(index + 1, "int64")])
        noise = tf.random.stateless_normal(tf.shape(x), seeds)
    return ratio * x + deviation * noise


def _moved(x, rate, step):
    return tf.nest.map_structure(lambda a, b: a + step * b, x, rate)
