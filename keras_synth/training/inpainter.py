"""Networks that fill holes, first to the least error, then against a judge."""

import pathlib

import keras

from keras_synth import datasets, degradations, losses, models, networks
from keras_synth.training.data import open_data
from keras_synth.training.folder import fit_in_folder, grid_of_repairs

#: What kinds of holes an inpainter learns to fill.
HOLES = {
    "irregular": degradations.IrregularHoles((0.05, 0.5)),
    "square": degradations.Occlusion(count=1, size=0.5),
    "both": degradations.OneOf(
        [
            degradations.IrregularHoles((0.05, 0.5)),
            degradations.Occlusion(count=1, size=0.5),
        ]
    ),
}


def build_inpainter(channels=1, window=32, features=None, seed=None):
    """A gated U-Net, a judge of patches, and one of the degradation's window.

    Args:
        channels: of the images, 1 or 3.
        window: side of the square that the local discriminator sees.
        features: see `models.RestorationGAN`.
        seed: of all noise.

    Returns:
        A `models.RestorationGAN`, not compiled.
    """
    widths = (32, 64, 128)
    return models.RestorationGAN(
        networks.gated_inpainter(channels),
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


def compile_inpainter(model, learning_rate=1e-3, steps=None, **weights):
    """Compiles with hinge losses and Adam.

    Args:
        model: of `build_inpainter`.
        learning_rate: of both players, falling along a cosine.
        steps: in which it falls to 0; None for a constant rate.
        **weights: of the losses, see `models.RestorationGAN.compile`.

    Returns:
        The model.
    """

    def adam(beta_1):
        rate = learning_rate
        if steps is not None:
            rate = keras.optimizers.schedules.CosineDecay(rate, steps)
        return keras.optimizers.Adam(rate, beta_1=beta_1, beta_2=0.99)

    playing = weights.get("adversarial_weight", 1.0) > 0
    model.compile(
        adam(0.5 if playing else 0.9),
        adam(0.5),
        losses.Hinge(),
        average_decay=0.99,
        **weights,
    )
    return model


def train_inpainter(
    data="photos",
    output="runs/inpainter",
    *,
    holes="both",
    image_size=64,
    features=None,
    data_dir=None,
    manual_dir=None,
    channels=1,
    unreadable="raise",
    symmetry="mirror",
    patches_per_image=8,
    warmup_epochs=30,
    epochs=10,
    batch_size=16,
    learning_rate=1e-3,
    adversarial_weight=0.01,
    seed=0,
    resume=False,
    verbose="auto",
):
    """Trains a network that fills holes.

    The generator alone first, to the least absolute error; then against the
    discriminators, at a third of the rate.

    Args:
        data: see `open_data`; a folder's subfolders are read too.
        output: folder for `inpainter.keras`, `history.json`, `images/`,
            `log/`, `backup/`, and `warmup/` with the same of the first part.
        holes: a key of `HOLES`, or a `degradations.Degradation` with a mask.
        image_size: side of the patches. Images are first fitted to a square
            an eighth larger.
        features: None, or a network that perceptual losses compare in.
        data_dir: see `open_data`.
        manual_dir: see `open_data`.
        channels: of a folder, see `datasets.image_folder`.
        unreadable: see `open_data`.
        symmetry: see `datasets.restoration_pipeline`.
        patches_per_image: of each image, in an epoch.
        warmup_epochs: passes without adversary, at least 1.
        epochs: passes with it; 0 for none.
        batch_size: patches a step.
        learning_rate: the highest.
        adversarial_weight: see `models.RestorationGAN.compile`.
        seed: of everything random.
        resume: go on after the last finished epoch in `output`.
        verbose: as in `fit`.

    Returns:
        The trained `models.RestorationGAN`.

    Raises:
        ValueError: unknown names, or data that does not fit.
    """
    if warmup_epochs < 1 or epochs < 0:
        raise ValueError(
            "`warmup_epochs` must be at least 1, `epochs` at least 0. "
            f"Received: warmup_epochs={warmup_epochs}, epochs={epochs}"
        )
    if isinstance(holes, str):
        if holes not in HOLES:
            raise ValueError(
                f"`holes` must be one of {', '.join(HOLES)}, or a "
                f"degradation. Received: {holes!r}"
            )
        holes = HOLES[holes]
    keras.utils.set_random_seed(seed)
    source = open_data(
        data, "train", data_dir, manual_dir, channels, unreadable
    )
    pairs = hole_pairs(
        source,
        holes,
        image_size,
        symmetry=symmetry,
        patches_per_image=patches_per_image,
        batch_size=batch_size,
        seed=seed,
    )
    channels = source.image_shape[-1]
    model = build_inpainter(channels, image_size // 2, features, seed)
    compile_inpainter(
        model,
        learning_rate,
        warmup_epochs * len(pairs),
        adversarial_weight=0.0,
        perceptual_weight=0.0,
    )
    shown = hole_pairs(
        source,
        holes,
        image_size,
        batch_size=min(8, source.num_images),
        training=False,
        cache=False,
        seed=seed,
    )
    output = pathlib.Path(output)
    common = {"resume": resume, "verbose": verbose}
    fit_in_folder(
        model,
        pairs,
        output / "warmup",
        "inpainter",
        epochs=warmup_epochs,
        watchers=[grid_of_repairs(shown, output / "warmup")],
        **common,
    )
    if epochs:
        compile_inpainter(
            model,
            learning_rate / 3,
            epochs * len(pairs),
            adversarial_weight=adversarial_weight,
        )
        fit_in_folder(
            model,
            pairs,
            output,
            "inpainter",
            epochs=epochs,
            watchers=[grid_of_repairs(shown, output)],
            **common,
        )
    else:
        model.save(output / "inpainter.keras")
    return model


def hole_pairs(source, holes, image_size, **options):
    """What an inpainter learns from: `({"image", "mask"}, clean)`.

    Args:
        source: a `datasets.Source`.
        holes: a `degradations.Degradation` with a mask.
        image_size: side of the patches, cut from images fitted to a square
            an eighth larger.
        **options: of `datasets.restoration_pipeline`.

    Returns:
        A `tf.data.Dataset`.
    """
    return datasets.restoration_pipeline(
        datasets.resize_source(source, image_size * 9 // 8),
        holes,
        image_size,
        inputs=("image", "mask"),
        **options,
    )
