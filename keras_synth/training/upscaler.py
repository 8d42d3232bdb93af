"""Networks that upscale images, trained for PSNR."""

import keras

from keras_synth import degradations, networks
from keras_synth.training.data import open_data
from keras_synth.training.restorer import fit_restorer

UPSCALERS = ("edsr", "srresnet", "rrdb", "srcnn")


def train_upscaler(
    data="photos",
    output="runs/upscaler",
    *,
    scale=4,
    architecture="edsr",
    data_dir=None,
    manual_dir=None,
    channels=1,
    unreadable="raise",
    patch_size=96,
    patches_per_image=20,
    epochs=10,
    batch_size=16,
    learning_rate=1e-3,
    seed=0,
    resume=False,
    verbose="auto",
    **options,
):
    """Trains a network that upscales images, to the least absolute error.

    Args:
        data: see `open_data`; a folder's subfolders are read too.
        output: folder for `upscaler.keras`, `history.json`, `log/` and
            `backup/`.
        scale: how many times larger, 2, 3 or 4.
        architecture: one of `UPSCALERS`.
        data_dir: see `open_data`.
        manual_dir: see `open_data`.
        channels: of a folder, see `datasets.image_folder`.
        unreadable: see `open_data`.
        patch_size: side of the large patches, a multiple of the scale.
        patches_per_image: of each image, in an epoch.
        epochs: passes over the data.
        batch_size: patches a step.
        learning_rate: the highest.
        seed: of everything random.
        resume: go on after the last finished epoch in `output`.
        verbose: as in `fit`.
        **options: of the network's builder (`width`, `blocks`).

    Returns:
        The trained `keras.Model`.

    Raises:
        ValueError: unknown names, or data that does not fit.
    """
    if architecture not in UPSCALERS:
        raise ValueError(
            f"`architecture` must be one of {', '.join(UPSCALERS)}. "
            f"Received: {architecture!r}"
        )
    keras.utils.set_random_seed(seed)
    source = open_data(
        data, "train", data_dir, manual_dir, channels, unreadable
    )
    network = getattr(networks, architecture)(
        scale, source.image_shape[-1], **options
    )
    if patch_size % scale:
        raise ValueError(
            f"`patch_size` must be a multiple of the scale, {scale}. "
            f"Received: patch_size={patch_size}"
        )
    fit_restorer(
        network,
        source,
        degradations.Downsample(scale),
        output,
        "upscaler",
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
