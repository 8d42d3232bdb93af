"""StyleGAN2: build, compile, train."""

import os
from typing import Literal

import keras

from keras_synth import datasets, losses, models, networks
from keras_synth.models.lazy_regularization import lazy_adam
from keras_synth.training.augmentation import build_augmentation
from keras_synth.training.folder import (
    check_run,
    fit_generator,
    sample_grid,
    style_mixing_grid,
)
from keras_synth.training.seeds import keeps_random_state


def build_stylegan2(
    image_shape: tuple[int, int, int],
    latent_dim: int = 64,
    style_dim: int = 64,
    num_layers: int = 4,
    channel_multiplier: float = 1 / 32,
    channel_max: int = 64,
    num_classes: int | None = None,
    seed: int | None = 0,
) -> models.StyleGAN2:
    """Builds a small StyleGAN2, for small images and a CPU.

    The paper's is `latent_dim=512, style_dim=512, num_layers=8,
    channel_multiplier=1, channel_max=512`.

    Args:
        image_shape: (size, size, channels) of the images; the size is a power
            of 2 from 16 to 1024.
        latent_dim: Dimension of the latents.
        style_dim: Dimension of the styles.
        num_layers: Layers of the mapping network, from latents to styles.
        channel_multiplier: Channels of the convolutions, relative to the
            paper's.
        channel_max: Largest number of channels of a convolution.
        num_classes: Number of classes of a class-conditional StyleGAN2. None
            for one without classes.
        seed: Seed of the latents and the noise that are drawn.

    Returns:
        A `models.StyleGAN2` that is not compiled.

    Raises:
        ValueError: Arguments out of range.
    """
    channels = {
        "channel_multiplier": channel_multiplier,
        "channel_max": channel_max,
    }
    return models.StyleGAN2(
        networks.stylegan2_mapping(
            latent_dim, style_dim, num_layers, num_classes=num_classes
        ),
        networks.stylegan2_synthesis(image_shape, style_dim, **channels),
        networks.stylegan2_discriminator(
            image_shape, num_classes=num_classes, **channels
        ),
        seed=seed,
    )


def compile_stylegan2(
    gan: models.StyleGAN2,
    learning_rate: float = 4e-3,
    steps: int | None = None,
    batch_size: int = 16,
    r1_weight: float = 0.1,
    path_length_weight: float = 2.0,
    style_mixing: float = 0.9,
    augmentation: Literal["none", "diff", "adaptive", "upright"]
    | keras.layers.Layer
    | None = "none",
) -> models.StyleGAN2:
    """Compiles a StyleGAN2 with the paper's losses and lazy regularization.

    Args:
        gan: A `models.StyleGAN2`.
        learning_rate: Learning rate of both optimizers, Adam with β₁ = 0. The
            paper's is 2e-3, for 25 million images; with equalized layers that
            changes weights by about 1 / 500 in a step.
        steps: Steps of the training, over which the learning rates fall to 0
            along a cosine. None for constant rates.
        batch_size: Images in a training step. The average of the generator's
            weights has a half-life of 10,000 images.
        r1_weight: Weight of the R1 gradient penalty, computed at every 16th
            step. 0 disables it.
        path_length_weight: Weight of the path-length penalty, computed at
            every 4th step. 0 disables it.
        style_mixing: Share of the generated images that mix two styles, from
            0 to 1.
        augmentation: Augmentation of all images that the discriminator gets:
            a key of `AUGMENTATIONS`, or a layer. "adaptive" may rotate and
            mirror images as well, "upright" does not.

    Returns:
        The same model.

    Raises:
        ValueError: An unknown augmentation, or arguments out of range.
    """
    penalty = losses.R1(r1_weight, interval=16) if r1_weight else None
    path_length = None
    if path_length_weight:
        path_length = losses.PathLength(path_length_weight)
    gan.compile(
        lazy_adam(path_length and path_length.interval, learning_rate, steps),
        lazy_adam(penalty and penalty.interval, learning_rate, steps),
        gradient_penalty=penalty,
        path_length=path_length,
        style_mixing=style_mixing,
        augmentation=build_augmentation(augmentation),
        average_decay=0.5 ** (batch_size / 10_000),
    )
    return gan


