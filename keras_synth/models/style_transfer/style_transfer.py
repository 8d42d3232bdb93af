"""Neural style transfer by optimization: the content of one image in the style
of another.

No network is trained. The pixels of an image x are optimized until a feature
network's maps φ_l of x agree with those of a content image p, and their Gram
matrices G(φ_l), which hold no positions, with those of a style image a:

    λ_c Σ_l v_l ‖φ_l(x) - φ_l(p)‖² / ‖φ_l(p)‖²                      content
  + λ_s Σ_l w_l ‖G(φ_l(x)) - G(φ_l(a))‖² / ‖G(φ_l(a))‖²             style
  + λ_tv TV(x) / (height · width · channels)                        smoothness

Gatys et al. rescale their network until its maps are 1 on average. Here each
layer's error is divided by the energy of its target instead, which does the
same for any network and any size of the images.

Of several styles the Gram matrices are averaged with their weights γ_k, for
`Σ_k γ_k ‖G - A_k‖²` and `‖G - Σ_k γ_k A_k‖²` differ by a constant.
"""

import keras
from keras import ops

from keras_synth.losses import total_variation
from keras_synth.models.checks import check_loss_weights
from keras_synth.models.guarded import GuardedModel
from keras_synth.models.parts import deserialized
from keras_synth.models.style_transfer.arguments import (
    as_images,
    as_start,
    as_step_counts,
    as_styles,
    check_is_compiled,
    default_content_layer,
    image_pairs,
    layer_weights,
)
from keras_synth.models.style_transfer.canvas import make_canvas
from keras_synth.models.style_transfer.image_optimization import (
    Descents,
    StepReport,
)
from keras_synth.ops import gram_matrix, relative_squared_error
from keras_synth.ops.feature_maps import check_feature_network, feature_maps


