"""Learning to stylize any image in any style, in one pass."""

import pathlib

import keras

from keras_synth import datasets, models, networks
from keras_synth.networks import FEATURE_NETWORKS
from keras_synth.training.folder import fit_in_folder, grid_of_paintings

# Maps that are compared; the last is what the decoder takes. Of SqueezeNet the
# deeper ones train several times as slowly.
LAYERS = {
    "vgg19": models.AdaINTransfer.PAPER_LAYERS,
    "vgg16": models.AdaINTransfer.PAPER_LAYERS,
    "squeezenet": ("relu_conv1", "fire3"),
}


def train_adain(
    data,
    styles,
    output="runs/adain",
    *,
    features="vgg19",
    weights="imagenet",
    image_size=256,
    epochs=100,
    batch_size=8,
    learning_rate=1e-4,
    style_weight=10.0,
    seed=0,
    resume=False,
    verbose="auto",
):
    """Trains `models.AdaINTransfer` on photographs and paintings.

    Args:
        data: folder of contents, photographs say; color.
        styles: folder of styles, paintings say: many for a network that
            stylizes in styles it never saw, one for that one.
        output: folder for `adain.keras`, `history.json`, `images/`, `log/`
            and `backup/`.
        features: the encoder: "vgg19" (the paper's), "vgg16", "squeezenet".
        weights: of it, see `stylize_images`.
        image_size: int or (height, width) of what is cut out of images
            twice as large.
        epochs: passes over the contents. The paper's training sees 1.3
            million of them.
        batch_size: pairs a step.
        learning_rate: at the start, of Adam; it falls along a cosine.
        style_weight: λ_s of `models.AdaINTransfer.compile`.
        seed: of everything random.
        resume: go on after the last finished epoch in `output`.
        verbose: as in `fit`.

    Returns:
        The trained `models.AdaINTransfer`.

    Raises:
        FileNotFoundError: no such weights.
        ValueError: arguments out of range, or folders without images.
    """
    if epochs < 1:
        raise ValueError(f"`epochs` must be at least 1. Received: {epochs}")
    if features not in FEATURE_NETWORKS:
        raise ValueError(
            f"`features` must be one of {', '.join(FEATURE_NETWORKS)}. "
            f"Received: {features!r}"
        )
    keras.utils.set_random_seed(seed)
    contents, paintings = (
        datasets.image_folder(folder, channels=3) for folder in (data, styles)
    )
    pairs = datasets.style_pipeline(
        contents, paintings, image_size, batch_size=batch_size, seed=seed
    )
    encoder = FEATURE_NETWORKS[features](weights, LAYERS[features])
    model = models.AdaINTransfer(encoder, networks.style_decoder(encoder))
    rate = keras.optimizers.schedules.CosineDecay(
        learning_rate, epochs * len(pairs)
    )
    model.compile(keras.optimizers.Adam(rate), style_weight=style_weight)
    shown = datasets.style_pipeline(
        contents,
        paintings,
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
        watchers=[grid_of_paintings(shown, output)],
        resume=resume,
        verbose=verbose,
    )
    return model
