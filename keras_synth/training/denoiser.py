"""Denoising networks: build, and train on noise or salt and pepper."""

import os
from typing import Literal

import keras

from keras_synth import datasets, degradations, networks
from keras_synth.inference import input_names
from keras_synth.training.data import open_data
from keras_synth.training.folder import check_run
from keras_synth.training.restorer import (
    architecture_options,
    fit_network,
    named_degradation,
    pretrained_network,
)
from keras_synth.training.seeds import keeps_random_state

# architecture: the arguments of `build_denoiser` that it has
ARCHITECTURES = {
    "unet": ("widths", "num_blocks"),
    "ffdnet": ("width", "num_layers"),
    "dncnn": ("width", "num_layers"),
    "autoencoder": ("widths",),
}
#: Degradations that a denoiser is trained to remove, by name.
DEGRADATIONS = {
    "noise": degradations.GaussianNoise((0.0, 75 / 255)),
    "salt_and_pepper": degradations.SaltAndPepper((0.0, 0.5)),
    # What photographs suffer from lens, sensor and files. One image of twelve
    # stays clean.
    "photo": degradations.Compose(
        [
            degradations.Sometimes(degradations.GaussianBlur((0.3, 1.0)), 0.3),
            degradations.Sometimes(
                degradations.OneOf(
                    [
                        degradations.CameraNoise((0.0, 25 / 255)),
                        degradations.GaussianNoise((0.0, 25 / 255)),
                    ]
                ),
                0.6,
            ),
            degradations.Sometimes(
                degradations.JPEGCompression((10, 95), shifted=True), 0.3
            ),
            degradations.Sometimes(degradations.JPEGCompression((10, 95)), 0.6),
        ]
    ),
}


def build_denoiser(
    architecture: Literal["unet", "ffdnet", "dncnn", "autoencoder"] = "unet",
    channels: Literal[1, 3] = 3,
    noise_conditional: bool = True,
    *,
    width: int | None = None,
    widths: tuple[int, ...] | None = None,
    num_layers: int | None = None,
    num_blocks: int | None = None,
) -> keras.Model:
    """Builds an untrained denoising network.

    Args:
        architecture: The network: "unet", "ffdnet", "dncnn" or "autoencoder".
        channels: Channels of the images, 3 or 1.
        noise_conditional: Whether a U-Net takes the noise level as a second
            input, and has no biases. FFDNet always takes it, the others
            never.
        width: Channels of the hidden layers of an FFDNet or DnCNN. None for
            the network's default.
        widths: Channels of each level of a U-Net or autoencoder. None for
            the network's default.
        num_layers: Convolutions of an FFDNet or DnCNN. None for the
            network's default.
        num_blocks: Residual blocks of each level of a U-Net. None for the
            network's default.

    Returns:
        A `keras.Model`, not compiled.

    Raises:
        ValueError: An unknown architecture, or a size that it does not have.
    """
    sizes = {
        "width": width,
        "widths": widths,
        "num_layers": num_layers,
        "num_blocks": num_blocks,
    }
    options = architecture_options(architecture, ARCHITECTURES, sizes)
    if architecture == "unet":
        options["noise_conditional"] = noise_conditional
        options["use_bias"] = not noise_conditional
    return getattr(networks, architecture)(channels, **options)


