"""What one does with a trained autoencoder: encode, decode, sample."""

import keras
import tensorflow as tf
from keras import ops

from keras_synth.models.checks import check_latents
from keras_synth.models.generative import GenerativeModel
from keras_synth.models.importance_sampling import (
    estimate_log_likelihood,
    log_prior_ratio,
)


class Autoencoder(GenerativeModel):
    """A model with a posterior over latents and a likelihood of images.

    Subclasses set `encoder`, `decoder`, `likelihood`, `sampling`,
    `latent_dim`, `image_shape` and `conditional`, and say how it is trained.
    """

    @property
    def labeled_network(self):
        """The decoder."""
        return self.decoder

    def call(self, inputs, training=False):
        """Images (with labels: `(images, labels)`) to reconstructions."""
        inputs = inputs if isinstance(inputs, list | tuple) else (inputs,)
        inputs = self._inputs(*inputs)
        mean, _ = self.posterior(inputs, training)
        return self.likelihood.mean(self.parameters(mean, inputs[1:], training))

    def encode(self, images, labels=None):
        """Images to their posterior.

        Args:
            images: (batch, height, width, channels), in [0, 1].
            labels: int (batch,), for a class-conditional model.

        Returns:
            `(mean, log_variance)`, each (batch, latent_dim).
        """
        return self.posterior(self._inputs(images, labels))

    def decode(self, latents, labels=None):
        """Latents to the mean of the likelihood.

        Args:
            latents: (batch, latent_dim).
            labels: int (batch,), for a class-conditional model.

        Returns:
            Images in [0, 1], (batch, height, width, channels).
        """
        latents = ops.convert_to_tensor(latents, "float32")
        check_latents(latents, self.latent_dim)
        return self.likelihood.mean(
            self.parameters(latents, self._labels(labels))
        )

    def generate(self, latents, labels=None):
        """The same as `decode`: the name all generators share."""
        return self.decode(latents, labels)

    def reconstruct(self, images, labels=None):
        """Images through the posterior's mean and back, in [0, 1]."""
        return self(self._inputs(images, labels))

    def interpolate(self, a, b, steps=8, labels=None):
        """Images on the line between two, in latent space.

        Args:
            a: images to start from, (batch, height, width, channels).
            b: images to end at, of the same shape.
            steps: images a line, both ends included; at least 2.
            labels: int (batch,), for a class-conditional model.

        Returns:
            (batch, steps, height, width, channels), in [0, 1].
        """
        if steps < 2:
            raise ValueError(f"`steps` must be at least 2. Received: {steps}")
        start, _ = self.encode(a, labels)
        end, _ = self.encode(b, labels)
        weight = ops.reshape(ops.linspace(0.0, 1.0, steps), (1, steps, 1))
        latents = start[:, None] * (1.0 - weight) + end[:, None] * weight
        if labels is not None:
            labels = ops.repeat(ops.convert_to_tensor(labels), steps)
        images = self.decode(
            ops.reshape(latents, (-1, self.latent_dim)), labels
        )
        return ops.reshape(images, (-1, steps, *self.image_shape))

    def log_likelihood(
        self,
        images,
        num_samples=500,
        labels=None,
        batch_size=100,
        samples_per_step=50,
        seed=0,
        verbose=0,
    ):
        """Importance-sampled estimate of log p(x).

        `log p(x) ≈ log 1/S Σ_s p(x|z_s) p(z_s) / q(z_s|x)`, `z_s ~ q(z|x)`:
        a lower bound in expectation, closer the larger S.

        Args:
            images: (n, height, width, channels), in [0, 1].
            num_samples: S; papers use 500 to 5,000.
            labels: int (n,), for a class-conditional model: log p(x | label).
            batch_size: images at a time.
            samples_per_step: latents per image at a time; memory grows with
                `batch_size * samples_per_step` decoded images.
            seed: of the latents.
            verbose: 1 shows a progress bar.

        Returns:
            NumPy array (n,), nats per image.

        Reference: Burda et al. 2016, equation 8 and section 5.
        """
        if num_samples < 1:
            raise ValueError(
                f"`num_samples` must be at least 1. Received: {num_samples}"
            )
        return estimate_log_likelihood(
            self,
            self._inputs(images, labels),
            num_samples,
            batch_size,
            samples_per_step,
            seed,
            verbose,
        )

    @tf.function(reduce_retracing=True)
    def log_weights(self, inputs, mean, log_variance, noise):
        """log p(x, z) / q(z|x) of latents drawn with given noise.

        Args:
            inputs: `[images]` or `[images, labels]`.
            mean: of q, (batch, latent_dim).
            log_variance: of q, (batch, latent_dim).
            noise: (samples, batch, latent_dim), standard normal.

        Returns:
            Nats, (samples, batch).
        """
        latents = self.sampling([mean, log_variance], noise=noise)
        parameters = self.parameters(latents, inputs[1:])
        log_likelihood = self.likelihood.log_prob(inputs[0], parameters)
        return log_likelihood + log_prior_ratio(latents, mean, log_variance)

    def export_endpoints(self):
        """What `export.export_saved_model` serves.

        Returns:
            `{name: (function, input signature)}`: encode, decode,
            reconstruct, sample, sample_seeded.
        """
        image = tf.TensorSpec((None, *self.image_shape), name="images")
        latents = tf.TensorSpec((None, self.latent_dim), name="latents")
        label = self._label_signature()
        return {
            "encode": (self.encode, [image, *label]),
            "decode": (self.decode, [latents, *label]),
            "reconstruct": (self.reconstruct, [image, *label]),
            **self.sampling_endpoints(),
        }

    def call_signature(self):
        spec = tf.TensorSpec((None, *self.image_shape), name="images")
        return self.with_label(spec)

    def image_decoder(self):
        """The decoder with the likelihood's mean on top, one network.

        Returns:
            A functional `keras.Model` from latents (or `[latents, label]`)
            to images in [0, 1].
        """
        parameters = ops.cast(self.decoder.outputs[0], "float32")
        return keras.Model(
            self.decoder.inputs,
            self.likelihood.mean(parameters),
            name="image_decoder",
        )

    def posterior(self, inputs, training=False):
        """`[images]` or `[images, labels]` to `(mean, log_variance)`."""
        inputs = inputs if self.conditional else inputs[0]
        mean, log_variance = self.encoder(inputs, training=training)
        return ops.cast(mean, "float32"), ops.cast(log_variance, "float32")

    def parameters(self, latents, labels=(), training=False):
        """The likelihood's parameters.

        Args:
            latents: (..., batch, latent_dim), any number of leading axes.
            labels: `[labels]`, int (batch,), for a class-conditional model.
            training: as in `call`.

        Returns:
            (..., batch, height, width, channels').
        """
        leading = ops.shape(latents)[:-1]
        inputs = ops.reshape(latents, (-1, self.latent_dim))
        if self.conditional:
            label = ops.broadcast_to(labels[0], leading)
            inputs = [inputs, ops.reshape(label, (-1,))]
        parameters = self.decoder(inputs, training=training)
        parameters = ops.cast(parameters, "float32")
        return ops.reshape(parameters, (*leading, *parameters.shape[1:]))
