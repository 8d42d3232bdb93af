"""AdaIN style transfer: in one pass, to any style.

A frozen feature network φ, up to its deepest map φ_L, is the encoder. The
content's map gets mean and deviation of the style's, channel by channel
(AdaIN), and a decoder g, which alone is trained, makes an image of that:

    t = AdaIN(φ_L(c), φ_L(s)),   x = g((1 - α) φ_L(c) + α t)

With α = 1 the decoder learns to make images whose maps are t, and whose
maps at other layers have the style's means and deviations too:

    λ_c ‖φ_L(x) - t‖² / ‖t‖²
  + λ_s Σ_l w_l (‖μ_l(x) - μ_l(s)‖² + ‖σ_l(x) - σ_l(s)‖²)
                / (‖μ_l(s)‖² + ‖σ_l(s)‖²)

(The paper divides by nothing, and takes norms in place of their squares in
the second line. Here no term has a unit, so that weights hold for every
feature network.)

What is stylized for use gets a mirrored frame first, which is cut off again:
at the edges of an image networks see zeros, which would show as lines. The
frame counts in μ and σ: left out, what is large there and nearly constant
inside would become so large that it shows.
"""

import keras
import tensorflow as tf
from keras import ops

from keras_synth.layers import CropLike, PadToMultiple
from keras_synth.losses import total_variation
from keras_synth.models.checks import (
    check_images,
    check_is_network,
    check_loss_weights,
    check_no_weights,
)
from keras_synth.models.parts import deserialized
from keras_synth.models.replicas import gradient_step
from keras_synth.models.resumable import ResumableModel
from keras_synth.models.style_transfer.arguments import (
    as_images,
    as_styles,
    check_alpha,
    decoder_geometry,
    image_pairs,
    layer_weights,
)
from keras_synth.ops import (
    adaptive_instance_normalization,
    channel_statistics,
    mean_or_zero,
    relative_squared_error,
)
from keras_synth.ops.feature_maps import check_feature_network, feature_maps

_FRAME = 4  # pixels of the deepest map


