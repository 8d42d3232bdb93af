"""Sampling: images from random latents, for every model with a generator."""

import keras
import tensorflow as tf
from keras import ops

from keras_synth.models.checks import (
    InvalidInput,
    check_count,
    check_images,
    check_latents,
    check_no_weights,
    check_number,
    check_seed,
)
from keras_synth.models.conditions import Condition
from keras_synth.models.resumable import ResumableModel


class GenerativeModel(ResumableModel):
    """Base class of models that make images from latents.

    A subclass implements `generate(latents, labels)`.

    Attributes:
        latent_dim: Dimension of the latents, which are standard normal; set
            by the subclass.
        image_shape: (height, width, channels) of the images; set by the
            subclass.
        labeled_network: The network from latents (and labels) to images.
    """

    @property
    def condition(self):
        """The `models.conditions.Condition` of the network."""
        return Condition(self.labeled_network)

    @property
    def conditional(self):
        """Whether the model takes a condition, as `labels`.

        It is the class of each image, or another one: see
        `models.conditions`.
        """
        return self.condition.kind is not None

    @property
    def requires_labels(self):
        """Whether every use of the model needs a condition, as `labels`."""
        return self.conditional

    def generate(self, latents, labels=None):
        """Latents to images."""
        raise NotImplementedError

    def sample(self, num_images, *, labels=None, truncation=1.0, seed=None):
        """New images from random latents.

        Args:
            num_images: Number of images.
            labels: Class of each image, int (num_images,), or one int for
                all; for a class-conditional model.
            truncation: Factor of the latents' standard deviation. Below 1
                the images are more typical and less varied.
            seed: An int gives the same images each time, None new ones.

        Returns:
            Images, (num_images, height, width, channels) in [0, 1]; a VAE's
            are the likelihood's means.

        Raises:
            ValueError: Arguments are out of range, or labels do not fit.
        """
        check_number("truncation", truncation)
        latents, labels = self.sampled_latents(num_images, labels, seed)
        return self.generate(truncation * latents, labels)

    def sampled_latents(self, num_images, labels=None, seed=None):
        """The latents and labels that `sample` makes images from.

        Args:
            num_images: Number of latents.
            labels: As in `sample`.
            seed: As in `sample`.

        Returns:
            `(latents, labels)`: (num_images, latent_dim), standard normal;
            and int (num_images,), or None.
        """
        check_count("num_images", num_images, least=0)
        check_seed(seed)
        shape = (num_images, self.latent_dim)
        if seed is None:
            latents = tf.random.normal(shape)
        else:
            latents = tf.random.stateless_normal(shape, seed=[seed, 0])
        if labels is not None:
            labels = self.condition.packed(self._labels(labels, num_images))
        return latents, labels

    def interpolate_latents(self, start, end, steps=8, labels=None):
        """Images on the way from one latent to another.

        A GAN goes along an arc, `sin((1-t)θ)/sin θ · a + sin(tθ)/sin θ · b`
        with θ the angle between a and b, since points on the straight line
        are shorter than almost any latent of its training. A VAE goes along
        the straight line, `(1-t) · a + t · b`.

        Args:
            start: Latents a, (batch, latent_dim).
            end: Latents b, of the same shape.
            steps: Number of images on each way, both ends included; at least
                2.
            labels: Class of each pair, int (batch,), or one int for all; for
                a class-conditional model.

        Returns:
            Images in [0, 1], (batch, steps, height, width, channels).

        Raises:
            ValueError: Latents of another shape, or fewer than 2 steps.

        Reference: the arc: White, Sampling Generative Networks, 2016,
        section 2.
        """
        check_count("steps", steps, least=2)
        start = ops.convert_to_tensor(start, "float32")
        end = ops.convert_to_tensor(end, "float32")
        check_latents(start, self.latent_dim)
        if len(start.shape) != 2 or start.shape != end.shape:
            raise ValueError(
                "`start` and `end` must both be of shape (batch, "
                f"{self.latent_dim}). Received: {start.shape} and {end.shape}"
            )
        t = ops.reshape(ops.linspace(0.0, 1.0, steps), (1, steps, 1))
        latents = self.latents_between(start[:, None], end[:, None], t)
        given = self._labels(labels, start.shape[0])
        if labels is not None:
            labels = self.condition.packed(
                [ops.repeat(each, steps, axis=0) for each in given]
            )
        images = self.generate(
            ops.reshape(latents, (-1, self.latent_dim)), labels
        )
        return ops.reshape(images, (-1, steps, *self.image_shape))

    def latents_between(self, start, end, t):
        """Points on the arc from one latent to the other."""
        cosine = ops.sum(
            ops.normalize(start) * ops.normalize(end), axis=-1, keepdims=True
        )
        # Between parallel latents the arc is the line.
        angle = ops.arccos(ops.clip(cosine, -1.0 + 1e-6, 1.0 - 1e-6))
        return (
            ops.sin((1.0 - t) * angle) * start + ops.sin(t * angle) * end
        ) / ops.sin(angle)

    def sampling_endpoints(self):
        """`sample` and `sample_seeded`, for `export_endpoints`."""
        label = self._label_signature()
        count = tf.TensorSpec((), "int32", name="num_images")
        seed = tf.TensorSpec((), "int32", name="seed")

        def sample(num_images, labels=None):
            return self.sample(num_images, labels=labels)

        def sample_seeded(num_images, seed, labels=None):
            return self.sample(num_images, labels=labels, seed=seed)

        return {
            "sample": (sample, [count, *label]),
            "sample_seeded": (sample_seeded, [count, seed, *label]),
        }

    def with_label(self, signature):
        """The signature of `call`, with a label for a conditional model."""
        label = self._label_signature()
        return [signature, *label] if label else signature

    def _label_signature(self):
        return self.condition.signature()

    def check_batch(self, data):
        images, labels = self._with_labels(data)
        check_images(images, self.image_shape)
        self.condition.check(labels)

    def _with_labels(self, data):
        """`(images or latents, labels or None)`, from a batch."""
        first, labels, weights = keras.utils.unpack_x_y_sample_weight(data)
        check_no_weights(weights, type(self).__name__)
        if isinstance(first, list | tuple):
            first, *more = first
            if len(more) + (labels is not None) > 1:
                raise InvalidInput(
                    f"A {type(self).__name__} takes one array, or two with "
                    f"labels. Received: {1 + len(more)} arrays in a list"
                )
            labels = more[0] if more else labels
        return first, labels

    def _batch(self, data):
        """`[images]` or `[images, labels]`, from a batch of `fit`."""
        return self._inputs(*self._with_labels(data))

    def _inputs(self, images, labels=None):
        images = ops.convert_to_tensor(images)
        check_images(images, self.image_shape)
        labels = self._labels(labels, ops.shape(images)[0])
        return [ops.cast(images, "float32"), *labels]

    def _labels(self, labels, count):
        """The condition as a list of tensors, each (count, ...), or `[]`."""
        return self.condition.tensors(labels, count)
