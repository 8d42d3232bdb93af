"""Generative adversarial networks (GANs): build, compile, train."""

import os
from typing import Any, Literal

import keras

from keras_synth import datasets, layers, losses, models, networks
from keras_synth.training.augmentation import build_augmentation
from keras_synth.training.folder import check_run, fit_generator, sample_grid
from keras_synth.training.optimizers import cosine_adam
from keras_synth.training.seeds import keeps_random_state

# name: (loss, its penalty or None, normalization of the discriminator,
#        discriminator steps for each generator step)
OBJECTIVES = {
    "non_saturating": (
        losses.NonSaturating,
        lambda: losses.R1(weight=0.01, interval=8),
        None,
        1,
    ),
    "hinge": (losses.Hinge, None, "spectral", 1),
    "wasserstein": (
        losses.Wasserstein,
        lambda: losses.WassersteinGradientPenalty(weight=10.0),
        None,
        3,
    ),
    "least_squares": (losses.LeastSquares, None, "spectral", 1),
    "relativistic": (losses.RelativisticAverage, None, "spectral", 1),
}
ARCHITECTURES = ("dcgan", "dense", "residual")


def build_gan(
    image_shape: tuple[int, int, int],
    latent_dim: int = 64,
    architecture: Literal["dcgan", "dense", "residual"] = "dcgan",
    objective: Literal[
        "non_saturating",
        "hinge",
        "wasserstein",
        "least_squares",
        "relativistic",
    ] = "non_saturating",
    width: int = 32,
    num_classes: int | None = None,
    seed: int | None = 0,
) -> models.GAN:
    """Builds a GAN whose discriminator is normalized as its objective needs.

    Args:
        image_shape: (height, width, channels) of the images.
        latent_dim: Dimension of the latents.
        architecture: Generator and discriminator: "dcgan", "dense" or
            "residual".
        objective: Adversarial loss, a key of `OBJECTIVES`.
        width: Base number of channels of both networks. The layers of
            "dense" have 8 times as many units.
        num_classes: Number of classes of a class-conditional GAN. None for
            one without classes.
        seed: Seed of the latents that are drawn.

    Returns:
        A `models.GAN` that is not compiled.

    Raises:
        ValueError: Unknown names, or arguments out of range.
    """
    if objective not in OBJECTIVES or architecture not in ARCHITECTURES:
        raise ValueError(
            f"`objective` must be one of {', '.join(OBJECTIVES)}, "
            f"`architecture` one of {', '.join(ARCHITECTURES)}. Received: "
            f"objective={objective!r}, architecture={architecture!r}"
        )
    *_, normalization, _ = OBJECTIVES[objective]
    size = {"width": width}
    discriminator = {"normalization": normalization}
    if architecture == "dense":
        size = {"hidden": (8 * width, 8 * width)}
    if architecture == "residual":  # Always has spectral normalization.
        discriminator = {}
    return models.GAN(
        getattr(networks, f"{architecture}_generator")(
            image_shape, latent_dim, num_classes=num_classes, **size
        ),
        getattr(networks, f"{architecture}_discriminator")(
            image_shape, num_classes=num_classes, **size, **discriminator
        ),
        seed=seed,
    )


def compile_gan(
    gan: models.GAN,
    objective: Literal[
        "non_saturating",
        "hinge",
        "wasserstein",
        "least_squares",
        "relativistic",
    ] = "non_saturating",
    learning_rate: float = 1e-3,
    steps: int | None = None,
    augmentation: Literal["none", "diff", "adaptive", "upright"]
    | keras.layers.Layer
    | None = "none",
    **options: Any,
) -> models.GAN:
    """Compiles a GAN with an adversarial loss, its penalty and two Adams.

    Args:
        gan: What `build_gan` returned for the same objective.
        objective: Adversarial loss, a key of `OBJECTIVES`.
        learning_rate: Learning rate of both optimizers.
        steps: Generator steps of the training, over which the learning rates
            fall to 0 along a cosine. None for constant rates.
        augmentation: Augmentation of all images that the discriminator gets:
            a key of `AUGMENTATIONS`, or a layer such as `layers.DiffAugment`.
        **options: Further arguments of `GAN.compile`.

    Returns:
        The same model.

    Raises:
        ValueError: An unknown augmentation.
    """
    loss, penalty, _, discriminator_steps = OBJECTIVES[objective]
    if any(
        isinstance(layer, layers.SpectralNormalization)
        for layer in gan.discriminator.layers
    ):
        penalty = None  # Its gradient norm is bounded already.
    gan.compile(
        cosine_adam(learning_rate, steps),
        cosine_adam(learning_rate, steps and steps * discriminator_steps),
        loss=loss(),
        gradient_penalty=penalty and penalty(),
        discriminator_steps=discriminator_steps,
        augmentation=build_augmentation(augmentation),
        **options,
    )
    return gan


