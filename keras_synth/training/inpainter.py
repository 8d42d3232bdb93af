"""Inpainting networks: build, compile, train with a reconstruction warm-up."""

import os
import pathlib
from typing import Any, Literal

import keras

from keras_synth import datasets, degradations, losses, models, networks
from keras_synth.inference import input_names
from keras_synth.training.data import open_data
from keras_synth.training.folder import (
    begin_folder,
    check_epochs,
    check_run,
    fit_in_folder,
    restoration_grid,
    save_model,
)
from keras_synth.training.optimizers import cosine_adam
from keras_synth.training.restorer import (
    named_degradation,
    pretrained_network,
)
from keras_synth.training.seeds import keeps_random_state

#: Architectures of an inpainter.
INPAINTERS = ("gated_inpainter", "unet_inpainter")

#: Shapes of the missing regions that an inpainter learns to fill, by name.
HOLES = {
    "photo": degradations.OneOf(
        [
            degradations.IrregularHoles((0.005, 0.05), strokes=12),
            degradations.IrregularHoles((0.02, 0.2), strokes=24),
            degradations.IrregularHoles((0.05, 0.5)),
            degradations.Occlusion(count=1, size=(0.1, 0.6)),
        ]
    ),
    "irregular": degradations.IrregularHoles((0.05, 0.5)),
    "square": degradations.Occlusion(count=1, size=0.5),
    "both": degradations.OneOf(
        [
            degradations.IrregularHoles((0.05, 0.5)),
            degradations.Occlusion(count=1, size=0.5),
        ]
    ),
}


def build_inpainter(
    channels: Literal[1, 3] = 3,
    window: int = 32,
    features: keras.Model | None = None,
    seed: int | None = None,
    generator: keras.Model | None = None,
) -> models.RestorationGAN:
    """Builds an inpainting GAN with a global and a local discriminator.

    Args:
        channels: Channels of the images, 3 or 1.
        window: Side of the square around the missing region that the local
            discriminator sees.
        features: Feature network of the perceptual and style losses, such as
            `networks.vgg16_features()`. None for neither loss.
        seed: Seed of all random draws of the model.
        generator: The inpainting network. None for
            `networks.gated_inpainter`.

    Returns:
        A `models.RestorationGAN` that is not compiled.
    """
    widths = (32, 64, 128)
    return models.RestorationGAN(
        generator or networks.gated_inpainter(channels),
        networks.patch_discriminator(channels, widths=widths),
        networks.patch_discriminator(
            channels,
            condition=(),
            widths=widths,
            size=(window, window),
            name="local_discriminator",
        ),
        features,
        seed=seed,
    )


def compile_inpainter(
    model: models.RestorationGAN,
    learning_rate: float = 1e-3,
    steps: int | None = None,
    **weights: Any,
) -> models.RestorationGAN:
    """Compiles an inpainting GAN with hinge losses and Adam.

    Args:
        model: What `build_inpainter` returned.
        learning_rate: Learning rate of both optimizers at the start.
        steps: Steps of the training, over which the learning rates fall to 0
            along a cosine. None for constant rates.
        **weights: Weights of the losses, arguments of
            `models.RestorationGAN.compile`.

    Returns:
        The same model.
    """
    adversarial = weights.get("adversarial_weight", 1.0) > 0
    model.compile(
        cosine_adam(learning_rate, steps, 0.5 if adversarial else 0.9),
        cosine_adam(learning_rate, steps),
        losses.Hinge(),
        average_decay=0.99,
        **weights,
    )
    return model


