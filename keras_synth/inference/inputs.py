"""Inputs of a restorer: which it takes, and running it on them.

A restorer makes an image of a degraded one. It is a keras network, a model of
`keras_synth.models`, or a function. Each takes the image alone, as an array,
or a dict with "image" and what else it needs: "mask" (1 where a pixel is
missing or corrupted), "noise_level" (σ in units of [0, 1]).
"""

import inspect

import keras
import numpy as np

from keras_synth.layers.nested import network_input


def input_names(restorer):
    """Names of the inputs that a restorer takes, the image first.

    - A restorer with an attribute `input_names`: what it says.
    - A keras network with a dict of inputs: the keys of the dict.
    - A keras network with one input: "image", or "frames" where the input is
      (batch, time, height, width, channels).
    - Another `keras.Model`: "image".
    - A function: "image", which is its first positional parameter, and "mask"
      and "noise_level" where it has parameters of that name.

    Args:
        restorer: A `keras.Model`, or a function that returns images.

    Returns:
        A tuple of str.

    Raises:
        TypeError: `restorer` is neither a model nor a function.

    Example:

    >>> from keras_synth import restoration
    >>> input_names(restoration.median())
    ('image',)
    >>> input_names(restoration.biharmonic())
    ('image', 'mask')
    """
    names = getattr(restorer, "input_names", None)
    if names is not None:
        return tuple(names)
    if isinstance(restorer, keras.Model):
        return tuple(input_shapes(restorer))
    return ("image", *_named_parameters(restorer))


def input_shapes(restorer):
    """Shapes of the inputs that a restorer takes.

    Args:
        restorer: A `keras.Model`, or a function that returns images.

    Returns:
        A dict, name → shape, a tuple with the batch first and None where any
        length will do; or name → None where the restorer does not say. The
        names are those of `input_names`.

    Raises:
        TypeError: `restorer` is neither a model nor a function.

    Example:

    >>> image = keras.Input((None, None, 3))
    >>> input_shapes(keras.Model(image, 2.0 * image))
    {'image': (None, None, None, 3)}
    >>> input_shapes(lambda images: images)
    {'image': None}
    """
    network = restoring_network(restorer)
    if not isinstance(network, keras.Model):
        return dict.fromkeys(input_names(restorer))
    taken = network_input(network)
    if taken is None and hasattr(network, "input_names"):
        return dict.fromkeys(network.input_names)
    if not isinstance(taken, dict):
        shape = getattr(taken, "shape", None)
        video = shape is not None and len(shape) == 5
        return {"frames" if video else "image": shape}
    first = {"image": taken["image"]} if "image" in taken else {}
    return {name: tensor.shape for name, tensor in {**first, **taken}.items()}


def restoring_network(restorer):
    """The network that restores: a GAN's generator, else the restorer itself.

    Args:
        restorer: A `keras.Model`, or a function that returns images.

    Returns:
        The moving average of the generator where the model has one (a
        `models.RestorationGAN`), otherwise `restorer`.
    """
    return getattr(restorer, "sampling_generator", restorer)


