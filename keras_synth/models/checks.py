"""Input checks that several models share: images, latents, weights."""

import math

import keras
import numpy as np
import tensorflow as tf

from keras_synth.layers.nested import all_layers
from keras_synth.ops.numbers import is_int, is_number
from keras_synth.ops.ranges import InvalidInput, check_range

# Layers and operations that move values without changing them.
_NO_ACTIVATION = {
    "Cast",
    "Cropping2D",
    "Flatten",
    "Identity",
    "NearestUpSampling2D",
    "Permute",
    "Reshape",
    "Transpose",
    "UpSampling2D",
    "ZeroPadding2D",
}


def check_images(images, image_shape, degraded=False, name=None):
    """Refuses what is not a batch of images.

    Shape and type are always checked, values of arrays and eager tensors
    only.

    Args:
        images: An array or a tensor.
        image_shape: The (height, width, channels) expected, None for any.
        degraded: False expects values in [0, 1]. True allows those about it
            that noise causes.
        name: What the message calls the images. None for "Images", or
            "Degraded images".
    """
    name = name or ("Degraded images" if degraded else "Images")
    wanted = ", ".join(str(size or "any") for size in image_shape)
    shape = shape_of(images)
    fits = len(shape) == len(image_shape) + 1 and all(
        size is None or given in (None, size)
        for size, given in zip(image_shape, shape[1:], strict=True)
    )
    if not fits:
        raise InvalidInput(
            f"{name} must be of shape (batch, {wanted}). "
            f"Received: {described(images)}"
        )
    if "float" not in dtype_name(images):
        raise InvalidInput(
            f"{name} must be floats in [0, 1] (divide 8-bit ones by 255: "
            '`images.astype("float32") / 255`). '
            f"Received: dtype {dtype_name(images)}"
        )
    if not has_values(images) or not np.size(images):
        return
    check_range(images, name, degraded)


def check_unpaired(data, shape_a, shape_b, name):
    """Refuses a batch that is not images of A and as many of B.

    Args:
        data: What `fit` gives a model.
        shape_a: (height, width, channels) of the images of A, None for any.
        shape_b: Those of B.
        name: Name of the model's class.
    """
    images, targets, weights = keras.utils.unpack_x_y_sample_weight(data)
    if targets is None:
        raise InvalidInput(
            f"A {name} learns from two sets: `fit(images_a, images_b)`, "
            "or a dataset of such, `datasets.unpaired_pipeline`."
        )
    check_no_weights(weights, name)
    check_images(images, shape_a, name="Images of A")
    check_images(targets, shape_b, name="Images of B")
    counts = shape_of(images)[0], shape_of(targets)[0]
    if None not in counts and counts[0] != counts[1]:
        raise InvalidInput(
            "A batch must hold as many images of B as of A (sets of any "
            "size are for `datasets.unpaired_pipeline`). "
            f"Received: {counts[0]} and {counts[1]}"
        )


def check_no_metrics(metrics, name):
    """Refuses metrics that compare an image with its partner.

    Args:
        metrics: The argument of `compile`.
        name: Name of the model's class.
    """
    if metrics is not None:
        raise ValueError(
            f"{name} takes no `metrics`: an image without a partner has "
            "no target to be compared with. Compare sets of images, with "
            "metrics.KernelDistance of `model.translate(images)`. "
            f"Received: metrics={metrics!r}"
        )


def check_latents(latents, latent_dim):
    """Refuses what is not a batch of latents."""
    shape = shape_of(latents)
    if len(shape) != 2 or shape[-1] != latent_dim:
        raise InvalidInput(
            f"Latents must be of shape (batch, {latent_dim}). "
            f"Received: {described(latents)}"
        )
    if "float" not in dtype_name(latents):
        raise InvalidInput(
            f"Latents must be floats. Received: dtype {dtype_name(latents)}"
        )
    if has_values(latents) and not np.isfinite(latents).all():
        raise InvalidInput("Latents must be finite. Received: NaN or infinity")


def check_is_network(network, name):
    """Refuses what does not say which tensors it takes and gives.

    Args:
        network: A `keras.Model`.
        name: Name of the argument, for the message.
    """
    # Sequential models of unknown shape are not built; subclasses have no
    # inputs.
    if not getattr(network, "built", False) or not getattr(
        network, "inputs", None
    ):
        raise ValueError(
            f"`{name}` must be a functional `keras.Model`, or a `Sequential` "
            "that begins with `keras.Input(...)`; a subclass of "
            "`keras.Model` can be wrapped, `keras.Model(x, network(x))` with "
            f"x = `keras.Input(...)`. Received: a {type(network).__name__}"
        )


