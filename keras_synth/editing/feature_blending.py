"""Feature-map blending: one image of two generations, inside a network."""

import keras
import numpy as np
from keras import ops

from keras_synth.editing.composition import check_mask_values
from keras_synth.editing.projection import as_projection
from keras_synth.editing.spaces import clipped, image_network
from keras_synth.models import VAE


def blend_features(
    model,
    base,
    part,
    mask,
    *,
    max_side=None,
    noise="fixed",
    labels=None,
    part_labels=None,
    part_noise=None,
):
    """Feature-map blending: one image of two generations, inside a network.

    After each layer up to a size, the feature maps of the base take on those
    of the part inside the mask; the layers after that, with the base's
    styles, make one image of them.

    Args:
        model: A generator with feature maps.
        base: Styles or latents of the images outside, (batch, ...).
        part: Those of the images inside, of the same shape.
        mask: (height, width, 1) in [0, 1], 1 inside.
        max_side: Largest side of the maps that are blended; None for half of
            the image's. Larger ones keep more of the part, and its seam.
        noise: Noise of a StyleGAN2, as in `StyleGAN2.synthesize`.
        labels: Classes of the base's latents, for a class-conditional model.
        part_labels: Those of the part's; None for the same.
        part_noise: Noise of the part; None for the same.

    Returns:
        NumPy array (batch, height, width, channels) in [0, 1].

    Raises:
        TypeError: The model is no generator.
        ValueError: The vectors or the mask do not fit, or the generator has
            no feature maps of that size.

    Reference: Suzuki et al., Spatially Controllable Image Synthesis with
    Internal Representation Collaging, 2018, section 3.2.

    Example:

    >>> from keras_synth import networks
    >>> vae = VAE(networks.conv_encoder((8, 8, 1), 2),
    ...           networks.conv_decoder((8, 8, 1), 2))
    >>> left = np.zeros((8, 8, 1))
    >>> left[:, :4] = 1.0
    >>> blend_features(vae, np.zeros((1, 2)), np.ones((1, 2)), left).shape
    (1, 8, 8, 1)
    """
    part_labels = labels if part_labels is None else part_labels
    one = as_projection(model, base, noise, labels)
    part_noise = noise if part_noise is None else part_noise
    other = as_projection(model, part, part_noise, part_labels)
    if one.styles.shape != other.styles.shape:
        raise ValueError(
            "`base` and `part` must be of the same shape. Received: "
            f"{one.styles.shape} and {other.styles.shape}"
        )
    mask = np.asarray(mask, "float32")
    wanted = (*model.image_shape[:2], 1)
    if mask.shape != wanted:
        raise ValueError(
            f"`mask` must be {wanted}. Received: shape {mask.shape}"
        )
    check_mask_values(mask)
    if max_side is None:
        max_side = max(wanted) // 2
    inputs = [
        np.concatenate([getattr(one, name), getattr(other, name)])
        for name in ("styles", "noise", "labels")
        if getattr(one, name) is not None
    ]
    network = _blending(image_network(model), len(one.styles), mask, max_side)
    images = network(inputs if len(inputs) > 1 else inputs[0], training=False)
    images = images[: len(one.styles)]
    if isinstance(model, VAE):
        images = model.likelihood.mean(images)
    return clipped(images)


def _blending(network, count, mask, max_side):
    """A network of twice `count` vectors that blends maps on the way."""
    blended = []

    def call(layer, *args, **kwargs):
        maps = layer(*args, **kwargs)
        shape = getattr(maps, "shape", ())
        if len(shape) != 4 or max(shape[1:3]) > max_side:
            return maps
        blended.append(layer.name)
        small = ops.image.resize(mask, shape[1:3], antialias=True)
        small = ops.cast(small, maps.dtype)
        inputs = keras.Input(batch_shape=shape, dtype=maps.dtype)
        base, part = inputs[:count, :], inputs[count:, :]
        outputs = ops.concatenate([base + small * (part - base), part])
        # A network of its own: the names of its operations could be those of
        # layers of a network that was loaded.
        name = f"blended_{len(blended)}"
        return keras.Model(inputs, outputs, name=name)(maps)

    twin = keras.models.clone_model(network, call_function=call)
    if not blended:
        raise ValueError(
            f"{network.name} has no feature maps of at most {max_side} pixels "
            "a side to blend."
        )
    for layer in twin.layers:  # in another order than the network's
        if getattr(layer, "weights", ()):
            layer.set_weights(network.get_layer(layer.name).get_weights())
    return twin
