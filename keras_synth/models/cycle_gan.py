"""CycleGAN: image-to-image translation without pairs.

Two generators translate between two kinds of images, G: A → B and F: B → A,
and two discriminators tell translated images from real ones. There and back
again, an image should be what it was. The generators minimize

    2 adversarial(D_B(G(a))) + 2 adversarial(D_A(F(b)))
    + λ (|F(G(a)) - a| + |G(F(b)) - b|)                     cycle
    + μ (|G(b) - b| + |F(a) - a|)                           identity

where | | is the mean absolute error of images in [-1, 1]. The 2 makes the
squares of `losses.LeastSquares`, which have a ½, those of the paper, so that
the paper's λ and μ hold.
"""

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from keras_synth.layers import ImagePool
from keras_synth.layers.nested import network_input
from keras_synth.losses import LeastSquares
from keras_synth.models.adversarial import AdversarialModel, run_network
from keras_synth.models.adversarial_checks import (
    check_generator_and_discriminator,
)
from keras_synth.models.averages import frozen_copy
from keras_synth.models.checks import (
    check_images,
    check_loss_weights,
    check_no_metrics,
    check_unpaired,
)
from keras_synth.models.replicas import of_all_replicas
from keras_synth.ops import mean_or_zero
from keras_synth.ops.numbers import is_int

#: The two directions of translation.
DIRECTIONS = ("a_to_b", "b_to_a")


