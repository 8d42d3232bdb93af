"""Pull-push interpolation: fills holes of images smoothly."""

import keras
from keras import ops

from keras_synth.ops.numbers import is_int


@keras.saving.register_keras_serializable("keras_synth")
class PullPush(keras.layers.Layer):
    """Pull-push interpolation: fills holes from ever coarser averages.

    Pull: known pixels x and their weights w = 1 - m are averaged over 2 x 2
    pixels again and again. Push, from coarse to fine: a level gives

        `c x̄ + (1 - c) up(coarser level)`, with `c = min(1, 4 w)`,

    where x̄ is the average of the known pixels in a block, w their share, and
    `up` is bilinear. Known pixels stay as they are. What is farther than
    `2 ** levels` pixels from a known one gets the mean color of all. It is
    quick, but blurred: a start for a network that fills in detail.

    Args:
        levels: Number of coarser levels, a positive int. The sides of the
            images are multiples of `2 ** levels`.

    Call arguments:
        inputs: `[images, mask]`, (batch, height, width, channels) and (batch,
            height, width, 1), where 1 means missing.

    Returns:
        (batch, height, width, channels).

    Example:

    >>> filled = PullPush(1)([ops.zeros((1, 4, 6, 3)), ops.ones((1, 4, 6, 1))])
    >>> filled.shape
    TensorShape([1, 4, 6, 3])

    Reference: Gortler et al., The Lumigraph, 1996, section 3.4.
    """

    def __init__(self, levels=5, **kwargs):
        # Images stay in full precision, whatever the policy.
        super().__init__(**{**kwargs, "dtype": "float32"})
        if not is_int(levels) or levels < 1:
            raise ValueError(
                f"`levels` must be a positive int. Received: {levels=}"
            )
        self.levels = levels

    def call(self, inputs):
        images, mask = inputs
        weights = 1.0 - mask
        # The values of missing pixels may be anything, NaN as well.
        sums = ops.where(mask > 0.5, 0.0, images) * weights
        pyramid = [[sums, weights]]
        for _ in range(self.levels):
            pyramid.append([ops.average_pool(x, 2, 2) for x in pyramid[-1]])
        everywhere = [ops.mean(x, (1, 2), keepdims=True) for x in pyramid[0]]
        filled = _mean_of(*everywhere) + ops.zeros_like(pyramid[-1][0])
        for level, (sums, weights) in enumerate(reversed(pyramid)):
            if level:
                filled = _doubled(filled)
            known = ops.minimum(1.0, 4.0 * weights)
            filled = known * _mean_of(sums, weights) + (1.0 - known) * filled
        return filled

    def compute_output_shape(self, input_shape):
        return tuple(input_shape[0])

    def get_config(self):
        return {**super().get_config(), "levels": self.levels}


def _mean_of(sums, weights):
    return sums / ops.maximum(weights, 1e-6)


def _doubled(images):
    """Bilinear interpolation to twice the sides.

    As `keras.layers.UpSampling2D(2, interpolation="bilinear")`, which fails in
    a graph where the sides are unknown.
    """
    for axis in (1, 2):
        last = 2 * ops.shape(images)[axis] - 1
        place = ops.arange(last + 1)
        before, here, after = (
            ops.take(images, index // 2, axis)
            for index in (
                ops.maximum(place - 1, 0),
                place,
                ops.minimum(place + 1, last),
            )
        )
        images = 0.5 * here + 0.25 * (before + after)
    return images
