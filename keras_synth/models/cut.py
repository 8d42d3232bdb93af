"""CUT: contrastive translation without pairs, in one direction.

One generator translates, G: A → B, and one discriminator D tells translated
images from real ones. What ties a translation to its source is not the way
back, as in CycleGAN, but the generator's own features: those of a place of
G(a) should be more alike to those of the same place of a than to those of
other places of a. The generator and its projection head H minimize

    2 adversarial(D(G(a))) + λ NCE(a, G(a)) + μ NCE(b, G(b))
    NCE(x, y) = mean over layers l of PatchNCE(H_l(E_l(x)), H_l(E_l(y)))

where E_l are the maps of layer l of G, each read at the same random places
(up to `num_patches`) in x and in y. They are those of the trained generator
in evaluation too, which H has learned to read, while translations there are
made by its moving average. The last term keeps images that are of B already as
they are; the paper's FastCUT leaves it out. The 2 makes the squares of
`losses.LeastSquares`, which have a ½, those of the paper.

The encoder E is a functional model from the generator's input to the maps of
the layers that the projection head names, `{layer name: map}`. It shares the
layers with the generator, so that it has no weights of its own, is not saved,
and follows the generator wherever that is loaded or copied: names of layers
survive both.
"""

import keras
import tensorflow as tf
from keras import ops

from keras_synth.layers.nested import layer_outputs, network_input
from keras_synth.losses import LeastSquares, PatchNCE
from keras_synth.models.adversarial import AdversarialModel, run_network
from keras_synth.models.adversarial_checks import (
    check_generator_and_discriminator,
)
from keras_synth.models.checks import (
    check_images,
    check_is_network,
    check_loss_weights,
    check_no_metrics,
    check_unpaired,
)
from keras_synth.ops import mean_or_zero
from keras_synth.ops.numbers import is_int


