"""CUT, contrastive translation without pairs: build, compile, train."""

import os
import pathlib
from typing import Literal

import keras

from keras_synth import models, networks
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


def build_cut(
    channels: Literal[1, 3] = 3,
    width: int = 64,
    num_blocks: int = 9,
    residual: bool = False,
    normalization: Literal["instance", "none"] = "instance",
    seed: int | None = None,
) -> models.CUT:
    """Builds a CUT: a ResNet translator, a discriminator of patches, a head.

    The discriminator sees patches of 70 x 70 pixels, and has spectral
    normalization where the authors' has instance normalization. Their
    networks also blur before they halve; these do not.

    Args:
        channels: Channels of all images, 3 or 1.
        width: Channels of the first level of generator and discriminator (64
            in the paper). The projection head has 256 units.
        num_blocks: Residual blocks of the generator, 9 in the paper. Features
            are compared in the first and, where there is one, the fifth.
        residual: Whether the generator changes images instead of making them
            anew, see `networks.resnet_translator`.
        normalization: Normalization of the maps: "instance", or "none" for a
            generator that keeps how bright and how varied images are, see
            `networks.resnet_translator`.
        seed: Seed of all random draws of the model.

    Returns:
        A `models.CUT` that is not compiled.

    Raises:
        ValueError: Arguments out of range.
    """
    generator = translator(
        channels, width, num_blocks, residual, normalization, "generator"
    )
    return models.CUT(
        generator,
        patches_of_70(channels, width, "discriminator"),
        networks.projection_head(generator),
        seed=seed,
    )


def compile_cut(
    model: models.CUT,
    learning_rate: float = 2e-4,
    steps: int | None = None,
    nce_weight: float = 0.5,
    identity_weight: float = 0.5,
    num_patches: int = 256,
) -> models.CUT:
    """Compiles a CUT with least squares and the paper's Adam.

    Args:
        model: What `build_cut` returned.
        learning_rate: Learning rate of both optimizers.
        steps: Steps of the training, in the second half of which the learning
            rates fall to 0 along a line. None for constant rates.
        nce_weight: Weight of the contrastive loss.
        identity_weight: Weight of the contrastive loss of images of B.
        num_patches: Number of places of each map that are compared.

    Returns:
        The same model.

    Raises:
        ValueError: Arguments out of range.

    Reference: Park et al., Contrastive Learning for Unpaired Image-to-Image
    Translation, 2020, appendix C.1.
    """
    model.compile(
        decaying_adam(learning_rate, steps),
        decaying_adam(learning_rate, steps),
        nce_weight=nce_weight,
        identity_weight=identity_weight,
        num_patches=num_patches,
    )
    return model


@keeps_random_state
def train_cut(
    a: str | os.PathLike,
    b: str | os.PathLike,
    output: str | os.PathLike = "runs/cut",
    *,
    image_size: int | tuple[int, int] = 256,
    channels: Literal[1, 3] = 3,
    jitter: float = 286 / 256,
    width: int = 64,
    num_blocks: int = 9,
    residual: bool = False,
    normalization: Literal["instance", "none"] = "instance",
    epochs: int = 400,
    batch_size: int = 1,
    learning_rate: float = 2e-4,
    nce_weight: float = 0.5,
    identity_weight: float = 0.5,
    num_patches: int = 256,
    resume: bool = False,
    overwrite: bool = False,
    seed: int = 0,
    verbose: Literal["auto", 0, 1, 2] = "auto",
) -> models.CUT:
    """Trains CUT, contrastive image-to-image translation without pairs.

    The model translates from A to B alone, and has half of CycleGAN's
    networks. The defaults are the paper's, and take a GPU for days. For a CPU
    begin with `image_size=64, width=24, num_blocks=6, batch_size=4`. The
    paper's FastCUT: `nce_weight=10, identity_weight=0, epochs=200`.

    Args:
        a: Folder of the images of A, such as photographs.
        b: Folder of the images of B, such as paintings. Neither names nor
            numbers of the images need to fit.
        output: Folder for `cut.keras`, `history.json` (logs of all epochs),
            `images/`, `log/` (for TensorBoard) and `backup/` (the state after
            the last finished epoch).
        image_size: Side of the crops, or (height, width).
        channels: Channels that all images are converted to, 3 for color or 1
            for gray.
        jitter: Factor of `image_size` that an image is resized to before it
            is cropped at a random place, at least 1. 1 keeps sizes, for
            images that fill their frame alike, such as icons.
        width: Channels of the first level of generator and discriminator (64
            in the paper).
        num_blocks: Residual blocks of the generator, 9 in the paper.
        residual: Whether the generator changes images instead of making them
            anew: sharp from the start, for kinds whose images have most in
            common.
        normalization: Normalization of the maps: "instance" as in the paper, or
            "none" for a generator that keeps how bright and how varied images
            are: with `residual`, for photographs, where it leaves no spots.
        epochs: Passes over the larger set.
        batch_size: Images of each kind in a training step.
        learning_rate: Learning rate of both optimizers in the first half of
            the training. In the second it falls to 0 along a line.
        nce_weight: Weight of the contrastive loss: features of a place of the
            translation should be those of the same place of the source.
        identity_weight: Weight of the contrastive loss of images of B, which
            should stay as they are. 0 leaves it out, which saves time.
        num_patches: Number of places of each map that are compared.
        resume: Whether to continue after the last finished epoch in `output`.
            The other arguments must be the same as before.
        overwrite: Whether a training in `output` may be replaced.
        seed: Seed of the initial weights, the order of the data and all other
            random draws.
        verbose: Progress display, as in `keras.Model.fit`: "auto", 0
            (silent), 1 (a bar) or 2 (a line for each epoch).

    Returns:
        The trained `models.CUT`.

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
    model = compile_cut(
        build_cut(channels, width, num_blocks, residual, normalization, seed),
        learning_rate,
        epochs * len(batches),
        nce_weight,
        identity_weight,
        num_patches,
    )
    output = pathlib.Path(output)
    fit_in_folder(
        model,
        batches,
        output,
        "cut",
        epochs=epochs,
        callbacks=[translation_grid(shown, output, both_ways=False)],
        settings=settings,
        resume=resume,
        overwrite=overwrite,
        verbose=verbose,
    )
    return model
