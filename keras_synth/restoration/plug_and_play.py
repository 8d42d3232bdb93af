"""Plug-and-play restoration: a denoiser solves linear inverse problems."""

import keras
import numpy as np
import tensorflow as tf

from keras_synth.layers.nested import network_input
from keras_synth.ops.numbers import is_int
from keras_synth.ops.transforms import opponent_matrix
from keras_synth.restoration.arguments import (
    check_images,
    for_known_channels,
    named_inputs,
)
from keras_synth.restoration.operators import Operator

_OPPONENT = opponent_matrix().astype("float32")
# Differences of colors lie around 0, and networks know images around ½.
_MIDDLE = np.float32([0.0, 0.5, 0.5])
_LEAST = 0.001  # noise level
_SPLITTINGS = ("half-quadratic", "admm")


@keras.saving.register_keras_serializable("keras_synth")
class PlugAndPlay(keras.Model):
    """Plug-and-play restoration (DPIR): deblurs, inpaints, upscales.

    A denoiser is the prior of any linear degradation `y = A x + noise` of
    which the operator A is known. Half-quadratic splitting takes turns:

        xₖ = argmin_x ‖y - A x‖² + ρₖ ‖x - zₖ₋₁‖²,  ρₖ = strength · σ² / σₖ²
        zₖ = denoiser(xₖ, σₖ)

    ADMM, the alternating direction method of multipliers, also gives back what
    the denoiser took away, by a dual variable u that begins at 0:

        xₖ = argmin_x ‖y - A x‖² + ρₖ ‖x - (zₖ₋₁ - uₖ₋₁)‖²
        zₖ = denoiser(xₖ + uₖ₋₁, σₖ),  uₖ = uₖ₋₁ + xₖ - zₖ

    It fills missing pixels better, within 20 iterations or so.

    The levels σₖ fall from `first_level` to the noise level σ, evenly in
    their logarithm. Each iteration denoises another of the eight symmetries of
    the image. Nothing is trained.

    Args:
        denoiser: A `keras.Model` that takes `{"image": ..., "noise_level":
            (batch, 1, 1, 1)}`, for gray or color images, such as
            `presets.gray_denoiser()`; `BM3D()`; or a function of `(images,
            noise_level)`, arrays, such as `total_variation_denoiser()`. A
            network for gray images denoises brightness and two color
            differences of a color image, each by itself.
        operator: An `Operator`: `Blur`, `Mask`, `BicubicDownsampling`,
            `ColorFilterArray` or a `Product`.
        noise_level: σ in units of [0, 1]. None (default) takes that of the
            inputs, "noise_level", or estimates it for each image; of masked
            and mosaiced images it is 0 then. Less than 0.001 is taken as
            0.001.
        num_iterations: Number of iterations, at least 1.
        strength: Weight λ of the denoiser. More is smoother. A frequency of
            x has at most the noise `σₖ / (2 √λ)`: far below the default,
            which is that of photographs, noise comes back.
        first_level: First level of the denoiser, in units of [0, 1].
        splitting: "half-quadratic" (default) or "admm", for many small gaps.
        name: Name of the model.

    Call arguments:
        inputs: Images y, float (batch, height, width, 1 or 3) in [0, 1] apart
            from their noise; or a dict of "image", and for a `Mask` "mask".

    Returns:
        float32 images, clipped to [0, 1], as large as y, or larger by the
        scale of the operator.

    Raises:
        ValueError: An argument has another value; or images have another
            shape or type.

    Reference: Zhang et al., Plug-and-Play Image Restoration with Deep Denoiser
    Prior, 2022, equations 6 to 8 and section 4.2; Chan et al., Plug-and-Play
    ADMM for Image Restoration: Fixed-Point Convergence and Applications, 2017,
    algorithm 1.

    Example:

    >>> from keras_synth.restoration import Blur
    >>> def smooth(images, noise_level):
    ...     return images
    >>> restorer = PlugAndPlay(smooth, Blur(np.ones((3, 3))), 0.01)
    >>> restorer(np.full((1, 8, 8, 1), 0.5, "float32")).shape
    TensorShape([1, 8, 8, 1])
    """

    def __init__(
        self,
        denoiser,
        operator,
        noise_level=None,
        num_iterations=8,
        strength=0.19,
        first_level=49 / 255,
        splitting="half-quadratic",
        name="plug_and_play",
    ):
        super().__init__(name=name, dtype="float32")
        _check(denoiser, operator, noise_level, num_iterations)
        for key, value in (
            ("strength", strength),
            ("first_level", first_level),
        ):
            if not isinstance(value, int | float) or not 0 < value < np.inf:
                raise ValueError(
                    f"`{key}` must be a number above 0. Received: {value!r}"
                )
        if splitting not in _SPLITTINGS:
            raise ValueError(
                '`splitting` must be "half-quadratic" or "admm". '
                f"Received: splitting={splitting!r}"
            )
        self.denoiser = denoiser
        self.operator = operator
        self.noise_level = noise_level
        self.num_iterations = num_iterations
        self.strength = strength
        self.first_level = first_level
        self.splitting = splitting
        #: What it takes, see `inference.input_names`.
        self.input_names = ("image", *operator.input_names)
        self.supports_jit = False  # sizes are dynamic
        self.built = True
        self._compiled_step = tf.function(
            self._step, reduce_retracing=True, autograph=False
        )

    def call(self, inputs):
        """Restores images, all iterations in one graph."""
        inputs = self._named(inputs)

        def restore(images):
            return self._restore({**inputs, "image": images})

        return for_known_channels(restore, inputs["image"])

    # AutoGraph takes seconds to find that nothing needs conversion.
    @tf.autograph.experimental.do_not_convert
    def _restore(self, inputs):
        levels = self._levels(inputs)
        start = self._start(inputs)
        channels = start.shape[-1]
        shape = tf.TensorShape((None, None, None, channels))
        _, z, _ = tf.while_loop(
            lambda k, *_: k < self.num_iterations,
            lambda k, z, u: (
                k + 1,
                *self._step(z, u, inputs, levels[k], levels[-1], k, channels),
            ),
            (0, start, tf.zeros_like(start)),
            (None, shape, shape),
            parallel_iterations=1,
        )
        return self._finished(z)

    def restore(self, inputs, progress=None):
        """Restores images, iteration by iteration.

        Args:
            inputs: As in a call.
            progress: None, or a function without arguments that is called
                after each iteration, such as the `add` of an `io.Progress`.

        Returns:
            float32 array, as a call returns it.
        """
        inputs = self._named(inputs)
        levels = self._levels(inputs)
        z = self._start(inputs)
        u = tf.zeros_like(z)
        for k, level in enumerate(levels):
            z, u = self._compiled_step(
                z,
                u,
                inputs,
                level,
                levels[-1],
                tf.constant(k),
                channels=z.shape[-1],
            )
            if progress is not None:
                progress()
        return self._finished(z).numpy()

    def export_endpoints(self):
        """Endpoints of `export.export_saved_model`.

        Returns:
            `{"restore": (function, input signature)}`; a network for gray
            images, which also restores color images, has "restore_color" too.

        Raises:
            TypeError: The denoiser is a function.
        """
        if not isinstance(self.denoiser, keras.Model):
            raise TypeError(
                "A PlugAndPlay is exported with a denoiser that is a "
                f"keras.Model. Received: {self.denoiser!r}"
            )
        channels = self.operator.channels or _channels(self.denoiser)
        names = {"restore": channels or 1}
        if channels is None or channels == 1 != self.operator.channels:
            names["restore_color"] = 3

        def restore(images, *others):
            others = zip(self.input_names[1:], others, strict=True)
            return self({"image": images, **dict(others)})

        def specs(channels):
            return [
                tf.TensorSpec((None, None, None, count), name=f"{name}s")
                for name, count in zip(
                    self.input_names, (channels, 1), strict=False
                )
            ]

        return {name: (restore, specs(n)) for name, n in names.items()}

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        return {
            "denoiser": serialize(self.denoiser),
            "operator": serialize(self.operator),
            "noise_level": self.noise_level,
            "num_iterations": self.num_iterations,
            "strength": self.strength,
            "first_level": self.first_level,
            "splitting": self.splitting,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config):
        restore = keras.saving.deserialize_keras_object
        parts = {key: restore(config[key]) for key in ("denoiser", "operator")}
        return cls(**{**config, **parts})

    def _named(self, inputs):
        """Checked tensors: "image", what the operator takes, "noise_level"."""
        named = named_inputs(inputs)
        missing = [name for name in self.input_names if name not in named]
        if missing:
            raise ValueError(
                f"This operator needs {', '.join(map(repr, missing))}: give a "
                f"dict of inputs. Received: {list(named)}"
            )
        if "mask" in self.input_names:
            image = tf.convert_to_tensor(named["image"])
            mask = tf.cast(named["mask"], "float32") > 0.5
            _check_mask(mask.shape, image.shape)
            named["mask"] = tf.cast(mask, "float32")
            # Whatever lies there, NaN as well.
            named["image"] = tf.where(mask, tf.zeros((), image.dtype), image)
        check_images(named["image"], "Degraded images")
        channels = self.operator.channels
        if channels and named["image"].shape[-1] not in (None, channels):
            raise ValueError(
                f"{type(self.operator).__name__} makes images of {channels} "
                f"channels. Received: shape {tuple(named['image'].shape)}"
            )
        names = (*self.input_names, "noise_level")
        return {
            name: tf.cast(named[name], "float32")
            for name in names
            if name in named
        }

    def _levels(self, inputs):
        """σₖ of the iterations, (num_iterations, batch, 1, 1, 1)."""
        y = inputs["image"]
        level = self.noise_level
        if level is None:
            level = inputs.get("noise_level")
        if level is None:
            level = self.operator.given(inputs).noise_level(y)
        last = tf.maximum(level * tf.ones((tf.shape(y)[0], 1, 1, 1)), _LEAST)
        first = tf.maximum(last, self.first_level)
        # Downwards, so that a single iteration is at the last level.
        share = np.linspace(0.0, 1.0, self.num_iterations)[::-1]
        share = share.reshape(-1, 1, 1, 1, 1).astype("float32")
        return first**share * last ** (1.0 - share)

    def _start(self, inputs):
        return self.operator.given(inputs).start(inputs["image"])

    def _step(self, z, u, inputs, level, last, k, channels):
        """One iteration: the next z and u, which is 0 without ADMM."""

        def known(x, channels):
            return tf.ensure_shape(x, (None, None, None, channels))

        # Fourier transforms, and graphs for any size, forget the channels.
        operator = self.operator.given(inputs)
        y = known(inputs["image"], self.operator.channels or channels)
        rho = self.strength * tf.square(last / level)
        z, u = known(z, channels), known(u, channels)
        x = known(operator.prox(z - u, y, rho), channels)
        turned = known(_turned(x + u, k), channels)
        z = known(self._denoise(turned, level), channels)
        z = known(_turned(z, k, back=True), channels)
        return z, u + x - z if self.splitting == "admm" else u

    def _denoise(self, x, level):
        if not isinstance(self.denoiser, keras.Model):
            return _call_function(self.denoiser, x, level)
        channels = _channels(self.denoiser)
        if channels in (None, x.shape[-1]):
            return self._call_network(x, level)
        if channels == 3:
            x = tf.repeat(x, 3, axis=-1)
            x = self._call_network(x, level)
            return tf.reduce_mean(x, axis=-1, keepdims=True)
        opponent = tf.einsum("bhwc,oc->obhw", x, _OPPONENT)
        opponent += _MIDDLE[:, None, None, None]
        shape = tf.shape(opponent)
        planes = tf.reshape(opponent, (-1, shape[2], shape[3], 1))
        # White noise stays white: of 1 / √3 in each of the three.
        level = tf.tile(level / np.sqrt(3.0), (3, 1, 1, 1))
        planes = self._call_network(planes, level)
        opponent = tf.reshape(planes, shape) - _MIDDLE[:, None, None, None]
        back = np.linalg.inv(_OPPONENT)
        return tf.einsum("obhw,co->bhwc", opponent, back)

    def _call_network(self, images, level):
        inputs = {"image": images, "noise_level": level}
        return tf.cast(self.denoiser(inputs), "float32")

    def _finished(self, z):
        return tf.clip_by_value(self.operator.visible(z), 0.0, 1.0)


