"""Pix2pix, image-to-image translation: build, compile, train on pairs."""

import os
import pathlib
from typing import Literal

import keras

from keras_synth import datasets, models, networks
from keras_synth.models.checks import check_loss_weights
from keras_synth.training.folder import (
    check_epochs,
    check_run,
    fit_in_folder,
    restoration_grid,
)
from keras_synth.training.seeds import keeps_random_state


def build_pix2pix(
    in_channels: Literal[1, 3] = 3,
    out_channels: Literal[1, 3] = 3,
    width: int = 64,
    residual: bool = False,
    seed: int | None = None,
) -> models.RestorationGAN:
    """Builds pix2pix: a U-Net and a discriminator of 70 x 70 patches.

    Args:
        in_channels: Channels of the source images, 3 or 1.
        out_channels: Channels of the target images, 3 or 1.
        width: Channels of the first level of both networks (64 in the paper).
        residual: Whether the generator changes the source instead of making
            the target anew: a `networks.unet`, which adds to the image what it
            should have, and neither normalizes nor drops out. Not in the
            paper.
        seed: Seed of all random draws of the model.

    Returns:
        A `models.RestorationGAN` that is not compiled.

    Raises:
        ValueError: Arguments out of range, or the channels of a residual
            generator differ.
    """
    widths = (width, 2 * width, 4 * width, 8 * width)
    if not residual:
        generator = networks.pix2pix_generator(
            in_channels, out_channels, (*widths, 8 * width, 8 * width)
        )
    elif in_channels == out_channels:
        generator = networks.unet(in_channels, widths, num_blocks=1)
    else:
        raise ValueError(
            "A `residual` generator keeps the channels of images. Received: "
            f"in_channels={in_channels}, out_channels={out_channels}"
        )
    return models.RestorationGAN(
        generator,
        networks.patch_discriminator(
            out_channels,
            condition=("degraded",),
            in_channels=in_channels,
            widths=widths,
        ),
        seed=seed,
    )


def compile_pix2pix(
    model: models.RestorationGAN,
    learning_rate: float = 2e-4,
    l1_weight: float = 100.0,
) -> models.RestorationGAN:
    """Compiles pix2pix with the paper's losses and Adam.

    `adversarial(D(x̂ | y)) + λ |x̂ - x|`, where the paper's images lie in
    [-1, 1] and ours in [0, 1]: the same error is half as large here, and so
    `hole_weight` is 2 λ (without a mask the whole image counts as degraded).

    Args:
        model: What `build_pix2pix` returned.
        learning_rate: Learning rate of both optimizers.
        l1_weight: λ, weight of the absolute error in units of [-1, 1].

    Returns:
        The same model.

    Raises:
        ValueError: A weight below 0.

    Reference: Isola et al., Image-to-Image Translation with Conditional
    Adversarial Networks, 2017, equation 4 and appendix 6.2.
    """
    check_loss_weights({"l1_weight": l1_weight})
    model.compile(
        keras.optimizers.Adam(learning_rate, beta_1=0.5),
        keras.optimizers.Adam(learning_rate, beta_1=0.5),
        hole_weight=2.0 * l1_weight,
        known_weight=0.0,
        adversarial_weight=1.0,
    )
    return model


@keeps_random_state
def train_pix2pix(
    data: str | os.PathLike,
    output: str | os.PathLike = "runs/pix2pix",
    *,
    target_data: str | os.PathLike | None = None,
    source_side: Literal["left", "right"] = "right",
    image_size: int | tuple[int, int] = 256,
    in_channels: Literal[1, 3] = 3,
    out_channels: Literal[1, 3] = 3,
    jitter: float = 286 / 256,
    width: int = 64,
    residual: bool = False,
    epochs: int = 200,
    batch_size: int = 1,
    learning_rate: float = 2e-4,
    l1_weight: float = 100.0,
    resume: bool = False,
    overwrite: bool = False,
    seed: int = 0,
    verbose: Literal["auto", 0, 1, 2] = "auto",
) -> models.RestorationGAN:
    """Trains pix2pix, image-to-image translation, on pairs of images.

    The defaults are the paper's for facades: 400 pairs, 200 epochs, which
    takes a GPU.

    Args:
        data: Folder of double images, source and target side by side; or,
            with `target_data`, folder of sources.
        output: Folder for `pix2pix.keras`, `history.json` (logs of all
            epochs), `images/`, `log/` (for TensorBoard) and `backup/` (the
            state after the last finished epoch).
        target_data: Folder of targets, named as their sources. None where
            `data` holds double images.
        source_side: Half of a double image that is the source, "left" or
            "right".
        image_size: Side of the images, or (height, width). Pairs are resized
            to it.
        in_channels: Channels that sources are converted to, 3 for color or 1
            for gray.
        out_channels: Channels that targets are converted to, 3 for color or
            1 for gray.
        jitter: Factor of `image_size` that a pair is resized to before it is
            cropped at a random place, at least 1. 1 keeps places and sizes,
            for images that fill their frame alike, such as icons.
        width: Channels of the first level of both networks (64 in the paper).
        residual: Whether the generator changes the source instead of making
            the target anew: sharp from the start, for pairs that have most in
            common.
        epochs: Passes over the data.
        batch_size: Pairs in a training step.
        learning_rate: Learning rate of both optimizers.
        l1_weight: Weight of the absolute error, relative to the adversarial
            loss.
        resume: Whether to continue after the last finished epoch in `output`.
            The other arguments must be the same as before.
        overwrite: Whether a training in `output` may be replaced.
        seed: Seed of the initial weights, the order of the data and all other
            random draws.
        verbose: Progress display, as in `keras.Model.fit`: "auto", 0
            (silent), 1 (a bar) or 2 (a line for each epoch).

    Returns:
        The trained `models.RestorationGAN`.

    Raises:
        FileExistsError: `output` holds a training, and it is neither resumed
            nor overwritten.
        FloatingPointError: Training diverged.
        FileNotFoundError: There is no such folder.
        ValueError: Arguments out of range, or folders without pairs.
    """
    settings = check_run(locals())
    check_epochs(epochs)
    keras.utils.set_random_seed(seed)
    source = datasets.paired_folder(
        data,
        target_data,
        source_side=source_side,
        in_channels=in_channels,
        out_channels=out_channels,
    )
    pairs = datasets.paired_pipeline(
        source, image_size, jitter=jitter, batch_size=batch_size, seed=seed
    )
    model = compile_pix2pix(
        build_pix2pix(in_channels, out_channels, width, residual, seed),
        learning_rate,
        l1_weight,
    )
    shown = datasets.paired_pipeline(
        source,
        image_size,
        batch_size=min(4, source.num_images),
        training=False,
        cache=False,
    )
    output = pathlib.Path(output)
    fit_in_folder(
        model,
        pairs,
        output,
        "pix2pix",
        epochs=epochs,
        callbacks=[restoration_grid(shown, output)],
        settings=settings,
        resume=resume,
        overwrite=overwrite,
        verbose=verbose,
    )
    return model
