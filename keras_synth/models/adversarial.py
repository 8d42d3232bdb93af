"""Adversarial training: a generator and a discriminator with two optimizers.

A generator makes images; a discriminator gives logits, high for images that
it takes for real. One training step updates

1. the discriminator, `discriminator_steps` times, each time on its own part
   of the batch and on new fakes;
2. the generator, once;
3. the moving average of the generator's weights.
"""

import keras
import tensorflow as tf
from keras import ops

from keras_synth.layers import SpectralNormalization
from keras_synth.layers.nested import all_layers
from keras_synth.losses import NonSaturating
from keras_synth.models.adversarial_checks import check_compile_arguments
from keras_synth.models.adversarial_fit import (
    for_both_optimizers,
    without_remapper,
)
from keras_synth.models.averages import frozen_copy, move_averages
from keras_synth.models.lazy_regularization import lazy_regularization
from keras_synth.models.logged_means import LoggedMeans
from keras_synth.models.parts import deserialized
from keras_synth.models.replicas import gradient_step
from keras_synth.models.resumable import ResumableModel
from keras_synth.ops import ReplicaSeedGenerator, mean_or_zero


class AdversarialModel(ResumableModel):
    """Base class of generative adversarial networks: `compile` and training.

    Subclasses implement `read_batch` and `make_fakes`. They may override
    `comparisons`, where the discriminator sees more than an image and its
    label, and `generator_terms`, which adds terms to the generator's loss. A
    model with more than two networks extends `generator_networks` or
    `discriminator_networks`, and `NETWORKS`; one that logs more names it in
    `OWN_LOGS` and records it with `log`.

    A saved model resumes bit-equal: it holds both networks, both optimizers,
    the average, all seeds, and the arguments of `compile`.

    Log names:

    - `loss`: everything that generator and discriminator minimize, penalties
      included (for `TerminateOnNaN`).
    - `generator_loss` and `discriminator_loss`: the adversarial losses alone.
    - `accuracy_real` and `accuracy_fake`: shares of real and of generated
      images that the discriminator classifies correctly.
    - `diversity`: standard deviation of generated images over a batch,
      averaged over pixels, divided by that of real images. 0 means that all
      generated images are the same.
    - in training also `gradient_penalty`, where there is one, and
      `generator_gradient_norm` and `discriminator_gradient_norm`, norms of
      one replica's gradient.

    Args:
        generator: Network that makes images in [0, 1].
        discriminator: Network from images to logits, without a sigmoid.
        seed: Seed of all noise, an int. None draws a random one.
    """

    #: The constructor's arguments that are networks.
    NETWORKS = ("generator", "discriminator")

    #: Names that a subclass logs besides, in training and in evaluation.
    OWN_LOGS = ()

    #: Whether batches hold the images that the generator should make.
    HAS_TARGETS = False

    #: Whether both parts of a step see the same generated images, made once
    #: (with one discriminator step for each generator step).
    SHARES_FAKES = False

    #: Weight of the adversarial loss in the generator's loss. 0 leaves the
    #: discriminator untrained.
    adversarial_weight = 1.0

    def __init__(self, generator, discriminator, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.generator = generator
        self.discriminator = discriminator
        self.generator_average = frozen_copy(generator)
        self.average_steps = self.add_weight(
            shape=(), initializer="zeros", trainable=False, name="average_steps"
        )
        self.seed = seed
        self.seed_generator = ReplicaSeedGenerator(seed)
        # So that validation leaves the training's noise alone.
        self.evaluation_seeds = ReplicaSeedGenerator(seed)
        self.logged_means = LoggedMeans(
            (*_LOSSES, *self.OWN_LOGS, *_SCORES, *_TRAINING)
        )
        self.built = True

    @property
    def sampling_generator(self):
        """The generator that makes images for the user: the average."""
        return self.generator_average

    @property
    def generator_networks(self):
        """List of the networks that the generator's step trains."""
        return [self.generator]

    @property
    def discriminator_networks(self):
        """List of the networks that the discriminator's step trains."""
        return [self.discriminator]

    @property
    def generator_optimizer(self):
        """The generator's optimizer; the same as `optimizer`."""
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
            generator_optimizer: Name of an optimizer, or a Keras optimizer.
                `Adam(2e-4, beta_1=0.5)` by default.
            discriminator_optimizer: The discriminator's optimizer, another
                object, with the same default.
            loss: An adversarial loss of `losses`, `NonSaturating()` by
                default, or a `losses.AdversarialLoss` of your own.
            gradient_penalty: None, or `losses.R1`, `losses.R2` or
                `losses.WassersteinGradientPenalty`. It is computed at the
                images as the discriminator sees them, augmented ones too. The
                discriminator must then have no batch normalization, which
                mixes the gradients of a batch's images.
            augmentation: None, or a `layers.DiffAugment`, applied to all
                images that the discriminator sees in training.
            discriminator_steps: Number of discriminator steps for each
                generator step. The batch of `fit` is split between them, so
                that each step has other images: multiply the batch size by
                as much. The generator's step makes as many images as the
                last discriminator step had.
            average_decay: Decay of the generator's moving average, in
                [0, 1). 0 makes the average equal to the generator. In step t
                the decay is at most (1 + t) / (10 + t), or the average would
                keep much of the random initialization.
            auto_scale_loss: Whether to scale both losses in `mixed_float16`.
            **kwargs: Arguments of `keras.Model.compile`
                (`steps_per_execution`, `jit_compile`, `run_eagerly`).
        """
        optimizers = []
        for optimizer in (generator_optimizer, discriminator_optimizer):
            if optimizer is None:
                optimizer = keras.optimizers.Adam(2e-4, beta_1=0.5)
            optimizers.append(keras.optimizers.get(optimizer))
        loss = NonSaturating() if loss is None else loss
        check_compile_arguments(
            self,
            optimizers,
            loss,
            gradient_penalty,
            augmentation,
            discriminator_steps,
            average_decay,
            kwargs,
        )
        if auto_scale_loss and self.dtype_policy.name == "mixed_float16":
            optimizers = [_with_scaled_loss(o) for o in optimizers]
        super().compile(
            optimizer=optimizers[0], auto_scale_loss=False, **kwargs
        )
        self.discriminator_optimizer = optimizers[1]
        self.generator_optimizer.build(
            _trainable_variables(self.generator_networks)
        )
        self.discriminator_optimizer.build(
            _trainable_variables(self.discriminator_networks)
        )
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
        """The arguments of `compile`, serialized; Keras saves them."""
        if not self.compiled:
            return {}
        arguments = {
            "generator_optimizer": self.generator_optimizer,
            "discriminator_optimizer": self.discriminator_optimizer,
            **self._compile_arguments,
        }
        return keras.saving.serialize_keras_object(arguments)

    def fit(self, x=None, y=None, *args, callbacks=None, **kwargs):
        """`keras.Model.fit`; learning rates follow callbacks together.

        Keras' `LearningRateScheduler` and `ReduceLROnPlateau` see the
        generator's optimizer alone: here the discriminator's follows them
        too, by its own rate.
        """
        callbacks = for_both_optimizers(callbacks, self)
        with without_remapper():
            return super().fit(x, y, *args, callbacks=callbacks, **kwargs)

    # What subclasses implement ----------------------------------------------

    def read_batch(self, data):
        """A batch of `fit` as a list of tensors, real images first."""
        raise NotImplementedError

    def make_fakes(self, batch, training):
        """Generated images, one for each real image of a batch.

        Args:
            batch: What `read_batch` gave, or a part of it.
            training: True takes the generator, False its average.
        """
        raise NotImplementedError

    def comparisons(self, batch, fakes, training):
        """What the discriminators compare in a batch.

        Args:
            batch: What `read_batch` gave, or a part of it.
            fakes: What `make_fakes` made of it.
            training: Argument of the discriminators' call.

        Returns:
            List of `(discriminate, real, fake)`, one for each discriminator:
            a function from images to logits, real images and generated ones.
            By default the batch is `[images]` or `[images, labels]`.
        """
        real, *labels = batch

        def discriminate(images):
            return run_network(self.discriminator, images, labels, training)

        return [(discriminate, real, fakes)]

    def generator_terms(self, batch, fakes, training, logs):
        """What the generator minimizes besides the adversarial loss.

        Args:
            batch: What `read_batch` gave, or a part of it.
            fakes: What `make_fakes` made of it.
            training: Whether this is a training step.
            logs: Where `log` records values.

        Returns:
            Scalar, the mean over the batch; 0 by default.
        """
        return 0.0

    # Training ---------------------------------------------------------------

    def train_step(self, data):
        batch = part = self.read_batch(data)
        logs, loss = {}, 0.0
        fakes = tape = None
        if self.SHARES_FAKES and self.discriminator_steps == 1:
            tape = tf.GradientTape()
            with tape:
                fakes = self.make_fakes(batch, training=True)
        if self.adversarial_weight:
            for part in self.split_batch(batch):
                step_loss = self.discriminator_step(part, logs, fakes)
                loss += step_loss / self.discriminator_steps
        loss += self.generator_step(part, logs, fakes, tape)
        self.update_average()
        return self.update_logs(loss, logs, batch, training=True)

    def discriminator_step(self, batch, logs, fakes=None):
        """Updates the discriminator once; returns all that it minimized.

        Args:
            batch: What `read_batch` gave, or a part of it.
            logs: Where `log` records values.
            fakes: What `make_fakes` made of it. None makes new ones.
        """
        networks = self.discriminator_networks
        _update_spectral_norms(networks)
        if fakes is None:
            fakes = self.make_fakes(batch, training=True)
        with tf.GradientTape() as tape:
            losses = []
            for discriminate, real, fake in self.comparisons(
                batch, fakes, training=True
            ):
                self._log_diversity(logs, real, fake)
                real, fake = self.augment(real, fake)
                logits = discriminate(real), discriminate(fake)
                if not losses:
                    self._adapt_augmentation(*logits)
                loss = self.adversarial_loss.discriminator(*logits)
                self._log_discriminator(logs, loss, *logits)
                penalty = self._penalty(discriminate, real, fake, logs)
                losses.append(loss + penalty)
            loss = sum(losses) / len(losses)
            regularization = _regularization(networks)
        norm = gradient_step(
            tape,
            loss,
            regularization,
            self.discriminator_optimizer,
            _trainable_variables(networks),
            batch[0],
        )
        self._log_norm(logs, "discriminator_gradient_norm", norm)
        return loss + regularization

    def generator_step(self, batch, logs, fakes=None, tape=None):
        """Updates the generator once; returns all that it minimized.

        Args:
            batch: What `read_batch` gave, or a part of it.
            logs: Where `log` records values.
            fakes: What `make_fakes` made of it. None makes new ones.
            tape: The `tf.GradientTape` that recorded how.
        """
        networks = self.generator_networks
        _update_spectral_norms(networks)
        tape = tf.GradientTape() if tape is None else tape
        with tape:
            if fakes is None:
                fakes = self.make_fakes(batch, training=True)
            loss = self.generator_terms(batch, fakes, True, logs)
            if self.adversarial_weight:
                losses = []
                for discriminate, real, fake in self.comparisons(
                    batch, fakes, training=True
                ):
                    real, fake = self.augment(real, fake)
                    losses.append(
                        self._generator_loss(discriminate, real, fake)
                    )
                    self.log(logs, "generator_loss", losses[-1], fake)
                loss += self.adversarial_weight * sum(losses) / len(losses)
            regularization = _regularization(networks)
        norm = gradient_step(
            tape,
            loss,
            regularization,
            self.generator_optimizer,
            _trainable_variables(networks),
            batch[0],
        )
        self._log_norm(logs, "generator_gradient_norm", norm)
        return loss + regularization

    def test_step(self, data):
        batch = self.read_batch(data)
        logs = {}
        fakes = self.make_fakes(batch, training=False)
        loss = self.generator_terms(batch, fakes, False, logs)
        if self.adversarial_weight:
            comparisons = self.comparisons(batch, fakes, training=False)
            for discriminate, real, fake in comparisons:
                self._log_diversity(logs, real, fake)
                logits = discriminate(real), discriminate(fake)
                of_discriminator = self.adversarial_loss.discriminator(*logits)
                self._log_discriminator(logs, of_discriminator, *logits)
                of_generator = self.adversarial_loss.generator(*logits)
                self.log(logs, "generator_loss", of_generator, fake)
                both = of_discriminator + self.adversarial_weight * of_generator
                loss += both / len(comparisons)
        loss += _regularization(self.generator_networks)
        loss += _regularization(self.discriminator_networks)
        return self.update_logs(loss, logs, batch, training=False)

    def split_batch(self, batch):
        """Splits a batch between the discriminator's steps."""
        count = self.discriminator_steps
        if count == 1:
            return [batch]
        # Of fewer images than steps, some are given twice.
        images = ops.maximum(ops.shape(batch[0])[0], 1)
        return [
            [tensor[index % images :: count] for tensor in batch]
            for index in range(count)
        ]

    def augment(self, real, fake):
        """Real and generated images, augmented with the same random draw."""
        if self.augmentation is None:
            return real, fake
        draw = self.augmentation.draw(ops.shape(real)[0], self.seed_generator)
        return (
            self.augmentation(real, draw=draw),
            self.augmentation(fake, draw=draw),
        )

    def _penalty(self, discriminate, real, fake, logs):
        """The gradient penalty: at every k-th step, k times as heavy."""
        if self.gradient_penalty is None:
            return 0.0
        interval = self.gradient_penalty.interval
        value, due = lazy_regularization(
            lambda: self.gradient_penalty(
                discriminate, real, fake, self.seed_generator
            ),
            self.discriminator_optimizer.iterations,
            interval,
            compiled=self.jit_compile,
        )
        self.log(logs, "gradient_penalty", value, real, due)
        return interval * value

    def _generator_loss(self, discriminate, real, fake):
        needs_real = self.adversarial_loss.generator_sees_real
        return self.adversarial_loss.generator(
            discriminate(real) if needs_real else None, discriminate(fake)
        )

    # No property, which Keras would save as well.
    def averages(self):
        """List of `(average, network)`, for each generator."""
        return [(self.generator_average, self.generator)]

    def update_average(self):
        """Moves the averages towards the generators."""
        self.average_steps.assign_add(1.0)
        steps = ops.convert_to_tensor(self.average_steps)
        move_averages(self.averages(), self.average_decay, steps)

    # Logs -------------------------------------------------------------------

    def own_metrics(self):
        return [self.logged_means]

    def log_names(self, training):
        """Names of what a step of training, or of evaluation, logs."""
        names = [*_LOSSES, *self.OWN_LOGS, *_SCORES]
        if training:
            names += _TRAINING
            if self.gradient_penalty is None:
                names.remove("gradient_penalty")
        return names

    def log(self, logs, name, value, images, weight=1.0):
        """Records a value of this step, for `update_logs`.

        Args:
            logs: Dict that this step collects its values in.
            name: One of `OWN_LOGS`, or of the names above.
            value: Scalar, a mean over the images.
            images: Images that the value is a mean of; their number is its
                weight in the mean over batches.
            weight: Factor of that weight, 0 for a value that does not count.
        """
        count = ops.cast(ops.shape(images)[0], "float32")
        logs.setdefault(name, []).append((value, weight * count))

    def update_logs(self, loss, logs, batch, training):
        """Updates the metrics; returns what a step reports."""
        self.log(logs, "loss", loss, batch[0])
        self.logged_means.update_state(logs)
        means = self.logged_means.result()
        results = {name: means[name] for name in self.log_names(training)}
        return {**results, **self.compiled_results()}

    def _log_diversity(self, logs, real, fake):
        ratio = _deviation(fake) / _deviation(real)
        self.log(logs, "diversity", ratio, real)

    def _log_discriminator(self, logs, loss, real_logits, fake_logits):
        """Loss and accuracies."""
        boundary = self.adversarial_loss.boundary(real_logits, fake_logits)
        for name, correct in (
            ("accuracy_real", real_logits > boundary),
            ("accuracy_fake", fake_logits < boundary),
        ):
            share = mean_or_zero(ops.cast(correct, "float32"))
            self.log(logs, name, share, real_logits)
        self.log(logs, "discriminator_loss", loss, real_logits)

    def _adapt_augmentation(self, real_logits, fake_logits):
        """Adaptive augmentation follows the first discriminator's logits."""
        if hasattr(self.augmentation, "adapt"):
            boundary = self.adversarial_loss.boundary(real_logits, fake_logits)
            self.augmentation.adapt(real_logits - boundary)

    def _log_norm(self, logs, name, norm):
        # A step that mixed precision skips has no norm.
        finite = tf.math.is_finite(norm)
        value = tf.where(finite, norm, 0.0), tf.cast(finite, "float32")
        logs.setdefault(name, []).append(value)

    # Saving -----------------------------------------------------------------

    def get_config(self):
        config = super().get_config()
        serialize = keras.saving.serialize_keras_object
        for name in self.NETWORKS:
            config[name] = serialize(getattr(self, name))
        config["seed"] = self.seed
        return config

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return cls(**deserialized(config, cls.NETWORKS, custom_objects))


_LOSSES = ("loss", "generator_loss", "discriminator_loss")
_SCORES = ("accuracy_real", "accuracy_fake", "diversity")
_TRAINING = (
    "gradient_penalty",
    "generator_gradient_norm",
    "discriminator_gradient_norm",
)


def run_network(network, tensor, labels, training):
    """Calls a network with a tensor and its labels, if there are any.

    Args:
        network: Network of one input, or of two with labels.
        tensor: The first input.
        labels: List of further inputs.
        training: Argument of the network's call.

    Returns:
        The output, float32.
    """
    inputs = [tensor, *labels] if labels else tensor
    return ops.cast(network(inputs, training=training), "float32")


def _with_scaled_loss(optimizer):
    scaled = keras.optimizers.LossScaleOptimizer
    return optimizer if isinstance(optimizer, scaled) else scaled(optimizer)


def _trainable_variables(networks):
    return [v for network in networks for v in network.trainable_variables]


def _regularization(networks):
    """Sum of the networks' own losses, 0 where there are none."""
    return sum(sum(network.losses) for network in networks)


def _update_spectral_norms(networks):
    for network in networks:
        for layer in all_layers(network):
            if isinstance(layer, SpectralNormalization):
                layer.update()


def _deviation(images):
    """Standard deviation over the batch, averaged over pixels and channels."""
    count, *sides = ops.shape(images)
    # No -1: the batch of a replica may be empty.
    pixels = ops.reshape(images, (count, ops.prod(sides)))
    # A product with a row of 1/n is faster than a mean over the first axis.
    row = ops.ones((1, count)) / ops.cast(ops.maximum(count, 1), "float32")
    squares = tf.math.squared_difference(pixels, ops.matmul(row, pixels))
    deviation = ops.sqrt(ops.matmul(row, squares))
    return ops.mean(deviation) + keras.config.epsilon()
