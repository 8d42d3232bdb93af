"""Restoration losses: Charbonnier, SSIM, total variation, Dice of masks."""

import keras
from keras import ops

from keras_synth.ops.numbers import is_number
from keras_synth.ops.similarity import (
    POWER_FACTORS,
    check_max_value,
    check_power_factors,
    check_same_shape,
    multi_scale_structural_similarity,
    structural_similarity,
)


@keras.saving.register_keras_serializable("keras_synth")
class Charbonnier(keras.losses.Loss):
    """Charbonnier loss: a smooth absolute error.

    `mean sqrt((x - y)² + ε²)`: close to the absolute error where errors are
    above ε, with a gradient that falls to 0 below it. Equal images give ε.

    Args:
        epsilon: The constant ε, in the unit of the images.
        reduction: Reduction over the batch, as for `keras.losses.Loss`.
        name: Name of the loss.
        dtype: Dtype of its computation, float32 by default.

    Raises:
        ValueError: `epsilon` is not above 0; called with shapes that differ.

    Reference: Lai et al., Deep Laplacian Pyramid Networks, 2017, section 3.2.

    Example:

    >>> loss = Charbonnier(epsilon=3.0)
    >>> float(loss(ops.zeros((1, 2, 2, 1)), ops.full((1, 2, 2, 1), 4.0)))
    5.0
    """

    def __init__(
        self,
        epsilon=1e-3,
        reduction="sum_over_batch_size",
        name="charbonnier",
        dtype=None,
    ):
        if not (is_number(epsilon) and 0 < epsilon < float("inf")):
            raise ValueError(
                f"`epsilon` must be above 0. Received: epsilon={epsilon!r}"
            )
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.epsilon = epsilon

    def call(self, y_true, y_pred):
        """The mean over each image, (batch,)."""
        check_same_shape(y_true, y_pred)
        squared = ops.square(y_true - y_pred) + self.epsilon**2
        return ops.mean(
            ops.sqrt(squared), axis=tuple(range(1, len(squared.shape)))
        )

    def get_config(self):
        return {**_config(self), "epsilon": self.epsilon}


@keras.saving.register_keras_serializable("keras_synth")
class SSIMLoss(keras.losses.Loss):
    """SSIM loss: one minus the structural similarity.

    `1 - SSIM(x, y)`, from 0 for equal images to 2. Its gradient is finite
    everywhere. Predictions are not clipped, since clipped pixels have no
    gradient.

    Args:
        max_value: Value of white in the images, which have at least 11 x 11
            pixels.
        reduction: Reduction over the batch, as for `keras.losses.Loss`.
        name: Name of the loss.
        dtype: Dtype of its computation, float32 by default.

    Raises:
        ValueError: `max_value` is not above 0; called with images that
            do not fit or are too small.

    Reference: Zhao et al., Loss Functions for Image Restoration with Neural
    Networks, 2017, section 3.2.

    Example:

    >>> loss = SSIMLoss()
    >>> float(loss(ops.ones((2, 16, 16, 3)), ops.ones((2, 16, 16, 3))))
    0.0
    """

    def __init__(
        self,
        max_value=1.0,
        reduction="sum_over_batch_size",
        name="ssim_loss",
        dtype=None,
    ):
        check_max_value(max_value)
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.max_value = max_value

    def call(self, y_true, y_pred):
        """One minus the SSIM of each image, (batch,)."""
        return 1.0 - structural_similarity(y_true, y_pred, self.max_value)

    def get_config(self):
        return {**_config(self), "max_value": self.max_value}


@keras.saving.register_keras_serializable("keras_synth")
class MultiScaleSSIMLoss(keras.losses.Loss):
    """MS-SSIM loss: one minus the multi-scale structural similarity.

    `1 - MS-SSIM(x, y)`, from 0 for equal images to 1. Where the structure of
    some scale is inverted the loss is 1 and its gradient 0, so a network that
    inverts images at the start does not learn: use one that does not (a
    residual network), or add the mean absolute error, as the paper does.

    Args:
        max_value: Value of white in the images.
        power_factors: Exponents of the scales, finest first; five by default,
            for images of at least 161 x 161 pixels. Three scales need 41 x
            41 pixels.
        reduction: Reduction over the batch, as for `keras.losses.Loss`.
        name: Name of the loss.
        dtype: Dtype of its computation, float32 by default.

    Raises:
        ValueError: Arguments out of range; called with images that do not
            fit or are too small for so many scales.

    Reference: Zhao et al. 2017, section 3.3.

    Example:

    >>> loss = MultiScaleSSIMLoss(power_factors=(0.5, 0.5))
    >>> float(loss(ops.ones((2, 32, 32, 3)), ops.ones((2, 32, 32, 3))))
    0.0
    """

    def __init__(
        self,
        max_value=1.0,
        power_factors=POWER_FACTORS,
        reduction="sum_over_batch_size",
        name="multi_scale_ssim_loss",
        dtype=None,
    ):
        check_max_value(max_value)
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.max_value = max_value
        self.power_factors = check_power_factors(power_factors)

    def call(self, y_true, y_pred):
        """One minus the MS-SSIM of each image, (batch,)."""
        return 1.0 - multi_scale_structural_similarity(
            y_true, y_pred, self.max_value, self.power_factors
        )

    def get_config(self):
        return {
            **_config(self),
            "max_value": self.max_value,
            "power_factors": self.power_factors,
        }


