"""AdaIN style transfer: train a network that stylizes in any style."""

import os
import pathlib
from typing import Literal

import keras

from keras_synth import datasets, models, networks
from keras_synth.networks import FEATURE_NETWORKS
from keras_synth.training.folder import (
    check_epochs,
    check_run,
    fit_in_folder,
    style_grid,
)
from keras_synth.training.seeds import keeps_random_state

# Layers whose feature maps are compared; the decoder takes the last. Deeper
# layers of SqueezeNet make training several times as slow.
LAYERS = {
    "vgg19": models.AdaINTransfer.PAPER_LAYERS,
    "vgg16": models.AdaINTransfer.PAPER_LAYERS,
    "squeezenet": ("relu_conv1", "fire3"),
}


@keeps_random_state
def train_adain(
    data: str | os.PathLike,
    styles: str | os.PathLike,
    output: str | os.PathLike = "runs/adain",
    *,
    features: Literal["vgg19", "vgg16", "squeezenet"] = "vgg19",
    weights: str | os.PathLike = "imagenet",
    image_size: int | tuple[int, int] = 256,
    epochs: int = 100,
    batch_size: int = 8,
    learning_rate: float = 1e-4,
    style_weight: float = 10.0,
    resume: bool = False,
    overwrite: bool = False,
    seed: int = 0,
    verbose: Literal["auto", 0, 1, 2] = "auto",
) -> models.AdaINTransfer:
    """Trains AdaIN style transfer on two folders, photographs and styles.

    Args:
        data: Folder of content images in color, such as photographs.
        styles: Folder of style images, such as paintings. Many of them for a
            network that stylizes in styles that it was not trained on; one
            for a network of that style.
        output: Folder for `adain.keras`, `history.json` (logs of all epochs),
            `images/`, `log/` (for TensorBoard) and `backup/` (the state after
            the last finished epoch).
        features: Encoder: "vgg19" (the paper's), "vgg16" or "squeezenet".
        weights: Weights of the encoder: "imagenet" downloads them once, or
            the path of a file.
        image_size: Side of the crops, or (height, width), that are cut out of
            images twice as large.
        epochs: Passes over the content images. The paper's training uses 1.3
            million of them.
        batch_size: Pairs in a training step.
        learning_rate: Learning rate of Adam at the start. It falls to 0 along
            a cosine.
        style_weight: Weight of the style loss, relative to the content loss.
        resume: Whether to continue after the last finished epoch in `output`.
            The other arguments must be the same as before.
        overwrite: Whether a training in `output` may be replaced.
        seed: Seed of the initial weights, the order of the data and all other
            random draws.
        verbose: Progress display, as in `keras.Model.fit`: "auto", 0
            (silent), 1 (a bar) or 2 (a line for each epoch).

    Returns:
        The trained `models.AdaINTransfer`.

    Raises:
        FileExistsError: `output` holds a training, and it is neither resumed
            nor overwritten.
        FloatingPointError: Training diverged.
        FileNotFoundError: There is no such file of weights.
        ValueError: Arguments out of range, or folders without images.
    """
    settings = check_run(locals())
    check_epochs(epochs)
    if features not in FEATURE_NETWORKS:
        raise ValueError(
            f"`features` must be one of {', '.join(FEATURE_NETWORKS)}. "
            f"Received: {features!r}"
        )
    keras.utils.set_random_seed(seed)
    contents, style_images = (
        datasets.image_folder(folder, channels=3) for folder in (data, styles)
    )
    pairs = datasets.style_pipeline(
        contents, style_images, image_size, batch_size=batch_size, seed=seed
    )
    encoder = FEATURE_NETWORKS[features](weights, LAYERS[features])
    model = models.AdaINTransfer(encoder, networks.style_decoder(encoder))
    rate = keras.optimizers.schedules.CosineDecay(
        learning_rate, epochs * len(pairs)
    )
    model.compile(keras.optimizers.Adam(rate), style_weight=style_weight)
    shown = datasets.style_pipeline(
        contents,
        style_images,
        image_size,
        batch_size=min(4, contents.num_images),
        training=False,
        cache=False,
    )
    output = pathlib.Path(output)
    fit_in_folder(
        model,
        pairs,
        output,
        "adain",
        epochs=epochs,
        callbacks=[style_grid(shown, output)],
        settings=settings,
        resume=resume,
        overwrite=overwrite,
        verbose=verbose,
    )
    return model
