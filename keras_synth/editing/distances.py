"""Distance of images that an edit lowers: perceptual, or of pixels."""

import keras
from keras import ops

from keras_synth.metrics import PerceptualDistance
from keras_synth.models.checks import check_loss_weights

_SEEN = 256  # sides above which the reference averages pixels


def image_distance(features=None, pixel_weight=1.0):
    """Distance of images: perceptual distance, and mean squared error.

    Args:
        features: None for the mean squared error alone; a
            `metrics.PerceptualDistance`; or any feature network, from images
            in [0, 1] to `{layer name: map}` or to vectors (batch, d). Vectors
            are compared by the squared distance of their directions. Images
            above 256 pixels are averaged to at least that for it.
        pixel_weight: Weight of the mean squared error.

    Returns:
        A function from target and made images, (batch, height, width,
        channels), to (batch,).

    Raises:
        TypeError: `features` is neither.
        ValueError: The network returns neither maps nor vectors, there is
            nothing to compare, or the weight is out of range.
    """
    check_loss_weights({"pixel_weight": pixel_weight})
    if features is None:
        if not pixel_weight > 0:
            raise ValueError(
                "`pixel_weight` must be above 0 without `features`. "
                f"Received: pixel_weight={pixel_weight!r}"
            )
        perceptual = None
    elif isinstance(features, PerceptualDistance):
        perceptual = _of_maps(features)
    elif not isinstance(features, keras.Model):
        raise TypeError(
            "`features` must be None, a feature network or a "
            f"metrics.PerceptualDistance. Received: {type(features).__name__}"
        )
    elif isinstance(features.output, dict):
        perceptual = _of_maps(PerceptualDistance(features))
    else:
        perceptual = _of_vectors(features)

    def distance(target, made):
        pixels = pixel_weight * ops.mean(
            ops.square(target - made), axis=(1, 2, 3)
        )
        if perceptual is None:
            return pixels
        factor = min(target.shape[1:3]) // _SEEN
        if factor > 1:
            target, made = (
                ops.average_pool(x, factor, data_format="channels_last")
                for x in (target, made)
            )
        return perceptual(target, made) + pixels

    return distance


def _of_maps(metric):
    return lambda target, made: metric.compare(target, made, clip=False)


def _of_vectors(network):
    if len(network.output_shape) != 2:
        raise ValueError(
            "`features` must return {layer name: map}, or vectors (batch, d). "
            f"Received: {network.name}, which returns {network.output_shape}"
        )

    def distance(target, made):
        one, other = (
            ops.normalize(network(x, training=False), axis=-1)
            for x in (target, made)
        )
        return ops.sum(ops.square(one - other), axis=-1)

    return distance
