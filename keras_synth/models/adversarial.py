"""Two networks that train against each other.

A generator makes images; a discriminator tells them from real ones. Each
has its own optimizer, and each step moves one of them:

1. the discriminator, `discriminator_steps` times, each time on its own part
   of the batch, on new fakes, with the penalty on its slope where it is due;
2. the generator, once;
3. the generator's average, a little towards the generator.

What an image is made from and how it is judged, the subclass says.
"""

import keras
import tensorflow as tf
from keras import ops

from keras_synth.layers import SpectralNormalization
from keras_synth.losses import NonSaturating
from keras_synth.models.adversarial_checks import check_adversarial
from keras_synth.models.lazy import lazily
from keras_synth.models.replicas import share_of_batch
from keras_synth.models.resumable import ResumableModel
from keras_synth.ops import ReplicaSeedGenerator, mean_or_zero


class AdversarialModel(ResumableModel):
    """A generator, a discriminator, two optimizers, and nothing lost.

    Subclasses implement `discriminator_loss(batch, training)` and
    `generator_loss(batch, training)`, scalars that are means over the batch
    of one replica, with `play_discriminator` and `play_generator` for the
    adversarial part; and `read_batch(data)`, which gives the batch as a list
    of tensors. A model with more than two networks extends
    `generator_networks` or `discriminator_networks`, and `NETWORKS`; one that
    measures more names it in `OWN_LOGS`, and updates it with `track`.

    Saved and resumed bit-equal: both networks, both optimizers, the average,
    all seeds, and the arguments of `compile`.

    Log names: `loss`, all that both players minimize, penalties included
    (for `TerminateOnNaN`); `generator_loss` and `discriminator_loss`, the
    adversarial losses alone;
    `accuracy_real` and `accuracy_fake`, the shares of real and of generated
    images that the discriminator gets right; `diversity`, the standard
    deviation over a batch of generated images, averaged over pixels, over
    that of real ones (0: all the same); in training also `gradient_penalty`,
    where there is one, and `generator_gradient_norm` and
    `discriminator_gradient_norm`, of one replica's gradient.

    Args:
        generator: network that makes images in [0, 1].
        discriminator: network from images to logits, no sigmoid.
        seed: of all noise, an int or None for a random one.
    """

    #: The constructor's arguments that are networks.
    NETWORKS = ("generator", "discriminator")

    #: What a subclass logs besides, in training and in evaluation.
    OWN_LOGS = ()

    def __init__(self, generator, discriminator, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.generator = generator
        self.discriminator = discriminator
        self.generator_average = keras.models.clone_model(generator)
        self.generator_average.trainable = False
        self.generator_average.set_weights(generator.get_weights())
        self.average_steps = self.add_weight(
            shape=(), initializer="zeros", trainable=False, name="average_steps"
        )
        self.seed = seed
        self.seed_generator = ReplicaSeedGenerator(seed)
        # So that validation leaves the training's noise alone.
        self.evaluation_seeds = ReplicaSeedGenerator(seed)
        self.trackers = {
            name: keras.metrics.Mean(name)
            for name in (*_LOSSES, *self.OWN_LOGS, *_PLAY, *_TRAINING)
        }
        self.built = True

    @property
    def sampling_generator(self):
        """What images for the user come from: the average."""
        return self.generator_average

    @property
    def generator_networks(self):
        """All that the generator's step trains."""
        return [self.generator]

    @property
    def discriminator_networks(self):
        """All that the discriminator's step trains."""
        return [self.discriminator]

    @property
    def generator_optimizer(self):
        """The same as `optimizer`, which Keras' callbacks know."""
        return self.optimizer

    def compile(
        self,
        generator_optimizer=None,
        discriminator_optimizer=None,
        loss=None,
        gradient_penalty=None,
        augmentation=None,
        discriminator_steps=1,
        average_decay=0.999,
        auto_scale_loss=True,
        **kwargs,
    ):
        """Configures training.

        Args:
            generator_optimizer: name or optimizer; `Adam(2e-4, beta_1=0.5)`
                by default.
            discriminator_optimizer: likewise, another object.
            loss: an adversarial loss of `losses`; `NonSaturating()` by
                default; or one of your own, a `losses.AdversarialLoss`.
            gradient_penalty: None, or `losses.R1`, `losses.R2` or
                `losses.WassersteinGradientPenalty`; taken at the images as
                the discriminator saw them, augmented ones too. With one, the
                discriminator must have no batch normalization, which mixes
                the slopes of a batch's images.
            augmentation: None, or a `layers.DiffAugment`, applied to all
                images that the discriminator is shown in training.
            discriminator_steps: discriminator steps a generator step. A batch
                of `fit` is dealt out to them, so that each sees images of
                its own: give as many times the batch size. The generator's
                step makes as many images as the last of them saw.
            average_decay: of the generator's moving average, in [0, 1); 0
                follows the generator itself. In the first steps t the decay
                is at most (1 + t) / (10 + t), or the average would remember
                the random start.
            auto_scale_loss: whether to scale both losses in `mixed_float16`.
            **kwargs: as `keras.Model.compile` takes them
                (`steps_per_execution`, `jit_compile`, `run_eagerly`).
        """
        optimizers = []
        for optimizer in (generator_optimizer, discriminator_optimizer):
            if optimizer is None:
                optimizer = keras.optimizers.Adam(2e-4, beta_1=0.5)
            optimizers.append(keras.optimizers.get(optimizer))
        loss = NonSaturating() if loss is None else loss
        check_adversarial(
            optimizers,
            loss,
            gradient_penalty,
            augmentation,
            discriminator_steps,
            average_decay,
            kwargs,
            self.discriminator_networks,
        )
        if auto_scale_loss and self.dtype_policy.name == "mixed_float16":
            optimizers = [_with_scaled_loss(o) for o in optimizers]
        super().compile(
            optimizer=optimizers[0], auto_scale_loss=False, **kwargs
        )
        self.discriminator_optimizer = optimizers[1]
        for optimizer, networks in zip(
            optimizers,
            (self.generator_networks, self.discriminator_networks),
            strict=True,
        ):
            optimizer.build(_trainable_variables(networks))
        self.adversarial_loss = loss
        self.gradient_penalty = gradient_penalty
        self.augmentation = augmentation
        self.discriminator_steps = discriminator_steps
        self.average_decay = average_decay
        self._compile_arguments = {
            "loss": loss,
            "gradient_penalty": gradient_penalty,
            "augmentation": augmentation,
            "discriminator_steps": discriminator_steps,
            "average_decay": average_decay,
            "auto_scale_loss": auto_scale_loss,
            **kwargs,
        }

    def get_compile_config(self):
        """What `compile` was called with; Keras saves it."""
        if not self.compiled:
            return {}
        arguments = {
            "generator_optimizer": self.generator_optimizer,
            "discriminator_optimizer": self.discriminator_optimizer,
            **self._compile_arguments,
        }
        return keras.saving.serialize_keras_object(arguments)

    @property
    def metrics(self):
        return list(self.trackers.values())

    def train_step(self, data):
        part = batch = self.read_batch(data)
        count = self.discriminator_steps
        discriminator_loss = 0.0
        for index in range(count):
            # Of fewer images than steps, some are dealt twice.
            first = index % ops.maximum(ops.shape(batch[0])[0], 1)
            part = [tensor[first::count] for tensor in batch]
            discriminator_loss += self._step("discriminator", part) / count
        generator_loss = self._step("generator", part)
        self.track("loss", discriminator_loss + generator_loss, batch[0])
        self._update_average()
        return self._results(training=True)

    def test_step(self, data):
        batch = self.read_batch(data)
        networks = (*self.generator_networks, *self.discriminator_networks)
        loss = sum(sum(network.losses) for network in networks)
        loss += self.discriminator_loss(batch, training=False)
        loss += self.generator_loss(batch, training=False)
        self.track("loss", loss, batch[0])
        return self._results(training=False)

    def log_names(self, training):
        """What a step of training, or of evaluation, reports."""
        names = [*_LOSSES, *self.OWN_LOGS, *_PLAY]
        if training:
            names += _TRAINING
            if self.gradient_penalty is None:
                names.remove("gradient_penalty")
        return names

    def _results(self, training):
        names = self.log_names(training)
        return {name: self.trackers[name].result() for name in names}

    def _step(self, player, batch):
        """One step of one player; all that it minimized."""
        networks = getattr(self, f"{player}_networks")
        optimizer = getattr(self, f"{player}_optimizer")
        loss_of = getattr(self, f"{player}_loss")
        variables = _trainable_variables(networks)
        for network in networks:
            _update_spectral_norms(network)
        share, replicas = share_of_batch(batch[0])
        with tf.GradientTape() as tape:
            loss = loss_of(batch, training=True)
            regularization = sum(sum(network.losses) for network in networks)
            # Keras sums gradients over replicas.
            scaled_loss = optimizer.scale_loss(
                share * loss + regularization / replicas
            )
        gradients = tape.gradient(scaled_loss, variables)
        norm = tf.linalg.global_norm(gradients)
        norm = norm / (share * optimizer.scale_loss(1.0))
        optimizer.apply(gradients, variables)
        # A step that mixed precision skips has no norm.
        finite = tf.math.is_finite(norm)
        self.trackers[f"{player}_gradient_norm"].update_state(
            tf.where(finite, norm, 0.0), tf.cast(finite, "float32")
        )
        return loss + regularization

    def play_discriminator(self, judge, real, fake, training):
        """The discriminator's adversarial loss, with its penalty.

        Args:
            judge: function from images to logits.
            real: images of the batch.
            fake: as many images of the generator.
            training: whether to augment and to penalize.

        Returns:
            A scalar, and the metrics of the game are updated.
        """
        fake = ops.stop_gradient(fake)
        self.track("diversity", _deviation(fake) / _deviation(real), real)
        if training and self.augmentation is not None:
            draw = self.augmentation.draw(
                ops.shape(real)[0], self.seed_generator
            )
            real = self.augmentation(real, draw=draw)
            fake = self.augmentation(fake, draw=draw)
        real_logits, fake_logits = judge(real), judge(fake)
        boundary = self.adversarial_loss.boundary(real_logits, fake_logits)
        if training and hasattr(self.augmentation, "adapt"):
            self.augmentation.adapt(real_logits - boundary)
        for name, right in (
            ("accuracy_real", real_logits > boundary),
            ("accuracy_fake", fake_logits < boundary),
        ):
            self.track(name, mean_or_zero(ops.cast(right, "float32")), real)
        loss = self.adversarial_loss.discriminator(real_logits, fake_logits)
        self.track("discriminator_loss", loss, real)
        if training and self.gradient_penalty is not None:
            loss = loss + self._penalty(judge, real, fake)
        return loss

    def play_generator(self, judge, real, fake, training):
        """The generator's adversarial loss; arguments as above."""
        if training and self.augmentation is not None:
            draw = self.augmentation.draw(
                ops.shape(fake)[0], self.seed_generator
            )
            real = self.augmentation(real, draw=draw)
            fake = self.augmentation(fake, draw=draw)
        sees_real = self.adversarial_loss.generator_sees_real
        loss = self.adversarial_loss.generator(
            judge(real) if sees_real else None, judge(fake)
        )
        self.track("generator_loss", loss, fake)
        return loss

    def _penalty(self, judge, real, fake):
        """The penalty in every `interval`-th step, that many times as heavy."""
        interval = self.gradient_penalty.interval
        value, due = lazily(
            lambda: self.gradient_penalty(
                judge, real, fake, self.seed_generator
            ),
            self.discriminator_optimizer.iterations,
            interval,
        )
        count = ops.cast(ops.shape(real)[0], "float32")
        self.trackers["gradient_penalty"].update_state(value, due * count)
        return interval * value

    def _update_average(self):
        self.average_steps.assign_add(1.0)
        step = ops.convert_to_tensor(self.average_steps)
        decay = ops.minimum(self.average_decay, (1.0 + step) / (10.0 + step))
        if self.average_decay == 0:
            decay = 0.0
        for average, weight in zip(
            self.generator_average.weights, self.generator.weights, strict=True
        ):
            average.assign(decay * average + (1.0 - decay) * weight)

    def track(self, name, value, images):
        """Logs the mean over a batch."""
        self.trackers[name].update_state(value, ops.shape(images)[0])

    def get_config(self):
        config = super().get_config()
        serialize = keras.saving.serialize_keras_object
        for name in self.NETWORKS:
            config[name] = serialize(getattr(self, name))
        config["seed"] = self.seed
        return config

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        for key in cls.NETWORKS:
            config[key] = keras.saving.deserialize_keras_object(
                config[key], custom_objects=custom_objects
            )
        return cls(**config)


_LOSSES = ("loss", "generator_loss", "discriminator_loss")
_PLAY = ("accuracy_real", "accuracy_fake", "diversity")
_TRAINING = (
    "gradient_penalty",
    "generator_gradient_norm",
    "discriminator_gradient_norm",
)


def _with_scaled_loss(optimizer):
    scaled = keras.optimizers.LossScaleOptimizer
    return optimizer if isinstance(optimizer, scaled) else scaled(optimizer)


def _trainable_variables(networks):
    return [v for network in networks for v in network.trainable_variables]


def _update_spectral_norms(network):
    for layer in network._flatten_layers():
        if isinstance(layer, SpectralNormalization):
            layer.update()


def _deviation(images):
    """Over the batch, averaged over pixels and channels."""
    centered = images - mean_or_zero(images, axis=0)
    variance = mean_or_zero(ops.square(centered), axis=0)
    return ops.mean(ops.sqrt(variance)) + keras.config.epsilon()