def total_variation(images):
    """Total variation: sum of absolute differences of neighboring pixels.

    `Σ |x[i + 1, j] - x[i, j]| + |x[i, j + 1] - x[i, j]|` over pixels and
    channels: the anisotropic total variation of one image, a regularizer that
    is added to a loss. It grows with the size of the image.

    Args:
        images: Float (batch, height, width, channels).

    Returns:
        (batch,).

    Raises:
        ValueError: Another number of axes.

    Reference: Rudin et al., Nonlinear Total Variation Based Noise Removal
    Algorithms, 1992, in the anisotropic form.

    Example:

    >>> edge = ops.reshape([0.0, 0.0, 1.0, 1.0], (1, 2, 2, 1))
    >>> total_variation(edge).numpy()
    array([2.], dtype=float32)
    """
    images = ops.convert_to_tensor(images)
    if len(images.shape) != 4:
        raise ValueError(
            "`images` must be (batch, height, width, channels). "
            f"Received: shape {tuple(images.shape)}"
        )
    down = ops.abs(images[:, 1:] - images[:, :-1])
    right = ops.abs(images[:, :, 1:] - images[:, :, :-1])
    return ops.sum(down, axis=(1, 2, 3)) + ops.sum(right, axis=(1, 2, 3))


def _config(loss):
    """Configuration of a loss with the dtype, which Keras leaves out."""
    return {**keras.losses.Loss.get_config(loss), "dtype": loss.dtype}


@keras.saving.register_keras_serializable("keras_synth")
class DiceCrossEntropy(keras.losses.Loss):
    """Dice loss and binary cross-entropy, for the segmentation of masks.

    For masks m, 0 or 1, and probabilities p, over all pixels of the batch:

        `weight · mean(-m log p - (1 - m) log(1 - p))
        + 1 - (2 Σ m p + 1) / (Σ m + Σ p + 1)`

    The first term counts pixels, so that few marked ones hardly matter to it;
    the second is 1 - F1, were p 0 or 1. It is one number for the whole batch,
    and as much for each of its images. Where replicas share a batch, it is
    that of the part of each, and the parts are averaged. `keras.losses.Dice`
    has no 1 in the fraction: a batch without marked pixels would cost 1,
    whatever is found in it.

    Args:
        weight: Weight of the cross-entropy, at least 0.
        reduction: Reduction over the batch, as for `keras.losses.Loss`.
        name: Name of the loss.
        dtype: Dtype of its computation, float32 by default.

    Raises:
        ValueError: `weight` is below 0; called with shapes that differ.

    Reference: Milletari et al., V-Net: Fully Convolutional Neural Networks for
    Volumetric Medical Image Segmentation, 2016, section 3.

    Example:

    >>> loss = DiceCrossEntropy(weight=0.0)
    >>> mask = ops.ones((1, 2, 2, 1))
    >>> round(float(loss(mask, 0.5 * mask)), 4)
    0.2857
    """

    def __init__(
        self,
        weight=10.0,
        reduction="sum_over_batch_size",
        name="dice_cross_entropy",
        dtype="float32",
    ):
        super().__init__(name, reduction, dtype)
        if not (is_number(weight) and 0 <= weight < float("inf")):
            raise ValueError(
                f"`weight` must be at least 0. Received: weight={weight!r}"
            )
        self.weight = weight

    def call(self, masks, probabilities):
        """The loss of each image, (batch,)."""
        check_same_shape(masks, probabilities)
        entropy = ops.mean(ops.binary_crossentropy(masks, probabilities))
        both = ops.sum(masks * probabilities)
        total = ops.sum(masks) + ops.sum(probabilities)
        loss = self.weight * entropy + 1.0 - (2.0 * both + 1.0) / (total + 1.0)
        return ops.broadcast_to(loss, (ops.shape(masks)[0],))

    def get_config(self):
        return {**_config(self), "weight": self.weight}