def last_activation(network):
    """Name of the activation that a network ends in, such as "tanh".

    Args:
        network: A functional `keras.Model` or a `Sequential`.

    Returns:
        A str; None where the last layer that changes values has none.
    """
    output = network.outputs[0]
    while True:
        operation = getattr(output, "_keras_history", (None,))[0]
        if isinstance(operation, keras.Model):
            return last_activation(operation)
        if type(operation).__name__ not in _NO_ACTIVATION:
            break
        output = operation.input
    activation = getattr(operation, "activation", operation)
    name = getattr(activation, "__name__", None)
    return name or type(activation).__name__.lower()


def num_classes(network):
    """Number of classes that a network embeds; None where it embeds none."""
    for layer in all_layers(network):
        if isinstance(layer, keras.layers.Embedding):
            return layer.input_dim
    return None


def check_no_weights(weights, name):
    """Refuses sample weights, for which a model has no use.

    Args:
        weights: None, or the third element of a batch.
        name: Name of the model's class.
    """
    if weights is not None:
        raise InvalidInput(
            f"A {name} takes no sample weights, which is what Keras takes "
            "the third element of a batch for: leave them out, and repeat "
            "images in the data instead."
        )


def check_precision(model):
    """Refuses precisions in which losses would not be float32.

    Args:
        model: A `keras.Model`.
    """
    names = {
        model.dtype_policy.name,
        *(layer.dtype_policy.name for layer in all_layers(model)),
    }
    foreign = sorted(names & {"float16", "bfloat16", "float64"})
    if keras.config.floatx() != "float32":
        foreign = [f"floatx {keras.config.floatx()}"]
    if foreign:
        raise ValueError(
            "Models are trained in float32, mixed_float16 or mixed_bfloat16 "
            "(`keras.config.set_dtype_policy`, before networks are built): "
            "losses and statistics need float32. Received: "
            f"{', '.join(foreign)}"
        )


def check_loss_weights(weights):
    """Refuses weights of losses that are not numbers of at least 0.

    Args:
        weights: `{name: weight}`.
    """
    for name, value in weights.items():
        if not is_weight(value):
            raise ValueError(
                f"`{name}` must be a number of at least 0. "
                f"Received: {name}={value!r}"
            )


def check_count(name, value, least=1):
    """Refuses what is not an int of at least `least`.

    Args:
        name: Name of the argument, for the message.
        value: The argument; a tensor is not looked at.
        least: Smallest int.
    """
    if tf.is_tensor(value):
        return
    if not is_int(value) or value < least:
        raise ValueError(
            f"`{name}` must be an int of at least {least}. "
            f"Received: {name}={value!r}"
        )


def check_seed(seed):
    """Refuses a seed that is neither None nor an int (or a tensor)."""
    if not (seed is None or tf.is_tensor(seed) or is_int(seed)):
        raise ValueError(
            "`seed` must be an int, or None for a random one. "
            f"Received: seed={seed!r}"
        )


def check_number(name, value):
    """Refuses what is not a finite number (or a tensor).

    Args:
        name: Name of the argument, for the message.
        value: The argument; a tensor is not looked at.
    """
    if tf.is_tensor(value):
        return
    if not is_number(value) or not math.isfinite(value):
        raise ValueError(
            f"`{name}` must be a finite number. Received: {name}={value!r}"
        )


def is_weight(value):
    """Whether a value is a finite number of at least 0."""
    return is_number(value) and 0.0 <= value < float("inf")


def has_values(value):
    """Whether a value is known: no tensor of a graph that is being traced."""
    symbolic = tf.is_tensor(value) and not hasattr(value, "numpy")
    return not (symbolic or isinstance(value, keras.KerasTensor))


def shape_of(value):
    """Shape of an array or a tensor, a tuple; () where it is unknown."""
    shape = getattr(value, "shape", ())
    return () if getattr(shape, "rank", 0) is None else tuple(shape)


def dtype_name(value):
    """Name of the type of an array or a tensor, such as "float32"."""
    return getattr(value.dtype, "name", str(value.dtype))


def described(value):
    """An input in a few words, for the message of an error."""
    if hasattr(value, "shape"):
        return f"shape {shape_of(value)}"
    return f"a {type(value).__name__}"
