"""BM3D denoising as a Keras model."""

import numbers

import keras
import numpy as np
import tensorflow as tf

from keras_synth.ops.noise_estimation import opponent_noise_levels
from keras_synth.ops.transforms import opponent_matrix
from keras_synth.restoration.arguments import (
    check_images,
    for_known_channels,
    named_inputs,
)
from keras_synth.restoration.bm3d.profiles import (
    PROFILES,
    STRONG_NOISE,
    stages_of,
)
from keras_synth.restoration.bm3d.stages import run_stage

_OPPONENT = opponent_matrix().astype("float32")


@keras.saving.register_keras_serializable("keras_synth")
class BM3D(keras.Model):
    """BM3D: denoising by block matching and 3-D filtering.

    It removes white Gaussian noise. For reference blocks all over an image
    the most similar blocks nearby are stacked into a group. The first stage
    transforms each group in 3-D, sets small coefficients to zero, and averages
    the blocks where they overlap. The second stage groups again, by the first
    estimate, and shrinks the noisy coefficients with a Wiener filter whose
    energies come from that estimate. Both stages use the exact variance of the
    noise in each coefficient, also for blocks that overlap.

    The model has no weights to train: use a call, `predict`, or `evaluate`
    after `compile()`. `export.export_saved_model` writes it with one endpoint
    for gray images and one for color images.

    Color images are transformed to opponent colors and grouped by luminance.
    An estimated noise level is estimated separately for each opponent color.
    A given one holds for red, green and blue, with independent noise; where
    the noise is common to them, as in a gray image that is stored as color,
    it is that of the brightness, see `ops.opponent_noise_levels`.

    Args:
        noise_level: Standard deviation of the noise in units of [0, 1]. 0
            returns the image. None (default) estimates it for each image.
        profile: "normal"; "high" for strong noise, with groups of up to 32
            blocks instead of 16 (the second stage in color has 32 in both),
            which takes up to twice the time; or "auto" (default), which is
            "high" for noise levels above 40/255.
        name: Name of the model.

    Call arguments:
        images: Float images (batch, height, width, 1 or 3) of any size, in
            [0, 1] apart from their noise; or a dict with these as "image", and
            "noise_level" (batch, 1, 1, 1), which then holds.

    Returns:
        float32 images of the same shape, clipped to [0, 1].

    Raises:
        ValueError: An argument has another value; or images have another
            shape or an integer type, are not about [0, 1] or hold NaN (checked
            outside of graphs), or are smaller than 4x4 while the noise is
            estimated.

    Reference: Dabov, Foi, Katkovnik and Egiazarian, Image denoising by sparse
    3-D transform-domain collaborative filtering, 2007; variances as Mäkinen,
    Azzari and Foi, Collaborative filtering of correlated noise, 2020.

    Example:

    >>> noise = 0.1 * np.random.RandomState(0).normal(size=(1, 32, 32, 1))
    >>> denoised = BM3D(noise_level=0.1)(0.5 + noise)
    >>> bool(np.std(denoised) < 0.01)
    True
    """

    def __init__(self, noise_level=None, profile="auto", name="bm3d"):
        super().__init__(name=name, dtype="float32")
        if noise_level is not None and not (
            isinstance(noise_level, numbers.Real)
            and not isinstance(noise_level, bool)
            and 0.0 <= noise_level < float("inf")
        ):
            raise ValueError(
                "`noise_level` must be a number of at least 0, or None to "
                f"estimate it. Received: noise_level={noise_level!r}"
            )
        if noise_level is not None and noise_level > 1.0:
            raise _in_8_bits(noise_level)
        if profile not in ("auto", *PROFILES):
            raise ValueError(
                f'`profile` must be "auto", "normal" or "high". '
                f"Received: profile={profile!r}"
            )
        self.noise_level = None if noise_level is None else float(noise_level)
        self.profile = profile
        #: None, or a function without arguments that is called after each
        #: piece of an image, such as the `add` of an `io.Progress`. It is set
        #: before the first image; such a model is not exported.
        self.on_piece = None
        # Sizes are dynamic all through, which XLA does not compile.
        self.supports_jit = False
        self.built = True

    def call(self, images):
        inputs = named_inputs(images)
        check_images(inputs["image"], "Noisy images")
        noise_level = self.noise_level
        if "noise_level" in inputs:
            noise_level = _checked_level(inputs["noise_level"])
        denoised = for_known_channels(
            lambda images: self._denoise(images, noise_level), inputs["image"]
        )
        return tf.clip_by_value(denoised, 0.0, 1.0)

    def predict(self, x, *args, **kwargs):
        """`keras.Model.predict`, which checks arrays before it runs."""
        images = x.get("image") if isinstance(x, dict) else x
        if isinstance(images, np.ndarray):
            check_images(images, "Noisy images")
        return super().predict(x, *args, **kwargs)

    def compile(self, loss="mean_squared_error", **kwargs):
        """`keras.Model.compile`, which `evaluate` needs.

        Args:
            loss: Loss that `evaluate` reports.
            **kwargs: Other arguments of `keras.Model.compile`, such as
                `metrics`.
        """
        super().compile(loss=loss, **kwargs)

    def fit(self, *args, **kwargs):
        """Raises ValueError: BM3D has no weights to train."""
        raise ValueError(
            "BM3D has no weights to train: use `predict` or `evaluate`."
        )

    def compute_output_shape(self, input_shape):
        """The output has the shape of the images."""
        return named_inputs(input_shape)["image"]

    def export_endpoints(self):
        """Endpoints of `export.export_saved_model`.

        Returns:
            `{"restore": (function, input signature), "restore_color": ...}`,
            for gray and for color images of any size.
        """
        return {
            name: (
                self.__call__,
                [tf.TensorSpec((None, None, None, channels), name="images")],
            )
            for name, channels in (("restore", 1), ("restore_color", 3))
        }

    def get_config(self):
        return {
            "noise_level": self.noise_level,
            "profile": self.profile,
            "name": self.name,
        }

    # AutoGraph takes seconds to find that nothing needs conversion.
    @tf.autograph.experimental.do_not_convert
    def _denoise(self, images, noise_level):
        color = images.shape[-1] == 3
        levels = opponent_noise_levels(images, noise_level)[:, 0, 0]
        if color:
            images = tf.einsum("bhwc,oc->bhwo", images, _OPPONENT)
        denoised = tf.map_fn(
            lambda one: self._denoise_one(*one, noise_level),
            (images, levels),
            fn_output_signature=tf.TensorSpec(images.shape[1:]),
            parallel_iterations=1,
        )
        if color:
            back = np.linalg.inv(_OPPONENT)
            denoised = tf.einsum("bhwo,co->bhwc", denoised, back)
        return denoised

    def _piece_done(self):
        """What the graph calls, which outlives the function that it calls."""
        self.on_piece()

    def _denoise_one(self, image, levels, noise_level):
        def denoise(profile):
            first, second = stages_of(profile, image.shape[-1] == 3)
            hook = self._piece_done if self.on_piece else None
            pilot = run_stage(first, image, levels, None, hook)
            return run_stage(second, image, levels, pilot, hook)

        if self.profile != "auto":
            return denoise(self.profile)
        if isinstance(noise_level, int | float):
            strong = noise_level > STRONG_NOISE
            return denoise("high" if strong else "normal")
        return tf.cond(
            # The level in red, green and blue is the norm over opponents.
            tf.norm(levels) > STRONG_NOISE,
            lambda: denoise("high"),
            lambda: denoise("normal"),
        )


def _in_8_bits(noise_level):
    return ValueError(
        "`noise_level` is in units of [0, 1]: divide that of 8-bit images by "
        f"255. Received: noise_level={noise_level!r}"
    )


def _checked_level(level):
    """Noise levels of images, (batch, 1, 1, 1), as a tensor."""
    level = tf.cast(level, "float32")
    if not level.shape.is_compatible_with((None, 1, 1, 1)):
        raise ValueError(
            "BM3D takes one `noise_level` for each image, (batch, 1, 1, 1). "
            f"Received: shape {tuple(level.shape)}"
        )
    if tf.executing_eagerly():
        values = level.numpy()
        if not (values >= 0.0).all():
            raise ValueError(
                "`noise_level` must be of at least 0. Received: a smallest of "
                f"{values.min()}"
            )
        if values.max(initial=0.0) > 1.0:
            raise _in_8_bits(float(values.max()))
    return level
