"""The generative adversarial network.

The generator turns noise z ~ N(0, I) into an image G(z); the discriminator
gives a logit, high for images that it takes for real. In the game as it was
first written down, with D = σ(logit):

    min_G max_D  E_x[log D(x)] + E_z[log(1 - D(G(z)))]

Each player has its own loss (`losses.NonSaturating` and its kin) and its own
optimizer; a step of one leaves the other's weights alone.
"""

import keras
import tensorflow as tf
from keras import ops

from keras_synth.models.adversarial import AdversarialModel
from keras_synth.models.adversarial_checks import check_gan_networks
from keras_synth.models.checks import check_latents
from keras_synth.models.generative import GenerativeModel


@keras.saving.register_keras_serializable("keras_synth")
class GAN(GenerativeModel, AdversarialModel):
    """Generative adversarial network, plain or class-conditional.

    Trained on images alone (`fit(images)` or a dataset of images); a
    class-conditional one, whose networks take a label as second input, on
    `fit(images, labels)` or a dataset of `(image, label)`. Fakes then have
    the labels of the real images beside them.

    `compile` (see `AdversarialModel.compile`) says what is played for:

        gan.compile()  # non-saturating loss, Adam(2e-4, 0.5) twice
        gan.compile(loss=losses.NonSaturating(),
                    gradient_penalty=losses.R1(weight=1.0, interval=16))
        gan.compile(loss=losses.Wasserstein(), discriminator_steps=5,
                    gradient_penalty=losses.WassersteinGradientPenalty())

    `sample`, `generate`, `interpolate` and `call` use the generator's moving
    average, and so does `evaluate`. The log names are those of
    `AdversarialModel`.

    Args:
        generator: network from latents, (batch, latent_dim), or
            `[latents, label]`, to images in [0, 1].
        discriminator: network from images or `[image, label]` to logits,
            (batch,) or (batch, height, width, 1): no sigmoid at its end.
        seed: of all noise, an int or None for a random one.

    Raises:
        ValueError: networks that do not fit together.

    Reference: Goodfellow et al., Generative Adversarial Nets, 2014,
    equation 1 and algorithm 1.

    Example:

    >>> from keras_synth import networks
    >>> gan = GAN(networks.dense_generator((8, 8, 1), latent_dim=2),
    ...           networks.dense_discriminator((8, 8, 1)))
    >>> gan.compile()
    >>> gan.sample(3, seed=0).shape
    TensorShape([3, 8, 8, 1])
    """

    def __init__(self, generator, discriminator, seed=None, **kwargs):
        check_gan_networks(generator, discriminator)
        super().__init__(generator, discriminator, seed=seed, **kwargs)
        self.latent_dim = generator.inputs[0].shape[-1]
        self.image_shape = tuple(generator.outputs[0].shape[1:])
        self.conditional = len(generator.inputs) == 2

    @property
    def labeled_network(self):
        """The generator."""
        return self.generator

    def draw_latents(self, images, training=True):
        """Noise for a step, a latent for each of a batch's images."""
        seeds = self.seed_generator if training else self.evaluation_seeds
        shape = (ops.shape(images)[0], self.latent_dim)
        return keras.random.normal(shape, dtype="float32", seed=seeds)

    def read_batch(self, data):
        """`[images]` or `[images, labels]`."""
        return self._batch(data)

    def discriminator_loss(self, batch, training):
        """On real images and as many new fakes."""
        real, *labels = batch
        judge = self._judge(labels, training)
        fake = self._fakes(real, labels, training)
        return self.play_discriminator(judge, real, fake, training)

    def generator_loss(self, batch, training):
        """On as many new fakes as there are real images."""
        real, *labels = batch
        judge = self._judge(labels, training)
        fake = self._fakes(real, labels, training)
        return self.play_generator(judge, real, fake, training)

    def _fakes(self, real, labels, training):
        latents = self.draw_latents(real, training)
        network = self.generator if training else self.sampling_generator
        return run_network(network, latents, labels, training)

    def _judge(self, labels, training):
        return lambda images: run_network(
            self.discriminator, images, labels, training
        )

    def call(self, inputs, training=False):
        """Latents (with labels: `(latents, labels)`) to images."""
        inputs = inputs if isinstance(inputs, list | tuple) else (inputs,)
        return self.generate(*inputs)

    def predict_step(self, data):
        """`predict(latents)` or `predict((latents, labels))`."""
        latents, labels, _ = keras.utils.unpack_x_y_sample_weight(data)
        return self(latents if labels is None else (latents, labels))

    def generate(self, latents, labels=None):
        """Latents to images.

        Args:
            latents: (batch, latent_dim).
            labels: int (batch,), for a class-conditional model.

        Returns:
            Images in [0, 1], (batch, height, width, channels).
        """
        latents = ops.convert_to_tensor(latents, "float32")
        check_latents(latents, self.latent_dim)
        images = run_network(
            self.sampling_generator, latents, self._labels(labels), False
        )
        return ops.clip(images, 0.0, 1.0)

    def discriminate(self, images, labels=None):
        """The discriminator's logit.

        Args:
            images: (batch, height, width, channels), in [0, 1].
            labels: int (batch,), for a class-conditional model.

        Returns:
            Logits, (batch,) (or a map of them): above 0 more real than not,
            for the losses with a probability behind them.
        """
        images, *labels = self._inputs(images, labels)
        return run_network(self.discriminator, images, labels, False)

    def interpolate(self, start, end, steps=8, labels=None):
        """Images on the way from one latent to another.

        The way is an arc: `sin((1-t)θ)/sin θ · a + sin(tθ)/sin θ · b`, with θ
        the angle between a and b. Points on a straight line are shorter than
        almost any the generator has seen.

        Args:
            start: latents, (batch, latent_dim).
            end: latents of the same shape.
            steps: images a line, both ends included; at least 2.
            labels: int (batch,), or one int for all, for a class-conditional
                model.

        Returns:
            (batch, steps, height, width, channels), in [0, 1].

        Reference: White, Sampling Generative Networks, 2016, section 2.
        """
        if steps < 2:
            raise ValueError(f"`steps` must be at least 2. Received: {steps}")
        start = ops.convert_to_tensor(start, "float32")
        end = ops.convert_to_tensor(end, "float32")
        check_latents(start, self.latent_dim)
        if len(start.shape) != 2 or start.shape != end.shape:
            raise ValueError(
                "`start` and `end` must both be of shape (batch, "
                f"{self.latent_dim}). Received: {start.shape} and {end.shape}"
            )
        count = start.shape[0]
        cosine = ops.sum(
            ops.normalize(start) * ops.normalize(end), axis=-1, keepdims=True
        )
        # Between parallel latents the arc is the line.
        angle = ops.arccos(ops.clip(cosine, -1.0 + 1e-6, 1.0 - 1e-6))[:, None]
        t = ops.reshape(ops.linspace(0.0, 1.0, steps), (1, steps, 1))
        latents = (
            ops.sin((1.0 - t) * angle) * start[:, None]
            + ops.sin(t * angle) * end[:, None]
        ) / ops.sin(angle)
        if labels is not None:
            labels = ops.broadcast_to(ops.convert_to_tensor(labels), (count,))
            labels = ops.repeat(labels, steps)
        images = self.generate(
            ops.reshape(latents, (-1, self.latent_dim)), labels
        )
        return ops.reshape(images, (-1, steps, *self.image_shape))

    def export_endpoints(self):
        """What `export.export_saved_model` serves.

        Returns:
            `{name: (function, input signature)}`: generate, discriminate,
            sample, sample_seeded.
        """
        image = tf.TensorSpec((None, *self.image_shape), name="images")
        latents = tf.TensorSpec((None, self.latent_dim), name="latents")
        label = self._label_signature()
        return {
            "generate": (self.generate, [latents, *label]),
            "discriminate": (self.discriminate, [image, *label]),
            **self.sampling_endpoints(),
        }

    def call_signature(self):
        spec = tf.TensorSpec((None, self.latent_dim), name="latents")
        return self.with_label(spec)

    def image_decoder(self):
        """The sampling generator as a network of its own.

        Returns:
            A functional `keras.Model` from latents (or `[latents, label]`)
            to images in [0, 1].
        """
        network = self.sampling_generator
        return keras.Model(
            network.inputs, network.outputs[0], name="image_decoder"
        )


def run_network(network, tensor, labels, training):
    """A network's output in float32, told the labels if there are any."""
    inputs = [tensor, *labels] if labels else tensor
    return ops.cast(network(inputs, training=training), "float32")