@keras.saving.register_keras_serializable("keras_synth")
class CycleGAN(AdversarialModel):
    """CycleGAN: translates between two kinds of images, without pairs.

    Learns from two sets, A and B: `fit(images_a, images_b)`, or a dataset of
    `(images_a, images_b)` such as `datasets.unpaired_pipeline` gives. The two
    images of an element have nothing to do with each other.

    `call` and `predict` translate from A to B, `translate` both ways, with
    the moving averages of the generators (`average_decay=0` in `compile` for
    the generators themselves, as in the paper).

    A training step makes the translations once, for both its parts. The
    discriminators see them through a pool of earlier ones each. On several
    replicas there is one pool for all of them: it gets the images of the
    whole batch, in the order of the replicas.

    Log names: those of `AdversarialModel`, means over both sides, and

    - `cycle_loss`: the sum that λ weights;
    - `identity_loss`: the sum that μ weights, where it has a weight.

    Args:
        generator_ab: Network G from images of A (batch, height, width,
            channels) to images of B of the same size, in [0, 1];
            `networks.resnet_translator`.
        generator_ba: Network F, the other way.
        discriminator_a: Network from images of A to logits;
            `networks.patch_discriminator(condition=())`.
        discriminator_b: Network from images of B to logits.
        image_size: Side of the images in training, or (height, width). Images
            that are translated may have any size that the generators take.
        pool_size: Number of translated images in the pool of each
            discriminator. 0 for none; then training images may have any size.
        seed: Seed of all draws, an int. None draws a random one.

    Attributes:
        image_shape: (height, width, channels) of the images of A in training.
        target_shape: Those of B.

    Raises:
        ValueError: Networks that do not fit together.

    Reference: Zhu et al., Unpaired Image-to-Image Translation using
    Cycle-Consistent Adversarial Networks, 2017.

    Example:

    >>> from keras_synth import networks
    >>> model = CycleGAN(
    ...     *(networks.resnet_translator(1, 1, 4, 1) for _ in "ab"),
    ...     *(networks.patch_discriminator(1, (), widths=(4,)) for _ in "ab"),
    ...     image_size=16,
    ... )
    >>> model.compile()
    >>> model.translate(ops.zeros((2, 24, 20, 1)), "b_to_a").shape
    TensorShape([2, 24, 20, 1])
    """

    NETWORKS = (
        "generator_ab",
        "generator_ba",
        "discriminator_a",
        "discriminator_b",
    )
    OWN_LOGS = ("cycle_loss", "identity_loss")
    SHARES_FAKES = True

    # Of the mean over both sides: 2 of each.
    adversarial_weight = 4.0

    def __init__(
        self,
        generator_ab,
        generator_ba,
        discriminator_a,
        discriminator_b,
        image_size=256,
        pool_size=50,
        seed=None,
        **kwargs,
    ):
        if not is_int(pool_size) or pool_size < 0:
            raise ValueError(
                "`pool_size` must be an int of at least 0. "
                f"Received: pool_size={pool_size!r}"
            )
        size = image_size
        if is_int(image_size):
            image_size = int(image_size)
            size = (image_size, image_size)
        channels = _check_networks(
            generator_ab, generator_ba, discriminator_a, discriminator_b, size
        )
        super().__init__(generator_ab, discriminator_b, seed=seed, **kwargs)
        self.autocast = False  # images keep their precision
        self.generator_ba = generator_ba
        self.discriminator_a = discriminator_a
        self.generator_ba_average = frozen_copy(generator_ba)
        self.image_size = image_size
        self.pool_size = pool_size
        if not pool_size:
            size = (None, None)
        self.image_shape, self.target_shape = ((*size, n) for n in channels)
        self.pools = []
        for index, shape in enumerate((self.image_shape, self.target_shape)):
            if pool_size:
                own_seed = None if seed is None else seed + index
                pool = ImagePool(pool_size, own_seed)
                pool.build((None, *shape))
                self.pools.append(pool)

    @property
    def generator_ab(self):
        """The generator from A to B."""
        return self.generator

    @property
    def discriminator_b(self):
        """The discriminator of images of B."""
        return self.discriminator

    @property
    def generator_networks(self):
        """List of both generators."""
        return [self.generator, self.generator_ba]

    @property
    def discriminator_networks(self):
        """List of both discriminators."""
        return [self.discriminator, self.discriminator_a]

    def averages(self):
        """List of `(average, generator)`, from A to B first."""
        return [
            *super().averages(),
            (self.generator_ba_average, self.generator_ba),
        ]

    def compile(
        self,
        generator_optimizer=None,
        discriminator_optimizer=None,
        loss=None,
        *,
        cycle_weight=10.0,
        identity_weight=None,
        **kwargs,
    ):
        """Configures training; compile again to change the weights.

        Args:
            generator_optimizer: Optimizer of both generators, as in
                `AdversarialModel.compile`.
            discriminator_optimizer: Optimizer of both discriminators.
            loss: The adversarial loss, `losses.LeastSquares()` by default.
            cycle_weight: Weight λ of the cycle loss.
            identity_weight: Weight μ of the identity loss, which keeps colors
                that need not change. None stands for half of `cycle_weight`
                where images of A and B have the same channels, else for 0.
            **kwargs: Further arguments of `AdversarialModel.compile`.

        Raises:
            ValueError: Weights below 0; an identity loss of images that
                differ in channels; or `metrics`.
        """
        same = self.image_shape[-1] == self.target_shape[-1]
        if identity_weight is None:
            identity_weight = 0.5 * cycle_weight if same else 0.0
        weights = {
            "cycle_weight": cycle_weight,
            "identity_weight": identity_weight,
        }
        check_loss_weights(weights)
        if identity_weight and not same:
            raise ValueError(
                "`identity_weight` must be 0 where images of A and B have "
                "different channels. "
                f"Received: identity_weight={identity_weight!r}"
            )
        check_no_metrics(kwargs.get("metrics"), type(self).__name__)
        super().compile(
            generator_optimizer,
            discriminator_optimizer,
            LeastSquares() if loss is None else loss,
            **kwargs,
        )
        self._compile_arguments.update(weights)
        self.loss_weights = weights

    def log_names(self, training):
        names = super().log_names(training)
        if not self.loss_weights["identity_weight"]:
            names.remove("identity_loss")
        return names

    def check_batch(self, data):
        name = type(self).__name__
        check_unpaired(data, self.image_shape, self.target_shape, name)

    def check_inputs(self, data):
        images = keras.utils.unpack_x_y_sample_weight(data)[0]
        check_images(images, self._input_shape("a_to_b"))

    def read_batch(self, data):
        """`[images of A, images of B]`."""
        self.check_batch(data)
        both = keras.utils.unpack_x_y_sample_weight(data)[:2]
        return [ops.cast(images, "float32") for images in both]

    def _generators(self, training):
        """The generators, or their averages: from A to B, from B to A."""
        if training:
            return self.generator, self.generator_ba
        return self.generator_average, self.generator_ba_average

    def make_fakes(self, batch, training):
        """`(images of A, images of B)`, each translated from the other."""
        images, targets = batch
        to_b, to_a = self._generators(training)
        return (
            run_network(to_a, targets, [], training),
            run_network(to_b, images, [], training),
        )

    def comparisons(self, batch, fakes, training):
        """Real and translated images of B, and those of A."""

        def discriminate_a(images):
            return run_network(self.discriminator_a, images, [], training)

        def discriminate_b(images):
            return run_network(self.discriminator, images, [], training)

        return [
            (discriminate_b, batch[1], fakes[1]),
            (discriminate_a, batch[0], fakes[0]),
        ]

    def generator_terms(self, batch, fakes, training, logs):
        """The cycle and the identity loss, weighted."""
        images, targets = batch
        to_b, to_a = self._generators(training)

        def error(network, inputs, wanted):
            made = run_network(network, inputs, [], training)
            return 2.0 * mean_or_zero(ops.abs(made - wanted))  # in [-1, 1]

        cycle = error(to_a, fakes[1], images) + error(to_b, fakes[0], targets)
        self.log(logs, "cycle_loss", cycle, images)
        loss = self.loss_weights["cycle_weight"] * cycle
        if self.loss_weights["identity_weight"]:
            same = error(to_a, images, images) + error(to_b, targets, targets)
            self.log(logs, "identity_loss", same, images)
            loss += self.loss_weights["identity_weight"] * same
        return loss

    def discriminator_step(self, batch, logs, fakes=None):
        """Updates both discriminators; they see images of the pools, too."""
        if fakes is None:
            fakes = self.make_fakes(batch, training=True)
        if self.pools:
            fakes = [
                of_all_replicas(pool, images)
                for pool, images in zip(self.pools, fakes, strict=True)
            ]
        return super().discriminator_step(batch, logs, fakes)

    def call(self, inputs, direction="a_to_b", training=False):
        """Images to translated images, in [0, 1]."""
        made = run_network(self.translator(direction), inputs, [], False)
        return ops.clip(made, 0.0, 1.0)

    def translator(self, direction="a_to_b"):
        """The network that translates: the moving average of a generator.

        Args:
            direction: "a_to_b" or "b_to_a".

        Returns:
            A `keras.Model` from images to images, which are not clipped.
        """
        if direction not in DIRECTIONS:
            raise ValueError(
                f"`direction` must be one of {DIRECTIONS}. "
                f"Received: direction={direction!r}"
            )
        return self._generators(False)[DIRECTIONS.index(direction)]

    def translate(self, images, direction="a_to_b"):
        """Translates images.

        Args:
            images: Images of A, or of B where `direction` is "b_to_a"; floats
                (batch, height, width, channels) in [0, 1], of any size that
                the generators take.
            direction: "a_to_b" or "b_to_a".

        Returns:
            float32 in [0, 1], as large as `images`.

        Raises:
            ValueError: Images of another kind, or another direction.
        """
        shape = self._input_shape(direction)
        images = ops.convert_to_tensor(images)
        check_images(images, shape)
        return self(images, direction=direction)

    def _input_shape(self, direction):
        return tuple(network_input(self.translator(direction)).shape[1:])

    def export_endpoints(self):
        """The endpoints of `export.export_saved_model`.

        Returns:
            `{"a_to_b": (function, input signature), "b_to_a": ...}`, from
            images to images.
        """

        def endpoint(direction):
            spec = tf.TensorSpec(
                (None, *self._input_shape(direction)), name="images"
            )
            return lambda images: self.translate(images, direction), [spec]

        return {direction: endpoint(direction) for direction in DIRECTIONS}

    def call_signature(self):
        shape = (None, *self._input_shape("a_to_b"))
        return tf.TensorSpec(shape, name="images")

    def get_config(self):
        return {
            **super().get_config(),
            "image_size": self.image_size,
            "pool_size": self.pool_size,
        }


