"""The generative adversarial network (GAN).

The generator turns latents z ~ N(0, I) into an image G(z); the discriminator
gives a logit, high for images that it takes for real. With D = σ(logit), the
two are trained on

    min_G max_D  E_x[log D(x)] + E_z[log(1 - D(G(z)))]

Each network has its own loss (`losses.NonSaturating` and others) and its own
optimizer; a step of one leaves the other's weights alone.
"""

import keras
import tensorflow as tf
from keras import ops

from keras_synth.models.adversarial import AdversarialModel, run_network
from keras_synth.models.adversarial_checks import (
    check_generator_and_discriminator,
)
from keras_synth.models.checks import (
    check_latents,
    num_classes,
)
from keras_synth.models.conditions import Condition
from keras_synth.models.generative import GenerativeModel


class LatentGenerator(GenerativeModel):
    """Use of a generator and a discriminator: images, logits, export.

    The part of `GAN` and `StyleGAN2` that has nothing to do with training;
    each of them derives from this class and from `AdversarialModel`.
    """

    def __init__(self, generator, discriminator, seed=None, **kwargs):
        check_gan_networks(generator, discriminator)
        super().__init__(generator, discriminator, seed=seed, **kwargs)
        self.latent_dim = generator.inputs[0].shape[-1]
        self.image_shape = tuple(generator.outputs[0].shape[1:])

    @property
    def labeled_network(self):
        """The generator."""
        return self.generator

    def read_batch(self, data):
        """A batch of `fit` as `[images]` or `[images, labels]`."""
        return self._batch(data)

    def draw_latents(self, images, training=True):
        """Random latents of a training step.

        Args:
            images: Real images; there is one latent for each.
            training: Whether to draw from the seed of training.

        Returns:
            Standard normal, float32 (batch, latent_dim).
        """
        seeds = self.seed_generator if training else self.evaluation_seeds
        shape = (ops.shape(images)[0], self.latent_dim)
        return keras.random.normal(shape, dtype="float32", seed=seeds)

    def call(self, inputs, training=False):
        """Latents (with labels: `(latents, labels)`) to images in [0, 1]."""
        inputs = inputs if isinstance(inputs, list | tuple) else (inputs,)
        return self.generate(*inputs)

    def check_inputs(self, data):
        latents, labels = self._with_labels(data)
        check_latents(latents, self.latent_dim)
        self.condition.check(labels)

    def predict_step(self, data):
        """`predict(latents)` or `predict((latents, labels))`."""
        latents, labels = self._with_labels(data)
        return self(latents if labels is None else (latents, labels))

    def generate(self, latents, labels=None, clip=True):
        """Latents to images.

        Args:
            latents: (batch, latent_dim).
            labels: Class of each image, int (batch,), or one int for all; for
                a class-conditional model.
            clip: Whether to clip to [0, 1] what the network returns. Where it
                is clipped it has no gradient.

        Returns:
            Images in [0, 1], (batch, height, width, channels).
        """
        latents = ops.convert_to_tensor(latents, "float32")
        check_latents(latents, self.latent_dim)
        labels = self._labels(labels, ops.shape(latents)[0])
        images = run_network(self.sampling_generator, latents, labels, False)
        return ops.clip(images, 0.0, 1.0) if clip else images

    def discriminate(self, images, labels=None):
        """Logits of the discriminator.

        Args:
            images: (batch, height, width, channels), in [0, 1].
            labels: Class of each image, int (batch,), or one int for all; for
                a class-conditional model.

        Returns:
            Logits, (batch,) (or a map of them). For losses that stand for a
            probability, an image with a logit above 0 is more likely real
            than generated.
        """
        images, *labels = self._inputs(images, labels)
        return run_network(self.discriminator, images, labels, False)

    def export_endpoints(self):
        """The endpoints of `export.export_saved_model`.

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
        """The sampling generator as a network of its own, for export.

        Returns:
            A functional `keras.Model` from latents (or `[latents, label]`)
            to images in [0, 1].
        """
        network = self.sampling_generator
        images = ops.clip(network.outputs[0], 0.0, 1.0)
        return keras.Model(network.inputs, images, name="image_decoder")


@keras.saving.register_keras_serializable("keras_synth")
class GAN(LatentGenerator, AdversarialModel):
    """Generative adversarial network, plain or class-conditional.

    Trained on images alone (`fit(images)` or a dataset of images); a
    class-conditional one, whose networks take a label as second input, on
    `fit(images, labels)` or a dataset of `(image, label)`. Fakes then have
    the labels of the real images beside them.

    `compile` (see `AdversarialModel.compile`) chooses loss and regularization:

        gan.compile()  # non-saturating loss, Adam(2e-4, 0.5) twice
        gan.compile(loss=losses.NonSaturating(),
                    gradient_penalty=losses.R1(weight=1.0, interval=16))
        gan.compile(loss=losses.Wasserstein(), discriminator_steps=5,
                    gradient_penalty=losses.WassersteinGradientPenalty())

    `sample`, `generate`, `interpolate_latents`, `call` and `evaluate` use the
    moving average of the generator. The log names are those of
    `AdversarialModel`. A GAN takes no `metrics`, since a generated image has
    no target; `callbacks.GenerativeQuality` measures its images.

    Args:
        generator: Network from latents, (batch, latent_dim), or
            `[latents, label]`, to images in [0, 1].
        discriminator: Network from images or `[image, label]` to logits,
            (batch,) or (batch, height, width, 1), without a sigmoid at its
            end.
        seed: Seed of all noise, an int. None draws a random one.

    Raises:
        ValueError: Networks that do not fit together.

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

    def make_fakes(self, batch, training):
        """Images of new latents, with the labels of the real ones."""
        real, *labels = batch
        network = self.generator if training else self.sampling_generator
        latents = self.draw_latents(real, training)
        return run_network(network, latents, labels, training)


def check_gan_networks(generator, discriminator):
    """Refuses a generator and a discriminator that do not fit together."""
    check_generator_and_discriminator(generator, discriminator)
    if len(generator.inputs) != len(discriminator.inputs):
        raise ValueError(
            "`generator` and `discriminator` must both take a label or "
            "neither: make both with the same `num_classes` (or "
            "`condition_shape`). Received: "
            f"{len(generator.inputs)} and {len(discriminator.inputs)} inputs"
        )
    classes = num_classes(generator), num_classes(discriminator)
    if Condition(generator).kind == "label" and classes[0] != classes[1]:
        raise ValueError(
            "`generator` and `discriminator` must have the same classes. "
            f"Received: {classes[0]} and {classes[1]}"
        )
    shapes = [
        [tuple(each.shape) for each in network.inputs[1:]]
        for network in (generator, discriminator)
    ]
    if shapes[0] != shapes[1]:
        raise ValueError(
            "`generator` and `discriminator` must have the same condition: "
            "make both with the same `condition_shape`. Received: "
            f"{shapes[0]} and {shapes[1]}"
        )
    made = tuple(generator.outputs[0].shape[1:])
    taken = tuple(discriminator.inputs[0].shape[1:])
    if made != taken:
        raise ValueError(
            f"`generator` makes images of shape {made}, `discriminator` "
            f"takes {taken}: make both with the same `image_shape`."
        )