def _turned(images, k, back=False):
    """One of the eight symmetries of images, and the way back.

    Args:
        images: (batch, height, width, channels).
        k: Number of the symmetry, an int tensor; those of k + 8 are the same.
        back: Whether to undo it.
    """
    bits = tf.bitwise.bitwise_and(tf.bitwise.right_shift(k, [0, 1, 2]), 1) > 0
    mirrored = tf.concat([[False], bits[:2], [False]], axis=0)
    axes = tf.where(bits[2], [0, 2, 1, 3], [0, 1, 2, 3])
    if back:
        images = tf.transpose(images, axes)
    images = tf.raw_ops.Reverse(tensor=images, dims=mirrored)
    return images if back else tf.transpose(images, axes)


def _call_function(denoiser, x, level):
    """Calls a function of arrays, from a graph too."""

    def denoise(images, level):
        denoised = np.asarray(denoiser(images, noise_level=level), "float32")
        if denoised.shape != images.shape:
            raise ValueError(
                "The denoiser must return images like those that it gets, "
                f"{images.shape}. Received: shape {denoised.shape}"
            )
        return denoised

    if tf.executing_eagerly():
        return tf.constant(denoise(x.numpy(), level.numpy()))
    return tf.numpy_function(denoise, [x, level], "float32")


