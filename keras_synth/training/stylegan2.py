"""A StyleGAN2 on images: build it, train it."""

import keras

from keras_synth import datasets, layers, losses, models, networks
from keras_synth.models.lazy_regularization import lazy_adam
from keras_synth.training.folder import (
    fit_in_folder,
    grid_of_mixtures,
    grid_of_samples,
    open_images,
)

# name: what the discriminator sees all images through. Adaptive ones grow
# five times as fast as in the paper, whose trainings are long.
AUGMENTATIONS = {
    "none": lambda: None,
    "diff": layers.DiffAugment,
    "adaptive": lambda: layers.AdaptiveAugment(ramp=100),
    "upright": lambda: layers.AdaptiveAugment(
        flips=False, rotations=False, ramp=100
    ),
}


def build_stylegan2(
    image_shape,
    latent_dim=64,
    style_dim=64,
    depth=4,
    channel_multiplier=1 / 32,
    channel_max=64,
    num_classes=None,
    seed=0,
):
    """A small StyleGAN2, for small images and a processor.

    The paper's is `latent_dim=512, style_dim=512, depth=8,
    channel_multiplier=1, channel_max=512`.

    Args:
        image_shape: (size, size, channels), size a power of 2 from 16 to
            1024.
        latent_dim: see `networks.stylegan2_mapping`.
        style_dim: likewise.
        depth: likewise.
        channel_multiplier: see `networks.stylegan2_synthesis`.
        channel_max: likewise.
        num_classes: None, or the number of classes of a conditional one.
        seed: of the noise.

    Returns:
        A `models.StyleGAN2`, not compiled.
    """
    width = {
        "channel_multiplier": channel_multiplier,
        "channel_max": channel_max,
    }
    return models.StyleGAN2(
        networks.stylegan2_mapping(
            latent_dim, style_dim, depth, num_classes=num_classes
        ),
        networks.stylegan2_synthesis(image_shape, style_dim, **width),
        networks.stylegan2_discriminator(
            image_shape, num_classes=num_classes, **width
        ),
        seed=seed,
    )


def compile_stylegan2(
    gan,
    learning_rate=4e-3,
    steps=None,
    batch_size=16,
    r1_weight=0.1,
    path_length_weight=2.0,
    style_mixing=0.9,
    augmentation="none",
):
    """Compiles a StyleGAN2 as its authors do, with a rate that falls.

    Args:
        gan: a `models.StyleGAN2`.
        learning_rate: of both optimizers, Adam with β₁ = 0. The paper's is
            2e-3, for 25 million images; with equalized layers that moves
            weights by a five-hundredth a step.
        steps: of the training, over which the rates fall to 0 along a cosine;
            None for constant rates.
        batch_size: of the training; the generator's average halves what it
            knew every 10,000 images.
        r1_weight: of R1, at every 16th step; 0 for none.
        path_length_weight: of path-length regularization, at every 4th; 0 for
            none.
        style_mixing: see `StyleGAN2.compile`.
        augmentation: a key of `AUGMENTATIONS`, or a layer: "adaptive" may
            turn and mirror images as well, "upright" never does.

    Returns:
        The same model.
    """
    if isinstance(augmentation, str):
        if augmentation not in AUGMENTATIONS:
            raise ValueError(
                f"`augmentation` must be one of {', '.join(AUGMENTATIONS)}, "
                f"or a layer. Received: augmentation={augmentation!r}"
            )
        augmentation = AUGMENTATIONS[augmentation]()
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
        augmentation=augmentation,
        average_decay=0.5 ** (batch_size / 10_000),
    )
    return gan


def train_stylegan2(
    data="digits",
    output="runs/stylegan2",
    *,
    image_size=None,
    data_dir=None,
    manual_dir=None,
    channels=3,
    unreadable="raise",
    cache=True,
    epochs=40,
    batch_size=16,
    learning_rate=4e-3,
    latent_dim=64,
    style_dim=64,
    depth=4,
    channel_multiplier=1 / 32,
    channel_max=64,
    r1_weight=0.1,
    path_length_weight=2.0,
    style_mixing=0.9,
    conditional=False,
    augmentation="none",
    flip=False,
    resume=False,
    seed=0,
    verbose="auto",
):
    """Trains a StyleGAN2 and leaves model, images and a log in a folder.

    Args:
        data: name of a source, a folder of images, or a `datasets.Source`.
        output: folder for `stylegan2.keras`, `history.json` (logs of the
            epochs of this run), `images/`, `log/` (TensorBoard) and `backup/`
            (the last finished epoch).
        image_size: 16, 32, 64, ... 1024; the source's own by default.
        data_dir: see `datasets.load_source`.
        manual_dir: see `datasets.load_source`.
        channels: of a folder, see `datasets.image_folder`.
        unreadable: of a folder, see `datasets.image_folder`.
        cache: see `datasets.synthesis_pipeline`.
        epochs: passes over the data.
        batch_size: images a step.
        learning_rate: see `compile_stylegan2`.
        latent_dim: see `build_stylegan2`.
        style_dim: see `build_stylegan2`.
        depth: see `build_stylegan2`.
        channel_multiplier: see `build_stylegan2`.
        channel_max: see `build_stylegan2`.
        r1_weight: see `compile_stylegan2`.
        path_length_weight: see `compile_stylegan2`.
        style_mixing: see `compile_stylegan2`.
        conditional: whether the model is told the class of each image.
        augmentation: see `compile_stylegan2`; for sets of a few thousand
            images or less.
        flip: whether to mirror every other image, which is to say that
            mirrored ones are as good.
        resume: go on from the last finished epoch in `output/backup`, with
            the same arguments as before.
        seed: of everything random.
        verbose: as in `fit`.

    Returns:
        The trained `models.StyleGAN2`.
    """
    if epochs < 1:
        raise ValueError(f"`epochs` must be at least 1. Received: {epochs}")
    keras.utils.set_random_seed(seed)
    source, images, image_shape = open_images(
        data,
        image_size,
        data_dir=data_dir,
        manual_dir=manual_dir,
        channels=channels,
        unreadable=unreadable,
        cache=cache,
        batch_size=batch_size,
        labels=conditional,
        augment=datasets.random_flip if flip else None,
        seed=seed,
    )
    num_classes = len(source.class_names) if conditional else None
    gan = build_stylegan2(
        image_shape,
        latent_dim,
        style_dim,
        depth,
        channel_multiplier,
        channel_max,
        num_classes,
        seed,
    )
    compile_stylegan2(
        gan,
        learning_rate,
        len(images) * epochs,
        batch_size,
        r1_weight,
        path_length_weight,
        style_mixing,
        augmentation,
    )
    fit_in_folder(
        gan,
        images,
        output,
        "stylegan2",
        epochs=epochs,
        watchers=[
            grid_of_samples(gan, output, num_classes),
            grid_of_mixtures(gan, output, num_classes),
        ],
        resume=resume,
        verbose=verbose,
    )
    return gan