@keras.saving.register_keras_serializable("keras_synth")
class CUT(AdversarialModel):
    """CUT: contrastive unpaired translation from one kind of image to another.

    Learns from two sets, A and B: `fit(images_a, images_b)`, or a dataset of
    `(images_a, images_b)` such as `datasets.unpaired_pipeline` gives. The two
    images of an element have nothing to do with each other. Images may have
    any size that the networks take, all of a batch the same.

    `call`, `predict` and `translate` translate from A to B, with the moving
    average of the generator (`average_decay=0` in `compile` for the generator
    itself, as in the paper). For the way back train another model, with the
    sets exchanged.

    The random places are the same for all images of a batch, and so for all
    replicas; in evaluation they are always the same ones.

    Log names: those of `AdversarialModel`, and

    - `nce_loss`: NCE(a, G(a)), the mean over layers, places and images;
    - `identity_loss`: NCE(b, G(b)), where it has a weight.

    Args:
        generator: Network G from images of A (batch, height, width, channels)
            to images of B of the same size and channels, in [0, 1];
            `networks.resnet_translator`.
        discriminator: Network from images of B to logits;
            `networks.patch_discriminator(condition=())`.
        projection_head: Network H from `{layer name: features}`, (batch,
            places, channels), to as many vectors of length 1;
            `networks.projection_head(generator)`. The names are those of
            layers of the generator.
        seed: Seed of all draws, an int. None draws a random one.

    Attributes:
        image_shape: (height, width, channels) of the images, None for any.

    Raises:
        ValueError: Networks that do not fit together.

    Reference: Park et al., Contrastive Learning for Unpaired Image-to-Image
    Translation, 2020, section 3.

    Example:

    >>> from keras_synth import networks
    >>> generator = networks.resnet_translator(1, 1, width=4, num_blocks=1)
    >>> model = CUT(
    ...     generator,
    ...     networks.patch_discriminator(1, (), widths=(4,)),
    ...     networks.projection_head(generator, units=8),
    ... )
    >>> model.compile()
    >>> model.translate(ops.zeros((2, 24, 20, 1))).shape
    TensorShape([2, 24, 20, 1])
    """

    NETWORKS = ("generator", "discriminator", "projection_head")
    OWN_LOGS = ("nce_loss", "identity_loss")
    SHARES_FAKES = True

    adversarial_weight = 2.0

    def __init__(
        self, generator, discriminator, projection_head, seed=None, **kwargs
    ):
        _check_networks(generator, discriminator, projection_head)
        super().__init__(generator, discriminator, seed=seed, **kwargs)
        self.autocast = False  # images keep their precision
        self.projection_head = projection_head
        self.image_shape = tuple(network_input(generator).shape[1:])
        # Not one for each replica, whose places would differ.
        self.place_seeds = keras.random.SeedGenerator(seed)

    @property
    def generator_networks(self):
        """List of the generator and its projection head."""
        return [self.generator, self.projection_head]

    def compile(
        self,
        generator_optimizer=None,
        discriminator_optimizer=None,
        loss=None,
        *,
        nce_weight=0.5,
        identity_weight=0.5,
        num_patches=256,
        temperature=0.07,
        **kwargs,
    ):
        """Configures training; compile again to change the weights.

        The defaults are those of the authors' CUT. Their FastCUT has
        `nce_weight=10, identity_weight=0` (and mirrors images at random
        between source and translation, which is not done here).

        Args:
            generator_optimizer: Optimizer of the generator and its projection
                head, as in `AdversarialModel.compile`.
            discriminator_optimizer: As in `AdversarialModel.compile`.
            loss: The adversarial loss, `losses.LeastSquares()` by default.
            nce_weight: Weight λ of the contrastive loss of the translations.
            identity_weight: Weight μ of that of images of B, which should
                stay as they are. 0 saves the time for it.
            num_patches: Number of places of each map that are compared, at
                least 2; all of them, where a map has fewer.
            temperature: Temperature of `losses.PatchNCE`.
            **kwargs: Further arguments of `AdversarialModel.compile`.

        Raises:
            ValueError: Weights below 0, another argument out of range, or
                `metrics`.
        """
        weights = {"nce_weight": nce_weight, "identity_weight": identity_weight}
        check_loss_weights(weights)
        if not is_int(num_patches) or num_patches < 2:
            raise ValueError(
                "`num_patches` must be an int of at least 2. "
                f"Received: num_patches={num_patches!r}"
            )
        check_no_metrics(kwargs.get("metrics"), type(self).__name__)
        nce = PatchNCE(temperature)
        super().compile(
            generator_optimizer,
            discriminator_optimizer,
            LeastSquares() if loss is None else loss,
            **kwargs,
        )
        self._compile_arguments.update(
            {**weights, "num_patches": num_patches, "temperature": temperature}
        )
        self.loss_weights = weights
        self.num_patches = num_patches
        self.patch_nce = nce

    def log_names(self, training):
        names = super().log_names(training)
        if not self.loss_weights["identity_weight"]:
            names.remove("identity_loss")
        return names

    def check_batch(self, data):
        shape = self.image_shape
        check_unpaired(data, shape, shape, type(self).__name__)

    def check_inputs(self, data):
        images = keras.utils.unpack_x_y_sample_weight(data)[0]
        check_images(images, self.image_shape)

    def read_batch(self, data):
        """`[images of A, images of B]`."""
        self.check_batch(data)
        both = keras.utils.unpack_x_y_sample_weight(data)[:2]
        return [ops.cast(images, "float32") for images in both]

    def _translated(self, images, training):
        network = self.generator if training else self.generator_average
        return run_network(network, images, [], training)

    def make_fakes(self, batch, training):
        """Images of A, translated."""
        return self._translated(batch[0], training)

    def comparisons(self, batch, fakes, training):
        """Real and translated images of B."""

        def discriminate(images):
            return run_network(self.discriminator, images, [], training)

        return [(discriminate, batch[1], fakes)]

    def generator_terms(self, batch, fakes, training, logs):
        """The contrastive loss, of both kinds of images, weighted."""
        images, targets = batch
        nce = self._contrast(images, fakes, training)
        self.log(logs, "nce_loss", nce, images)
        loss = self.loss_weights["nce_weight"] * nce
        if self.loss_weights["identity_weight"]:
            same = self._translated(targets, training)
            identity = self._contrast(targets, same, training)
            self.log(logs, "identity_loss", identity, targets)
            loss += self.loss_weights["identity_weight"] * identity
        return loss

    def encoder(self):
        """The feature network E, which shares the generator's layers.

        Returns:
            A `keras.Model` from images to `{layer name: map}`.
        """
        maps = layer_outputs(
            self.generator, network_input(self.projection_head)
        )
        return keras.Model(network_input(self.generator), maps, name="encoder")

    def _contrast(self, sources, made, training):
        """NCE: the mean over layers, places and images."""
        encoder = self.encoder()
        keys, queries = (encoder(x, training=training) for x in (sources, made))
        seed = self.place_seeds if training else 0
        places = {name: self._places(maps, seed) for name, maps in keys.items()}
        keys, queries = (
            self.projection_head(
                {name: _at(maps[name], places[name]) for name in places},
                training=training,
            )
            for maps in (keys, queries)
        )
        losses = [
            mean_or_zero(self.patch_nce.call(keys[name], queries[name]))
            for name in places
        ]
        return sum(losses) / len(losses)

    def _places(self, maps, seed):
        """Random places of maps: indices of pixels, row by row."""
        _, height, width, _ = ops.shape(maps)
        order = keras.random.shuffle(ops.arange(height * width), seed=seed)
        return order[: self.num_patches]

    def call(self, inputs, training=False):
        """Images of A to translated images, in [0, 1]."""
        return ops.clip(self._translated(inputs, False), 0.0, 1.0)

    def translate(self, images):
        """Translates images of A.

        Args:
            images: Floats (batch, height, width, channels) in [0, 1], of any
                size that the generator takes.

        Returns:
            float32 in [0, 1], as large as `images`.

        Raises:
            ValueError: Images of another kind.
        """
        images = ops.convert_to_tensor(images)
        check_images(images, self.image_shape)
        return self(images)

    def export_endpoints(self):
        """The endpoints of `export.export_saved_model`.

        Returns:
            `{"translate": (function, input signature)}`, from images to
            images.
        """
        return {"translate": (self.translate, [self.call_signature()])}

    def call_signature(self):
        return tf.TensorSpec((None, *self.image_shape), name="images")


