"""Damage detectors: train a network that marks what covers old photographs."""

import os
from typing import Literal

import keras

from keras_synth import datasets, degradations, networks
from keras_synth.training.data import open_data
from keras_synth.training.folder import check_run
from keras_synth.training.restorer import fit_network, pretrained_network
from keras_synth.training.seeds import keeps_random_state


@keeps_random_state
def train_damage_detector(
    data: str | os.PathLike | datasets.Source = "photos",
    output: str | os.PathLike = "runs/damage_detector",
    *,
    masks: str | os.PathLike,
    from_: str | os.PathLike | None = None,
    weights: str | os.PathLike | None = None,
    train_encoder: bool = False,
    widths: tuple[int, ...] | None = None,
    data_dir: str | None = None,
    manual_dir: str | None = None,
    channels: Literal[1, 3] = 3,
    unreadable: Literal["raise", "skip"] = "raise",
    image_size: int = 128,
    patches_per_image: int = 20,
    epochs: int = 10,
    batch_size: int = 16,
    learning_rate: float | None = None,
    resume: bool = False,
    overwrite: bool = False,
    seed: int = 0,
    verbose: Literal["auto", 0, 1, 2] = "auto",
) -> keras.Model:
    """Trains a damage detector, on clean photographs made old.

    The photographs are degraded by `degradations.OldPhoto`: fading, grain, and
    none to two kinds of dust, hairs, scratches or stains from mask images.
    The network learns where these are, by `losses.DiceCrossEntropy`.

    Args:
        data: Name of a data set (`keras-synth datasets` lists them), or path
            of a folder of images, with the folders below it. In Python also a
            `datasets.Source`.
        output: Folder for `damage_detector.keras`, `history.json` (logs of all
            epochs), `log/` (for TensorBoard) and `backup/` (the state after
            the last finished epoch).
        masks: Path of a folder with PNG files whose alpha channel says
            what covers a photograph, see `degradations.FilmDamage`.
        from_: Name of a preset ("damage_detector"), or path of a `.keras`
            file of such a network, which is trained further. None starts from
            random weights of the decoder.
        weights: Weights of the encoder, SqueezeNet: "imagenet" downloads
            them once, or the path of a file. None takes "imagenet", or those
            of `from_`.
        train_encoder: Whether the encoder is trained as well.
        widths: Channels of each level of the U-Net, four of the decoder.
            None for the network's default, or those of `from_`.
        data_dir: Folder where TensorFlow Datasets keeps prepared sets. None
            takes its default.
        manual_dir: Folder with the original files of a named source, used
            instead of a download.
        channels: Channels that the images of a folder are converted to, 3
            for color or 1 for gray.
        unreadable: What to do with files of a folder that cannot be read:
            "raise" refuses the folder, "skip" leaves them out with a warning.
        image_size: Side of the patches that are cut out of the images.
        patches_per_image: Patches cut out of each image in an epoch.
        epochs: Passes over the data.
        batch_size: Patches in a training step.
        learning_rate: Highest learning rate, reached after a short warm-up.
            It falls to 0 along a cosine. None takes 2e-3, or 2e-4 with
            `from_`.
        resume: Whether to continue after the last finished epoch in `output`.
            The other arguments must be the same as before.
        overwrite: Whether a training in `output` may be replaced.
        seed: Seed of the initial weights, the order of the data and all other
            random draws.
        verbose: Progress display, as in `keras.Model.fit`: "auto", 0
            (silent), 1 (a bar) or 2 (a line for each epoch).

    Returns:
        The trained `keras.Model`.

    Raises:
        FileExistsError: `output` holds a training, and it is neither resumed
            nor overwritten.
        FileNotFoundError: There is no such folder of masks, or no such file
            of weights or of a network.
        ValueError: Data, masks or the network do not fit.
    """
    if learning_rate is None:
        learning_rate = 2e-3 if from_ is None else 2e-4
    settings = check_run(locals())
    degradation = degradations.OldPhoto(
        degradations.FilmDamage(masks, count=(0, 2), scale=(0.3, 1.0))
    )
    keras.utils.set_random_seed(seed)
    source = open_data(
        data, "train", data_dir, manual_dir, channels, unreadable
    )
    channels = source.image_shape[-1]
    if from_ is None:
        sizes = {} if widths is None else {"widths": widths}
        network = networks.mask_unet(
            channels, weights=weights or "imagenet", **sizes
        )
    else:
        network = pretrained_network(
            from_,
            channels,
            {"weights": weights, "widths": widths},
            inputs=("image",),
            target="mask",
        )
    for layer in network.layers:
        if isinstance(layer, networks.PerceptualNetwork):
            layer.trainable = train_encoder
    return fit_network(
        network,
        source,
        degradation,
        output,
        "damage_detector",
        image_size=image_size,
        patches_per_image=patches_per_image,
        target="mask",
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        seed=seed,
        settings=settings,
        resume=resume,
        overwrite=overwrite,
        verbose=verbose,
    )