@keeps_random_state
def train_stylegan2(
    data: str | os.PathLike | datasets.Source = "digits",
    output: str | os.PathLike = "runs/stylegan2",
    *,
    image_size: int | None = None,
    data_dir: str | None = None,
    manual_dir: str | None = None,
    channels: Literal[1, 3] = 3,
    unreadable: Literal["raise", "skip"] = "raise",
    cache: bool | str | os.PathLike = True,
    epochs: int = 40,
    batch_size: int = 16,
    learning_rate: float = 4e-3,
    latent_dim: int = 64,
    style_dim: int = 64,
    num_layers: int = 4,
    channel_multiplier: float = 1 / 32,
    channel_max: int = 64,
    r1_weight: float = 0.1,
    path_length_weight: float = 2.0,
    style_mixing: float = 0.9,
    conditional: bool = False,
    augmentation: Literal["none", "diff", "adaptive", "upright"]
    | keras.layers.Layer = "none",
    flip: bool = False,
    resume: bool = False,
    overwrite: bool = False,
    seed: int = 0,
    verbose: Literal["auto", 0, 1, 2] = "auto",
) -> models.StyleGAN2:
    """Trains a StyleGAN2, a style-based GAN, on images.

    Args:
        data: Name of a data set (`keras-synth datasets` lists them), or path
            of a folder of images, with the folders below it. In Python also a
            `datasets.Source`.
        output: Folder for `stylegan2.keras`, `history.json` (logs of all
            epochs), `images/`, `log/` (for TensorBoard) and `backup/` (the
            state after the last finished epoch).
        image_size: Side of the images: 16, 32, 64, ... 1024. Images are
            resized to it. None keeps the size of the source.
        data_dir: Folder where TensorFlow Datasets keeps prepared sets. None
            takes its default.
        manual_dir: Folder with the original files of a named source, used
            instead of a download.
        channels: Channels that the images of a folder are converted to, 3
            for color or 1 for gray.
        unreadable: What to do with files of a folder that cannot be read:
            "raise" refuses the folder, "skip" leaves them out with a warning.
        cache: Where decoded images are kept: True in memory, False nowhere,
            or the beginning of a file name, for sets larger than memory.
        epochs: Passes over the data.
        batch_size: Images in a training step.
        learning_rate: Learning rate of both optimizers at the start. It falls
            to 0 along a cosine.
        latent_dim: Dimension of the latents.
        style_dim: Dimension of the styles.
        num_layers: Layers of the mapping network, from latents to styles.
        channel_multiplier: Channels of the convolutions, relative to the
            paper's.
        channel_max: Largest number of channels of a convolution.
        r1_weight: Weight of the R1 gradient penalty, computed at every 16th
            step. 0 disables it.
        path_length_weight: Weight of the path-length penalty, computed at
            every 4th step. 0 disables it.
        style_mixing: Share of the generated images that mix two styles, from
            0 to 1.
        conditional: Whether the GAN is conditioned on the class of each image.
        augmentation: Augmentation of all images that the discriminator gets,
            for sets of a few thousand images or fewer: "none", "diff"
            (`layers.DiffAugment`), "adaptive" (`layers.AdaptiveAugment`) or
            "upright" (the same without mirroring and rotations).
        flip: Whether to mirror each training image with probability one half.
        resume: Whether to continue after the last finished epoch in `output`.
            The other arguments must be the same as before.
        overwrite: Whether a training in `output` may be replaced.
        seed: Seed of the initial weights, the order of the data and all other
            random draws.
        verbose: Progress display, as in `keras.Model.fit`: "auto", 0
            (silent), 1 (a bar) or 2 (a line for each epoch).

    Returns:
        The trained `models.StyleGAN2`.

    Raises:
        FileExistsError: `output` holds a training, and it is neither resumed
            nor overwritten.
        FloatingPointError: Training diverged.
        ValueError: Arguments out of range, or data that does not fit.
    """
    settings = check_run(locals())

    def build(images):
        gan = build_stylegan2(
            images.image_shape,
            latent_dim,
            style_dim,
            num_layers,
            channel_multiplier,
            channel_max,
            images.num_classes,
            seed,
        )
        compile_stylegan2(
            gan,
            learning_rate,
            epochs * len(images.batches),
            batch_size,
            r1_weight,
            path_length_weight,
            style_mixing,
            augmentation,
        )
        return gan, [
            sample_grid(gan, output, images.num_classes),
            style_mixing_grid(gan, output, images.num_classes),
        ]

    return fit_generator(
        build,
        data,
        output,
        "stylegan2",
        image_size=image_size,
        data_dir=data_dir,
        manual_dir=manual_dir,
        channels=channels,
        unreadable=unreadable,
        cache=cache,
        labels=conditional,
        augment=datasets.random_flip if flip else None,
        epochs=epochs,
        batch_size=batch_size,
        seed=seed,
        settings=settings,
        resume=resume,
        overwrite=overwrite,
        verbose=verbose,
    )