@keeps_random_state
def train_denoiser(
    data: str | os.PathLike | datasets.Source = "photos",
    output: str | os.PathLike = "runs/denoiser",
    *,
    degradation: Literal["noise", "salt_and_pepper", "photo"]
    | degradations.Degradation = "noise",
    from_: str | os.PathLike | None = None,
    architecture: Literal["unet", "ffdnet", "dncnn", "autoencoder"]
    | None = None,
    width: int | None = None,
    widths: tuple[int, ...] | None = None,
    num_layers: int | None = None,
    num_blocks: int | None = None,
    data_dir: str | None = None,
    manual_dir: str | None = None,
    channels: Literal[1, 3] = 3,
    unreadable: Literal["raise", "skip"] = "raise",
    image_size: int = 64,
    patches_per_image: int = 40,
    epochs: int = 10,
    batch_size: int = 16,
    learning_rate: float | None = None,
    resume: bool = False,
    overwrite: bool = False,
    seed: int = 0,
    verbose: Literal["auto", 0, 1, 2] = "auto",
) -> keras.Model:
    """Trains a denoising network on patches of clean images.

    Args:
        data: Name of a data set (`keras-synth datasets` lists them), or path
            of a folder of images, with the folders below it. In Python also a
            `datasets.Source`.
        output: Folder for `denoiser.keras`, `history.json` (logs of all
            epochs), `log/` (for TensorBoard) and `backup/` (the state after
            the last finished epoch).
        degradation: What the network learns to remove: "noise" (Gaussian, of
            up to 75 gray levels), "salt_and_pepper" (up to half of the
            pixels), or "photo" (slight blur, camera noise and JPEG, in any
            combination). In Python also a `degradations.Degradation`.
        from_: Name of a preset ("color_denoiser"), or path of a `.keras`
            file, whose network is trained further on these data (fine-tuning).
            None starts from random weights. Where the degradation is not
            Gaussian noise, a U-Net that takes the noise level becomes blind
            (`networks.transfer_unet`); for gray images, a color U-Net becomes
            gray (`networks.gray_unet`).
        architecture: The network: "unet", "ffdnet", "dncnn" or "autoencoder".
            FFDNet, and the U-Net for Gaussian noise, take the noise level as
            a second input. None takes "unet", or that of `from_`.
        width: Channels of the hidden layers of an FFDNet or DnCNN. None for
            the network's default.
        widths: Channels of each level of a U-Net or autoencoder. None for
            the network's default.
        num_layers: Convolutions of an FFDNet or DnCNN. None for the
            network's default.
        num_blocks: Residual blocks of each level of a U-Net. None for the
            network's default.
        data_dir: Folder where TensorFlow Datasets keeps prepared sets. None
            takes its default.
        manual_dir: Folder with the original files of a named source, used
            instead of a download.
        channels: Channels that the images of a folder are converted to, 3
            for color or 1 for gray.
        unreadable: What to do with files of a folder that cannot be read:
            "raise" refuses the folder, "skip" leaves them out with a warning.
        image_size: Side of the patches that are cut out of the images.
        patches_per_image: Patches cut out of each image in an epoch.
        epochs: Passes over the data.
        batch_size: Patches in a training step.
        learning_rate: Highest learning rate, reached after a short warm-up.
            It falls to 0 along a cosine. None takes 1e-3, or 1e-4 with
            `from_`.
        resume: Whether to continue after the last finished epoch in `output`.
            The other arguments must be the same as before.
        overwrite: Whether a training in `output` may be replaced.
        seed: Seed of the initial weights, the order of the data and all other
            random draws.
        verbose: Progress display, as in `keras.Model.fit`: "auto", 0
            (silent), 1 (a bar) or 2 (a line for each epoch).

    Returns:
        The trained `keras.Model`.

    Raises:
        FileExistsError: `output` holds a training, and it is neither resumed
            nor overwritten.
        FloatingPointError: Training diverged.
        ValueError: Unknown names, or data that does not fit.
    """
    if from_ is None:
        architecture = architecture or "unet"
    if learning_rate is None:
        learning_rate = 1e-3 if from_ is None else 1e-4
    settings = check_run(locals())
    degradation = named_degradation(degradation, DEGRADATIONS)
    keras.utils.set_random_seed(seed)
    source = open_data(
        data, "train", data_dir, manual_dir, channels, unreadable
    )
    channels = source.image_shape[-1]
    sizes = {
        "width": width,
        "widths": widths,
        "num_layers": num_layers,
        "num_blocks": num_blocks,
    }
    conditional = isinstance(degradation, degradations.GaussianNoise)
    if not degradation.keeps_size:
        raise ValueError(
            f"{type(degradation).__name__} changes the size of images, which a "
            "denoiser keeps: `training.train_upscaler` trains for that."
        )
    if architecture == "ffdnet" and not conditional:
        raise ValueError(
            "An FFDNet takes the noise level, which only the degradation "
            "'noise' has: another architecture ('unet') learns the others. "
            f"Received: architecture={architecture!r}"
        )
    if from_ is None:
        network = build_denoiser(architecture, channels, conditional, **sizes)
    else:
        network = pretrained_network(
            from_,
            channels,
            {"architecture": architecture, **sizes},
            inputs=("image", "noise_level"),
        )
        if len(input_names(network)) > 1 and not conditional:
            network = networks.transfer_unet(network)
    return fit_network(
        network,
        source,
        degradation,
        output,
        "denoiser",
        image_size=image_size,
        patches_per_image=patches_per_image,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        seed=seed,
        settings=settings,
        resume=resume,
        overwrite=overwrite,
        verbose=verbose,
    )
