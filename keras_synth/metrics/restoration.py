"""Restoration metrics: PSNR, SSIM, MS-SSIM.

A published figure depends on the protocol as well as on the formula. The usual
protocols:

- gray denoising: `PSNR(round_to_8_bits=True)`;
- super-resolution by a factor s: `PSNR(luma="studio", border=s,
  round_to_8_bits=True)`, and the same for `SSIM`;
- inpainting, color denoising: `PSNR(round_to_8_bits=True)` on RGB.

Every metric here clips the restored image to [0, max_value], rounds both images
to 8 bits, takes their luma, crops the border, and compares them, in this order.
Its result is the mean over images, which does not depend on the batches.
"""

import keras
from keras import ops

from keras_synth.ops import (
    full_range_luma,
    multi_scale_structural_similarity,
    peak_signal_to_noise_ratio,
    structural_similarity,
    studio_range_luma,
)
from keras_synth.ops.numbers import is_int
from keras_synth.ops.similarity import (
    POWER_FACTORS,
    check_max_value,
    check_power_factors,
    check_same_shape,
)


class ImageMetric(keras.metrics.Mean):
    """Base class of restoration metrics: protocol and mean over images.

    A subclass has `compare` and the attribute `default_name`.

    Args:
        max_value: Value of white in the images.
        luma: None for all channels, "full" or "studio".
        border: Pixels cropped at each side.
        round_to_8_bits: Whether images are rounded to 256 levels.
        name: Name in the logs; `default_name` by default.
        dtype: Dtype of the figures and their mean.
    """

    default_name = None

    def __init__(
        self,
        max_value=1.0,
        luma=None,
        border=0,
        round_to_8_bits=False,
        name=None,
        dtype=None,
    ):
        check_max_value(max_value)
        if luma not in (None, "full", "studio"):
            raise ValueError(
                '`luma` must be None, "full" or "studio". '
                f"Received: luma={luma!r}"
            )
        if not is_int(border) or border < 0:
            raise ValueError(
                f"`border` must be an int, 0 or more. Received: {border!r}"
            )
        super().__init__(name=name or self.default_name, dtype=dtype)
        self.max_value = max_value
        self.luma = luma
        self.border = border
        self.round_to_8_bits = round_to_8_bits
        self._direction = "up"  # how EarlyStopping knows what is better

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Adds a batch.

        Args:
            y_true: Clean images, float (batch, height, width, channels) in
                [0, max_value].
            y_pred: Restored ones, of the same shape.
            sample_weight: Weights of the images, (batch,). Images of weight 0
                do not count, even if their figure is infinite or NaN.

        Raises:
            ValueError: The shapes differ, the images are too small, or are
                integers where white is 1.
        """
        y_true, y_pred = self._floats(y_true), self._floats(y_pred)
        check_same_shape(y_true, y_pred)
        y_pred = ops.clip(y_pred, 0.0, self.max_value)
        scores = self.compare(self._prepare(y_true), self._prepare(y_pred))
        if sample_weight is not None:
            sample_weight = ops.cast(sample_weight, self.dtype)
            if len(sample_weight.shape) == 2 and sample_weight.shape[1] == 1:
                sample_weight = ops.squeeze(sample_weight, axis=1)
            if len(sample_weight.shape) > 1:
                raise ValueError(
                    "`sample_weight` must hold one number an image, (batch,). "
                    f"Received: shape {tuple(sample_weight.shape)}"
                )
            scores = ops.where(sample_weight == 0.0, 0.0, scores)
        super().update_state(scores, sample_weight)

    def compare(self, clean, restored):
        """Compares pairs of images that the protocol prepared.

        Args:
            clean: Float (batch, height, width, channels).
            restored: The restored images, of the same shape.

        Returns:
            The figure of each image, (batch,).
        """
        raise NotImplementedError

    def get_config(self):
        return {
            **super().get_config(),
            "max_value": self.max_value,
            "luma": self.luma,
            "border": self.border,
            "round_to_8_bits": self.round_to_8_bits,
        }

    def _floats(self, images):
        images = ops.convert_to_tensor(images)
        dtype = keras.backend.standardize_dtype(images.dtype)
        if "float" not in dtype and self.max_value <= 1:
            raise ValueError(
                f"{type(self).__name__} takes floats in [0, {self.max_value}]: "
                "divide integer images by their white, or pass it as "
                f"`max_value`. Received: dtype {dtype}"
            )
        return ops.cast(images, self.dtype)

    def _prepare(self, images):
        if self.round_to_8_bits:
            level = self.max_value / 255.0
            images = ops.round(images / level) * level
        if self.luma is not None and images.shape[-1] != 1:
            images = (
                full_range_luma(images)
                if self.luma == "full"
                else studio_range_luma(images, self.max_value)
            )
        if self.border:
            inside = slice(self.border, -self.border)
            images = images[:, inside, inside]
        return images


@keras.saving.register_keras_serializable("keras_synth")
class PSNR(ImageMetric):
    """Mean peak signal-to-noise ratio of the images, in decibels.

    `10 log10(max_value² / mean (x - y)²)` for each image, then the mean over
    images, as in published tables, not the PSNR of the mean squared error.

    The PSNR of equal images is infinite, and then the mean is too, as in
    published code.

    Because predictions are clipped, as in a saved image, noisy inputs score
    slightly more than `20 log10(max_value / sigma)`.

    Args:
        max_value: Value of white in the images.
        luma: None (default) for all channels together; "full" for
            `ops.full_range_luma`; "studio" for `ops.studio_range_luma`, the Y
            of super-resolution tables, whose PSNR is 1.32 dB higher. Images
            of one channel are unchanged.
        border: Pixels cropped at each side before comparing.
        round_to_8_bits: Whether both images are rounded to 256 levels, as the
            image files behind most published figures.
        name: Name in the logs, "psnr" by default.
        dtype: Dtype of the figures and their mean.

    Raises:
        ValueError: Arguments are out of range; from `update_state`, the
            images do not fit.

    Example:

    >>> metric = PSNR()
    >>> clean, restored = ops.zeros((2, 8, 8, 1)), ops.full((2, 8, 8, 1), 0.1)
    >>> metric.update_state(clean, restored)
    >>> float(metric.result())
    20.0
    """

    default_name = "psnr"

    def compare(self, clean, restored):
        """PSNR of each image."""
        return peak_signal_to_noise_ratio(clean, restored, self.max_value)


@keras.saving.register_keras_serializable("keras_synth")
class SSIM(ImageMetric):
    """Mean structural similarity of the images.

    See `ops.structural_similarity`: a Gaussian window of 11 x 11 pixels, the
    mean over its positions inside the image; 1 for equal images.

    Args:
        max_value: Value of white in the images.
        luma: None (default) for the mean over channels, "full" or "studio" as
            for `PSNR`.
        border: Pixels cropped at each side before comparing.
        round_to_8_bits: Whether both images are rounded to 256 levels.
        name: Name in the logs, "ssim" by default.
        dtype: Dtype of the figures and their mean.

    Raises:
        ValueError: Arguments out of range; from `update_state`, images that
            do not fit or have fewer than 11 x 11 pixels.

    Reference: Wang et al. 2004, equation 13.

    Example:

    >>> metric = SSIM()
    >>> metric.update_state(ops.ones((2, 16, 16, 3)), ops.ones((2, 16, 16, 3)))
    >>> float(metric.result())
    1.0
    """

    default_name = "ssim"

    def compare(self, clean, restored):
        """SSIM of each image."""
        return structural_similarity(clean, restored, self.max_value)


@keras.saving.register_keras_serializable("keras_synth")
class MultiScaleSSIM(ImageMetric):
    """Mean structural similarity over several scales.

    See `ops.multi_scale_structural_similarity`; 1 for equal images, 0 if the
    structure is inverted at some scale.

    Args:
        max_value: Value of white in the images.
        power_factors: Exponents of the scales, finest first; five in the
            paper, for images of at least 161 x 161 pixels.
        luma: None (default) for the mean over channels, "full" or "studio" as
            for `PSNR`.
        border: Pixels cropped at each side before comparing.
        round_to_8_bits: Whether both images are rounded to 256 levels.
        name: Name in the logs, "multi_scale_ssim" by default.
        dtype: Dtype of the figures and their mean.

    Raises:
        ValueError: Arguments out of range; from `update_state`, images that
            do not fit or are too small for so many scales.

    Reference: Wang et al. 2003, equation 7.

    Example:

    >>> metric = MultiScaleSSIM(power_factors=(0.5, 0.5))
    >>> metric.update_state(ops.ones((2, 32, 32, 3)), ops.ones((2, 32, 32, 3)))
    >>> float(metric.result())
    1.0
    """

    default_name = "multi_scale_ssim"

    def __init__(
        self,
        max_value=1.0,
        power_factors=POWER_FACTORS,
        luma=None,
        border=0,
        round_to_8_bits=False,
        name=None,
        dtype=None,
    ):
        super().__init__(max_value, luma, border, round_to_8_bits, name, dtype)
        self.power_factors = check_power_factors(power_factors)

    def compare(self, clean, restored):
        """MS-SSIM of each image."""
        return multi_scale_structural_similarity(
            clean, restored, self.max_value, self.power_factors
        )

    def get_config(self):
        return {**super().get_config(), "power_factors": self.power_factors}
