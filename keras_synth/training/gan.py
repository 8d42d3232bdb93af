"""A GAN on images: build it, train it."""

import keras

from keras_synth import layers, losses, models, networks
from keras_synth.training.folder import (
    fit_in_folder,
    grid_of_samples,
    open_images,
)

# name: (loss, its penalty or None, normalization of the discriminator,
#        discriminator steps a generator step)
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
    image_shape,
    latent_dim=64,
    architecture="dcgan",
    objective="non_saturating",
    width=32,
    num_classes=None,
    seed=0,
):
    """A GAN whose discriminator is normalized as its objective needs.

    Args:
        image_shape: (height, width, channels).
        latent_dim: dimension of the latents.
        architecture: "dcgan", "dense" or "residual".
        objective: a key of `OBJECTIVES`.
        width: channels of the networks; a dense one has 8 times as many units.
        num_classes: None, or the number of classes of a conditional one.
        seed: of the noise.

    Returns:
        A `models.GAN`, not compiled.
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
    if architecture == "residual":  # spectrally normalized, always
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
    gan, objective="non_saturating", learning_rate=1e-3, steps=None, **options
):
    """Compiles a GAN with an objective, its penalty and Adam for both.

    Args:
        gan: what `build_gan` gave for the same objective.
        objective: a key of `OBJECTIVES`.
        learning_rate: of both optimizers.
        steps: generator steps of the training, over which the rates fall to 0
            along a cosine; None for constant rates.
        **options: further arguments of `GAN.compile`.

    Returns:
        The same model.
    """
    loss, penalty, _, discriminator_steps = OBJECTIVES[objective]
    if any(
        isinstance(layer, layers.SpectralNormalization)
        for layer in gan.discriminator.layers
    ):
        penalty = None  # its slope is bounded already

    def adam(steps):
        rate = learning_rate
        if steps is not None:
            rate = keras.optimizers.schedules.CosineDecay(rate, steps)
        return keras.optimizers.Adam(rate, beta_1=0.5, beta_2=0.99)

    gan.compile(
        adam(steps),
        adam(steps and steps * discriminator_steps),
        loss=loss(),
        gradient_penalty=penalty and penalty(),
        discriminator_steps=discriminator_steps,
        **options,
    )
    return gan


def train_gan(
    data="digits",
    output="runs/gan",
    *,
    image_size=None,
    data_dir=None,
    manual_dir=None,
    channels=3,
    unreadable="raise",
    cache=True,
    epochs=40,
    batch_size=64,
    learning_rate=1e-3,
    latent_dim=64,
    architecture="dcgan",
    objective="non_saturating",
    width=32,
    conditional=False,
    augment=False,
    resume=False,
    seed=0,
    verbose="auto",
):
    """Trains a GAN and leaves the model, images and a log in a folder.

    Args:
        data: name of a source, or a folder of images.
        output: folder for `gan.keras`, `history.json` (logs of the epochs of
            this run), `images/`, `log/` (TensorBoard) and `backup/` (the last
            finished epoch).
        image_size: int or (height, width); 28, 32, 64 and 128 suit the
            convolutional networks; the source's own by default.
        data_dir: see `datasets.load_source`.
        manual_dir: see `datasets.load_source`.
        channels: of a folder, see `datasets.image_folder`.
        unreadable: of a folder, see `datasets.image_folder`.
        cache: see `datasets.synthesis_pipeline`.
        epochs: passes over the data.
        batch_size: images a discriminator step.
        learning_rate: of both optimizers, falling to 0 along a cosine.
        latent_dim: dimension of the latents.
        architecture: see `build_gan`.
        objective: see `build_gan`.
        width: see `build_gan`.
        conditional: whether the model is told the class of each image.
        augment: whether the discriminator sees all images through
            `layers.DiffAugment`; for sets of a few thousand images or less.
        resume: go on from the last finished epoch in `output/backup`, with
            the same arguments as before.
        seed: of everything random.
        verbose: as in `fit`.

    Returns:
        The trained `models.GAN`.
    """
    if epochs < 1:
        raise ValueError(f"`epochs` must be at least 1. Received: {epochs}")
    if objective not in OBJECTIVES:
        raise ValueError(
            f"`objective` must be one of {', '.join(OBJECTIVES)}. "
            f"Received: objective={objective!r}"
        )
    keras.utils.set_random_seed(seed)
    *_, discriminator_steps = OBJECTIVES[objective]
    source, images, image_shape = open_images(
        data,
        image_size,
        data_dir=data_dir,
        manual_dir=manual_dir,
        channels=channels,
        unreadable=unreadable,
        cache=cache,
        batch_size=batch_size * discriminator_steps,
        labels=conditional,
        seed=seed,
    )
    num_classes = len(source.class_names) if conditional else None
    gan = compile_gan(
        build_gan(
            image_shape,
            latent_dim,
            architecture,
            objective,
            width,
            num_classes,
            seed,
        ),
        objective,
        learning_rate,
        steps=len(images) * epochs,
        augmentation=layers.DiffAugment() if augment else None,
    )
    fit_in_folder(
        gan,
        images,
        output,
        "gan",
        epochs=epochs,
        watchers=[grid_of_samples(gan, output, num_classes)],
        resume=resume,
        verbose=verbose,
    )
    return gan