def _check_networks(
    generator_ab, generator_ba, discriminator_a, discriminator_b, size
):
    """Refuses networks that do not fit each other.

    Returns:
        Channels of the images of A and of B.
    """
    if np.shape(size) != (2,) or not all(is_int(n) and n > 0 for n in size):
        raise ValueError(
            "`image_size` must be a positive int, or (height, width). "
            f"Received: image_size={size!r}"
        )
    check_generator_and_discriminator(generator_ab, discriminator_b)
    check_generator_and_discriminator(generator_ba, discriminator_a)
    channels = [
        network_input(network).shape[-1]
        for network in (discriminator_a, discriminator_b)
    ]
    for name, network, (taken, made) in (
        ("generator_ab", generator_ab, channels),
        ("generator_ba", generator_ba, channels[::-1]),
    ):
        shape = network_input(network).shape
        if shape[-1] == taken:
            result = network.compute_output_shape((1, *size, taken))
            if tuple(result) == (1, *size, made):
                continue
        raise ValueError(
            f"`{name}` must make images of {size[0]} x {size[1]} pixels and "
            f"{made} channels of such of {taken}, as many as the "
            f"discriminators take. Received: a network from {shape[1:]} to "
            f"{network.outputs[0].shape[1:]}"
        )
    return channels
