"""StyleGAN2: a generator that is told what to draw layer by layer.

Latents z become a style w; the synthesis network reads w at every layer, and
noise besides. Trained as a GAN with the non-saturating loss, and

- R1 on the discriminator and path-length regularization on the generator,
  both lazily, at every so many-th step;
- style mixing: for most images two latents are drawn, and one rules the
  layers before a random crossing, the other those after it, so that layers
  do not rely on each other's style;
- a moving average of the generator, and one of w, towards which truncation
  pulls the styles.
"""

import keras
import tensorflow as tf
from keras import ops

from keras_synth.losses import R1, PathLength
from keras_synth.models.checks import check_latents
from keras_synth.models.gan import GAN, run_network
from keras_synth.models.lazy import lazily, lazy_adam
from keras_synth.models.replicas import share_of_batch
from keras_synth.models.stylegan2_checks import (
    check_crossing,
    check_style_networks,
    check_style_options,
    check_styles,
)
from keras_synth.models.styles import joined, mixed, noise_for, per_layer


@keras.saving.register_keras_serializable("keras_synth")
class StyleGAN2(GAN):
    """Style-based generative adversarial network.

    Trained like a `GAN`, on images or on images with labels. `sample`,
    `generate`, `synthesize`, `style_mix`, `interpolate`, `call` and
    `evaluate` use the generator's moving average.

    Log names: those of `AdversarialModel`; in training also `path_length`,
    the running mean of the lengths, `path_length_penalty`,
    `thousand_images`, how many thousand real images the discriminator
    has been shown in all, and with a `layers.AdaptiveAugment`
    `augmentation_strength`.

    Args:
        mapping: network from latents, (batch, latent_dim), or `[latents,
            label]`, to styles w, (batch, style_dim).
        synthesis: network from `[styles, noise]`, (batch, layers, style_dim)
            and (batch, values), to images in about [0, 1].
        discriminator: as for `GAN`.
        seed: of all noise, an int or None for a random one.

    Attributes:
        style_mean: the running mean of w, (style_dim,).
        num_layers: that read a style.

    Raises:
        ValueError: networks that do not fit together.

    Reference: Karras et al., Analyzing and Improving the Image Quality of
    StyleGAN, 2020; style mixing and truncation: Karras et al., A Style-Based
    Generator Architecture, 2019, section 3.1 and appendix B.

    Example:

    >>> from keras_synth import networks
    >>> shape = (16, 16, 1)
    >>> gan = StyleGAN2(networks.stylegan2_mapping(4, 8, num_layers=2),
    ...                 networks.stylegan2_synthesis(shape, 8, channel_max=4),
    ...                 networks.stylegan2_discriminator(shape, channel_max=4))
    >>> gan.compile()
    >>> styles = gan.map_latents(ops.ones((2, 4)), truncation=0.7)
    >>> gan.synthesize(styles).shape
    TensorShape([2, 16, 16, 1])
    """

    NETWORKS = ("mapping", "synthesis", "discriminator")
    OWN_LOGS = ("path_length_penalty",)

    def __init__(self, mapping, synthesis, discriminator, seed=None, **kwargs):
        check_style_networks(mapping, synthesis)
        self._parts = {"mapping": mapping.name, "synthesis": synthesis.name}
        super().__init__(
            joined(mapping, synthesis), discriminator, seed=seed, **kwargs
        )
        _, self.num_layers, self.style_dim = synthesis.inputs[0].shape
        self.noise_size = synthesis.inputs[1].shape[-1]

        def state(name, shape=(), dtype="float32", aggregation="mean"):
            return self.add_weight(
                shape=shape,
                initializer="zeros",
                dtype=dtype,
                trainable=False,
                aggregation=aggregation,
                name=name,
            )

        self.style_mean = state("style_mean", (self.style_dim,))
        self.path_length_mean = state("path_length_mean")
        self.images_seen = state(
            "images_seen", (), "int64", "only_first_replica"
        )

    @property
    def mapping(self):
        """From latents to styles."""
        return self.generator.get_layer(self._parts["mapping"])

    @property
    def synthesis(self):
        """From styles and noise to images."""
        return self.generator.get_layer(self._parts["synthesis"])

    def compile(
        self,
        generator_optimizer=None,
        discriminator_optimizer=None,
        loss=None,
        gradient_penalty="r1",
        path_length="paper",
        style_mixing=0.9,
        style_decay=0.995,
        **kwargs,
    ):
        """Configures training.

        Args:
            generator_optimizer: `models.lazy.lazy_adam(interval)` by
                default.
            discriminator_optimizer: likewise.
            loss: as in `AdversarialModel.compile`.
            gradient_penalty: likewise; "r1" is `losses.R1` at every 16th
                step, of weight 0.0002 · size² / 32 (the authors' rule for a
                batch of 32).
            path_length: a `losses.PathLength`, None for none; "paper" is
                `PathLength()`.
            style_mixing: share of the images in training with two styles.
            style_decay: of the running mean of w.
            **kwargs: as in `AdversarialModel.compile`; `augmentation` may
                also be a `layers.AdaptiveAugment`.
        """
        if gradient_penalty == "r1":
            size = self.image_shape[0]
            gradient_penalty = R1(weight=0.0002 * size**2 / 32, interval=16)
        if path_length == "paper":
            path_length = PathLength()
        check_style_options(path_length, style_mixing, style_decay)
        if generator_optimizer is None:
            interval = getattr(path_length, "interval", None)
            generator_optimizer = lazy_adam(interval)
        if discriminator_optimizer is None:
            interval = getattr(gradient_penalty, "interval", None)
            discriminator_optimizer = lazy_adam(interval)
        super().compile(
            generator_optimizer,
            discriminator_optimizer,
            loss,
            gradient_penalty=gradient_penalty,
            **kwargs,
        )
        options = {
            "path_length": path_length,
            "style_mixing": style_mixing,
            "style_decay": style_decay,
        }
        self._compile_arguments.update(options)
        for name, value in options.items():
            setattr(self, name, value)

    def log_names(self, training):
        names = super().log_names(training)
        if not training or self.path_length is None:
            names.remove("path_length_penalty")
        return names

    def train_step(self, data):
        images = self.read_batch(data)[0]
        share, _ = share_of_batch(images)
        count = ops.cast(ops.shape(images)[0], "float32") / share
        self.images_seen.assign_add(ops.cast(ops.round(count), "int64"))
        logs = super().train_step(data)
        logs["thousand_images"] = ops.cast(self.images_seen, "float32") / 1000.0
        if self.path_length is not None:
            logs["path_length"] = ops.convert_to_tensor(self.path_length_mean)
        strength = getattr(self.augmentation, "strength", None)
        if strength is not None:
            logs["augmentation_strength"] = ops.convert_to_tensor(strength)
        return logs

    def generator_loss(self, batch, training):
        """The adversarial loss, and path-length regularization."""
        loss = super().generator_loss(batch, training)
        if training and self.path_length is not None:
            loss = loss + self._path_length_penalty(*batch)
        return loss

    def _path_length_penalty(self, images, *labels):
        """Over every other image, which is enough and halves the work."""
        images, *labels = (tensor[::2] for tensor in (images, *labels))
        styles_of = self._drawn_styles(images, labels, True)
        noise = self.draw_noise(images)
        directions = self.draw_directions(images)
        synthesis = self.synthesis

        def penalty():
            return ops.stack(
                self.path_length(
                    lambda styles: synthesis([styles, noise], training=True),
                    styles_of(),
                    directions,
                    ops.convert_to_tensor(self.path_length_mean),
                )
            )

        step = self.generator_optimizer.iterations
        interval = self.path_length.interval
        value, due = lazily(penalty, step, interval, (2,))
        count = ops.cast(ops.shape(images)[0], "float32")
        self.trackers["path_length_penalty"].update_state(value[0], due * count)
        mean = ops.convert_to_tensor(self.path_length_mean)
        updated = self.path_length.update_mean(mean, value[1])
        self.path_length_mean.assign(ops.where(due > 0, updated, mean))
        return interval * value[0]

    def _fakes(self, real, labels, training):
        styles = self._drawn_styles(real, labels, training)()
        if training:
            # Those of the first layer are not mixed.
            mean = ops.mean(ops.stop_gradient(styles[:, 0]), axis=0)
            decay = self.style_decay
            self.style_mean.assign(
                decay * self.style_mean + (1.0 - decay) * mean
            )
        noise = self.draw_noise(real, training)
        network = self._part("synthesis", training)
        return run_network(network, styles, [noise], training)

    def _drawn_styles(self, images, labels, training):
        """A function that maps latents, drawn now, to styles per layer."""
        network = self._part("mapping", training)
        latents = self.draw_latents(images, training)

        def styles_of(latents):
            styles = run_network(network, latents, labels, training)
            return per_layer(styles, self.num_layers)

        if not (training and self.style_mixing):
            return lambda: styles_of(latents)
        others = self.draw_latents(images, training)
        draws = keras.random.uniform(
            (ops.shape(images)[0], 2), dtype="float32", seed=self.seed_generator
        )
        # Those that are not mixed cross behind the last layer.
        crossings = ops.where(
            draws[:, 0] < self.style_mixing,
            1.0 + ops.floor(draws[:, 1] * (self.num_layers - 1)),
            float(self.num_layers),
        )
        return lambda: mixed(styles_of(latents), styles_of(others), crossings)

    def draw_noise(self, images, training=True):
        """The noise of a step, for each of a batch's images."""
        seeds = self.seed_generator if training else self.evaluation_seeds
        shape = (ops.shape(images)[0], self.noise_size)
        return keras.random.normal(shape, dtype="float32", seed=seeds)

    def draw_directions(self, images):
        """Random directions for `ops.path_lengths`, for a batch's images."""
        shape = (ops.shape(images)[0], *self.image_shape)
        return keras.random.normal(
            shape, dtype="float32", seed=self.seed_generator
        )

    def _part(self, part, training=False):
        """Mapping or synthesis, of the generator or of its average."""
        network = self.generator if training else self.sampling_generator
        return network.get_layer(self._parts[part])

    def map_latents(self, latents, labels=None, truncation=1.0):
        """Latents to styles.

        Args:
            latents: (batch, latent_dim).
            labels: int (batch,), for a class-conditional model.
            truncation: ψ in `w̄ + ψ (w - w̄)`, with w̄ the mean style.

        Returns:
            w, float32 (batch, style_dim).
        """
        latents = ops.convert_to_tensor(latents, "float32")
        check_latents(latents, self.latent_dim)
        labels = self._labels(labels)
        styles = run_network(self._part("mapping"), latents, labels, False)
        mean = ops.convert_to_tensor(self.style_mean)
        return mean + truncation * (styles - mean)

    def synthesize(self, styles, noise="fixed"):
        """Styles to images.

        Args:
            styles: w, (batch, style_dim), or one for each layer, w+, (batch,
                num_layers, style_dim).
            noise: "fixed" for the same noise in every image and at every
                call, "random" for new noise, "off" for none; or the noise
                itself, (batch or 1, noise_size).

        Returns:
            Images in [0, 1], (batch, height, width, channels).
        """
        styles = ops.convert_to_tensor(styles, "float32")
        check_styles(styles, self.num_layers, self.style_dim)
        styles = per_layer(styles, self.num_layers)
        noise = noise_for(noise, ops.shape(styles)[0], self.noise_size)
        network = self._part("synthesis")
        images = run_network(network, styles, [noise], False)
        return ops.clip(images, 0.0, 1.0)

    def style_mix(self, coarse, fine, at, noise="fixed"):
        """Images with the coarse features of one style, the fine of another.

        Args:
            coarse: w or w+, see `synthesize`: rules the layers before `at`.
            fine: likewise: rules the others.
            at: the first layer that `fine` rules, from 0 to `num_layers`.
            noise: see `synthesize`.

        Returns:
            Images in [0, 1].
        """
        check_crossing(at, self.num_layers)
        both = []
        for styles in (coarse, fine):
            styles = ops.convert_to_tensor(styles, "float32")
            check_styles(styles, self.num_layers, self.style_dim)
            both.append(per_layer(styles, self.num_layers))
        return self.synthesize(mixed(*both, ops.cast([at], "float32")), noise)

    def generate(self, latents, labels=None, truncation=1.0, noise="fixed"):
        """Latents to images: `synthesize(map_latents(...))`, see there."""
        return self.synthesize(
            self.map_latents(latents, labels, truncation), noise
        )

    def sample(
        self,
        num_images,
        *,
        labels=None,
        truncation=1.0,
        seed=None,
        noise="fixed",
    ):
        """New images.

        Args:
            num_images: how many.
            labels: class of each, int (num_images,), or one int for all; for
                a class-conditional model.
            truncation: see `map_latents`; below 1 gives more typical and less
                varied images, 0 the mean image.
            seed: int for the same latents each time, None for new ones.
            noise: see `synthesize`.

        Returns:
            Images, (num_images, height, width, channels) in [0, 1].
        """
        latents, labels = self.sampled_latents(num_images, labels, seed)
        return self.generate(latents, labels, truncation, noise)

    def export_endpoints(self):
        """What `export.export_saved_model` serves.

        Returns:
            `{name: (function, input signature)}`: map_latents, synthesize
            (of w+), and those of a `GAN`.
        """
        latents = tf.TensorSpec((None, self.latent_dim), name="latents")
        truncation = tf.TensorSpec((), name="truncation")
        label = self._label_signature()
        styles = tf.TensorSpec(
            (None, self.num_layers, self.style_dim), name="styles"
        )

        def map_latents(latents, *rest):
            *labels, truncation = rest
            return self.map_latents(latents, *labels, truncation=truncation)

        return {
            **super().export_endpoints(),
            "map_latents": (map_latents, [latents, *label, truncation]),
            "synthesize": (self.synthesize, [styles]),
        }