@keras.saving.register_keras_serializable("keras_synth")
class AdaINTransfer(ResumableModel):
    """AdaIN style transfer: any image in any style, in one pass.

    Learns from pairs of a content and a style: `fit(contents, styles)` or a
    dataset of `(content, style)` (`datasets.style_pipeline`). Styles need not
    be as large as contents.

    Log names: `loss`, `content_loss`, `style_loss`, and `total_variation`
    where it has a weight; the last three without their weights.

    Args:
        features: Network from images in [0, 1] to `{layer name: map}`, such
            as `networks.vgg19_features(layers=AdaINTransfer.PAPER_LAYERS)`.
            Its deepest (last) map is what the decoder takes. Its weights are
            frozen, and saved with the model.
        decoder: Network from that map to images, such as
            `networks.style_decoder(features)`.
        style_layers: Layers in which styles are compared: names of maps, or
            `{name: w}`; all by default. Names share a weight of 1.
        **kwargs: Further arguments of `keras.Model`.

    Call arguments:
        inputs: `[contents, styles]`, (batch, height, width, channels) each in
            [0, 1], the styles of any size.
        alpha: Strength α of the style, from 0 (the content, as the decoder
            reconstructs it) to 1.

    Returns:
        Images in [0, 1], as large as the contents.

    Raises:
        ValueError: Networks that do not fit together.

    Reference: Huang and Belongie, Arbitrary Style Transfer in Real-Time with
    Adaptive Instance Normalization, 2017, equations 8 and 11 to 14.

    Example:

    >>> from keras_synth import networks
    >>> features = networks.squeezenet_features(None, ("relu_conv1", "fire2"))
    >>> model = AdaINTransfer(features, networks.style_decoder(features))
    >>> content, style = ops.ones((1, 35, 24, 3)), ops.zeros((1, 40, 40, 3))
    >>> model.stylize(content, style).shape
    TensorShape([1, 35, 24, 3])
    """

    #: The paper's layers of VGG-19; VGG-16 has layers of these names too.
    PAPER_LAYERS = tuple(f"block{block}_conv1" for block in range(1, 5))

    def __init__(self, features, decoder, style_layers=None, **kwargs):
        super().__init__(**kwargs)
        self.autocast = False  # images keep their precision
        names = check_feature_network(features)
        self.features = features
        features.trainable = False
        check_is_network(decoder, "decoder")
        self.decoder = decoder
        self.style_layers = layer_weights(
            names if style_layers is None else style_layers,
            names,
            "style_layers",
        )
        self.encoded_layer = names[-1]
        self.channels = features.input_shape[-1]
        self.image_shape = (None, None, self.channels)
        self.stride, self.margin = decoder_geometry(
            features, self.encoded_layer, decoder
        )
        frame = _FRAME * self.stride
        self.padding, self.crop = PadToMultiple(self.stride), CropLike()
        self.framing = PadToMultiple(self.stride, frame=frame)
        self.unframing = CropLike(frame)
        for layer in (self.padding, self.crop, self.framing, self.unframing):
            layer.built = True
        self.trackers = {}
        self.built = True

    def compile(
        self,
        optimizer=None,
        *,
        content_weight=1.0,
        style_weight=10.0,
        total_variation_weight=0.0,
        **kwargs,
    ):
        """Configures training.

        Args:
            optimizer: Name of an optimizer, or a Keras optimizer; `Adam(1e-4)`,
                the paper's, by default.
            content_weight: Weight λ_c of the content loss.
            style_weight: Weight λ_s of the style loss.
            total_variation_weight: Weight of the mean total variation,
                `losses.total_variation(x) / (height · width · channels)`.
            **kwargs: Further arguments of `keras.Model.compile`
                (`steps_per_execution`, `jit_compile`, ...).

        Raises:
            ValueError: Weights below 0; or `loss` or `metrics`, since the
                model has losses of its own and stylized images have no
                target.
        """
        weights = {
            "content_weight": content_weight,
            "style_weight": style_weight,
            "total_variation_weight": total_variation_weight,
        }
        check_loss_weights(weights)
        foreign = {"loss", "loss_weights", "metrics", "weighted_metrics"}
        if foreign & set(kwargs):
            raise ValueError(
                "AdaINTransfer has its own losses, and logs them: call "
                "compile without `loss` and `metrics`. "
                f"Received: {sorted(foreign & set(kwargs))}"
            )
        if optimizer is None:
            optimizer = keras.optimizers.Adam(1e-4)
        super().compile(optimizer=optimizer, **kwargs)
        self.optimizer.build(self.trainable_variables)
        self.loss_weights = weights
        names = ["loss", "content_loss", "style_loss"]
        if total_variation_weight:
            names.append("total_variation")
        self.trackers = {name: keras.metrics.Mean(name) for name in names}
        self._compile_arguments = kwargs

    def get_compile_config(self):
        """The arguments of `compile`, serialized; Keras saves them."""
        if not self.compiled:
            return {}
        return keras.saving.serialize_keras_object(
            {
                "optimizer": self.optimizer,
                **self.loss_weights,
                **self._compile_arguments,
            }
        )

    @property
    def metrics(self):
        return list(self.trackers.values())

    def check_batch(self, data):
        self._pairs(data)

    def check_inputs(self, data):
        self._pairs(data)

    def train_step(self, data):
        contents, styles = self._pairs(data)
        with tf.GradientTape() as tape:
            terms = self._terms(contents, styles, training=True)
            regularization = sum(self.decoder.losses)
        gradient_step(
            tape,
            terms["loss"],
            regularization,
            self.optimizer,
            self.trainable_variables,
            contents,
        )
        return self._logs(terms, contents)

    def test_step(self, data):
        contents, styles = self._pairs(data)
        return self._logs(self._terms(contents, styles), contents)

    def predict_step(self, data):
        return self(self._pairs(data))

    def call(self, inputs, alpha=1.0, training=False):
        contents, styles = inputs
        return self._stylized(contents, [styles], [1.0], alpha, training)

    def stylize(self, content, style, alpha=1.0, *, style_weights=None):
        """Stylizes images in a style, or in a blend of several.

        Args:
            content: Images to stylize, (batch, height, width, channels),
                floats in [0, 1], of any size.
            style: Style images, (1 or batch, height', width', channels) of
                any size, or a list of such to blend: their t are averaged.
            alpha: Strength of the style, from 0 to 1.
            style_weights: Weight of each style of a list; equal by default.
                Only their ratios count.

        Returns:
            float32 (batch, height, width, channels), in [0, 1].

        Raises:
            ValueError: Images of another kind or too small, or an `alpha`
                outside [0, 1].
        """
        check_alpha(alpha)
        content = as_images(content, self.channels, "content")
        styles, mix = as_styles(
            style, style_weights, self.channels, content.shape[0]
        )
        return self._stylized(content, styles, mix, alpha)

    def export_endpoints(self):
        """The endpoints of `export.export_saved_model`.

        Returns:
            `{name: (function, input signature)}`: `stylize(content, style)`,
            and `stylize_partly(content, style, alpha)`.
        """
        content, style = self.call_signature()
        alpha = tf.TensorSpec((), name="alpha")
        return {
            "stylize": (self.stylize, [content, style]),
            "stylize_partly": (self.stylize, [content, style, alpha]),
        }

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            "features": serialize(self.features),
            "decoder": serialize(self.decoder),
            "style_layers": self.style_layers,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return cls(
            **deserialized(config, ("features", "decoder"), custom_objects)
        )

    def _pairs(self, data):
        """`(contents, styles)` of a batch."""
        check_no_weights(
            keras.utils.unpack_x_y_sample_weight(data)[2], type(self).__name__
        )
        contents, styles = image_pairs(data)
        check_images(contents, self.image_shape, name="Contents")
        check_images(styles, self.image_shape, name="Styles")
        return contents, styles

    def _terms(self, contents, styles, training=False):
        """The loss of a batch and its parts."""
        sides = contents.shape[1:3]
        if any(side and side <= self.stride for side in sides):
            raise ValueError(
                f"Images must have more than {self.stride} pixels a side. "
                f"Received: {sides[0]} x {sides[1]}"
            )
        maps, goal = self._encode(self.padding(contents), [styles], [1.0])
        images = self.crop([self.decoder(goal, training=training), contents])
        seen = feature_maps(self.features, images)
        wanted = feature_maps(self.features, styles)
        again = seen[self.encoded_layer]
        content = relative_squared_error(self.crop([goal, again]), again)
        style = sum(
            weight
            * relative_squared_error(
                _statistics(wanted[name]), _statistics(seen[name])
            )
            for name, weight in self.style_layers.items()
        )
        terms = {"content_loss": content, "style_loss": style}
        if "total_variation" in self.trackers:
            size = ops.cast(ops.prod(ops.shape(images)[1:]), "float32")
            terms["total_variation"] = total_variation(images) / size
        terms = {name: mean_or_zero(term) for name, term in terms.items()}
        weights = self.loss_weights
        loss = sum(
            weights[f"{name.removesuffix('_loss')}_weight"] * term
            for name, term in terms.items()
        )
        return {"loss": loss, **terms}

    def _logs(self, terms, contents):
        terms["loss"] += sum(self.decoder.losses)
        for name, term in terms.items():
            self.trackers[name].update_state(term, ops.shape(contents)[0])
        return {name: self.trackers[name].result() for name in terms}

    def _stylized(self, contents, styles, mix, alpha, training=False):
        """Images in [0, 1] as large as the contents."""
        maps, goal = self._encode(self.framing(contents), styles, mix)
        mixed = (1.0 - alpha) * maps + alpha * goal
        images = self.decoder(mixed, training=training)
        return ops.clip(self.unframing([images, contents]), 0.0, 1.0)

    def _encode(self, contents, styles, mix):
        """Maps of padded contents, and the target maps t."""
        if self.margin:
            edges = ((0, 0), (0, self.margin), (0, self.margin), (0, 0))
            contents = ops.pad(contents, edges, mode="symmetric")
        maps, *style_maps = (
            feature_maps(self.features, images)[self.encoded_layer]
            for images in (contents, *styles)
        )
        goal = sum(
            weight * adaptive_instance_normalization(maps, style)
            for weight, style in zip(mix, style_maps, strict=True)
        )
        return maps, goal

    def call_signature(self):
        return [
            tf.TensorSpec((None, *self.image_shape), name=name)
            for name in ("content", "style")
        ]


def _statistics(maps):
    """Means and deviations of all channels, (batch, 1, 1, 2 channels)."""
    return ops.concatenate(channel_statistics(maps), axis=-1)
