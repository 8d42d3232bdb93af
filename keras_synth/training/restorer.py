"""Restoration networks, trained by plain `compile` and `fit`."""

import os
from typing import Literal

import keras
import numpy as np

from keras_synth import (
    callbacks,
    datasets,
    degradations,
    losses,
    models,
    networks,
    presets,
)
from keras_synth.inference import input_names, input_shapes, run_restorer
from keras_synth.models.checks import last_activation
from keras_synth.models.loading import load_model
from keras_synth.models.replicas import num_replicas
from keras_synth.networks.unet import is_unet
from keras_synth.training.folder import (
    check_epochs,
    check_run,
    fit_in_folder,
)

_WARMUP_STEPS = 200
_LOSSES = {
    "image": "mean_absolute_error",
    "mask": losses.DiceCrossEntropy(),
}


def compile_restorer(
    network: keras.Model,
    learning_rate: float = 1e-3,
    steps: int | None = None,
    loss: str | keras.losses.Loss = "mean_absolute_error",
) -> keras.Model:
    """Compiles a restoration network with Adam.

    After `fit`, the weights are their moving average, which the optimizer
    keeps: over a fiftieth of all steps, at most 1,000.

    Args:
        network: A `keras.Model` that restores images.
        learning_rate: Highest learning rate, reached after a short warm-up.
        steps: Steps of the whole training, over which the learning rate falls
            to 0 along a cosine. None for a constant rate.
        loss: The loss, or its name.

    Returns:
        The same network.
    """
    rate, averaged = learning_rate, 100
    if steps is not None:
        averaged = min(1000, max(1, steps // 50))
        warmup = min(_WARMUP_STEPS, steps // 2)
        rate = keras.optimizers.schedules.CosineDecay(
            0.0, steps - warmup, warmup_target=rate, warmup_steps=warmup
        )
    network.compile(
        keras.optimizers.Adam(
            rate,
            # Clipping and the short average of squares limit what a single
            # outlier changes; typical gradients have a norm of 0.05.
            beta_2=0.99,
            # Keras clips each replica's share of the gradient.
            global_clipnorm=0.1 / num_replicas(),
            use_ema=True,
            ema_momentum=1.0 - 1.0 / averaged,
        ),
        loss,
    )
    return network


def fit_restorer(
    network: keras.Model,
    source: datasets.Source,
    degradation: degradations.Degradation,
    output: str | os.PathLike,
    name: str,
    *,
    image_size: int | tuple[int, int],
    patches_per_image: int = 1,
    target: Literal["image", "mask"] = "image",
    symmetry: Literal["square", "mirror", "none"] = "square",
    epochs: int = 10,
    batch_size: int = 16,
    learning_rate: float = 1e-3,
    seed: int = 0,
    resume: bool = False,
    overwrite: bool = False,
    verbose: Literal["auto", 0, 1, 2] = "auto",
) -> keras.Model:
    """Compiles a restoration network and fits it on patches, in a folder.

    Args:
        network: A `keras.Model` that restores images.
        source: `datasets.Source` of clean images.
        degradation: The `degradations.Degradation` to restore from.
        output: Folder for `NAME.keras`, `history.json`, `log/` (for
            TensorBoard) and `backup/` (the state after the last finished
            epoch).
        name: Name of the network's file, without `.keras`.
        image_size: Side of the clean patches that are cut out of the images,
            or (height, width).
        patches_per_image: Patches cut out of each image in an epoch.
        target: What the network learns: "image", by the mean absolute error,
            or "mask", by `losses.DiceCrossEntropy`.
        symmetry: Random symmetries of the patches: "square" mirrors and
            rotates, "mirror" mirrors left and right, "none" does neither.
        epochs: Passes over the data.
        batch_size: Patches in a training step.
        learning_rate: Highest learning rate, reached after a short warm-up.
            It falls to 0 along a cosine.
        seed: Seed of the patches and their degradation.
        resume: Whether to continue after the last finished epoch in `output`.
        overwrite: Whether a training in `output` may be replaced.
        verbose: Progress display, as in `keras.Model.fit`.

    Returns:
        The same network, trained.

    Raises:
        FileExistsError: `output` holds a training, and it is neither resumed
            nor overwritten.
        FloatingPointError: Training diverged.
        ValueError: `epochs` is below 1, or arguments that
            `datasets.restoration_pipeline` refuses.
    """
    arguments = dict(locals())
    return fit_network(**arguments, settings=check_run(arguments))


def fit_network(
    network,
    source,
    degradation,
    output,
    name,
    *,
    image_size,
    patches_per_image,
    epochs,
    batch_size,
    learning_rate,
    seed,
    settings,
    resume,
    overwrite,
    verbose,
    target="image",
    symmetry="square",
):
    """`fit_restorer`, of given settings; see `fit_in_folder`."""
    check_epochs(epochs)
    names = input_names(network)
    pairs = datasets.restoration_pipeline(
        source,
        degradation,
        image_size,
        patches_per_image=patches_per_image,
        inputs=names if len(names) > 1 else "image",
        target=target,
        symmetry=symmetry,
        batch_size=batch_size,
        seed=seed,
    )
    compile_restorer(
        network, learning_rate, epochs * len(pairs), _LOSSES[target]
    )
    fit_in_folder(
        network,
        pairs,
        output,
        name,
        epochs=epochs,
        callbacks=[callbacks.EpochOrder(pairs)],
        settings=settings,
        resume=resume,
        overwrite=overwrite,
        verbose=verbose,
    )
    return network


def pretrained_network(
    name, channels, options, inputs, upscales=False, target="image"
):
    """A network to train further: a preset, or one that was trained before.

    For gray images, a color U-Net is made gray (`networks.gray_unet`). A
    preset, which is float32, gets the dtype policy that is set. Of a
    `models.RestorationGAN` the average of its generator is taken.

    Args:
        name: Name of a preset, or path of a `.keras` file.
        channels: Channels of the images to train on.
        options: `{argument: value or None}` of what decides the architecture.
        inputs: Names of the inputs that the network may have.
        upscales: Whether it is to make images larger, or to keep their size.
        target: What it is to make, "image" or "mask".

    Returns:
        A `keras.Model`, not compiled.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: There is no such preset, the network is for another task
            or takes other images, or an option is given as well.
    """
    for option, value in options.items():
        if value is not None:
            raise ValueError(
                f"A network that is trained further has its own `{option}`: "
                f"leave it out. Received: {option}={value!r}"
            )
    if str(name).endswith(".keras"):
        network = load_model(name, keras.Model)
        if isinstance(network, models.RestorationGAN):
            average = network.generator_average.get_weights()
            network = network.generator
            network.set_weights(average)
        _check_task(name, network, inputs, upscales, target)
    else:
        network = presets.load(name)
        _check_task(name, network, inputs, upscales, target)
        network = with_current_policy(network)
    color = is_unet(network) and network.output_shape[-1] == 3
    if color and channels == 1:
        network = networks.gray_unet(network)
    image = network.inputs[input_names(network).index("image")]
    if len(image.shape) != 4 or image.shape[-1] not in (None, channels):
        raise ValueError(
            f"{name} takes images of shape {tuple(image.shape[1:])}, and the "
            f"data have {channels} channels: `channels={image.shape[-1]}` "
            "converts those of a folder."
        )
    return network


def _check_task(name, network, inputs, upscales, target):
    """Refuses a network of another task than it is to be trained for."""
    taken = []
    if getattr(network, "inputs", None):  # a model draws images without any
        taken = input_names(network)
    does = "takes " + (", ".join(taken) or "no image")
    fits = "image" in taken and set(taken) <= set(inputs)
    if fits and [len(made.shape) for made in network.outputs] != [4]:
        fits, does = False, "makes no image"
    if fits:
        factor = upscaling_factor(network)
        fits = factor > 1 if upscales else factor == 1
        does = f"makes images {factor} times as large"
        seen, made = (shape[-1] for shape in _trial(network))
        if fits and target == "mask":
            fits = made == 1 and last_activation(network) == "sigmoid"
            does = "makes no mask"
        elif fits and made != seen:
            fits, does = False, f"makes {made} channels of {seen}"
    if not fits:
        kind = "makes images larger" if upscales else "keeps their size"
        kept = "keeps their channels"
        if target == "mask":
            kept = "ends in one channel with a sigmoid, the mask"
        raise ValueError(
            f"{name} {does}. What is trained further here takes "
            f"{' or '.join(inputs)}, {kind} and {kept}; "
            "`keras-synth presets` lists the presets."
        )


def upscaling_factor(network):
    """How many times larger a network makes images.

    Args:
        network: A network of images of one size, or of any size.

    Returns:
        The quotient of the heights, a float; an int where it is whole.
    """
    seen, made = _trial(network)
    factor = made[1] / seen[1]
    return int(factor) if factor == int(factor) else factor


def _trial(network):
    """Shapes of an image, and of what the network makes of it."""
    shapes = {
        key: (1, *(side or 24 for side in shape[1:]))
        for key, shape in input_shapes(network).items()
    }
    zeros = {key: np.zeros(shape, "float32") for key, shape in shapes.items()}
    return shapes["image"], run_restorer(network, zeros).shape


def with_current_policy(network):
    """The network with layers of the dtype policy that is set.

    The last layer with weights stays float32, and so does what follows.

    Args:
        network: A functional `keras.Model` of float32 layers.

    Returns:
        A `keras.Model` of the same weights; `network` itself where the policy
        is float32.
    """
    policy = keras.config.dtype_policy()
    if policy.name == "float32":
        return network
    *before, _ = [layer for layer in network.layers if layer.weights]
    last = network.layers.index(before[-1])
    body = {layer.name for layer in network.layers[: last + 1]}

    def copy(layer):
        config = layer.get_config()
        if layer.name in body:
            config["dtype"] = policy.name
        return type(layer).from_config(config)

    twin = keras.models.clone_model(network, clone_function=copy)
    twin.set_weights(network.get_weights())
    return twin


def architecture_options(architecture, known, sizes):
    """The sizes given for an architecture, without those that are None.

    Args:
        architecture: Name of the architecture.
        known: `{architecture: names of the sizes that it has}`.
        sizes: `{name of a size: value or None}`.

    Returns:
        A dict of arguments for the function that builds the network.

    Raises:
        ValueError: An unknown architecture, or a size that it does not have.
    """
    if architecture not in known:
        raise ValueError(
            f"`architecture` must be one of {', '.join(known)}. "
            f"Received: {architecture!r}"
        )
    given = {k: value for k, value in sizes.items() if value is not None}
    foreign = sorted(set(given) - set(known[architecture]))
    if foreign:
        has = ", ".join(known[architecture]) or "a fixed size"
        raise ValueError(
            f"The architecture {architecture!r} has no `{foreign[0]}`, only "
            f"{has}. Received: {foreign[0]}={given[foreign[0]]!r}"
        )
    return given


def named_degradation(degradation, known, name="degradation"):
    """A degradation by name.

    Args:
        degradation: A key of `known`, or a `degradations.Degradation`, which
            is returned as it is.
        known: `{name: degradation}`.
        name: Name of the argument, for the error.

    Returns:
        A `degradations.Degradation`.

    Raises:
        ValueError: An unknown name.
    """
    if not isinstance(degradation, str):
        return degradation
    if degradation not in known:
        raise ValueError(
            f"`{name}` must be one of {', '.join(known)}, or a degradation. "
            f"Received: {degradation!r}"
        )
    return known[degradation]
