"""Pix2pix: from one kind of image to another, learnt from pairs."""

import pathlib

import keras

from keras_synth import datasets, models, networks
from keras_synth.training.folder import fit_in_folder, grid_of_repairs


def build_pix2pix(channels=3, input_channels=3, width=64, seed=None):
    """The paper's U-Net, and its judge of patches of 70 pixels a side.

    Args:
        channels: of the images made, 1 or 3.
        input_channels: of the images given, 1 or 3.
        width: channels of the first level of both (the paper's: 64).
        seed: of all noise.

    Returns:
        A `models.RestorationGAN`, not compiled.
    """
    widths = (width, 2 * width, 4 * width, 8 * width)
    return models.RestorationGAN(
        networks.pix2pix_generator(
            input_channels, channels, (*widths, 8 * width, 8 * width)
        ),
        networks.patch_discriminator(
            channels,
            condition=("degraded",),
            in_channels=input_channels,
            widths=widths,
        ),
        seed=seed,
    )


def compile_pix2pix(model, learning_rate=2e-4, l1_weight=100.0):
    """Compiles with the paper's losses and Adam.

    `adversarial(D(x̂ | y)) + λ |x̂ - x|`, where the paper's images lie in
    [-1, 1] and ours in [0, 1]: the same error is half as large here, and so
    `hole_weight` is 2 λ (without a mask all of an image counts as degraded).

    Args:
        model: of `build_pix2pix`.
        learning_rate: of both players.
        l1_weight: λ, of the error in units of [-1, 1].

    Returns:
        The model.

    Reference: Isola et al., Image-to-Image Translation with Conditional
    Adversarial Networks, 2017, equation 4 and appendix 6.2.
    """
    model.compile(
        keras.optimizers.Adam(learning_rate, beta_1=0.5),
        keras.optimizers.Adam(learning_rate, beta_1=0.5),
        hole_weight=2.0 * l1_weight,
        known_weight=0.0,
        adversarial_weight=1.0,
    )
    return model


def train_pix2pix(
    data,
    output="runs/pix2pix",
    *,
    target_data=None,
    input_side="right",
    image_size=256,
    channels=3,
    input_channels=3,
    width=64,
    epochs=200,
    batch_size=1,
    learning_rate=2e-4,
    l1_weight=100.0,
    seed=0,
    resume=False,
    verbose="auto",
):
    """Trains a network from one kind of image to another.

    The defaults are the paper's for facades: 400 pairs, 200 epochs, which
    takes a GPU.

    Args:
        data: folder of double images, or of inputs; see
            `datasets.paired_folder`.
        output: folder for `pix2pix.keras`, `history.json`, `images/`, `log/`
            and `backup/`.
        target_data: folder of the targets, where `data` holds inputs alone.
        input_side: "left" or "right", the half of a double image that is
            the input.
        image_size: int or (height, width) of the images trained on.
        channels: of the targets, 3 or 1.
        input_channels: of the inputs, 3 or 1.
        width: see `build_pix2pix`.
        epochs: passes over the data.
        batch_size: pairs a step.
        learning_rate: of both players.
        l1_weight: see `compile_pix2pix`.
        seed: of everything random.
        resume: go on after the last finished epoch in `output`.
        verbose: as in `fit`.

    Returns:
        The trained `models.RestorationGAN`.

    Raises:
        FileNotFoundError: no such folder.
        ValueError: arguments out of range, or folders without pairs.
    """
    if epochs < 1:
        raise ValueError(f"`epochs` must be at least 1. Received: {epochs}")
    keras.utils.set_random_seed(seed)
    source = datasets.paired_folder(
        data,
        target_data,
        input_side=input_side,
        channels=channels,
        input_channels=input_channels,
    )
    pairs = datasets.paired_pipeline(
        source, image_size, batch_size=batch_size, seed=seed
    )
    model = compile_pix2pix(
        build_pix2pix(channels, input_channels, width, seed),
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
        watchers=[grid_of_repairs(shown, output)],
        resume=resume,
        verbose=verbose,
    )
    return model