def _at(maps, places):
    """(batch, height, width, channels) → (batch, places, channels)."""
    count, height, width, channels = ops.shape(maps)
    pixels = ops.reshape(maps, (count, height * width, channels))
    return ops.take(pixels, places, axis=1)


def _check_networks(generator, discriminator, projection_head):
    """Refuses networks that do not fit each other."""
    check_generator_and_discriminator(generator, discriminator)
    check_is_network(projection_head, "projection_head")
    *sides, channels = network_input(generator).shape[1:]
    sides = [side or 256 for side in sides]
    made = tuple(generator.compute_output_shape((1, *sides, channels)))
    taken = network_input(discriminator).shape[-1]
    if made != (1, *sides, channels) or taken != channels:
        raise ValueError(
            "`generator` must make images of the size and channels of those "
            "it takes, and `discriminator` take these channels: the features "
            "of both are compared (models.CycleGAN translates between others). "
            f"Received: a generator that makes {made[1:]} of "
            f"{(*sides, channels)}, and a discriminator of {taken} channels"
        )
    inputs = network_input(projection_head)
    if not isinstance(inputs, dict):
        raise ValueError(
            "`projection_head` must take a dict, {layer name: features}, such "
            "as `networks.projection_head(generator)`. Received: a network "
            f"that takes {inputs}"
        )
    for name, maps in layer_outputs(generator, inputs).items():
        if maps.shape[-1] != inputs[name].shape[-1]:
            raise ValueError(
                f"`projection_head` takes {inputs[name].shape[-1]} channels "
                f"of the layer {name!r}, and the generator has "
                f"{maps.shape[-1]}: build it of this generator."
            )
