"""Restoration GAN: inpainting, restoration and upscaling with a discriminator.

The generator takes the degraded image y, and the mask m of what is degraded
where that is known (1 = degraded). Its output counts only there:

    G = generator(y, m),   x̂ = m · G + (1 - m) · y

The discriminator compares x̂ with the true x, both conditioned on y; a second
one may see only a window around the degradation. The generator minimizes

    λ_hole |m (G - x)| + λ_known |(1 - m)(G - x)|          absolute error
    + λ_p perceptual(x̂, x) + λ_s style(x̂, x)               in features
    + λ_tv TV(x̂) + λ_adv adversarial(D(x̂ | y, m))

Each λ is an argument of `compile`. With λ_adv = 0 the discriminators are
neither computed nor trained: a warm-up, or a model without adversary.
"""

import keras
import tensorflow as tf
from keras import ops

from keras_synth.layers.nested import network_input
from keras_synth.losses import Perceptual, Style, total_variation
from keras_synth.models.adversarial import AdversarialModel
from keras_synth.models.checks import (
    check_images,
    check_no_weights,
)
from keras_synth.models.restoration_checks import (
    as_named,
    check_kept,
    check_made,
    check_masks,
    check_pairs,
    check_restoration_networks,
    check_weights,
)
from keras_synth.ops import (
    mean_or_zero,
    peak_signal_to_noise_ratio,
    random_windows,
)
from keras_synth.ops.feature_maps import feature_maps