@keras.saving.register_keras_serializable("keras_synth")
class StyleTransfer(GuardedModel):
    """Neural style transfer: one image in the style of another, optimized.

    `stylize` takes any style, and minutes for an image; `AdaINTransfer` learns
    to do without the optimization. There is nothing to `fit`.

    The paper takes VGG-19 (`networks.vgg19_features(layers=
    StyleTransfer.PAPER_LAYERS)`); VGG-16 has layers of these names as well,
    and every other feature network of `networks` can be used. (The paper also
    replaces the network's maximum pooling with average pooling, for slightly
    smoother images; these networks keep theirs.)

    The strokes have the size that they have in the style image given: upscale
    it for coarser ones.

    Args:
        features: Feature network from images in [0, 1] to `{layer name: map}`,
            such as `networks.vgg16_features()`. Its weights are frozen, and
            saved with the model.
        content_layers: Layers in which contents are compared: a name, names,
            or `{name: v}`. By default the paper's `block4_conv2` where the
            network gives it, else its deepest map of at least an eighth of
            the image's sides.
        style_layers: Layers in which styles are compared: a name, names, or
            `{name: w}`. By default the paper's, the first of each of VGG's
            five blocks, where the network gives them all, else all maps.
            Names share a weight of 1.
        **kwargs: Further arguments of `keras.Model`.

    Call arguments:
        inputs: `[contents, styles]`, (batch, height, width, channels) each in
            [0, 1], the styles of any size.
        steps: As in `stylize`.

    Returns:
        Stylized images in [0, 1], as large as the contents. `predict` gives
        them too; it runs eagerly.

    Raises:
        ValueError: A network that gives no maps, or layers that it does not
            have.

    Reference: Gatys et al., Image Style Transfer Using Convolutional Neural
    Networks, 2016, section 2.3.

    Example:

    >>> from keras_synth import networks
    >>> features = networks.squeezenet_features(None, ("relu_conv1", "fire3"))
    >>> transfer = StyleTransfer(features)
    >>> transfer.compile()
    >>> content, style = ops.ones((1, 24, 33, 3)), ops.zeros((1, 20, 20, 3))
    >>> transfer.stylize(content, style, steps=2, verbose=0).shape
    TensorShape([1, 24, 33, 3])
    """

    #: The paper's five style layers, and its content layer.
    PAPER_LAYERS = (
        *(f"block{block}_conv1" for block in range(1, 6)),
        "block4_conv2",
    )

    def __init__(
        self, features, content_layers=None, style_layers=None, **kwargs
    ):
        names = check_feature_network(features)
        super().__init__(**{**kwargs, "dtype": "float32"})
        if content_layers is None:
            content_layers = default_content_layer(
                features, names, self.PAPER_LAYERS[-1]
            )
        if style_layers is None:
            of_paper = self.PAPER_LAYERS[:-1]
            style_layers = of_paper if set(of_paper) <= set(names) else names
        self.features = features
        features.trainable = False
        self.content_layers = layer_weights(
            content_layers, names, "content_layers"
        )
        self.style_layers = layer_weights(style_layers, names, "style_layers")
        self.channels = features.input_shape[-1]
        self.built = True

    def compile(
        self,
        optimizer=None,
        *,
        content_weight=1.0,
        style_weight=20.0,
        total_variation_weight=1.0,
    ):
        """Configures the loss and the optimizer.

        Args:
            optimizer: Name of an optimizer, or a Keras optimizer, with the
                learning rate in units of the images' [0, 1]; `Adam(0.02)` by
                default. "lbfgs" takes SciPy's L-BFGS-B, as in the paper.
            content_weight: Weight λ_c of the content loss.
            style_weight: Weight λ_s of the style loss. A larger one gives
                more of the style and less of the content.
            total_variation_weight: Weight λ_tv of the total variation.

        Raises:
            ValueError: Weights below 0, or no such optimizer.
        """
        weights = {
            "content_weight": content_weight,
            "style_weight": style_weight,
            "total_variation_weight": total_variation_weight,
        }
        check_loss_weights(weights)
        self.quasi_newton = optimizer == "lbfgs"
        if optimizer is None:
            optimizer = keras.optimizers.Adam(0.02)
        # Eagerly: `call` is a loop of compiled steps.
        super().compile(
            optimizer=None if self.quasi_newton else optimizer,
            run_eagerly=True,
        )
        self.loss_weights = weights
        self._descents = Descents(
            self._objective, self._targets, self.optimizer or "lbfgs"
        )

    def get_compile_config(self):
        """The arguments of `compile`, serialized; Keras saves them."""
        if not self.compiled:
            return {}
        optimizer = "lbfgs" if self.quasi_newton else self.optimizer
        return keras.saving.serialize_keras_object(
            {"optimizer": optimizer, **self.loss_weights}
        )

    def compile_from_config(self, config):
        self.compile(**keras.saving.deserialize_keras_object(config))

    def fit(self, *args, **kwargs):
        """Raises a `ValueError`: there is nothing to train."""
        raise ValueError(
            "StyleTransfer has no weights to train: use `stylize`. "
            "`AdaINTransfer` learns from images."
        )

    def check_batch(self, data):
        raise ValueError(
            "StyleTransfer has no data to evaluate: `loss_terms` gives the "
            "loss of an image."
        )

    def check_inputs(self, data):
        contents, styles = image_pairs(data)
        as_images(contents, self.channels, "content")
        as_images(styles, self.channels, "style")

    def predict_step(self, data):
        return self(image_pairs(data))

    def call(self, inputs, steps=300):
        contents, styles = inputs
        return self.stylize(contents, styles, steps, verbose=0)

    def loss_terms(self, images, contents, styles):
        """The loss that `stylize` minimizes, and its terms.

        Args:
            images: Images to measure, (batch, height, width, channels) in
                [0, 1].
            contents: Content images, of the same shape.
            styles: Style images, (batch, height', width', channels).

        Returns:
            A dict of "loss", "content_loss", "style_loss" and
            "total_variation", (batch,) each; the last three without their
            weights.
        """
        check_is_compiled(self)
        images, contents, styles = (
            ops.convert_to_tensor(x, "float32")
            for x in (images, contents, styles)
        )
        return self._terms(images, self._targets(contents, [styles], [1.0]))

    def stylize(
        self,
        content,
        style,
        steps=300,
        *,
        style_weights=None,
        start="content",
        preserve_color=False,
        seed=None,
        verbose=1,
        on_step=None,
    ):
        """Stylizes images in a style, or in a blend of several.

        Args:
            content: Images to stylize, (batch, height, width, channels),
                floats in [0, 1], of any size; one after the other. A gray
                image gets the style's colors if the network takes color
                images.
            style: Style images, (1 or batch, height, width, channels) of any
                size, or a list of such to blend.
            steps: Number of steps of the optimizer. Of several numbers, such
                as (200, 100), the first is for the image at the lowest
                resolution, each next one for twice that, the last for its
                own: strokes can then be larger than the receptive field, and
                much of the work is done on small images.
            style_weights: Weight of each style of a list; equal by default.
                Only their ratios count.
            start: "content", "noise" (more of the style, and slower), or an
                image of the content's shape.
            preserve_color: True stylizes the luma alone and keeps the
                content's colors to the last digit. The style's luma is first
                given the content's mean and standard deviation.
            seed: Seed of the noise, an int. None draws a random one.
            verbose: 1 shows a progress bar, 2 one line, 0 nothing.
            on_step: None, or a function called after each step with its
                number (from 1, over all levels and images), the current
                image, (1, height, width, channels) in [0, 1], and a dict of
                "loss" and its terms.

        Returns:
            float32 (batch, height, width, channels), in [0, 1].

        Raises:
            ValueError: `compile` was not called, images of another kind or
                too small, or options out of range.

        Reference: coarse to fine: Gatys et al., Controlling Perceptual
        Factors in Neural Style Transfer, 2017, section 6; colors: section
        5.1, luminance-only transfer.
        """
        check_is_compiled(self)
        channels = None if preserve_color else self.channels
        content = as_images(content, channels, "content")
        styles, mix = as_styles(style, style_weights, channels, len(content))
        start = as_start(start, content)
        counts = as_step_counts(steps)
        report = StepReport(len(content) * sum(counts), verbose, on_step)
        seeds = keras.random.SeedGenerator(seed)
        stylized = []
        for index in range(len(content)):
            image = start if isinstance(start, str) else start[index][None]
            for level, count in enumerate(counts, start=1):
                canvas = make_canvas(
                    content[index][None],
                    [each[min(index, len(each) - 1)][None] for each in styles],
                    0.5 ** (len(counts) - level),
                    preserve_color,
                )
                image = self._descents.of(canvas.content.shape).run(
                    canvas.start(image, seeds),
                    (canvas.content, canvas.styles, mix),
                    canvas.low,
                    canvas.high,
                    count,
                    report.of(canvas.image),
                )
            stylized.append(canvas.image(image))
        report.end()
        self._descents.keep(len(counts))
        return ops.concatenate(stylized)

    def stylize_frames(
        self,
        frames,
        style,
        steps=100,
        *,
        first_steps=None,
        warp=None,
        **options,
    ):
        """Stylizes the frames of a video, each from the last one's result.

        Strokes stay where they are, and fewer steps suffice. Where things
        move, `warp` moves the strokes along.

        Args:
            frames: Iterable of images (height, width, channels) in [0, 1],
                all of one size.
            style: As in `stylize`.
            steps: Number of steps for each frame, as in `stylize`.
            first_steps: Number of steps for the first frame; None takes
                `steps`.
            warp: None, or a function of the last result, the last frame and
                this frame, (1, height, width, channels) each, that gives the
                start of this frame's optimization: `lambda result, last,
                frame: ops.warp(result, ops.optical_flow(frame, last))`.
            **options: Further arguments of `stylize`; `start` is the first
                frame's.

        Yields:
            float32 (height, width, channels), in [0, 1].

        Raises:
            ValueError: As `stylize`.

        Reference: Ruder et al., Artistic Style Transfer for Videos, 2016,
        section 4.1: the start.
        """
        result = previous = None
        for frame in frames:
            frame = ops.convert_to_tensor(frame)[None]
            if result is None:
                count = steps if first_steps is None else first_steps
            else:
                count = steps
                start = result
                if warp is not None:
                    start = ops.clip(warp(result, previous, frame), 0.0, 1.0)
                options["start"] = start
            result = self.stylize(frame, style, count, **options)
            previous = frame
            yield result[0]

    def get_config(self):
        return {
            **super().get_config(),
            "features": keras.saving.serialize_keras_object(self.features),
            "content_layers": self.content_layers,
            "style_layers": self.style_layers,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return cls(**deserialized(config, ("features",), custom_objects))

    def _targets(self, contents, styles, mix):
        """Maps of the contents, and blended Gram matrices of the styles."""
        grams = [
            {name: gram_matrix(maps[name]) for name in self.style_layers}
            for maps in map(self._maps, styles)
        ]
        maps = self._maps(contents)
        return {
            "content": {name: maps[name] for name in self.content_layers},
            "style": {
                name: sum(w * g[name] for w, g in zip(mix, grams, strict=True))
                for name in self.style_layers
            },
        }

    def _terms(self, images, targets):
        """The loss and its terms, of each image."""
        maps = self._maps(images)
        content = sum(
            weight
            * relative_squared_error(targets["content"][name], maps[name])
            for name, weight in self.content_layers.items()
        )
        style = sum(
            weight
            * relative_squared_error(
                targets["style"][name], gram_matrix(maps[name])
            )
            for name, weight in self.style_layers.items()
        )
        size = ops.cast(ops.prod(ops.shape(images)[1:]), "float32")
        smoothness = total_variation(images) / size
        weights = self.loss_weights
        return {
            "loss": weights["content_weight"] * content
            + weights["style_weight"] * style
            + weights["total_variation_weight"] * smoothness,
            "content_loss": content,
            "style_loss": style,
            "total_variation": smoothness,
        }

    def _objective(self, image, targets):
        terms = self._terms(image, targets)
        return {name: term[0] for name, term in terms.items()}

    def _maps(self, images):
        if images.shape[-1] < self.channels:
            images = ops.repeat(images, self.channels, axis=-1)
        return feature_maps(self.features, images)
