"""Networks that restore images, trained by plain `compile` and `fit`."""

import keras

from keras_synth import degradations, networks
from keras_synth.training.data import open_data
from keras_synth.training.restorer import fit_restorer

ARCHITECTURES = ("unet", "ffdnet", "dncnn", "autoencoder")
#: What a network learns to restore.
DEGRADATIONS = {
    "noise": degradations.GaussianNoise((0.0, 75 / 255)),
    "salt_and_pepper": degradations.SaltAndPepper((0.0, 0.5)),
}


def build_denoiser(architecture="unet", channels=1, told=True, **options):
    """An untrained network.

    Args:
        architecture: one of `ARCHITECTURES`.
        channels: of the images, 1 or 3.
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
        options = {"noise_conditional": told, "use_bias": not told, **options}
    return getattr(networks, architecture)(channels, **options)


def train_denoiser(
    data="photos",
    output="runs/denoiser",
    *,
    degradation="noise",
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
    """Trains a network that takes degradation out of images.

    Args:
        data: see `open_data`; a folder's subfolders are read too.
        output: folder for `denoiser.keras`, `history.json`, `log/` and
            `backup/`.
        degradation: a key of `DEGRADATIONS`, or a `degradations.Degradation`.
        architecture: one of `ARCHITECTURES`. The U-Net and the FFDNet are
            told the noise level, where the degradation has one.
        data_dir: see `open_data`.
        manual_dir: see `open_data`.
        channels: of a folder, see `datasets.image_folder`.
        unreadable: see `open_data`.
        patch_size: side of the patches.
        patches_per_image: of each image, in an epoch.
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
    if isinstance(degradation, str):
        if degradation not in DEGRADATIONS:
            raise ValueError(
                f"`degradation` must be one of {', '.join(DEGRADATIONS)}, or a "
                f"degradation. Received: {degradation!r}"
            )
        degradation = DEGRADATIONS[degradation]
    told = isinstance(degradation, degradations.GaussianNoise)
    keras.utils.set_random_seed(seed)
    source = open_data(
        data, "train", data_dir, manual_dir, channels, unreadable
    )
    network = build_denoiser(
        architecture, source.image_shape[-1], told, **options
    )
    fit_restorer(
        network,
        source,
        degradation,
        output,
        "denoiser",
        patch_size=patch_size,
        patches_per_image=patches_per_image,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        seed=seed,
        resume=resume,
        verbose=verbose,
    )
    return network