@keras.saving.register_keras_serializable("keras_synth")
class RestorationGAN(AdversarialModel):
    """Restoration GAN: inpaints, restores, upscales or translates images.

    Learns from pairs: `fit(degraded, clean)`, `fit({"image": degraded, "mask":
    masks}, clean)`, or a dataset of such pairs
    (`datasets.restoration_pipeline`, `datasets.paired_pipeline`). What the
    generator takes decides what the model is:

    - `{"image", "mask"}`: inpainting. Known pixels come out as they went in.
    - the image alone: blind restoration, where it is unknown what is
      degraded. A mask in the data (`inputs=("image", "mask")`) still weights
      the error; without it, copying the intact pixels would count for most.
      Upscaling, if the network upscales. With paired folders: pix2pix.

    `restore`, `call`, `predict` and `evaluate` use the moving average of the
    generator. Log names: those of `AdversarialModel`, and

    - `reconstruction_loss`: the weighted absolute error;
    - `perceptual_loss`, `style_loss` and `total_variation`, where they have a
      weight;
    - `psnr`: in dB, of the clipped result, over whole images, at most 100;
    - the metrics given to `compile`, of the same clipped images.

    Args:
        generator: Network from images (batch, height, width, channels), or
            `{"image": such, "mask": (batch, height, width, 1)}`, to images
            in [0, 1], not clipped.
        discriminator: Network to logits from the image, or from a dict of
            the image, "image", with "degraded" and "mask", or one of them;
            `networks.patch_discriminator`.
        local_discriminator: None, or a network to logits from images of a
            fixed size. It sees a window around a random degraded pixel.
        features: None, or the feature network of perceptual and style
            losses, such as `networks.vgg16_features()`. Its weights are saved
            with the model.
        seed: Seed of all noise, an int. None draws a random one.

    Attributes:
        input_names: Names of the generator's inputs: `("image",)` or
            `("image", "mask")`.

    Raises:
        ValueError: Networks that do not fit together.

    References: Pathak et al., Context Encoders, 2016, section 3.2: error and
    adversary. Iizuka et al., Globally and Locally Consistent Image
    Completion, 2017, section 3.3: the window. Liu et al., Image Inpainting
    for Irregular Holes Using Partial Convolutions, 2018, section 3.3: the
    other losses. Isola et al., Image-to-Image Translation with Conditional
    Adversarial Networks, 2017, equation 4.

    Example:

    >>> from keras_synth import networks
    >>> gan = RestorationGAN(
    ...     networks.unet(channels=1, widths=(4, 8), num_blocks=1),
    ...     networks.patch_discriminator(1, ("degraded",), widths=(4,)),
    ... )
    >>> gan.compile()
    >>> gan.restore(ops.zeros((2, 24, 24, 1))).shape
    TensorShape([2, 24, 24, 1])
    """

    NETWORKS = (
        "generator",
        "discriminator",
        "local_discriminator",
        "features",
    )
    OWN_LOGS = (
        "reconstruction_loss",
        "perceptual_loss",
        "style_loss",
        "total_variation",
        "psnr",
    )
    HAS_TARGETS = True

    def __init__(
        self,
        generator,
        discriminator,
        local_discriminator=None,
        features=None,
        seed=None,
        **kwargs,
    ):
        check_restoration_networks(
            generator, discriminator, local_discriminator, features
        )
        super().__init__(generator, discriminator, seed=seed, **kwargs)
        self.autocast = False  # known pixels keep their precision
        self.local_discriminator = local_discriminator
        self.features = features
        if features is not None:
            features.trainable = False
        self.image_shape = tuple(generator.outputs[0].shape[1:])
        inputs = network_input(generator)
        self.takes_mask = isinstance(inputs, dict)
        self.input_names = ("image", "mask") if self.takes_mask else ("image",)
        self.degraded_shape = tuple(
            (inputs["image"] if self.takes_mask else inputs).shape[1:]
        )

    @property
    def discriminator_networks(self):
        """List of both discriminators, or of the one."""
        networks = (self.discriminator, self.local_discriminator)
        return [network for network in networks if network is not None]

    def compile(
        self,
        generator_optimizer=None,
        discriminator_optimizer=None,
        loss=None,
        *,
        hole_weight=1.0,
        known_weight=0.2,
        adversarial_weight=0.01,
        perceptual_weight=None,
        style_weight=0.0,
        total_variation_weight=0.0,
        **kwargs,
    ):
        """Configures training; compile again to change the weights.

        Args:
            generator_optimizer: As in `AdversarialModel.compile`.
            discriminator_optimizer: As in `AdversarialModel.compile`.
            loss: The adversarial loss, as in `AdversarialModel.compile`.
            hole_weight: Weight of the mean absolute error where the mask is
                1; without a mask that is everywhere.
            known_weight: Weight of the mean absolute error where the mask is
                0.
            adversarial_weight: Weight of the adversarial loss. 0 trains the
                generator alone.
            perceptual_weight: Weight of `losses.Perceptual`. None stands for
                0.005 where there are `features`, and for 0 where there are
                none. The maps of VGG-16 are large: 0.005 makes the term about
                as large as the absolute error.
            style_weight: Weight of `losses.Style`.
            total_variation_weight: Weight of the mean total variation,
                `losses.total_variation(x̂) / (height · width · channels)`.
            **kwargs: Further arguments of `AdversarialModel.compile`. An
                `augmentation` is for discriminators that see the image
                alone. `metrics` compare the clean images with the restored
                ones.

        Raises:
            ValueError: Weights below 0, or weights of losses that need
                `features` in a model without.
        """
        if perceptual_weight is None:
            perceptual_weight = 0.0 if self.features is None else 0.005
        weights = {
            "hole_weight": hole_weight,
            "known_weight": known_weight,
            "adversarial_weight": adversarial_weight,
            "perceptual_weight": perceptual_weight,
            "style_weight": style_weight,
            "total_variation_weight": total_variation_weight,
        }
        conditional = isinstance(network_input(self.discriminator), dict)
        check_weights(weights, self.features, conditional, kwargs)
        super().compile(
            generator_optimizer, discriminator_optimizer, loss, **kwargs
        )
        self._compile_arguments.update(weights)
        self.loss_weights = weights
        self.adversarial_weight = adversarial_weight

    def log_names(self, training):
        names = super().log_names(training)
        if not self.adversarial_weight:
            kept = ("loss", *self.OWN_LOGS, "generator_gradient_norm")
            names = [name for name in names if name in kept]
        unused = [
            log
            for log, weight in (
                ("perceptual_loss", "perceptual_weight"),
                ("style_loss", "style_weight"),
                ("total_variation", "total_variation_weight"),
            )
            if not self.loss_weights[weight]
        ]
        return [name for name in names if name not in unused]

    def check_batch(self, data):
        inputs, clean, weights = keras.utils.unpack_x_y_sample_weight(data)
        named = as_named(inputs)
        check_pairs(named, clean)
        check_no_weights(weights, type(self).__name__)
        check_images(clean, self.image_shape, name="Clean images")
        check_images(named["image"], self.degraded_shape, degraded=True)
        mask = named.get("mask")
        if self.takes_mask:
            check_masks(mask, named["image"], True)
        check_masks(mask, clean, False)

    def check_inputs(self, data):
        named = as_named(keras.utils.unpack_x_y_sample_weight(data)[0])
        check_images(named["image"], self.degraded_shape, degraded=True)
        check_masks(named.get("mask"), named["image"], self.takes_mask)

    def read_batch(self, data):
        """`[clean, degraded, mask]`, a mask of ones where there is none."""
        self.check_batch(data)
        inputs, clean, _ = keras.utils.unpack_x_y_sample_weight(data)
        named = as_named(inputs)
        mask = named.get("mask")
        if mask is None:
            mask = ops.ones_like(clean[..., :1])
        return [ops.cast(x, "float32") for x in (clean, named["image"], mask)]

    def make_fakes(self, batch, training):
        """What the generator makes of the degraded images."""
        clean, degraded, mask = batch
        network = self.generator if training else self.sampling_generator
        made = _call_network(
            network, {"image": degraded, "mask": mask}, training
        )
        check_made(made, clean)
        return made

    def _restored(self, batch, made):
        """The generator's output, with the known pixels of the input."""
        _, degraded, mask = batch
        return _keep_known(made, degraded, mask) if self.takes_mask else made

    def comparisons(self, batch, fakes, training):
        """True images and restored ones: whole, and in a window."""
        clean, degraded, mask = batch
        restored = self._restored(batch, fakes)

        def discriminate(images):
            named = {"image": images, "degraded": degraded, "mask": mask}
            return _call_network(self.discriminator, named, training)

        comparisons = [(discriminate, clean, restored)]
        if self.local_discriminator is None:
            return comparisons

        def discriminate_window(images):
            return _call_network(
                self.local_discriminator, {"image": images}, training
            )

        seeds = self.seed_generator if training else self.evaluation_seeds
        size = self.local_discriminator.inputs[0].shape[1:3]
        windows = random_windows([clean, restored], mask, size, seeds)
        return [*comparisons, (discriminate_window, *windows)]

    def generator_terms(self, batch, fakes, training, logs):
        """The weighted sum of the module's docstring, without adversary."""
        clean, _, mask = batch
        restored = self._restored(batch, fakes)
        weights = self.loss_weights
        weight_map = weights["hole_weight"] * mask
        weight_map += weights["known_weight"] * (1.0 - mask)
        loss = mean_or_zero(weight_map * ops.abs(fakes - clean))
        self.log(logs, "reconstruction_loss", loss, clean)
        feature_losses = self._feature_losses()
        if feature_losses:
            maps = [feature_maps(self.features, x) for x in (clean, restored)]
        for name, feature_loss in feature_losses.items():
            value = mean_or_zero(feature_loss.compare(*maps))
            self.log(logs, f"{name}_loss", value, clean)
            loss += weights[f"{name}_weight"] * value
        if weights["total_variation_weight"]:
            size = ops.cast(ops.prod(ops.shape(restored)[1:]), "float32")
            value = mean_or_zero(total_variation(restored)) / size
            self.log(logs, "total_variation", value, clean)
            loss += weights["total_variation_weight"] * value
        clipped = ops.clip(restored, 0.0, 1.0)
        psnr = peak_signal_to_noise_ratio(clean, clipped)
        psnr = ops.minimum(psnr, 100.0)  # of equal images it is infinite
        self.log(logs, "psnr", mean_or_zero(psnr), clean)
        if self.compiled_metrics():
            self.compute_metrics(None, clean, clipped)
        return loss

    def _feature_losses(self):
        """`{name: loss}` of the losses in features that have a weight."""
        # Not an attribute: Keras would save the feature network with the
        # losses, which a model that is not compiled does not have.
        return {
            name: kind(self.features)
            for name, kind in (("perceptual", Perceptual), ("style", Style))
            if self.loss_weights[f"{name}_weight"]
        }

    def call(self, inputs, training=False):
        """Degraded images, or the dict, to restored ones in [0, 1]."""
        named = as_named(inputs)
        check_masks(named.get("mask"), named["image"], self.takes_mask)
        made = _call_network(self.sampling_generator, named, False)
        if named.get("mask") is not None:
            check_kept(made, named["image"])
            made = _keep_known(made, named["image"], named["mask"])
        return ops.clip(made, 0.0, 1.0)

    def restore(self, images, masks=None):
        """Restores images.

        Args:
            images: Degraded images, float (batch, height, width, channels),
                which may leave [0, 1]; or a dict of them, "image", and the
                masks, "mask".
            masks: (batch, height, width, 1), 1 = degraded. Pixels where the
                mask is 0 come out bit-equal (those in [0, 1]). An inpainting
                model needs masks; a blind one takes them or not.

        Returns:
            float32 in [0, 1], as large as `images` or, from a model that
            upscales, larger.

        Raises:
            ValueError: Images or masks of another kind or shape.
        """
        named = dict(images) if isinstance(images, dict) else {"image": images}
        if masks is not None and "mask" in named:
            raise ValueError(
                "Give the masks once: `restore(images, masks)`, or "
                '`restore({"image": images, "mask": masks})`.'
            )
        if masks is not None:
            named["mask"] = masks
        named = {
            name: ops.convert_to_tensor(value)
            for name, value in as_named(named).items()
            if value is not None
        }
        check_images(named["image"], self.degraded_shape, degraded=True)
        return self(named)

    def export_endpoints(self):
        """The endpoints of `export.export_saved_model`.

        Returns:
            `{"restore": (function, input signature)}`, of the degraded
            images, and the masks where the model takes them.
        """
        signature = self.call_signature()
        named = signature if self.takes_mask else {"image": signature}
        specs = [named[name] for name in ("image", "mask") if name in named]
        return {"restore": (self.restore, specs)}

    def call_signature(self):
        image = tf.TensorSpec((None, *self.degraded_shape), name="images")
        if not self.takes_mask:
            return image
        mask = (None, *self.degraded_shape[:2], 1)
        return {"image": image, "mask": tf.TensorSpec(mask, name="masks")}


def _call_network(network, named, training):
    """Calls a network with the inputs that it has; float32."""
    inputs = ops.cast(named["image"], "float32")
    taken = network_input(network)
    if isinstance(taken, dict):
        inputs = {name: ops.cast(named[name], "float32") for name in taken}
    return ops.cast(network(inputs, training=training), "float32")


def _keep_known(made, degraded, mask):
    """Masked pixels of the generator's output, all others of the input."""
    degraded = ops.cast(degraded, "float32")
    return ops.where(ops.cast(mask, "bool"), made, degraded)