@keeps_random_state
def train_inpainter(
    data: str | os.PathLike | datasets.Source = "photos",
    output: str | os.PathLike = "runs/inpainter",
    *,
    holes: Literal["photo", "irregular", "square", "both"]
    | degradations.Degradation = "both",
    architecture: Literal["gated_inpainter", "unet_inpainter"] | None = None,
    from_: str | os.PathLike | None = None,
    resize: bool = True,
    image_size: int = 64,
    features: keras.Model | None = None,
    data_dir: str | None = None,
    manual_dir: str | None = None,
    channels: Literal[1, 3] = 3,
    unreadable: Literal["raise", "skip"] = "raise",
    symmetry: Literal["square", "mirror", "none"] = "mirror",
    patches_per_image: int = 8,
    warmup_epochs: int = 30,
    epochs: int = 10,
    batch_size: int = 16,
    learning_rate: float | None = None,
    adversarial_weight: float = 0.01,
    resume: bool = False,
    overwrite: bool = False,
    seed: int = 0,
    verbose: Literal["auto", 0, 1, 2] = "auto",
) -> models.RestorationGAN:
    """Trains an inpainting GAN, which fills missing regions of images.

    First the generator is trained alone, for the least absolute error; then
    against the discriminators, with a third of the learning rate.

    Args:
        data: Name of a data set (`keras-synth datasets` lists them), or path
            of a folder of images, with the folders below it. In Python also a
            `datasets.Source`.
        output: Folder for `inpainter.keras`, `history.json` (logs of all
            epochs), `images/`, `log/` (for TensorBoard), `backup/` (the state
            after the last finished epoch), and `warmup/` with the same of the
            first part.
        holes: Shapes of the missing regions: "photo" (from hairs to large
            holes), "irregular" (brush strokes), "square", or "both" of the
            last two. In Python also a `degradations.Degradation` with a mask.
        architecture: The network: "gated_inpainter", which learns shapes
            such as faces, or "unet_inpainter", which refines a smooth
            interpolation. None takes the first, or the second with `from_`.
        from_: Name of a preset ("inpainter", or one with a U-Net, such as
            "photo_restorer"), or path of a `.keras` file of such a network,
            which is trained further. None starts from random weights.
        resize: Whether images are first resized to a square an eighth larger
            than the patches, for objects such as faces. Otherwise patches are
            cut out of the images as they are, for photographs.
        image_size: Side of the patches.
        features: Feature network of the perceptual loss, such as
            `networks.vgg16_features()`. None trains without that loss.
        data_dir: Folder where TensorFlow Datasets keeps prepared sets. None
            takes its default.
        manual_dir: Folder with the original files of a named source, used
            instead of a download.
        channels: Channels that the images of a folder are converted to, 3
            for color or 1 for gray.
        unreadable: What to do with files of a folder that cannot be read:
            "raise" refuses the folder, "skip" leaves them out with a warning.
        symmetry: Random symmetries of the patches: "square" mirrors and
            rotates (textures, scenes), "mirror" mirrors left and right
            (faces), "none" does neither (digits).
        patches_per_image: Patches cut out of each image in an epoch.
        warmup_epochs: Epochs of the first part, without discriminators. At
            least 1.
        epochs: Epochs of the second part, with discriminators. 0 leaves it
            out.
        batch_size: Patches in a training step.
        learning_rate: Learning rate at the start of the first part. It falls
            to 0 along a cosine. None takes 1e-3, or 1e-4 with `from_`.
        adversarial_weight: Weight of the adversarial loss in the second part,
            relative to the absolute error.
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
        ValueError: Unknown names, or data that does not fit.
    """
    if learning_rate is None:
        learning_rate = 1e-3 if from_ is None else 1e-4
    settings = check_run(locals())
    check_epochs(warmup_epochs, "warmup_epochs")
    check_epochs(epochs, smallest=0)
    holes = named_degradation(holes, HOLES, "holes")
    keras.utils.set_random_seed(seed)
    source = open_data(
        data, "train", data_dir, manual_dir, channels, unreadable
    )
    generator = _network(architecture, from_, source.image_shape[-1])
    if resize:
        source = datasets.resize_source(source, image_size * 9 // 8)
    pairs = inpainting_pairs(
        source,
        holes,
        image_size,
        symmetry=symmetry,
        patches_per_image=patches_per_image,
        batch_size=batch_size,
        seed=seed,
    )
    shown = inpainting_pairs(
        source,
        holes,
        image_size,
        batch_size=min(8, source.num_images),
        training=False,
        cache=False,
        seed=seed,
    )
    model = build_inpainter(
        source.image_shape[-1], image_size // 2, features, seed, generator
    )
    output = pathlib.Path(output)
    begin_folder(output, "inpainter", settings, overwrite)

    def fit(folder, epochs, learning_rate, resume, **weights):
        compile_inpainter(model, learning_rate, epochs * len(pairs), **weights)
        fit_in_folder(
            model,
            pairs,
            folder,
            "inpainter",
            epochs=epochs,
            callbacks=[restoration_grid(shown, folder)],
            settings=settings,
            resume=resume,
            overwrite=overwrite,
            verbose=verbose,
        )

    fit(
        output / "warmup",
        warmup_epochs,
        learning_rate,
        resume,
        adversarial_weight=0.0,
        perceptual_weight=0.0,
    )
    if epochs:
        fit(
            output,
            epochs,
            learning_rate / 3,
            not overwrite,  # its settings are there already
            adversarial_weight=adversarial_weight,
        )
    else:
        save_model(model, output, "inpainter")
    return model


def _network(architecture, from_, channels):
    """The inpainting network to train."""
    if architecture not in (None, *INPAINTERS):
        raise ValueError(
            f"`architecture` must be one of {', '.join(INPAINTERS)}. "
            f"Received: {architecture!r}"
        )
    if from_ is None:
        return getattr(networks, architecture or INPAINTERS[0])(channels)
    if architecture == INPAINTERS[0]:
        raise ValueError(
            "`from_` is the start of a unet_inpainter. "
            f"Received: architecture={architecture!r}"
        )
    start = pretrained_network(
        from_, channels, {}, inputs=("image", "noise_level", "mask")
    )
    if "mask" in input_names(start):
        return start
    return networks.transfer_unet(start, networks.unet_inpainter)


def inpainting_pairs(source, holes, image_size, **options):
    """Batches of `({"image", "mask"}, clean)` to train an inpainter on.

    Args:
        source: A `datasets.Source`.
        holes: A `degradations.Degradation` with a mask.
        image_size: Side of the patches.
        **options: Further arguments of `datasets.restoration_pipeline`.

    Returns:
        A `tf.data.Dataset`.
    """
    return datasets.restoration_pipeline(
        source, holes, image_size, inputs=("image", "mask"), **options
    )
