"""CycleGAN, translation without pairs: build, compile, train on folders."""

import os
import pathlib
from typing import Literal

import keras

from keras_synth import models
from keras_synth.training.folder import (
    check_epochs,
    check_run,
    fit_in_folder,
    translation_grid,
)
from keras_synth.training.seeds import keeps_random_state
from keras_synth.training.unpaired import (
    decaying_adam,
    patches_of_70,
    translator,
    unpaired_batches,
)


def build_cyclegan(
    image_size: int | tuple[int, int] = 256,
    channels: Literal[1, 3] = 3,
    width: int = 64,
    num_blocks: int = 9,
    pool_size: int = 50,
    residual: bool = False,
    normalization: Literal["instance", "none"] = "instance",
    seed: int | None = None,
) -> models.CycleGAN:
    """Builds a CycleGAN: ResNet translators, discriminators of patches.

    The discriminators see patches of 70 x 70 pixels, and have spectral
    normalization where the paper's have instance normalization.

    Args:
        image_size: Side of the training images, or (height, width).
        channels: Channels of all images, 3 or 1.
        width: Channels of the first level of all networks (64 in the paper).
        num_blocks: Residual blocks of the generators: 9 in the paper for
            images of 256 x 256, 6 for 128 x 128.
        pool_size: Number of translated images in the pool of each
            discriminator; 0 for none.
        residual: Whether the generators change images instead of making them
            anew, see `networks.resnet_translator`.
        normalization: Normalization of the maps: "instance", or "none" for
            generators that keep how bright and how varied images are, see
            `networks.resnet_translator`.
        seed: Seed of all random draws of the model.

    Returns:
        A `models.CycleGAN` that is not compiled.

    Raises:
        ValueError: Arguments out of range.
    """
    generators = (
        translator(
            channels,
            width,
            num_blocks,
            residual,
            normalization,
            f"generator_{way}",
        )
        for way in ("ab", "ba")
    )
    discriminators = (
        patches_of_70(channels, width, f"discriminator_{kind}") for kind in "ab"
    )
    return models.CycleGAN(
        *generators,
        *discriminators,
        image_size=image_size,
        pool_size=pool_size,
        seed=seed,
    )


def compile_cyclegan(
    model: models.CycleGAN,
    learning_rate: float = 2e-4,
    steps: int | None = None,
    cycle_weight: float = 10.0,
    identity_weight: float = 5.0,
) -> models.CycleGAN:
    """Compiles a CycleGAN with least squares and the paper's Adam.

    Args:
        model: What `build_cyclegan` returned.
        learning_rate: Learning rate of both optimizers.
        steps: Steps of the training, in the second half of which the learning
            rates fall to 0 along a line. None for constant rates.
        cycle_weight: Weight of the cycle loss.
        identity_weight: Weight of the identity loss.

    Returns:
        The same model.

    Raises:
        ValueError: Weights below 0.

    Reference: Zhu et al., Unpaired Image-to-Image Translation using
    Cycle-Consistent Adversarial Networks, 2017, section 4 and appendix 7.1.
    """

    model.compile(
        decaying_adam(learning_rate, steps),
        decaying_adam(learning_rate, steps),
        cycle_weight=cycle_weight,
        identity_weight=identity_weight,
    )
    return model


@keeps_random_state
def train_cyclegan(
    a: str | os.PathLike,
    b: str | os.PathLike,
    output: str | os.PathLike = "runs/cyclegan",
    *,
    image_size: int | tuple[int, int] = 256,
    channels: Literal[1, 3] = 3,
    jitter: float = 286 / 256,
    width: int = 64,
    num_blocks: int = 9,
    residual: bool = False,
    normalization: Literal["instance", "none"] = "instance",
    epochs: int = 200,
    batch_size: int = 1,
    learning_rate: float = 2e-4,
    cycle_weight: float = 10.0,
    identity_weight: float = 5.0,
    pool_size: int = 50,
    resume: bool = False,
    overwrite: bool = False,
    seed: int = 0,
    verbose: Literal["auto", 0, 1, 2] = "auto",
) -> models.CycleGAN:
    """Trains CycleGAN, image-to-image translation without pairs.

    The defaults are the paper's, and take a GPU for days. For a CPU begin with
    `image_size=64, width=24, num_blocks=6, batch_size=4`.

    Args:
        a: Folder of the images of A, such as photographs.
        b: Folder of the images of B, such as paintings. Neither names nor
            numbers of the images need to fit.
        output: Folder for `cyclegan.keras`, `history.json` (logs of all
            epochs), `images/`, `log/` (for TensorBoard) and `backup/` (the
            state after the last finished epoch).
        image_size: Side of the crops, or (height, width).
        channels: Channels that all images are converted to, 3 for color or 1
            for gray.
        jitter: Factor of `image_size` that an image is resized to before it
            is cropped at a random place, at least 1. 1 keeps sizes, for
            images that fill their frame alike, such as icons.
        width: Channels of the first level of all networks (64 in the paper).
        num_blocks: Residual blocks of the generators: 9 in the paper for
            images of 256 x 256, 6 for 128 x 128.
        residual: Whether the generators change images instead of making them
            anew: sharp from the start, for kinds whose images have most in
            common.
        normalization: Normalization of the maps: "instance" as in the paper, or
            "none" for generators that keep how bright and how varied images
            are: with `residual`, for photographs, where it leaves no spots.
        epochs: Passes over the larger set.
        batch_size: Images of each kind in a training step.
        learning_rate: Learning rate of both optimizers in the first half of
            the training. In the second it falls to 0 along a line.
        cycle_weight: Weight of the cycle loss: an image translated there and
            back should be what it was.
        identity_weight: Weight of the identity loss: an image that is of the
            other kind already should stay as it is. It keeps colors.
        pool_size: Number of earlier translations that each discriminator gets
            to see besides the newest; 0 for none.
        resume: Whether to continue after the last finished epoch in `output`.
            The other arguments must be the same as before.
        overwrite: Whether a training in `output` may be replaced.
        seed: Seed of the initial weights, the order of the data and all other
            random draws.
        verbose: Progress display, as in `keras.Model.fit`: "auto", 0
            (silent), 1 (a bar) or 2 (a line for each epoch).

    Returns:
        The trained `models.CycleGAN`.

    Raises:
        FileExistsError: `output` holds a training, and it is neither resumed
            nor overwritten.
        FloatingPointError: Training diverged.
        FileNotFoundError: There is no such folder.
        ValueError: Arguments out of range, or folders without images.
    """
    settings = check_run(locals())
    check_epochs(epochs)
    keras.utils.set_random_seed(seed)
    batches, shown = unpaired_batches(
        a, b, channels, image_size, jitter, batch_size, seed
    )
    model = compile_cyclegan(
        build_cyclegan(
            image_size,
            channels,
            width,
            num_blocks,
            pool_size,
            residual,
            normalization,
            seed,
        ),
        learning_rate,
        epochs * len(batches),
        cycle_weight,
        identity_weight,
    )
    output = pathlib.Path(output)
    fit_in_folder(
        model,
        batches,
        output,
        "cyclegan",
        epochs=epochs,
        callbacks=[translation_grid(shown, output)],
        settings=settings,
        resume=resume,
        overwrite=overwrite,
        verbose=verbose,
    )
    return model
