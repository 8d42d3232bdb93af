"""Restoration images with a discriminator.

The generator sees the degraded image y, and the mask m of what is degraded
where that is known (1 = degraded). What it makes counts only there:

    G = generator(y, m),   x̂ = m · G + (1 - m) · y

The discriminator is asked whether x̂ belongs to y, or the true x does; a
second one may look at a window around the degradation alone. The generator
lowers

    λ_hole |m (G - x)| + λ_known |(1 - m)(G - x)|          absolute error
    + λ_p perceptual(x̂, x) + λ_s style(x̂, x)               in features
    + λ_tv TV(x̂) + λ_adv adversarial(D(x̂ | y, m))

Each λ is an argument of `compile`. With λ_adv = 0 the discriminators rest,
and cost nothing: that is a warm-up, or the model without adversary.
"""

import keras
import tensorflow as tf
from keras import ops

from keras_synth.losses import Perceptual, Style, total_variation
from keras_synth.models.adversarial import AdversarialModel
from keras_synth.models.checks import check_images
from keras_synth.models.restoration_checks import (
    check_apart,
    check_degraded,
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
    """Inpaints, restores, upscales or translates images, against a judge.

    Learns from pairs: `fit(degraded, clean)`, `fit({"image": degraded, "mask":
    masks}, clean)`, or a dataset of such pairs
    (`datasets.restoration_pipeline`, `datasets.paired_pipeline`). What the
    generator takes decides what the model is:

    - `{"image", "mask"}`: inpainting. Known pixels come out as they went in.
    - the image alone: blind restoration, where nobody knows what is
      degraded; a mask in the data (`inputs=("image", "mask")`) still weighs
      the error, or copying what is sound would count for most. Upscaling,
      if the network upscales. With paired folders: pix2pix.

    `restore`, `call` and `evaluate` use the generator's moving average. Log
    names: those of `AdversarialModel`, and `reconstruction_loss`, the
    weighted absolute error; `perceptual_loss`, `style_loss` and
    `total_variation` where they have a weight; `psnr` in dB, of the clipped
    result, whole images, at most 100.

    Args:
        generator: network from images (batch, height, width, channels), or
            `{"image": such, "mask": (batch, height, width, 1)}`, to images
            in [0, 1], not clipped.
        discriminator: network to logits from the image, or a dict of the
            image to judge, "image", with "degraded" and "mask", or one of
            them; `networks.patch_discriminator`.
        local_discriminator: None, or a network to logits from images of a
            fixed size: a window around a random degraded pixel.
        features: None, or what perceptual and style losses compare in:
            `networks.vgg16_features`, say. Its weights are saved with the
            model.
        seed: of all noise, an int or None for a random one.

    Raises:
        ValueError: networks that do not fit together.

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
        self.autocast = False  # Known pixels keep their precision.
        self.local_discriminator = local_discriminator
        self.features = features
        if features is not None:
            features.trainable = False
        self.image_shape = tuple(generator.outputs[0].shape[1:])
        takes = generator.input
        self.takes_mask = isinstance(takes, dict)
        self.degraded_shape = tuple(
            (takes["image"] if self.takes_mask else takes).shape[1:]
        )

    @property
    def discriminator_networks(self):
        """Both discriminators, or the one."""
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
            generator_optimizer: as in `AdversarialModel.compile`.
            discriminator_optimizer: likewise.
            loss: the adversarial one, likewise.
            hole_weight: of the mean absolute error where the mask is 1, which
                without a mask is everywhere.
            known_weight: of that where the mask is 0.
            adversarial_weight: of the adversarial loss; 0 trains the
                generator alone.
            perceptual_weight: of `losses.Perceptual`; None for
                0.005 where there are `features`, and 0 where there are none.
                The maps of VGG-16 are large: that is about as much as the
                absolute error.
            style_weight: of `losses.Style`.
            total_variation_weight: of the total variation a value of the
                image, `losses.total_variation(x̂) / (height · width ·
                channels)`.
            **kwargs: as `AdversarialModel.compile` takes them. An
                `augmentation` is for discriminators that see the image
                alone.

        Raises:
            ValueError: weights below 0, or of losses without `features`.
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
        conditional = isinstance(self.discriminator.input, dict)
        check_weights(weights, self.features, conditional, kwargs)
        super().compile(
            generator_optimizer, discriminator_optimizer, loss, **kwargs
        )
        self._compile_arguments.update(weights)
        self.loss_weights = weights
        if not adversarial_weight:
            self.discriminator_steps = 0
        # Behind `features` in the alphabet: Keras saves the network there.
        self.perceptual_losses = {}
        for name, kind in (("perceptual", Perceptual), ("style", Style)):
            if weights[f"{name}_weight"]:
                self.perceptual_losses[name] = kind(self.features)

    def log_names(self, training):
        names = super().log_names(training)
        if not self.loss_weights["adversarial_weight"]:
            kept = ("loss", *self.OWN_LOGS, "generator_gradient_norm")
            names = [name for name in names if name in kept]
        idle = [
            log
            for log, weight in (
                ("perceptual_loss", "perceptual_weight"),
                ("style_loss", "style_weight"),
                ("total_variation", "total_variation_weight"),
            )
            if not self.loss_weights[weight]
        ]
        return [name for name in names if name not in idle]

    def fit(self, x=None, y=None, *args, **kwargs):
        """`keras.Model.fit`, on pairs of degraded and clean images."""
        if not isinstance(x, tf.data.Dataset):
            self.read_batch((x, y))
        return super().fit(x, y, *args, **kwargs)

    def check_array(self, images):
        """`fit` has looked at both."""

    def read_batch(self, data):
        """`[clean, degraded, mask]`, a mask of ones where there is none."""
        inputs, clean, weights = keras.utils.unpack_x_y_sample_weight(data)
        named = inputs if isinstance(inputs, dict) else {"image": inputs}
        check_pairs(named, clean, weights)
        check_images(clean, self.image_shape)
        check_degraded(named["image"], self.degraded_shape)
        mask = named.get("mask")
        if self.takes_mask:
            check_masks(mask, named["image"], True)
        check_masks(mask, clean, False)
        if mask is None:
            mask = ops.ones_like(clean[..., :1])
        return [ops.cast(x, "float32") for x in (clean, named["image"], mask)]

    def discriminator_loss(self, batch, training):
        """Of true images and restored ones; the mean of both judges."""
        if not self.loss_weights["adversarial_weight"]:
            return 0.0
        _, restored = self._restore(batch, training)
        return self._play(self.play_discriminator, batch, restored, training)

    def generator_loss(self, batch, training):
        """The weighted sum above."""
        clean, _, mask = batch
        made, restored = self._restore(batch, training)
        weights = self.loss_weights
        weight_map = weights["hole_weight"] * mask
        weight_map += weights["known_weight"] * (1.0 - mask)
        loss = mean_or_zero(weight_map * ops.abs(made - clean))
        self.track("reconstruction_loss", loss, clean)
        if self.perceptual_losses:
            maps = [feature_maps(self.features, x) for x in (clean, restored)]
        for name, measure in self.perceptual_losses.items():
            value = mean_or_zero(measure.compare(*maps))
            self.track(f"{name}_loss", value, clean)
            loss += weights[f"{name}_weight"] * value
        if weights["total_variation_weight"]:
            size = ops.cast(ops.prod(ops.shape(restored)[1:]), "float32")
            value = mean_or_zero(total_variation(restored)) / size
            self.track("total_variation", value, clean)
            loss += weights["total_variation_weight"] * value
        psnr = peak_signal_to_noise_ratio(clean, ops.clip(restored, 0.0, 1.0))
        psnr = ops.minimum(psnr, 100.0)  # of equal images it is infinite
        self.track("psnr", mean_or_zero(psnr), clean)
        if weights["adversarial_weight"]:
            loss += weights["adversarial_weight"] * self._play(
                self.play_generator, batch, restored, training
            )
        return loss

    def _restore(self, batch, training):
        """`(what the generator made, the same in the image)`."""
        clean, degraded, mask = batch
        network = self.generator if training else self.sampling_generator
        named = {"image": degraded, "mask": mask}
        made = network(_inputs(network, named), training=training)
        made = ops.cast(made, "float32")
        check_made(made, clean)
        return made, _kept(made, degraded, mask) if self.takes_mask else made

    def _play(self, play, batch, restored, training):
        """The mean over the judges of what `play` gives."""
        clean, degraded, mask = batch

        def judge(images):
            named = {"image": images, "degraded": degraded, "mask": mask}
            inputs = _inputs(self.discriminator, named)
            return self.discriminator(inputs, training=training)

        loss = play(judge, clean, restored, training)
        if self.local_discriminator is None:
            return loss
        seeds = self.seed_generator if training else self.evaluation_seeds
        size = self.local_discriminator.inputs[0].shape[1:3]
        clean, restored = random_windows([clean, restored], mask, size, seeds)
        local = play(
            lambda images: self.local_discriminator(images, training=training),
            clean,
            restored,
            training,
        )
        return 0.5 * (loss + local)

    def call(self, inputs, training=False):
        """Degraded images, or the dict, to restored ones, not clipped."""
        named = inputs if isinstance(inputs, dict) else {"image": inputs}
        if self.takes_mask:
            check_masks(named.get("mask"), named["image"], True)
        network = self.sampling_generator
        made = ops.cast(network(_inputs(network, named)), "float32")
        if named.get("mask") is None:
            return made
        check_kept(made, named["image"])
        return _kept(made, named["image"], named["mask"])

    def restore(self, images, masks=None):
        """Restores images.

        Args:
            images: degraded ones, float (batch, height, width, channels); they
                may leave [0, 1].
            masks: (batch, height, width, 1), 1 = degraded. Pixels where it is
                0 come out bit-equal (those in [0, 1]). An inpainting model
                needs it; with a blind one it may be given, or not.

        Returns:
            float32 in [0, 1], as large as `images` or, from a model that
            upscales, larger.

        Raises:
            ValueError: images or masks of another kind or shape.
        """
        check_apart(images)
        named = {"image": ops.convert_to_tensor(images)}
        check_degraded(named["image"], self.degraded_shape)
        if masks is not None:
            named["mask"] = ops.convert_to_tensor(masks)
        check_masks(named.get("mask"), named["image"], self.takes_mask)
        return ops.clip(self(named), 0.0, 1.0)

    def export_endpoints(self):
        """What `export.export_saved_model` serves.

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


def _inputs(network, named):
    """What a network takes: the named ones, or the image alone."""
    if isinstance(network.input, dict):
        return {
            name: ops.cast(named[name], "float32") for name in network.input
        }
    return ops.cast(named["image"], "float32")


def _kept(made, degraded, mask):
    """Degraded pixels from what was made, all others as they were."""
    degraded = ops.cast(degraded, "float32")
    return ops.where(ops.cast(mask, "bool"), made, degraded)
