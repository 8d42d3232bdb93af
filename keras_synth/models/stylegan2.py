"""StyleGAN2: a style-based generator, with lazy regularization.

Latents z become a style w; the synthesis network reads w at every layer, and
noise besides. The training is that of a GAN with the non-saturating loss, and

- R1 on the discriminator and path-length regularization on the generator,
  both lazy: computed at every k-th step;
- style mixing: for most images two latents are drawn; the layers before a
  random crossing read the style of the first, those after it the style of the
  second, so that layers do not rely on each other's style;
- a moving average of the generator, and one of w, towards which truncation
  pulls the styles.
"""

import keras
import tensorflow as tf
from keras import ops

from keras_synth.losses import R1, PathLength
from keras_synth.models.adversarial import AdversarialModel, run_network
from keras_synth.models.checks import (
    check_latents,
    check_number,
)
from keras_synth.models.gan import LatentGenerator
from keras_synth.models.lazy_regularization import (
    lazy_adam,
    lazy_regularization,
)
from keras_synth.models.replicas import share_of_batch
from keras_synth.models.styles import (
    check_crossing,
    check_style_networks,
    check_styles,
    joined,
    mixed,
    noise_for,
    per_layer,
)
from keras_synth.ops import mean_or_zero
from keras_synth.ops.numbers import is_number


