"""Networks that mend pictures, trained by plain `compile` and `fit`."""

import keras

from keras_synth import callbacks, datasets, degradations, networks
from keras_synth.recipes.data import open_data
from keras_synth.recipes.training import fit_in_folder

ARCHITECTURES = ("unet", "ffdnet", "dncnn", "autoencoder")
#: What a network learns to mend.
DAMAGES = {
    "noise": degradations.GaussianNoise((0.0, 75 / 255)),
    "salt_and_pepper": degradations.SaltAndPepper((0.0, 0.5)),
}
_WARMUP_STEPS = 200


def build_denoiser(architecture="unet", channels=1, told=True, **options):
    """An untrained network.

    Args:
        architecture: one of `ARCHITECTURES`.
        channels: of the pictures, 1 or 3.
        told: whether a U-Net is told the noise level, and does without
            biases; the FFDNet always is, the others never are.
        **options: of the network's builder.

    Returns:
        A `keras.Model`.
    """
    if architecture not in ARCHITECTURES:
        raise ValueError(
            f"`architecture` must be one of {', '.join(ARCHITECTURES)}. "
            f"Received: {architecture!r}"
        )
    if architecture == "unet":
        options = {"noise_level": told, "use_bias": not told, **options}
    return getattr(networks, architecture)(channels, **options)


def compile_denoiser(network, learning_rate=1e-3, steps=None):
    """Compiles a network that mends: mean absolute error, Adam.

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


def train_denoiser(
    data="photos",
    output="runs/denoiser",
    *,
    damage="noise",
    architecture="unet",
    data_dir=None,
    manual_dir=None,
    channels=1,
    unreadable="raise",
    patch_size=64,
    patches_per_image=40,
    epochs=10,
    batch_size=16,
    learning_rate=1e-3,
    seed=0,
    resume=False,
    verbose="auto",
    **options,
):
    """Trains a network that takes damage out of pictures.

    Args:
        data: see `open_data`; a folder's subfolders are read too.
        output: folder for `denoiser.keras`, `history.json`, `log/` and
            `backup/`.
        damage: a key of `DAMAGES`, or a `degradations.Degradation`.
        architecture: one of `ARCHITECTURES`. The U-Net and the FFDNet are
            told the noise level, where the damage has one.
        data_dir: see `open_data`.
        manual_dir: see `open_data`.
        channels: of a folder, see `datasets.image_folder`.
        unreadable: see `open_data`.
        patch_size: side of the patches.
        patches_per_image: of each picture, in an epoch.
        epochs: passes over the data.
        batch_size: patches a step.
        learning_rate: the highest.
        seed: of everything random.
        resume: go on after the last finished epoch in `output`.
        verbose: as in `fit`.
        **options: of the network's builder.

    Returns:
        The trained `keras.Model`.

    Raises:
        ValueError: unknown names, or data that does not fit.
    """
    if isinstance(damage, str):
        if damage not in DAMAGES:
            raise ValueError(
                f"`damage` must be one of {', '.join(DAMAGES)}, or a "
                f"degradation. Received: {damage!r}"
            )
        damage = DAMAGES[damage]
    told = isinstance(damage, degradations.GaussianNoise)
    keras.utils.set_random_seed(seed)
    source = open_data(
        data, "train", data_dir, manual_dir, channels, unreadable
    )
    network = build_denoiser(
        architecture, source.image_shape[-1], told, **options
    )
    pairs = datasets.restoration_pipeline(
        source,
        damage,
        patch_size,
        patches_per_image=patches_per_image,
        inputs=tuple(network.input) if takes_names(network) else "image",
        batch_size=batch_size,
        seed=seed,
    )
    compile_denoiser(network, learning_rate, epochs * len(pairs))
    fit_in_folder(
        network,
        pairs,
        output,
        "denoiser",
        epochs=epochs,
        watchers=[callbacks.EpochOrder(pairs)],
        resume=resume,
        verbose=verbose,
    )
    return network


def takes_names(network):
    """Whether a network takes a dict of inputs, not the picture alone."""
    return isinstance(network.input, dict)