def run_restorer(restorer, inputs):
    """Runs a restorer on one batch, given as an array or as a dict.

    A `keras.Model` gets the inputs that it takes, and no others; so does a
    function with an attribute `input_names`. Another function with parameters
    `mask` or `noise_level` gets these by name; one without them gets `inputs`
    as they are, so that it may take a dict.

    Args:
        restorer: A `keras.Model`, which runs as in its `predict_on_batch`, or
            a function that returns images. See `input_names`.
        inputs: Images (batch, height, width, channels), float; frames (batch,
            time, height, width, channels) for a network that takes these; or
            a dict of "image" (or "frames") and "mask" (batch, height, width,
            1), "noise_level" (batch, 1, 1, 1).

    Returns:
        float32 (batch, height', width', channels'), not clipped.

    Raises:
        TypeError: `restorer` is neither a model nor a function.
        ValueError: An input is missing, or the restorer does not return a
            batch of images.

    Example:

    >>> image = np.full((1, 2, 2, 1), 0.25)
    >>> float(run_restorer(lambda images: 2.0 * images, image).max())
    0.5
    >>> mask = np.ones((1, 2, 2, 1))
    >>> filled = run_restorer(
    ...     lambda images, mask: images + mask, {"image": image, "mask": mask}
    ... )
    >>> float(filled.max())
    1.25
    """
    names = input_names(restorer)
    named = inputs if isinstance(inputs, dict) else {names[0]: inputs}
    is_model = isinstance(restorer, keras.Model)
    by_name = {}
    if is_model or hasattr(restorer, "input_names"):
        _check_given(names, named)
        given = {name: named[name] for name in names}
        if len(names) == 1 and not _takes_dict(restorer):
            (given,) = given.values()
    else:
        parameters = _named_parameters(restorer)
        _check_given([x for x in names if not parameters.get(x)], named)
        by_name = {name: named[name] for name in parameters if name in named}
        given = named["image"] if parameters else inputs
    shape = np.shape(named[names[0]])
    _check_sides(restorer, shape)
    _check_channels(restorer, named)
    run = restorer.predict_on_batch if is_model else restorer
    restored = np.asarray(run(given, **by_name), "float32")
    if restored.ndim != 4 or len(restored) != shape[0]:
        raise ValueError(
            "A restorer must return (batch, height, width, channels), one "
            f"image for each that it gets. Received: shape {restored.shape} "
            f"for input of shape {shape}"
        )
    return restored


def fixed_sides(restorer):
    """Height and width of the only images that a restorer takes.

    Args:
        restorer: A `keras.Model`, or a function that returns images.

    Returns:
        `(height, width)`, ints, or None for a side that may have any length.
        Those of a function are its attribute `fixed_sides`, if it has one.
    """
    if not isinstance(restorer, keras.Model):
        return getattr(restorer, "fixed_sides", (None, None))
    shape = input_shapes(restorer).get("image")
    return (None, None) if shape is None else tuple(shape[1:3])


def _check_sides(restorer, shape):
    """Refuses images of another size than the only one that is taken."""
    sides = fixed_sides(restorer)
    if len(shape) == 4 and any(
        side not in (None, given)
        for side, given in zip(sides, shape[1:3], strict=True)
    ):
        wanted = "x".join(str(side or "any") for side in sides)
        raise ValueError(
            f"This restorer takes images of {wanted} pixels alone. Received: "
            f"{shape[1]}x{shape[2]}. `inference.restore_tiled` cuts images "
            "into tiles of that size."
        )


def _check_channels(restorer, named):
    """Refuses inputs of another number of channels than a network takes."""
    if not isinstance(restorer, keras.Model):
        return
    for name, taken in input_shapes(restorer).items():
        wanted = taken[-1] if taken else None
        given = np.shape(named.get(name, ()))[-1:]
        if wanted is not None and given and given[0] != wanted:
            raise ValueError(
                f"This restorer takes {name!r} of {wanted} "
                f"channel{'s' if wanted > 1 else ''}. Received: {given[0]}"
            )


def _takes_dict(network):
    return isinstance(network_input(network), dict)


def _check_given(names, named):
    """Refuses inputs of which one is missing."""
    missing = [name for name in names if name not in named]
    if missing:
        raise ValueError(
            f"This restorer needs {', '.join(names)}: give a dict with "
            f"{', '.join(map(repr, missing))}. Received: {', '.join(named)}"
        )


def _named_parameters(function):
    """Inputs besides the image, name → whether the parameter has a default."""
    if not callable(function):
        raise TypeError(
            "A restorer must be a keras.Model or a function. "
            f"Received: {function!r}"
        )
    try:
        parameters = inspect.signature(function).parameters
    except ValueError:  # functions written in C have no signature
        return {}
    return {
        name: parameters[name].default is not inspect.Parameter.empty
        for name in ("mask", "noise_level")
        if name in parameters
    }
