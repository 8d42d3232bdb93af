"""Use of a flow: sampling, encoding, likelihood, restoration, export."""

import math

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from keras_synth.models.checks import (
    check_count,
    check_latents,
    check_number,
    is_weight,
)
from keras_synth.models.conditions import Condition
from keras_synth.models.flow_matching.likelihood import log_density
from keras_synth.models.flow_matching.posterior import (
    KnownPixels,
    check_degraded,
    guided_velocity,
)
from keras_synth.models.flow_matching.sampler import check_sampler
from keras_synth.models.generative import GenerativeModel
from keras_synth.models.restoration_checks import check_masks


class LatentFlow(GenerativeModel):
    """Use of a flow from latents to images, and back.

    The part of `FlowMatching` that has nothing to do with training.

    Attributes:
        network_average: The network of the flow; set by the subclass.
        guide: A weaker network, for autoguidance, or None; set by the subclass.
        schedule: Its `Flow` or `EDM`; set by the subclass.
        sampler: The default `FlowSampler`; set by the subclass.
        guidance: The default guidance; set by the subclass.
        sigma_data: Standard deviation of the images in [-1, 1]; set by the
            subclass.
    """

    @property
    def labeled_network(self):
        """The average of the network."""
        return self.network_average

    @property
    def condition(self):
        """The `models.conditions.Condition` of the network."""
        return Condition(self.network_average, first=2)

    @property
    def requires_labels(self):
        """False: without labels the flow is unconditional."""
        return False

    # The field --------------------------------------------------------------

    def _run(self, network, x, t, condition, training=False):
        """The network's prediction, float32, for times (batch,)."""
        column = ops.reshape(t, (-1, 1, 1, 1))
        image = self.schedule.network_image(x, column)
        time = self.schedule.network_time(t)
        output = network([image, time, *condition], training=training)
        return ops.cast(output, "float32")

    def _prediction(self, x, t, condition, guidance):
        """The average's prediction with guidance, for a scalar time."""
        if tf.executing_eagerly():
            return self._traced_prediction(x, t, condition, guidance)
        # In a graph a function of its own would leave XLA no gradient.
        return self._guided_prediction(x, t, condition, guidance)

    @tf.function(reduce_retracing=True)
    def _traced_prediction(self, x, t, condition, guidance):
        return self._guided_prediction(x, t, condition, guidance)

    def _guided_prediction(self, x, t, condition, guidance):
        times = ops.broadcast_to(t, (ops.shape(x)[0],))
        if guidance == 1.0 or not (condition or self.guide):
            return self._run(self.network_average, x, times, condition)
        if self.guide:
            weak, strong = (
                self._run(network, x, times, condition)
                for network in (self.guide, self.network_average)
            )
            return weak + guidance * (strong - weak)
        absent = self.condition.absent(ops.shape(x)[0])
        both = [
            ops.concatenate([ops.cast(none, each.dtype), each])
            for none, each in zip(absent, condition, strict=True)
        ]
        output = self._run(
            self.network_average,
            ops.concatenate([x, x]),
            ops.concatenate([times, times]),
            both,
        )
        without, given = ops.split(output, 2)
        return without + guidance * (given - without)

    def velocity(self, x, t, labels=None, guidance=None):
        """Velocity dx/dt of the flow.

        Args:
            x: Images on their way, in [-1, 1] where there is no noise,
                (batch, height, width, channels).
            t: Time, a scalar; `schedule.largest` is pure noise.
            labels: As in `generate`.
            guidance: As in `generate`.

        Returns:
            Of the shape of x.
        """
        x = ops.convert_to_tensor(x, "float32")
        _, guidance = self._chosen(None, guidance)
        condition = self._labels(labels, ops.shape(x)[0])
        t = ops.convert_to_tensor(t, "float32")
        return self._velocity(condition, guidance)(x, t)

    def _velocity(self, condition, guidance):
        """Function from x and scalar t to dx/dt."""
        return lambda x, t: self.schedule.velocity(
            x, t, self._prediction(x, t, condition, guidance)
        )

    def _labels(self, labels, count):
        """The condition as tensors (count, ...); None for no condition."""
        if labels is None:
            return self.condition.absent(count)
        return super()._labels(labels, count)

    # Use --------------------------------------------------------------------

    def call(self, inputs, training=False):
        """Latents (with labels: `(latents, labels)`) to images in [0, 1]."""
        inputs = inputs if isinstance(inputs, list | tuple) else (inputs,)
        return self.generate(*inputs)

    def predict_step(self, data):
        """`predict(latents)` or `predict((latents, labels))`."""
        return self.generate(*self._with_labels(data))

    def check_inputs(self, data):
        latents, labels = self._with_labels(data)
        check_latents(latents, self.latent_dim)
        if labels is not None:
            self.condition.check(labels)

    def generate(
        self, latents, labels=None, *, sampler=None, guidance=None, seed=None
    ):
        """Latents to images: solves the differential equation.

        Args:
            latents: Noise, (batch, latent_dim).
            labels: The condition of each image, such as its class; None for
                none.
            sampler: A `models.FlowSampler`; None for the model's.
            guidance: How far to go beyond the flow, see `FlowMatching`; None
                for the model's.
            seed: Seed of the sampler's `churn`, an int; None for a random one.

        Returns:
            Images in [0, 1], (batch, height, width, channels).
        """
        latents = ops.convert_to_tensor(latents, "float32")
        check_latents(latents, self.latent_dim)
        sampler, guidance = self._chosen(sampler, guidance)
        x = self.schedule.largest * ops.reshape(
            latents, (-1, *self.image_shape)
        )
        condition = self._labels(labels, ops.shape(x)[0])
        x = sampler.solve(
            self._velocity(condition, guidance),
            x,
            self._times(sampler),
            self.schedule,
            seed,
        )
        return as_images(x)

    def sample(
        self,
        num_images,
        *,
        labels=None,
        truncation=1.0,
        seed=None,
        sampler=None,
        guidance=None,
    ):
        """New images from random latents.

        Args:
            num_images: Number of images.
            labels: The condition of each image, or one for all, such as its
                class; None for none.
            truncation: Factor of the latents' standard deviation.
            seed: An int gives the same images each time, None new ones.
            sampler: As in `generate`.
            guidance: As in `generate`.

        Returns:
            Images, (num_images, height, width, channels) in [0, 1].
        """
        check_number("truncation", truncation)
        latents, labels = self.sampled_latents(num_images, labels, seed)
        return self.generate(
            truncation * latents,
            labels,
            sampler=sampler,
            guidance=guidance,
            seed=seed,
        )

    def encode(self, images, labels=None, *, sampler=None, guidance=None):
        """Images to their latents: the flow backwards.

        Args:
            images: (batch, height, width, channels), in [0, 1].
            labels: As in `generate`.
            sampler: As in `generate`; its churn is left out.
            guidance: As in `generate`.

        Returns:
            Latents, (batch, latent_dim), from which `generate` makes the
            images again, but for the errors of both solutions.
        """
        images, *condition = self._inputs(images, labels)
        sampler, guidance = self._chosen(sampler, guidance)
        x = sampler.solve(
            self._velocity(condition, guidance),
            2.0 * images - 1.0,
            self._times_back(sampler),
        )
        return ops.reshape(x / self.schedule.largest, (-1, self.latent_dim))

    def interpolate_images(self, start, end, steps=8, labels=None):
        """Images between two, on the arc between their latents.

        Args:
            start: Images to start from, (batch, height, width, channels).
            end: Images to end at, of the same shape.
            steps: Number of images on each way, both ends included; at least
                2.
            labels: The condition of each pair, or one for all; None for none.

        Returns:
            Images in [0, 1], (batch, steps, height, width, channels).
        """
        return self.interpolate_latents(
            self.encode(start, labels), self.encode(end, labels), steps, labels
        )

    def log_likelihood(
        self,
        images,
        labels=None,
        *,
        sampler=None,
        num_probes=1,
        batch_size=100,
        seed=0,
        verbose=0,
    ):
        """Log-likelihood of images: log p(x), by the change of variables.

        The trace of the Jacobian is estimated with random signs (Hutchinson):
        without bias, with less variance the more probes. The error of the
        solution falls with the number of steps.

        Args:
            images: (n, height, width, channels), in [0, 1].
            labels: As in `generate`, one row for each image; gives log p(x |
                labels).
            sampler: As in `generate`; its churn is left out.
            num_probes: Number of random probes for each image.
            batch_size: Number of images at a time.
            seed: Seed of the probes, an int.
            verbose: 1 shows a progress bar, 0 nothing.

        Returns:
            NumPy array (n,), nats per image, of the density in [0, 1].
        """
        check_count("num_probes", num_probes)
        check_count("batch_size", batch_size)
        check_count("seed", seed, least=0)
        sampler, _ = self._chosen(sampler, None)
        inputs = self._inputs(images, labels)
        data = tf.data.Dataset.from_tensor_slices(tuple(inputs))
        data = data.batch(batch_size)
        progress = keras.utils.Progbar(len(data), verbose=verbose)
        found = []
        for batch, *condition in data:
            done = sum(map(len, found))
            probes = [
                _random_signs((num_probes, *image.shape), (seed, done + place))
                for place, image in enumerate(batch)
            ]
            found.append(
                log_density(
                    self._velocity(condition, 1.0),
                    2.0 * batch - 1.0,
                    self._times_back(sampler),
                    sampler,
                    tf.unstack(tf.stack(probes, axis=1)),
                )
            )
            progress.add(1)
        # From [-1, 1] to [0, 1].
        empty = np.zeros(0, "float32")
        return np.concatenate([empty, *found]) + self.latent_dim * math.log(2.0)

    def bits_per_dimension(self, images, labels=None, *, seed=0, **options):
        """Bits per dimension of 8-bit images, with uniform dequantization.

        `-log₂ p(x + u) / n` for the integers x and u uniform in [0, 1): an
        upper bound, in expectation, of the bits that code an image.

        Args:
            images: (n, height, width, channels), multiples of 1/255 in [0, 1].
            labels: As in `log_likelihood`.
            seed: Seed of u and of the probes, an int.
            **options: Further arguments of `log_likelihood`.

        Returns:
            NumPy array (n,).

        Reference: Theis et al., A Note on the Evaluation of Generative
        Models, 2016, section 3.1.
        """
        images = self._inputs(images, labels)[0]
        uniform = tf.random.stateless_uniform(tf.shape(images), [seed, -1])
        dequantized = (255.0 * images + uniform) / 256.0
        nats = self.log_likelihood(dequantized, labels, seed=seed, **options)
        return 8.0 - nats / (self.latent_dim * math.log(2.0))

    def restore(
        self,
        operator,
        degraded,
        labels=None,
        *,
        noise_level=0.0,
        sampler=None,
        guidance=None,
        seed=None,
    ):
        """Restores degraded images: samples that fit them (ΠGDM).

        Args:
            operator: Linear degradation, such as `restoration.Blur(kernel)`
                or `restoration.BicubicDownsampling(4)`, on images in [0, 1].
            degraded: What the operator made of images of the model's shape.
            labels: As in `generate`.
            noise_level: Standard deviation σ of the noise in `degraded`.
            sampler: As in `generate`; its churn is left out.
            guidance: As in `generate`.
            seed: Seed of the latents: another seed, another restoration. None
                for a random one.

        Returns:
            Images in [0, 1], (batch, height, width, channels).
        """
        degraded = ops.convert_to_tensor(degraded)
        check_degraded(operator, degraded, self.image_shape)
        degraded = ops.cast(degraded, "float32")
        if not is_weight(noise_level):
            raise ValueError(
                "`noise_level` must be a number of at least 0. "
                f"Received: noise_level={noise_level!r}"
            )
        sampler, guidance = self._chosen(sampler, guidance)
        count = ops.shape(degraded)[0]
        condition = self._labels(labels, count)
        latents, _ = self.sampled_latents(count, seed=seed)

        def denoise(x, t):
            output = self._prediction(x, t, condition, guidance)
            return self.schedule.denoised(x, t, output)

        x = sampler.solve(
            guided_velocity(
                denoise,
                operator,
                degraded,
                float(noise_level),
                self.schedule,
                self.sigma_data,
            ),
            self.schedule.largest
            * tf.reshape(latents, (-1, *self.image_shape)),
            self._times(sampler),
        )
        return as_images(x)

    def inpaint(self, images, masks, labels=None, **options):
        """Inpaints images: samples that agree with the known pixels.

        Args:
            images: (batch, height, width, channels), in [0, 1].
            masks: (batch, height, width, 1), 1 where a pixel is missing.
            labels: As in `generate`.
            **options: Further arguments of `restore`.

        Returns:
            Images in [0, 1]; pixels that the mask does not mark are those of
            `images`.
        """
        images, *_ = self._inputs(images, labels)
        check_masks(masks, images, True)
        operator = KnownPixels(masks)
        known = operator.forward(images)
        made = self.restore(operator, known, labels, **options)
        return known + (1.0 - operator.known) * made

    def _chosen(self, sampler, guidance):
        sampler = self.sampler if sampler is None else sampler
        check_sampler(sampler)
        guidance = self.guidance if guidance is None else guidance
        check_number("guidance", guidance)
        return sampler, float(guidance)

    def _times(self, sampler):
        """Times from pure noise to the image."""
        return self.schedule.times(sampler.num_steps, sampler.shift)

    def _times_back(self, sampler):
        """Times from the image to pure noise."""
        times = self._times(sampler)[::-1].copy()
        times[0] = self.schedule.smallest
        if np.isclose(times[0], times[1]):  # EDM: the last step ends at 0
            times = times[1:]
        return times

    def export_endpoints(self):
        """The endpoints of `export.export_saved_model`.

        Returns:
            `{name: (function, input signature)}`: encode, generate, sample,
            sample_seeded.
        """
        image = tf.TensorSpec((None, *self.image_shape), name="images")
        latents = tf.TensorSpec((None, self.latent_dim), name="latents")
        label = self._label_signature()
        return {
            "encode": (self.encode, [image, *label]),
            "generate": (self.generate, [latents, *label]),
            **self.sampling_endpoints(),
        }

    def call_signature(self):
        spec = tf.TensorSpec((None, self.latent_dim), name="latents")
        return self.with_label(spec)


def as_images(x):
    """From [-1, 1] to [0, 1], clipped."""
    return ops.clip(0.5 * (x + 1.0), 0.0, 1.0)


def _random_signs(shape, seed):
    """-1 and 1 with probability one half each, float32."""
    bits = tf.random.stateless_uniform(shape, seed, 0, 2, "int32")
    return 2.0 * tf.cast(bits, "float32") - 1.0
