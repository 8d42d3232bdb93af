"""Classifiers whose features score generated images: train one."""

import datetime
import os
import pathlib
from typing import Literal

import keras
from keras import layers

from keras_synth import datasets, presets
from keras_synth.io import written_whole
from keras_synth.training.folder import check_epochs, check_run
from keras_synth.training.seeds import keeps_random_state

# data: (functions that build classifier and features, whether images are
# mirrored, origin and license)
_KINDS = {
    "digits": (
        (presets.mnist_classifier, presets.mnist_features),
        False,
        "5,000 digits of MNIST's training set (LeCun et al.), CC BY-SA 3.0",
    ),
    "mnist": (
        (presets.mnist_classifier, presets.mnist_features),
        False,
        "MNIST (LeCun et al.), CC BY-SA 3.0",
    ),
    "fashion_mnist": (
        (presets.fashion_mnist_classifier, presets.fashion_mnist_features),
        True,
        "Fashion-MNIST (Zalando SE), MIT license",
    ),
}


@keeps_random_state
def train_classifier(
    data: Literal["digits", "mnist", "fashion_mnist"] = "mnist",
    output: str | os.PathLike = "runs/classifier",
    *,
    data_dir: str | None = None,
    manual_dir: str | None = None,
    epochs: int = 12,
    batch_size: int = 128,
    overwrite: bool = False,
    seed: int = 0,
    verbose: Literal["auto", 0, 1, 2] = "auto",
) -> tuple[keras.Model, float]:
    """Trains the classifier of `mnist_features` or `fashion_mnist_features`.

    The optimizer is Adam; its learning rate falls to 0 along a cosine. Digits
    are shifted by up to two pixels, clothes are mirrored. The preset weights
    were trained with the defaults; on another machine, which rounds
    differently, the weights differ and are as accurate.

    Args:
        data: Images to train on: "digits" (the embedded part of MNIST),
            "mnist" or "fashion_mnist".
        output: Folder for the weights, `NAME.weights.h5`, and `card.md`,
            which describes them.
        data_dir: Folder where TensorFlow Datasets keeps prepared sets. None
            takes its default.
        manual_dir: Folder with the original files of the set, used instead of
            a download.
        epochs: Passes over the data.
        batch_size: Images in a training step.
        overwrite: Whether a training in `output` may be replaced.
        seed: Seed of the initial weights, the order of the data and all other
            random draws.
        verbose: Progress display, as in `keras.Model.fit`: "auto", 0
            (silent), 1 (a bar) or 2 (a line for each epoch).

    Returns:
        `(network, accuracy)`: the trained `keras.Model`, and its accuracy on
        the test split, 0 to 1.

    Raises:
        FileExistsError: `output` holds a training, and `overwrite` is False.
        ValueError: `data` is unknown, or `epochs` is below 1.
    """
    check_run(locals())
    if data not in _KINDS:
        raise ValueError(
            f"`data` must be one of {', '.join(_KINDS)}. Received: {data!r}"
        )
    check_epochs(epochs)
    (build, build_features), mirrored, origin = _KINDS[data]
    keras.utils.set_random_seed(seed)
    train, test = (
        datasets.synthesis_pipeline(
            datasets.load_source(data, split, data_dir, manual_dir),
            batch_size=batch_size,
            training=split == "train",
            labels=True,
            seed=seed,
        )
        for split in ("train", "test")
    )
    output = pathlib.Path(output)
    output.mkdir(parents=True, exist_ok=True)
    network = build(weights=None)
    if mirrored:
        augmentation = layers.RandomFlip("horizontal", seed=seed)
    else:
        augmentation = layers.RandomTranslation(
            2 / 28,
            2 / 28,
            fill_mode="constant",
            interpolation="nearest",
            seed=seed,
        )
    trained = keras.Sequential([augmentation, network])
    trained.compile(
        keras.optimizers.Adam(
            keras.optimizers.schedules.CosineDecay(3e-3, epochs * len(train))
        ),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    # The pipeline shuffles.
    trained.fit(train, epochs=epochs, shuffle=False, verbose=verbose)
    accuracy = trained.evaluate(test, verbose=0, return_dict=True)["accuracy"]
    weights = output / f"{network.name}.weights.h5"
    with written_whole(weights) as unfinished:
        network.save_weights(unfinished)
    command = (
        f"keras-synth train classifier --data {data} --epochs {epochs} "
        f"--batch-size {batch_size} --seed {seed}"
    )
    # Scores on these features carry this hash.
    weight_hash = build_features(weights).weight_hash
    with written_whole(output / "card.md") as unfinished:
        unfinished.write_text(
            f"""# {network.name}

| | |
|---|---|
| network | `keras_synth.presets.{network.name}` |
| data | {origin}; the whole train split |
| command | `{command}` |
| seed | {seed} |
| date | {datetime.date.today()} |
| accuracy on the test split | {100 * accuracy:.2f} % |
| weight hash of `presets.{build_features.__name__}` | `{weight_hash}` |
| license of the weights | Apache-2.0 |
"""
        )
    return network, accuracy