def _channels(denoiser):
    """Channels of the images that a network takes; None for any."""
    if not isinstance(denoiser, keras.Model):
        return None
    taken = network_input(denoiser)
    return taken["image"].shape[-1] if isinstance(taken, dict) else None


def _check(denoiser, operator, noise_level, num_iterations):
    taken = None
    if isinstance(denoiser, keras.Model):
        taken = network_input(denoiser)
    names = set(taken) if isinstance(taken, dict) else {"image"}
    if taken is not None and names != {"image", "noise_level"}:
        raise ValueError(
            "`denoiser` must take the noise level: a network of "
            '{"image": ..., "noise_level": ...}, such as '
            "networks.unet(noise_conditional=True), or a function of (images, "
            f"noise_level). Received: {denoiser.name!r}"
        )
    if not callable(denoiser):
        raise ValueError(
            "`denoiser` must be a keras.Model or a function. "
            f"Received: {denoiser!r}"
        )
    if not isinstance(operator, Operator):
        raise ValueError(
            "`operator` must be a restoration.Operator, such as Blur or Mask. "
            f"Received: {operator!r}"
        )
    if noise_level is not None and not (
        isinstance(noise_level, int | float) and 0.0 <= noise_level <= 1.0
    ):
        raise ValueError(
            "`noise_level` must be a number from 0 to 1, in units of [0, 1], "
            f"or None. Received: noise_level={noise_level!r}"
        )
    if not is_int(num_iterations) or num_iterations < 1:
        raise ValueError(
            "`num_iterations` must be an int, at least 1. "
            f"Received: num_iterations={num_iterations!r}"
        )


def _check_mask(mask, image):
    """Refuses shapes of masks that are not (batch or 1, height, width, 1)."""
    one = tf.TensorShape((1, *image[1:3], 1))
    each = tf.TensorShape((*image[:3], 1))
    if not (mask.is_compatible_with(one) or mask.is_compatible_with(each)):
        raise ValueError(
            f"`mask` must be {tuple(each)}, 1 where pixels are missing. "
            f"Received: shape {tuple(mask)}"
        )
