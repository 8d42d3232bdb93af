"""Super-resolution networks: build, and train for PSNR."""

import os
from typing import Literal

import keras

from keras_synth import datasets, degradations, networks
from keras_synth.training.data import open_data
from keras_synth.training.folder import check_run
from keras_synth.training.restorer import (
    architecture_options,
    fit_network,
    named_degradation,
    pretrained_network,
    upscaling_factor,
)
from keras_synth.training.seeds import keeps_random_state

#: Name: what makes images small, by the factor.
DOWNSAMPLINGS = {
    "bicubic": degradations.Downsample,
    "real": degradations.RealWorldDownsample,
}
#: Architectures of an upscaler, and the sizes of `build_upscaler` they have.
UPSCALERS = {
    "edsr": ("width", "num_blocks"),
    "srresnet": ("width", "num_blocks"),
    "rrdb": ("width", "num_blocks"),
    "srcnn": (),
}


def build_upscaler(
    architecture: Literal["edsr", "srresnet", "rrdb", "srcnn"] = "edsr",
    scale: Literal[2, 3, 4] = 4,
    channels: Literal[1, 3] = 3,
    *,
    width: int | None = None,
    num_blocks: int | None = None,
) -> keras.Model:
    """Builds an untrained super-resolution network.

    Args:
        architecture: The network: "edsr", "srresnet", "rrdb" or "srcnn".
        scale: Upscaling factor, 2, 3 or 4.
        channels: Channels of the images, 3 or 1.
        width: Channels of the hidden layers; SRCNN has no such size. None
            for the network's default.
        num_blocks: Number of residual blocks; SRCNN has none. None for the
            network's default.

    Returns:
        A `keras.Model`, not compiled.

    Raises:
        ValueError: An unknown architecture, or a size that it does not have.
    """
    options = architecture_options(
        architecture, UPSCALERS, {"width": width, "num_blocks": num_blocks}
    )
    return getattr(networks, architecture)(scale, channels, **options)


@keeps_random_state
def train_upscaler(
    data: str | os.PathLike | datasets.Source = "photos",
    output: str | os.PathLike = "runs/upscaler",
    *,
    scale: Literal[2, 3, 4] | None = None,
    downsampling: Literal["bicubic", "real"] = "bicubic",
    from_: str | os.PathLike | None = None,
    architecture: Literal["edsr", "srresnet", "rrdb", "srcnn"] | None = None,
    width: int | None = None,
    num_blocks: int | None = None,
    data_dir: str | None = None,
    manual_dir: str | None = None,
    channels: Literal[1, 3] = 3,
    unreadable: Literal["raise", "skip"] = "raise",
    image_size: int = 96,
    patches_per_image: int = 20,
    epochs: int = 10,
    batch_size: int = 16,
    learning_rate: float | None = None,
    resume: bool = False,
    overwrite: bool = False,
    seed: int = 0,
    verbose: Literal["auto", 0, 1, 2] = "auto",
) -> keras.Model:
    """Trains a super-resolution network for the least absolute error.

    Args:
        data: Name of a data set (`keras-synth datasets` lists them), or path
            of a folder of images, with the folders below it. In Python also a
            `datasets.Source`.
        output: Folder for `upscaler.keras`, `history.json` (logs of all
            epochs), `log/` (for TensorBoard) and `backup/` (the state after
            the last finished epoch).
        scale: Upscaling factor, 2, 3 or 4. None takes that of `from_`, or 4.
        downsampling: What makes the images small: "bicubic", as in the
            benchmarks, or "real", with blur, noise and JPEG as well
            (`degradations.RealWorldDownsample`), which the network learns to
            remove.
        from_: Name of a preset ("upscaler_x4", "realesrgan",
            "realesrgan_anime"), or path of a `.keras` file, whose network is
            trained further on these data (fine-tuning). None starts from
            random weights. An EDSR may be one for another scale
            (`networks.rescaled_edsr`).
        architecture: The network: "edsr", "srresnet", "rrdb" or "srcnn".
            None takes "edsr", or that of `from_`.
        width: Channels of the hidden layers; SRCNN has no such size. None
            for the network's default.
        num_blocks: Number of residual blocks; SRCNN has none. None for the
            network's default.
        data_dir: Folder where TensorFlow Datasets keeps prepared sets. None
            takes its default.
        manual_dir: Folder with the original files of a named source, used
            instead of a download.
        channels: Channels that the images of a folder are converted to, 3
            for color or 1 for gray.
        unreadable: What to do with files of a folder that cannot be read:
            "raise" refuses the folder, "skip" leaves them out with a warning.
        image_size: Side of the large patches that are cut out of the images,
            a multiple of `scale`.
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
        architecture = architecture or "edsr"
    if learning_rate is None:
        learning_rate = 1e-3 if from_ is None else 1e-4
    settings = check_run(locals())
    degrade = named_degradation(downsampling, DOWNSAMPLINGS, "downsampling")
    keras.utils.set_random_seed(seed)
    source = open_data(
        data, "train", data_dir, manual_dir, channels, unreadable
    )
    channels = source.image_shape[-1]
    sizes = {"width": width, "num_blocks": num_blocks}
    if from_ is None:
        scale = 4 if scale is None else scale
        network = build_upscaler(architecture, scale, channels, **sizes)
    else:
        network = pretrained_network(
            from_,
            channels,
            {"architecture": architecture, **sizes},
            inputs=("image",),
            upscales=True,
        )
        found = upscaling_factor(network)
        scale = found if scale is None else scale
        if scale != found:
            network = _rescaled(network, scale, f"{from_} upscales by {found}")
    check_multiple(image_size, scale)
    return fit_network(
        network,
        source,
        degrade(scale),
        output,
        "upscaler",
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


def check_multiple(image_size, scale):
    """Refuses patches whose small version has no whole number of pixels."""
    if image_size % scale:
        raise ValueError(
            f"`image_size` must be a multiple of the scale, {scale}. "
            f"Received: image_size={image_size}"
        )


def _rescaled(network, scale, known):
    try:
        return networks.rescaled_edsr(network, scale)
    except ValueError as error:
        raise ValueError(
            f"{known}: give that as `scale`, or leave it out. {error}"
        ) from error