@keeps_random_state
def train_gan(
    data: str | os.PathLike | datasets.Source = "digits",
    output: str | os.PathLike = "runs/gan",
    *,
    image_size: int | tuple[int, int] | None = None,
    data_dir: str | None = None,
    manual_dir: str | None = None,
    channels: Literal[1, 3] = 3,
    unreadable: Literal["raise", "skip"] = "raise",
    cache: bool | str | os.PathLike = True,
    epochs: int = 40,
    batch_size: int = 64,
    learning_rate: float = 1e-3,
    latent_dim: int = 64,
    architecture: Literal["dcgan", "dense", "residual"] = "dcgan",
    objective: Literal[
        "non_saturating",
        "hinge",
        "wasserstein",
        "least_squares",
        "relativistic",
    ] = "non_saturating",
    width: int = 32,
    conditional: bool = False,
    augmentation: Literal["none", "diff", "adaptive", "upright"]
    | keras.layers.Layer = "none",
    resume: bool = False,
    overwrite: bool = False,
    seed: int = 0,
    verbose: Literal["auto", 0, 1, 2] = "auto",
) -> models.GAN:
    """Trains a generative adversarial network (GAN) on images.

    Args:
        data: Name of a data set (`keras-synth datasets` lists them), or path
            of a folder of images, with the folders below it. In Python also a
            `datasets.Source`.
        output: Folder for `gan.keras`, `history.json` (logs of all epochs),
            `images/`, `log/` (for TensorBoard) and `backup/` (the state after
            the last finished epoch).
        image_size: Side of the images, or (height, width). Images are resized
            to it. The convolutional architectures suit 28, 32, 64 and 128.
            None keeps the size of the source.
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
        batch_size: Images in a discriminator step.
        learning_rate: Learning rate of both optimizers at the start. It falls
            to 0 along a cosine.
        latent_dim: Dimension of the latents.
        architecture: Generator and discriminator: "dcgan", "dense" or
            "residual".
        objective: Adversarial loss, together with the gradient penalty or
            the normalization that belongs to it.
        width: Base number of channels of both networks. The layers of
            "dense" have 8 times as many units.
        conditional: Whether the GAN is conditioned on the class of each image.
        augmentation: Augmentation of all images that the discriminator gets,
            for sets of a few thousand images or fewer: "none", "diff"
            (`layers.DiffAugment`), "adaptive" (`layers.AdaptiveAugment`) or
            "upright" (the same without mirroring and rotations).
        resume: Whether to continue after the last finished epoch in `output`.
            The other arguments must be the same as before.
        overwrite: Whether a training in `output` may be replaced.
        seed: Seed of the initial weights, the order of the data and all other
            random draws.
        verbose: Progress display, as in `keras.Model.fit`: "auto", 0
            (silent), 1 (a bar) or 2 (a line for each epoch).

    Returns:
        The trained `models.GAN`.

    Raises:
        FileExistsError: `output` holds a training, and it is neither resumed
            nor overwritten.
        FloatingPointError: Training diverged.
        ValueError: Arguments out of range, or data that does not fit.
    """
    settings = check_run(locals())
    if objective not in OBJECTIVES:
        raise ValueError(
            f"`objective` must be one of {', '.join(OBJECTIVES)}. "
            f"Received: objective={objective!r}"
        )
    *_, discriminator_steps = OBJECTIVES[objective]

    def build(images):
        gan = build_gan(
            images.image_shape,
            latent_dim,
            architecture,
            objective,
            width,
            images.num_classes,
            seed,
        )
        steps = epochs * len(images.batches)
        compile_gan(gan, objective, learning_rate, steps, augmentation)
        return gan, [sample_grid(gan, output, images.num_classes)]

    return fit_generator(
        build,
        data,
        output,
        "gan",
        image_size=image_size,
        data_dir=data_dir,
        manual_dir=manual_dir,
        channels=channels,
        unreadable=unreadable,
        cache=cache,
        labels=conditional,
        epochs=epochs,
        batch_size=batch_size * discriminator_steps,
        seed=seed,
        settings=settings,
        resume=resume,
        overwrite=overwrite,
        verbose=verbose,
    )
