"""How every network that restores is trained: plain `compile` and `fit`."""

import keras

from keras_synth import callbacks, datasets
from keras_synth.training.folder import fit_in_folder

_WARMUP_STEPS = 200


def compile_restorer(network, learning_rate=1e-3, steps=None):
    """Compiles a network that restores: mean absolute error, Adam.

    The weights that `fit` leaves are an average over the last steps, which
    the optimizer keeps: a fiftieth of all, at most 1,000.

    Args:
        network: a `keras.Model`.
        learning_rate: the highest, after a short warm-up.
        steps: of the whole training, over which the rate falls to 0 along a
            cosine; None for a constant rate.

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
            # A single step cannot undo what thousands learnt: gradients are
            # of norm 0.05, and the memory of their squares is short.
            beta_2=0.99,
            global_clipnorm=0.1,
            use_ema=True,
            ema_momentum=1.0 - 1.0 / averaged,
        ),
        "mean_absolute_error",
    )
    return network


def fit_restorer(
    network,
    source,
    degradation,
    output,
    name,
    *,
    patch_size,
    patches_per_image,
    epochs,
    batch_size,
    learning_rate,
    seed,
    resume,
    verbose,
    symmetry="square",
):
    """Trains a network on patches, and leaves what comes of it in a folder.

    Args:
        network: a `keras.Model`, not compiled.
        source: `datasets.Source` of clean images.
        degradation: a `degradations.Degradation`.
        output: see `fit_in_folder`.
        name: see `fit_in_folder`.
        patch_size: side of the clean patches.
        patches_per_image: of each image, in an epoch.
        epochs: passes over the data.
        batch_size: patches a step.
        learning_rate: the highest.
        seed: of the patches and their degradation.
        resume: go on after the last finished epoch in `output`.
        verbose: as in `fit`.
        symmetry: see `datasets.restoration_pipeline`.

    Raises:
        ValueError: no epochs, or arguments that the pipeline refuses.
    """
    if epochs < 1:
        raise ValueError(f"`epochs` must be at least 1. Received: {epochs}")
    pairs = datasets.restoration_pipeline(
        source,
        degradation,
        patch_size,
        patches_per_image=patches_per_image,
        inputs=tuple(network.input) if takes_names(network) else "image",
        symmetry=symmetry,
        batch_size=batch_size,
        seed=seed,
    )
    compile_restorer(network, learning_rate, epochs * len(pairs))
    fit_in_folder(
        network,
        pairs,
        output,
        name,
        epochs=epochs,
        watchers=[callbacks.EpochOrder(pairs)],
        resume=resume,
        verbose=verbose,
    )


def takes_names(network):
    """Whether a network takes a dict of inputs, not the image alone."""
    return isinstance(network.input, dict)
