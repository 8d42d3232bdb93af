"""Super-resolution GANs: train an upscaler further, for crisp images."""

import os
from typing import Literal

import keras

from keras_synth import datasets, losses, models, networks, presets
from keras_synth.training.data import open_data
from keras_synth.training.folder import (
    check_epochs,
    check_run,
    fit_in_folder,
    restoration_grid,
)
from keras_synth.training.optimizers import cosine_adam
from keras_synth.training.restorer import (
    named_degradation,
    pretrained_network,
    upscaling_factor,
)
from keras_synth.training.seeds import keeps_random_state
from keras_synth.training.upscaler import DOWNSAMPLINGS, check_multiple

_WIDTHS = (48, 96, 192)


def build_upscaler_gan(
    generator: keras.Model,
    features: keras.Model | None = None,
    seed: int | None = None,
) -> models.RestorationGAN:
    """Builds a super-resolution GAN around an upscaler.

    Args:
        generator: The upscaler, trained for the least absolute error.
        features: Feature network of the perceptual loss. None for the encoder
            of `presets.photo_restorer` (`networks.unet_features`), in the
            dtype policy that is set.
        seed: Seed of all random draws of the model.

    Returns:
        A `models.RestorationGAN` that is not compiled.
    """
    channels = generator.output_shape[-1]
    if features is None:
        restorer = networks.transfer_unet(presets.photo_restorer())
        if channels == 1:
            restorer = networks.gray_unet(restorer)
        features = networks.unet_features(restorer)
    return models.RestorationGAN(
        generator,
        networks.patch_discriminator(channels, (), widths=_WIDTHS),
        features=features,
        seed=seed,
    )


def compile_upscaler_gan(
    model: models.RestorationGAN,
    learning_rate: float = 1e-4,
    steps: int | None = None,
    adversarial_weight: float = 0.005,
    perceptual_weight: float = 1.0,
) -> models.RestorationGAN:
    """Compiles a super-resolution GAN with Adam.

    The discriminator compares true images with restored ones
    (`losses.RelativisticAverage`).

    Args:
        model: What `build_upscaler_gan` returned.
        learning_rate: Learning rate of the upscaler at the start; the
            discriminator's is twice that.
        steps: Steps of the training, over which the learning rates fall to 0
            along a cosine. None for constant rates.
        adversarial_weight: Weight of the adversarial loss, relative to the
            absolute error.
        perceptual_weight: Weight of the perceptual loss, relative to the
            absolute error.

    Returns:
        The same model.
    """
    model.compile(
        cosine_adam(learning_rate, steps, beta_1=0.9),
        cosine_adam(2.0 * learning_rate, steps),
        losses.RelativisticAverage(),
        adversarial_weight=adversarial_weight,
        perceptual_weight=perceptual_weight,
        average_decay=0.99,
    )
    return model


@keeps_random_state
def train_upscaler_gan(
    data: str | os.PathLike | datasets.Source = "photos",
    output: str | os.PathLike = "runs/upscaler_gan",
    *,
    from_: str | os.PathLike | None = None,
    downsampling: Literal["bicubic", "real"] = "bicubic",
    features: keras.Model | None = None,
    data_dir: str | None = None,
    manual_dir: str | None = None,
    channels: Literal[1, 3] = 3,
    unreadable: Literal["raise", "skip"] = "raise",
    image_size: int = 96,
    patches_per_image: int = 20,
    epochs: int = 5,
    batch_size: int = 8,
    learning_rate: float = 1e-4,
    adversarial_weight: float = 0.005,
    perceptual_weight: float = 1.0,
    resume: bool = False,
    overwrite: bool = False,
    seed: int = 0,
    verbose: Literal["auto", 0, 1, 2] = "auto",
) -> models.RestorationGAN:
    """Trains an upscaler further against a discriminator, for crisp images.

    The least absolute error alone gives the median of all images that the
    small one may show: smooth. Here a discriminator tells such images from
    photographs, and the upscaler learns detail that it takes for true; the
    error and the perceptual loss keep it near the image. Between the network
    that it starts from and the result lie others, `networks.
    interpolate_networks`.

    Args:
        data: Name of a data set (`keras-synth datasets` lists them), or path
            of a folder of images, with the folders below it. In Python also a
            `datasets.Source`.
        output: Folder for `upscaler_gan.keras`, `history.json` (logs of all
            epochs), `images/`, `log/` (for TensorBoard) and `backup/` (the
            state after the last finished epoch).
        from_: Name of a preset ("upscaler_x4", "photo_upscaler_x4"), or path
            of a `.keras` file of `train upscaler`, whose network is trained
            further. None takes "upscaler_x4".
        downsampling: What makes the images small: "bicubic", as in the
            benchmarks, or "real", with blur, noise and JPEG as well
            (`degradations.RealWorldDownsample`).
        features: Feature network of the perceptual loss, such as
            `networks.vgg16_features()`. None for the encoder of
            `presets.photo_restorer`.
        data_dir: Folder where TensorFlow Datasets keeps prepared sets. None
            takes its default.
        manual_dir: Folder with the original files of a named source, used
            instead of a download.
        channels: Channels that the images of a folder are converted to, 3
            for color or 1 for gray.
        unreadable: What to do with files of a folder that cannot be read:
            "raise" refuses the folder, "skip" leaves them out with a warning.
        image_size: Side of the large patches that are cut out of the images,
            a multiple of the scale.
        patches_per_image: Patches cut out of each image in an epoch.
        epochs: Passes over the data.
        batch_size: Patches in a training step.
        learning_rate: Learning rate of the upscaler at the start, half of the
            discriminator's. Both fall to 0 along a cosine.
        adversarial_weight: Weight of the adversarial loss, relative to the
            absolute error.
        perceptual_weight: Weight of the perceptual loss, relative to the
            absolute error.
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
        ValueError: Unknown names, a network that does not upscale, or data
            that does not fit.

    Reference: Wang et al., ESRGAN: Enhanced Super-Resolution Generative
    Adversarial Networks, 2018, sections 3.2 to 3.4 and 4.1: error first, then
    the adversary, with 0.005 of the perceptual loss. There that is one of
    VGG-19, and the error has a weight of 0.01.
    """
    settings = check_run(locals())
    check_epochs(epochs)
    from_ = from_ or "upscaler_x4"
    degrade = named_degradation(downsampling, DOWNSAMPLINGS, "downsampling")
    keras.utils.set_random_seed(seed)
    source = open_data(
        data, "train", data_dir, manual_dir, channels, unreadable
    )
    generator = pretrained_network(
        from_, source.image_shape[-1], {}, inputs=("image",), upscales=True
    )
    scale = upscaling_factor(generator)
    check_multiple(image_size, scale)
    model = build_upscaler_gan(generator, features, seed)

    def batches(size, **options):
        return datasets.restoration_pipeline(
            source,
            degrade(scale),
            image_size,
            batch_size=size,
            seed=seed,
            **options,
        )

    pairs = batches(batch_size, patches_per_image=patches_per_image)
    shown = batches(min(8, source.num_images), training=False, cache=False)
    compile_upscaler_gan(
        model,
        learning_rate,
        epochs * len(pairs),
        adversarial_weight,
        perceptual_weight,
    )
    fit_in_folder(
        model,
        pairs,
        output,
        "upscaler_gan",
        epochs=epochs,
        callbacks=[restoration_grid(shown, output)],
        settings=settings,
        resume=resume,
        overwrite=overwrite,
        verbose=verbose,
    )
    return model