@keras.saving.register_keras_serializable("keras_synth")
class StyleGAN2(LatentGenerator, AdversarialModel):
    """StyleGAN2, a style-based generative adversarial network.

    Trained like a `GAN`, on images or on images with labels. `sample`,
    `generate`, `synthesize`, `style_mix`, `interpolate_latents`, `call` and
    `evaluate` use the moving average of the generator.

    Log names: those of `AdversarialModel`; in training also

    - `path_length`: the running mean of the path lengths;
    - `path_length_penalty`: the path-length regularization, without the
      factor k of lazy regularization;
    - `thousand_images`: how many thousand real images the discriminator has
      seen in all;
    - `augmentation_strength`: the probability p of a
      `layers.AdaptiveAugment`, where `compile` was given one.

    Args:
        mapping: Network from latents, (batch, latent_dim), or `[latents,
            label]`, to styles w, (batch, style_dim).
        synthesis: Network from `[styles, noise]`, (batch, layers, style_dim)
            and (batch, values), to images in about [0, 1].
        discriminator: Network from images or `[image, label]` to logits,
            without a sigmoid at its end.
        seed: Seed of all noise, an int. None draws a random one.

    Attributes:
        style_mean: Running mean of w, (style_dim,).
        num_layers: Number of layers that read a style.

    Raises:
        ValueError: Networks that do not fit together.

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
        """The network from latents to styles."""
        return self.generator.get_layer(self._parts["mapping"])

    @property
    def synthesis(self):
        """The network from styles and noise to images."""
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
            generator_optimizer: Name of an optimizer, or a Keras optimizer.
                `models.lazy_regularization.lazy_adam(interval)` of the
                `path_length`'s interval by default.
            discriminator_optimizer: The discriminator's optimizer, another
                object; by default `lazy_adam` of the `gradient_penalty`'s
                interval.
            loss: An adversarial loss of `losses`, `NonSaturating()` by
                default.
            gradient_penalty: As in `AdversarialModel.compile`. "r1" is
                `losses.R1` at every 16th step, of weight 0.0002 · size² / 32
                (the authors' rule for a batch of 32).
            path_length: A `losses.PathLength`. "paper" is `PathLength()`,
                None disables path-length regularization.
            style_mixing: Share of the images in training that have two
                styles, in [0, 1].
            style_decay: Decay of the running mean of w, in [0, 1).
            **kwargs: Further arguments of `AdversarialModel.compile`;
                `augmentation` may also be a `layers.AdaptiveAugment`.
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
        """The step of `AdversarialModel`, with these two networks' terms.

        For each discriminator step: `make_fakes`, augmentation, logits, loss,
        R1, gradients, update. Then the generator step: `make_fakes`,
        augmentation, logits, loss, `generator_terms` (the path-length
        regularization), gradients, update. Then the moving average.
        """
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

    def make_fakes(self, batch, training):
        """Images of new latents and noise; in training most have two styles."""
        real, *labels = batch
        styles = self._drawn_styles(real, labels, training)()
        if training:
            # The style of the first layer is not mixed.
            mean = mean_or_zero(ops.stop_gradient(styles[:, 0]), axis=0)
            self.style_mean.assign_sub(
                _weight_of(real)
                * (1.0 - self.style_decay)
                * (self.style_mean - mean)
            )
        noise = self.draw_noise(real, training)
        network = self._part("synthesis", training)
        return run_network(network, styles, [noise], training)

    def generator_terms(self, batch, fakes, training, logs):
        """Path-length regularization, lazy: at every k-th step, times k."""
        if not training or self.path_length is None:
            return 0.0
        # Every other image is enough, and halves the work.
        images, *labels = (tensor[::2] for tensor in batch)
        styles_of = self._drawn_styles(images, labels, training)
        noise = self.draw_noise(images)
        directions = self.draw_directions(images)
        weight = _weight_of(images)
        mean = ops.convert_to_tensor(self.path_length_mean)
        synthesis = self.synthesis

        def penalty_and_length():
            return ops.stack(
                self.path_length(
                    lambda styles: synthesis([styles, noise], training=True),
                    styles_of(),
                    directions,
                    mean,
                )
            )

        interval = self.path_length.interval
        values, due = lazy_regularization(
            penalty_and_length,
            self.generator_optimizer.iterations,
            interval,
            shape=(2,),
            compiled=self.jit_compile,
        )
        penalty, length = ops.unstack(values)
        self.log(logs, "path_length_penalty", penalty, images, due)
        change = self.path_length.update_mean(mean, length) - mean
        change = ops.where(due > 0, weight * change, 0.0)
        self.path_length_mean.assign(mean + change)
        return interval * penalty

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
        # The crossing of the others lies behind the last layer.
        crossings = ops.where(
            draws[:, 0] < self.style_mixing,
            1.0 + ops.floor(draws[:, 1] * (self.num_layers - 1)),
            float(self.num_layers),
        )
        return lambda: mixed(styles_of(latents), styles_of(others), crossings)

    def draw_noise(self, images, training=True):
        """Random noise of a training step, for each image, (batch, values)."""
        seeds = self.seed_generator if training else self.evaluation_seeds
        shape = (ops.shape(images)[0], self.noise_size)
        return keras.random.normal(shape, dtype="float32", seed=seeds)

    def draw_directions(self, images):
        """Random directions of `ops.path_lengths`, one for each image."""
        shape = (ops.shape(images)[0], *self.image_shape)
        return keras.random.normal(
            shape, dtype="float32", seed=self.seed_generator
        )

    def _part(self, part, training=False):
        """The mapping or synthesis network, of the generator or its average."""
        network = self.generator if training else self.sampling_generator
        return network.get_layer(self._parts[part])

    def map_latents(self, latents, labels=None, truncation=1.0):
        """Latents to styles.

        Args:
            latents: (batch, latent_dim).
            labels: Class of each image, int (batch,), or one int for all; for
                a class-conditional model.
            truncation: ψ in `w̄ + ψ (w - w̄)`, with w̄ the mean style.

        Returns:
            w, float32 (batch, style_dim).
        """
        check_number("truncation", truncation)
        latents = ops.convert_to_tensor(latents, "float32")
        check_latents(latents, self.latent_dim)
        labels = self._labels(labels, ops.shape(latents)[0])
        styles = run_network(self._part("mapping"), latents, labels, False)
        mean = ops.convert_to_tensor(self.style_mean)
        return mean + truncation * (styles - mean)

    def synthesize(self, styles, noise="fixed", clip=True):
        """Styles to images.

        Args:
            styles: w, (batch, style_dim), or one for each layer, w+, (batch,
                num_layers, style_dim).
            noise: "fixed" takes the same noise for every image and at every
                call, "random" new noise, "off" none; or the noise itself,
                (batch or 1, noise_size).
            clip: Whether to clip to [0, 1] what the network returns.

        Returns:
            Images in [0, 1], (batch, height, width, channels).
        """
        styles = ops.convert_to_tensor(styles, "float32")
        check_styles(styles, self.num_layers, self.style_dim)
        styles = per_layer(styles, self.num_layers)
        noise = noise_for(noise, ops.shape(styles)[0], self.noise_size)
        network = self._part("synthesis")
        images = run_network(network, styles, [noise], False)
        return ops.clip(images, 0.0, 1.0) if clip else images

    def style_mix(self, coarse, fine, at, noise="fixed"):
        """Images with the coarse features of one style, the fine of another.

        Args:
            coarse: Style of the layers before `at`, w or w+ as in
                `synthesize`.
            fine: Style of the other layers, w or w+.
            at: Index of the first layer that reads `fine`, from 0 to
                `num_layers`.
            noise: As in `synthesize`.

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
        """Latents to images: `synthesize(map_latents(latents, ...), noise)`."""
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
        """New images from random latents.

        Args:
            num_images: Number of images.
            labels: Class of each image, int (num_images,), or one int for
                all; for a class-conditional model.
            truncation: ψ of `map_latents`. Below 1 the images are more
                typical and less varied; 0 gives the mean image.
            seed: An int gives the same latents each time, None new ones.
            noise: As in `synthesize`.

        Returns:
            Images, (num_images, height, width, channels) in [0, 1].
        """
        latents, labels = self.sampled_latents(num_images, labels, seed)
        return self.generate(latents, labels, truncation, noise)

    def image_decoder(self):
        """`generate` as a network of its own, for export: of the fixed noise.

        Returns:
            A functional `keras.Model` from latents (or `[latents, label]`)
            to images in [0, 1].
        """
        mapping, synthesis = (
            self.sampling_generator.get_layer(part.name)
            for part in (self.mapping, self.synthesis)
        )
        # A NumPy array, which is a constant of the graph and no input.
        noise = ops.convert_to_numpy(noise_for("fixed", 1, self.noise_size))
        network = joined(mapping, synthesis, noise)
        images = ops.clip(network.outputs[0], 0.0, 1.0)
        return keras.Model(network.inputs, images, name="image_decoder")

    def export_endpoints(self):
        """The endpoints of `export.export_saved_model`.

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


def _weight_of(images):
    """Weight of a replica's mean, where the mean over replicas is taken.

    That is 1 on one replica, and where all have as many images.
    """
    share, replicas = share_of_batch(images)
    return share * replicas


def check_style_options(path_length, style_mixing, style_decay):
    """Refuses values out of range."""
    if path_length is not None and not isinstance(path_length, PathLength):
        raise ValueError(
            "`path_length` must be None, a `losses.PathLength` or "
            f'"paper". Received: path_length={path_length!r}'
        )
    if not (is_number(style_mixing) and 0 <= style_mixing <= 1):
        raise ValueError(
            "`style_mixing` must be from 0 to 1. "
            f"Received: style_mixing={style_mixing!r}"
        )
    if not (is_number(style_decay) and 0 <= style_decay < 1):
        raise ValueError(
            "`style_decay` must be at least 0 and below 1. "
            f"Received: style_decay={style_decay!r}"
        )
